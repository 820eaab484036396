"""Builds the card of an entity's last twelve closes: working days, lateness and on-time rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from board.entity.page_data import MONTHS, PageData
from board.web import labels
from closing.calendar.date_phrases import month_and_year, weekday_and_day
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import CalendarUncovered
from closing.judging.on_time import FRACTIONS_BELOW, ON_TIME_TARGET_PERCENT, OnTimeRate, on_time_rate
from closing.judging.standing import Level, lateness
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

_MAX_BAR_HEIGHT = 62  # height of the tallest bar, in the drawing's units
_BAR_BASELINE = 106  # y position of the bars' lower end


@dataclass(frozen=True, slots=True)
class CloseBar:
    """One month: x positions in percent, height and top in units; `kind` is ok, late, over, open, unsure or none."""

    url: str
    x: str
    width: str
    middle: str
    top: int
    height: int
    kind: str
    label: str  # the number of the working day, or a mark
    late: str  # "+2d" above the bar
    month_letter: str
    spoken_text: str


@dataclass(frozen=True, slots=True)
class ClosesCard:
    """The bars with their caption."""

    title: str
    bars: Sequence[CloseBar]
    rate: str
    below: bool
    line: str
    left_out: str
    unit: str


@dataclass(frozen=True, slots=True)
class _Close:
    month: date
    row: Row
    number: int | None  # of the latest working day that had begun when it closed, None if unknown
    late: int  # days late of the first close, in the standing's unit


def closes_card(data: PageData, path: str) -> ClosesCard | None:
    """The card of the last twelve months, oldest first; None if no month has a known period."""
    as_of = data.board_request.as_of
    closes = [_close(month, row, data) for month, row in data.rows if _counts(row, as_of)][-MONTHS:]
    known = [close.row for close in closes if close.row.span is not None]
    if not known:
        return None
    rate = on_time_rate(known, as_of)
    return ClosesCard(
        title=f"Last {MONTHS} closes" if len(known) == MONTHS else f"Closes of the last {MONTHS} months",
        bars=_bars(closes, lambda month: data.board_request.query.url(path, month=month)),
        rate=_rate_text(rate),
        below=bool(rate.due) and rate.below_target,
        line=f"{ON_TIME_TARGET_PERCENT} %",
        left_out=f"{excluded}." if (excluded := labels.excluded_closes(rate)) else "",
        unit=f"Number of the working day of the close; the first has number {data.first_is}."
        f" +n is {labels.unit_in_words(0, closes[-1].row.standing.unit)} late.",
    )


def typical_close(data: PageData) -> str:
    """ "Usual close is working day 8 (last 12: 6 to 11)."; "" if fewer than three closes are known."""
    earlier = [(month, row) for month, row in data.rows if month < data.board_request.month]
    closes = [_close(month, row, data) for month, row in earlier[-MONTHS:]]
    numbers = [close.number for close in closes if close.number is not None]
    if len(numbers) < 3:
        return ""
    median = sorted(numbers)[(len(numbers) - 1) // 2]
    low, high = min(numbers), max(numbers)
    spread = f"always {low}" if low == high else f"{low} to {high}"
    return f"Usual close is working day {median} (last {len(numbers)}: {spread})."


def _counts(row: Row, as_of: datetime) -> bool:
    """Whether a month is one of the last closes: it is closed, its deadline has passed, or no period is known."""
    if row.span is None:
        return not row.not_due
    if row.counts_as_closed:
        return True
    if row.deadline is not None:
        return row.deadline.passed(as_of)
    return local_date(as_of, zone_named(row.zone)) > row.span.last


def _close(month: date, row: Row, data: PageData) -> _Close:
    closed_on, deadline = row.standing.first_closed_on, row.deadline
    if row.span is None or closed_on is None:
        return _Close(month, row, None, 0)
    late = lateness(deadline, closed_on, row.standing.unit, data.calendar)[0] if deadline is not None else 0
    try:
        number = data.calendar.workdays_between(row.span.last, closed_on) + data.first_is - 1
    except CalendarUncovered:
        return _Close(month, row, None, late)
    return _Close(month, row, number, late)


def _bars(closes: Sequence[_Close], url_of: Callable[[date], str]) -> list[CloseBar]:
    tallest = max((close.number or 0 for close in closes), default=0) or 1
    slot = 100 / MONTHS
    bars = []
    for index, close in enumerate(closes, start=MONTHS - len(closes)):
        kind, label, late, text = _describe_close(close)
        if kind == "none":
            height = 2
        elif close.number is not None:
            height = max(4, round(_MAX_BAR_HEIGHT * max(close.number, 0) / tallest))
        else:
            height = _MAX_BAR_HEIGHT if kind == "open" else _MAX_BAR_HEIGHT // 2
        bars.append(
            CloseBar(
                url_of(close.month),
                f"{index * slot + slot * 0.08:.2f}%",
                f"{slot * 0.84:.2f}%",
                f"{index * slot + slot / 2:.2f}%",
                _BAR_BASELINE - height,
                height,
                kind,
                label,
                late,
                month_and_year(close.month)[:1],
                f"{month_and_year(close.month)}: {text}",
            )
        )
    return bars


def _describe_close(close: _Close) -> tuple[str, str, str, str]:
    """Kind, label, lateness and full text of a close."""
    row, number = close.row, close.number
    standing = row.standing
    if row.span is None:
        return "none", "", "", "unknown"
    level = standing.first_close_level
    closed_on = weekday_and_day(standing.first_closed_on) if standing.first_closed_on else ""
    day = str(number) if number is not None else "–"
    day_text = f" (working day {number})" if number is not None else ""
    suffix = "; reopened since" if standing.reopened else ""
    match level:
        case Level.CLOSED_ON_TIME:
            return "ok", day, "", f"closed on {closed_on}{day_text}, on time{suffix}"
        case Level.CLOSED_LATE:
            over = close.late > row.alert_after_days
            by = labels.days(close.late, standing.unit) if close.late else "cut-off"
            return (
                "over" if over else "late",
                day,
                f"+{by}" if close.late else by,
                f"closed on {closed_on}{day_text}, {f'{by} late' if close.late else 'after the cut-off'}{suffix}",
            )
        case Level.CLOSED_DATE_UNKNOWN:
            if standing.closed_between is not None:
                return (
                    "unsure",
                    "?",
                    "",
                    f"closed {labels.between(*standing.closed_between)}, perhaps on time{suffix}",
                )
            return "unsure", "?", "", f"closed, date unknown{suffix}"
    if standing.closed:
        return (
            ("ok" if number is not None else "unsure"),
            day if number is not None else "?",
            "",
            (f"closed{f' on {closed_on}' if closed_on else ''}{day_text}, no deadline was set"),
        )
    if standing.overdue:
        by = labels.days(standing.days_late, standing.unit)
        when_read = f" {labels.read_when(row)}".rstrip()
        if row.read_at is None:
            return "unsure", "?", "", f"never read, {by} past its deadline"
        return "open", "open", f"+{by}", f"not closed, {by} late{when_read}"
    if row.state is PeriodState.UNKNOWN or not row.fresh:
        return "unsure", "?", "", "unknown"
    return "open", "open", "", "not closed"


def _rate_text(rate: OnTimeRate) -> str:
    permille = rate.permille
    if permille is None:
        return "No close can be judged" if rate.excluded else "No close was due yet"
    percent = f", {permille / 10:.1f} %" if rate.due >= FRACTIONS_BELOW else ""
    return f"{rate.on_time} of {rate.due} on time{percent}"
