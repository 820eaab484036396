"""A period's history as a timeline: what was seen, set, crossed and said, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from board.entity.remark_forms import RemarkForm
from board.web import labels
from board.web.readers import Reader
from closing.calendar.date_phrases import full_date, weekday_and_day
from closing.calendar.days import ONE_DAY
from closing.calendar.deadlines import city
from closing.calendar.instants import start_of_day, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from closing.facts.period_remarks import OVERDUE_REASON_LABELS, PeriodRemark, RemarkKind
from closing.judging.alert_line import crossings
from closing.judging.standing import JudgingPolicy, LatenessUnit, after_period_end
from closing.judging.states import PeriodState, module_name
from closing.scoreboard.row import Row
from periods.snapshot.period_history import ChangeWithFacts, DeadlineVersion, PeriodDetail

SHOWN = 100  # events; the rest is a link away
_QUIET = frozenset({PeriodState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class RemarkEntry:
    """A remark as the timeline shows it, and what the reader may do with it."""

    id: int
    text: str
    by: str
    earlier: Sequence[tuple[str, str]] = ()  # (when, wording) of what was edited away, newest first
    edited: str = ""
    withdrawn: str = ""
    may_edit: bool = False
    may_withdraw: bool = False
    form: RemarkForm | None = None  # what an edit held that was refused


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One entry: when (day, time, a note such as "between 16:30 and 16:45"), what, more, and a tone for its mark."""

    at: datetime
    day: str
    clock: str
    what: str
    more: str = ""
    tone: str = ""
    who: str = ""
    remark: RemarkEntry | None = None
    iso: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class TimelineViewer:
    """Who is told, as of when, and what they may do."""

    reader: Reader
    as_of: datetime
    person_id: int | None = None
    may_write: bool = False
    refused: tuple[int, RemarkForm] | None = None  # the note whose edit was refused, and what it held


