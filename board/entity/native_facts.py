"""Builds the facts card: the ERP's facts about a period, word for word, and the rule that gave its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from board.web import labels
from board.web.readers import Reader
from closing.calendar.instants import local_date, zone_named
from closing.facts.base import DerivedState, FactsInWords, Options, PostingRange
from closing.scoreboard.row import Row

_MARGIN = timedelta(days=62)  # time that the drawing shows before and after a period
_MAX_DISTANCE = timedelta(days=200)  # a bound farther away lies outside the drawing


@dataclass(frozen=True, slots=True)
class DrawnRange:
    """A bar of the drawing in percent of its width; an open end runs to the edge."""

    x: str
    width: str


@dataclass(frozen=True, slots=True)
class PostingWindowDrawing:
    """The posting range drawn against the period; `allowed` is None if the range lies outside the drawing."""

    period: DrawnRange
    allowed: DrawnRange | None
    today: str  # percent, "" if outside the drawing
    period_words: str
    allowed_words: str


@dataclass(frozen=True, slots=True)
class FactsCard:
    """The values of the card; `window` draws the posting range of a kind of ERP that has one."""

    period: str
    days: str
    says: FactsInWords
    window: PostingWindowDrawing | None
    state: str
    because: str
    rule: str
    rule_words: str
    explanations: Sequence[str]
    seen: str
    read: str
    read_at: str
    stale: bool
    trouble: str


def facts_card(row: Row, year: str, as_of: datetime, reader: Reader, options: Options) -> FactsCard:
    """The card of a row whose period is known."""
    assert row.span is not None
    facts = row.native_facts
    zone = zone_named(row.zone)
    derived: DerivedState | None = None
    explanations: list[str] = []
    if facts is not None and row.read_at is not None:
        derived = facts.state(row.span, at=row.read_at, zone=zone, options=options)
        explanations = [facts.flags[flag] for flag in derived.flags if flag in facts.flags]
    agrees = derived is not None and (derived.state is row.state or row.standing.stopped_early)
    if derived is not None and not agrees:
        explanations.append(
            f"By the policy of today this would be {labels.STATE_LABELS[derived.state]} ({derived.rule});"
            " it applies from the next reading."
        )
    if facts is None:
        explanations.append("The ERP no longer lists this period.")
    name = row.period_name if year and year in row.period_name else f"{row.period_name}, {year}".rstrip(", ")
    says = facts.in_words() if facts is not None else FactsInWords()
    return FactsCard(
        period=name,
        days=_days_of(row.span.first, row.span.last),
        says=says,
        window=_window(row, says.posting_range, as_of) if says.posting_range is not None else None,
        state=labels.state_label(row),
        because=f", because: {row.because.rstrip('.')}." if row.because else ".",
        rule=derived.rule if derived is not None and agrees else "",
        rule_words=facts.rules.get(derived.rule, "") if facts is not None and derived is not None else "",
        explanations=explanations,
        seen=_seen_text(row, as_of, reader),
        read=labels.clock(row.read_at, reader.zone, as_of) if row.read_at is not None else "",
        read_at=labels.iso(row.read_at) or "",
        stale=not row.fresh,
        trouble=row.read_error,
    )


def _days_of(first: date, last: date) -> str:
    start = (
        labels.short_date(first) if first.year == last.year else f"{labels.short_date(first)} {first.year}"
    )
    return f"{start} – {labels.short_date(last)} {last.year}"


def _seen_text(row: Row, as_of: datetime, reader: Reader) -> str:
    """The reads between which this state began."""
    if row.seen_between is None:
        return ""
    before, seen = row.seen_between
    seen_at = labels.clock(seen, reader.zone, as_of)
    if before is None:
        return f"It was {labels.state_label(row).lower()} when first read, {seen_at}."
    read_before = labels.clock(before, reader.zone, as_of)
    return f"Seen at {seen_at}." if read_before == seen_at else f"Seen between {read_before} and {seen_at}."


# --- the posting window -------------------------------------------------------------------------------------------


def _window(row: Row, posting: PostingRange, as_of: datetime) -> PostingWindowDrawing:
    assert row.span is not None
    first, last = row.span.first, row.span.last
    lower, upper = posting.begins, posting.ends
    near = [
        day
        for day in (lower, upper)
        if day is not None and first - _MAX_DISTANCE <= day <= last + _MAX_DISTANCE
    ]
    left = min([first - _MARGIN, *(day - timedelta(days=14) for day in near)])
    right = max([last + _MARGIN, *(day + timedelta(days=14) for day in near)])
    width = (right - left).days

    def at(day: date) -> float:
        return round(100 * min(max((day - left).days, 0), width) / width, 2)

    def bar(begin: date | None, end: date | None) -> DrawnRange | None:
        x = 0.0 if begin is None else at(begin)
        right_edge = 100.0 if end is None else at(end + timedelta(days=1))
        if right_edge <= x:
            return None
        return DrawnRange(f"{x:g}%", f"{right_edge - x:g}%")

    period = bar(first, last)
    assert period is not None
    today = local_date(as_of, zone_named(row.zone))
    return PostingWindowDrawing(
        period=period,
        allowed=bar(lower, upper) if posting.drawn else None,
        today=f"{at(today):g}%" if left <= today <= right else "",
        period_words=_days_of(first, last),
        allowed_words=posting.words,
    )