def events(
    period: PeriodDetail,
    row: Row,
    policy: JudgingPolicy,
    calendar: WorkdayCalendar | None,
    teller: TimelineViewer,
) -> list[TimelineEvent]:
    """Everything that is known of a period, newest first."""
    found = [
        *_ended(period, row, teller),
        *_last_read(period, row, teller),
        *_changes(period, row, policy, teller),
        *_deadlines(period, teller),
        *_crossings(period, row, policy, calendar, teller),
        *_remarks(period, teller),
    ]
    return [
        event for _, event in sorted(enumerate(found), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    ]


def _event(at: datetime, zone: tzinfo, teller: TimelineViewer, what: str, **beside: object) -> TimelineEvent:
    there = at.astimezone(zone)
    year = "" if there.year == teller.as_of.astimezone(zone).year else f" {there.year}"
    place = "" if zone is teller.reader.zone else f" {city(str(zone))}"
    day = f"{labels.short_day(there.date())}{year}"
    return TimelineEvent(at, day, f"{there:%H:%M}{place}", what, iso=labels.iso(at) or "", **beside)  # type: ignore[arg-type]


def _ended(period: PeriodDetail, row: Row, teller: TimelineViewer) -> Iterator[TimelineEvent]:
    zone = zone_named(row.zone)
    at = start_of_day(period.span.last + ONE_DAY, zone)
    if at <= teller.as_of:
        yield _event(
            at, zone, teller, f"The period ended: {weekday_and_day(period.span.last)} was its last day"
        )


def _last_read(period: PeriodDetail, row: Row, teller: TimelineViewer) -> Iterator[TimelineEvent]:
    """The newest reading, where it brought nothing new."""
    if row.read_at is None or any(seen.change.seen_at >= row.read_at for seen in period.changes):
        return
    what, tone = ("Last read", "") if row.fresh else ("Last read before readings failed", "unsure")
    yield _event(
        row.read_at, teller.reader.zone, teller, f"{what}: {labels.STATE_LABELS[row.state]}", tone=tone
    )


# --- what was seen ------------------------------------------------------------------------------------------------


def _changes(
    period: PeriodDetail, row: Row, policy: JudgingPolicy, teller: TimelineViewer
) -> Iterator[TimelineEvent]:
    known: PeriodState | None = None  # the last state that was understood
    before: ChangeWithFacts | None = None
    for seen in period.changes:
        change = seen.change
        what, tone = _what(seen, before, known, row, policy)
        yield _event(
            change.seen_at,
            teller.reader.zone,
            teller,
            what,
            more=_between(seen, teller),
            tone=tone,
        )
        if change.state not in _QUIET:
            known = change.state
        before = seen


def _what(
    seen: ChangeWithFacts,
    before: ChangeWithFacts | None,
    known: PeriodState | None,
    row: Row,
    policy: JudgingPolicy,
) -> tuple[str, str]:
    change = seen.change
    state = labels.STATE_LABELS[change.state]
    because = f": {change.because}" if change.because else ""
    if before is None:
        return f"First seen as {state}{because}", ""
    if change.state is before.change.state:
        return _difference(seen, before) or f"{state}{because}", ""
    if change.state is PeriodState.UNKNOWN:
        return f"No longer known{because}", "unsure"
    if known is change.state:
        return f"Known again: {state}{because}", ""
    undone = (
        known is not None and policy.counts_as_closed(known) and not policy.counts_as_closed(change.state)
    )
    if (
        undone
        and row.span is not None
        and after_period_end(change.seen_at, row.span.last, zone_named(row.zone))
    ):
        return f"Reopened as {state}{because}", "alert"
    if policy.counts_as_closed(change.state):
        return f"{state}{because}", "ok"
    return f"{state}{because}", ""


def _difference(seen: ChangeWithFacts, before: ChangeWithFacts) -> str:
    """What the ERP said otherwise while the state stayed."""
    if isinstance(seen.facts, FinopsFacts) and isinstance(before.facts, FinopsFacts):
        return "; ".join(_access(seen.facts, before.facts))
    if isinstance(seen.facts, PostingWindowFacts) and isinstance(before.facts, PostingWindowFacts):
        return "; ".join(_window(seen.facts, before.facts))
    return ""


def _access(now: FinopsFacts, then: FinopsFacts) -> Iterator[str]:
    """ "Vendor, Customer access set to None": modules that changed alike are told together."""
    alike: dict[str, list[str]] = {}
    for name in now.access.keys() | then.access.keys() | now.user_groups.keys() | then.user_groups.keys():
        was = (then.access.get(name), then.user_groups.get(name))
        word, group = now.access.get(name), now.user_groups.get(name)
        if (word, group) != was:
            to = "blank" if word is None else f"{word} {group}" if group and word == "User" else word
            alike.setdefault(to, []).append(module_name(name))
    for to, names in sorted(alike.items()):
        yield f"{', '.join(sorted(names))} access set to {to}"


def _window(now: PostingWindowFacts, then: PostingWindowFacts) -> Iterator[str]:
    for label, new, old in (
        ("Allow Posting From", now.allowed_from, then.allowed_from),
        ("Allow Posting To", now.allowed_to, then.allowed_to),
    ):
        if new != old:
            was = full_date(old) if old else "blank"
            yield f"{label} set to {full_date(new) if new else 'blank'}, was {was}"
    if now.year_closed != then.year_closed:
        yield f"Fiscal year {'closed' if now.year_closed else 'opened'}"
    if now.date_locked != then.date_locked:
        yield f"Dates {'locked' if now.date_locked else 'unlocked'}"


def _between(seen: ChangeWithFacts, teller: TimelineViewer) -> str:
    zone, change = teller.reader.zone, seen.change
    at = labels.clock(change.seen_at, zone, change.seen_at)
    told = []
    if change.previous_read_at is None:
        told.append("when we first looked")
    else:
        told.append(f"seen between {labels.clock(change.previous_read_at, zone, change.seen_at)} and {at}")
    if seen.erp_changed_at is not None and seen.erp_changed_at <= change.seen_at:
        told.append(
            f"the ERP says it last changed at {labels.clock(seen.erp_changed_at, zone, change.seen_at)}"
        )
    return "; ".join(told)


# --- deadlines ----------------------------------------------------------------------------------------------------


def _deadlines(period: PeriodDetail, teller: TimelineViewer) -> Iterator[TimelineEvent]:
    before: DeadlineVersion | None = None
    for told in period.deadlines:
        due = f"{weekday_and_day(told.deadline.due_on)} {told.deadline.due_on.year}"
        if before is None:
            what = f"Deadline set: {due}"
        elif before.deadline.due_on == told.deadline.due_on:
            what = f"Deadline {due} explained anew"
        else:
            what = f"Deadline moved from {weekday_and_day(before.deadline.due_on)} to {due}"
        yield _event(told.set_at, teller.reader.zone, teller, what, more=_whose(told), tone="due")
        before = told


def _whose(told: DeadlineVersion) -> str:
    if told.agreed_by:
        return f"agreed by {told.agreed_by}{f': {told.reason}' if told.reason else ''}"
    return f"policy “{told.policy}” version {told.version}"


def _crossings(
    period: PeriodDetail,
    row: Row,
    policy: JudgingPolicy,
    calendar: WorkdayCalendar | None,
    teller: TimelineViewer,
) -> Iterator[TimelineEvent]:
    found = crossings(
        [seen.change for seen in period.changes],
        [(told.set_at, told.deadline) for told in period.deadlines],
        policy,
        read_at=row.read_at,
        as_of=teller.as_of,
        calendar=calendar,
    )
    unit = "working-day" if policy.unit is LatenessUnit.WORKING_DAYS else "day"
    for crossing in found:
        due = weekday_and_day(crossing.deadline.due_on)
        what = (
            f"Over the {policy.alert_after_days}-{unit} line, counted from {due}"
            if crossing.alerting
            else f"Late: the deadline of {due} passed"
        )
        zone = zone_named(crossing.deadline.zone)
        yield _event(crossing.at, zone, teller, what, tone="alert" if crossing.alerting else "late")


# --- what was said ------------------------------------------------------------------------------------------------


def _remarks(period: PeriodDetail, teller: TimelineViewer) -> Iterator[TimelineEvent]:
    newer = {remark.replaces: remark for remark in period.remarks if remark.replaces is not None}
    by_id = {remark.id: remark for remark in period.remarks}
    for remark in period.remarks:
        if remark.kind is RemarkKind.NOTE:
            if remark.replaces is None:
                yield _note(remark, newer, by_id, teller)
            continue
        yield _event(
            remark.at,
            teller.reader.zone,
            teller,
            _verb(remark),
            who=remark.by,
            remark=RemarkEntry(remark.id, remark.text, remark.by),
            tone="said",
            key=f"remark-{remark.id}",
        )


def _verb(remark: PeriodRemark) -> str:
    match remark.kind:
        case RemarkKind.EXPECTED_CLOSE:
            on = remark.expected_on
            return f"expects to close on {weekday_and_day(on)} {on.year}" if on else "expects to close"
        case RemarkKind.OVERDUE_REASON:
            return (
                f"gave the overdue reason: {OVERDUE_REASON_LABELS[remark.reason]}"
                if remark.reason
                else "gave a reason"
            )
        case RemarkKind.ACKNOWLEDGEMENT:
            return "acknowledged that it is past its deadline"
        case RemarkKind.NOTE:
            return "wrote"


def _note(
    first: PeriodRemark,
    newer: dict[int, PeriodRemark],
    by_id: dict[int, PeriodRemark],
    teller: TimelineViewer,
) -> TimelineEvent:
    """A note where it was first written, in its newest wording, with the wordings before."""
    line = [first]
    while (following := newer.get(line[-1].id)) is not None:
        line.append(following)
    last = line[-1]
    zone = teller.reader.zone

    def at(remark: PeriodRemark) -> str:
        return f"{remark.by}, {labels.clock(remark.at, zone, teller.as_of)}"

    wordings = [remark for remark in line if not remark.withdrawn]
    shown = wordings[-1]
    mine = shown.by_id == teller.person_id
    said = RemarkEntry(
        shown.id,
        "" if last.withdrawn else shown.text,
        first.by,
        earlier=[
            (at(remark), remark.text) for remark in reversed(wordings if last.withdrawn else wordings[:-1])
        ],
        edited="" if last.withdrawn or shown is first else at(shown),
        withdrawn=at(last) if last.withdrawn else "",
        may_edit=teller.may_write and mine and not last.withdrawn,
        may_withdraw=teller.may_write and not last.withdrawn,
        form=teller.refused[1] if mine and teller.refused and teller.refused[0] == shown.id else None,
    )
    what = "wrote a note, withdrawn since" if last.withdrawn else "wrote"
    return _event(
        first.at, zone, teller, what, who=first.by, remark=said, tone="said", key=f"remark-{shown.id}"
    )
