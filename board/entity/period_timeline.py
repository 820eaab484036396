"""Builds a period's timeline: changes, deadlines, crossings and remarks, newest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from board.entity.forms import RemarkForm
from board.entity.page_data import PageData
from board.web import labels
from board.web.board_request import BoardRequest
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.days import ONE_DAY
from closing.calendar.deadlines import city
from closing.calendar.instants import start_of_day, zone_named
from closing.facts.period_remarks import OVERDUE_REASON_LABELS, PeriodRemark, RemarkKind
from closing.judging.alert_line import crossings
from closing.judging.standing import JudgingPolicy, LatenessUnit, after_period_end
from closing.judging.states import PeriodState, is_permanently_closed
from closing.phrasing import NOT_ALLOWED, because_beside
from closing.scoreboard.row import Row
from periods.snapshot.period_history import ChangeWithFacts, DeadlineVersion, PeriodDetail

SHOWN = 100  # events; a link leads to all


@dataclass(frozen=True, slots=True)
class RemarkEntry:
    """A remark in the timeline, and the actions that the reader may take."""

    id: int
    text: str
    by: str
    earlier: Sequence[tuple[str, str]] = ()  # (author and time, text) of earlier versions, newest first
    edited: str = ""
    withdrawn: str = ""
    may_edit: bool = False
    may_withdraw: bool = False
    form: RemarkForm | None = None  # a rejected edit


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """One entry: day and time, its text in `what`, details in `more`, and a tone for its mark."""

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


def timeline_events(data: PageData, refused: RemarkForm | None) -> list[TimelineEvent]:
    """All events of the shown period, newest first; of a month without a period the notes on it.

    `refused` is a rejected form, which is shown in the note that it edits.
    """
    row, period, board_request = data.row, data.period, data.board_request
    if row is None:
        return []
    if period is None:
        return sorted(_remarks(data.notes, data, refused), key=lambda event: event.at, reverse=True)
    entries = [
        *_period_end(period, row, board_request),
        *_last_read(period, row, board_request),
        *_changes(period, row, data.policy.judging, board_request),
        *_deadlines(period, board_request),
        *_crossings(period, row, data),
        *_remarks(period.remarks, data, refused),
    ]
    return [
        event for _, event in sorted(enumerate(entries), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    ]


def _event(
    at: datetime, board_request: BoardRequest, what: str, zone: tzinfo | None = None, **extra: object
) -> TimelineEvent:
    """An event in the reader's zone, or in another one, whose city is then shown."""
    zone = zone or board_request.reader.zone
    local = at.astimezone(zone)
    year = "" if local.year == board_request.as_of.astimezone(zone).year else f" {local.year}"
    zone_label = "" if zone is board_request.reader.zone else f" {city(str(zone))}"
    day = f"{labels.short_day(local.date())}{year}"
    return TimelineEvent(at, day, f"{local:%H:%M}{zone_label}", what, iso=labels.iso(at) or "", **extra)  # type: ignore[arg-type]


def _period_end(period: PeriodDetail, row: Row, board_request: BoardRequest) -> Iterator[TimelineEvent]:
    zone = zone_named(row.zone)
    at = start_of_day(period.span.last + ONE_DAY, zone)
    if at <= board_request.as_of:
        text = f"The period ended: {weekday_and_day(period.span.last)} was its last day"
        yield _event(at, board_request, text, zone)


def _last_read(period: PeriodDetail, row: Row, board_request: BoardRequest) -> Iterator[TimelineEvent]:
    """The newest reading, unless it brought a change."""
    if row.read_at is None or any(entry.change.seen_at >= row.read_at for entry in period.changes):
        return
    what, tone = ("Last read", "") if row.fresh else ("Last read before readings failed", "unsure")
    yield _event(row.read_at, board_request, f"{what}: {labels.state_label(row)}", tone=tone)


# --- changes ------------------------------------------------------------------------------------------------------


def _changes(
    period: PeriodDetail, row: Row, policy: JudgingPolicy, board_request: BoardRequest
) -> Iterator[TimelineEvent]:
    last_known: PeriodState | None = None  # the last state other than unknown
    previous: ChangeWithFacts | None = None
    for current in period.changes:
        change = current.change
        text, tone = _change_text(current, previous, last_known, row, policy)
        more = _seen_text(current, board_request)
        yield _event(change.seen_at, board_request, text, more=more, tone=tone)
        if change.state is not PeriodState.UNKNOWN:
            last_known = change.state
        previous = current


def _change_text(
    current: ChangeWithFacts,
    previous: ChangeWithFacts | None,
    last_known: PeriodState | None,
    row: Row,
    policy: JudgingPolicy,
) -> tuple[str, str]:
    change = current.change
    state = labels.STATE_LABELS[change.state]
    words = because_beside(change.because)
    because = f": {words}" if words else ""
    if previous is None:
        return f"First seen as {state}{because}", ""
    if change.state is previous.change.state:
        return _facts_difference(current, previous) or f"{state}{because}", ""
    if change.state is PeriodState.UNKNOWN:
        return f"Unknown{because}", "unsure"
    if last_known is change.state:
        return f"No longer unknown: {state}{because}", ""
    reopened = (
        last_known is not None
        and policy.counts_as_closed(last_known)
        and not policy.counts_as_closed(change.state)
    )
    if (
        reopened
        and row.span is not None
        and after_period_end(change.seen_at, row.span.last, zone_named(row.zone))
    ):
        permanent = is_permanently_closed(previous.change.state, previous.change.because)
        note = f"; {NOT_ALLOWED}" if permanent else ""
        return f"Reopened as {state}{because}{note}", "alert"
    return f"{state}{because}", "ok" if policy.counts_as_closed(change.state) else ""


def _facts_difference(current: ChangeWithFacts, previous: ChangeWithFacts) -> str:
    """The differences between two facts with the same state."""
    now, then = current.facts, previous.facts
    return "; ".join(now.changes_from(then)) if now is not None and type(now) is type(then) else ""


def _seen_text(current: ChangeWithFacts, board_request: BoardRequest) -> str:
    zone, change = board_request.reader.zone, current.change
    at = labels.clock(change.seen_at, zone, change.seen_at)
    phrases = []
    if change.previous_read_at is None:
        phrases.append("at the first reading")
    else:
        before = labels.clock(change.previous_read_at, zone, change.seen_at)
        phrases.append(f"seen at {at}" if before == at else f"seen between {before} and {at}")
    if current.erp_changed_at is not None and current.erp_changed_at <= change.seen_at:
        phrases.append(
            f"the ERP says it last changed at {labels.clock(current.erp_changed_at, zone, change.seen_at)}"
        )
    return "; ".join(phrases)


# --- deadlines ----------------------------------------------------------------------------------------------------


def _deadlines(period: PeriodDetail, board_request: BoardRequest) -> Iterator[TimelineEvent]:
    previous: DeadlineVersion | None = None
    for version in period.deadlines:
        due = f"{weekday_and_day(version.deadline.due_on)} {version.deadline.due_on.year}"
        if previous is None:
            text = f"Deadline set: {due}"
        elif previous.deadline.due_on == version.deadline.due_on:
            text = f"Deadline {due} explained in new words"
        else:
            text = f"Deadline moved from {weekday_and_day(previous.deadline.due_on)} to {due}"
        yield _event(version.set_at, board_request, text, more=_deadline_source(version), tone="due")
        previous = version


def _deadline_source(version: DeadlineVersion) -> str:
    if version.agreed is not None:
        return f"agreed by {version.agreed.agreed_by}: {version.agreed.reason}"
    assert version.policy_version is not None  # deadline_by_policy_or_agreement
    return f"policy “{version.policy_version.policy.name}” version {version.policy_version.number}"


def _crossings(period: PeriodDetail, row: Row, data: PageData) -> Iterator[TimelineEvent]:
    policy = data.policy.judging
    in_working_days = policy.unit is LatenessUnit.WORKING_DAYS
    crossed = crossings(
        [entry.change for entry in period.changes],
        [(version.set_at, version.deadline) for version in period.deadlines],
        policy,
        read_at=row.read_at,
        as_of=data.board_request.as_of,
        calendar=data.calendar if in_working_days else None,
    )
    unit = "working days" if in_working_days else "days"
    for crossing in crossed:
        due = weekday_and_day(crossing.deadline.due_on)
        text = (
            f"Alerting: more than {policy.alert_after_days} {unit} past the deadline of {due}"
            if crossing.alerting
            else f"Overdue: the deadline of {due} passed"
        )
        tone = "alert" if crossing.alerting else "late"
        yield _event(crossing.at, data.board_request, text, zone_named(crossing.deadline.zone), tone=tone)


# --- remarks ------------------------------------------------------------------------------------------------------


def _remarks(
    remarks: Sequence[PeriodRemark], data: PageData, refused: RemarkForm | None
) -> Iterator[TimelineEvent]:
    newer = {remark.replaces: remark for remark in remarks if remark.replaces is not None}
    for remark in remarks:
        if remark.kind is RemarkKind.NOTE:
            if remark.replaces is None:
                yield _note(remark, newer, data, refused)
            continue
        yield _event(
            remark.at,
            data.board_request,
            _remark_text(remark),
            who=remark.by,
            remark=RemarkEntry(remark.id, remark.text, remark.by),
            tone="said",
            key=f"remark-{remark.id}",
        )


def _remark_text(remark: PeriodRemark) -> str:
    match remark.kind:
        case RemarkKind.EXPECTED_CLOSE:
            day = remark.expected_on
            return f"expects to close on {weekday_and_day(day)} {day.year}" if day else "expects to close"
        case RemarkKind.OVERDUE_REASON:
            return (
                f"gave the overdue reason: {OVERDUE_REASON_LABELS[remark.reason]}"
                if remark.reason
                else "gave a reason"
            )
        case RemarkKind.ACKNOWLEDGEMENT:
            return "took it over"
        case RemarkKind.NOTE:
            return "wrote"


def _note(
    first: PeriodRemark,
    newer: Mapping[int, PeriodRemark],
    data: PageData,
    refused: RemarkForm | None,
) -> TimelineEvent:
    """A note at the time of its first version, with the text of its newest version and the earlier ones."""
    versions = [first]
    while (next_version := newer.get(versions[-1].id)) is not None:
        versions.append(next_version)
    last = versions[-1]
    board_request = data.board_request
    may_write = data.writes and not board_request.past

    def author_and_time(remark: PeriodRemark) -> str:
        return f"{remark.by}, {labels.clock(remark.at, board_request.reader.zone, board_request.as_of)}"

    wordings = [remark for remark in versions if not remark.withdrawn]
    shown = wordings[-1]
    own = shown.by_id == board_request.person.pk
    edited_here = own and refused is not None and refused.cleaned_data.get("replaces") == shown.id
    entry = RemarkEntry(
        shown.id,
        "" if last.withdrawn else shown.text,
        first.by,
        earlier=[
            (author_and_time(remark), remark.text)
            for remark in reversed(wordings if last.withdrawn else wordings[:-1])
        ],
        edited="" if last.withdrawn or shown is first else author_and_time(shown),
        withdrawn=author_and_time(last) if last.withdrawn else "",
        may_edit=may_write and own and not last.withdrawn,
        may_withdraw=may_write and not last.withdrawn,
        form=refused if edited_here else None,
    )
    text = "wrote a note, withdrawn since" if last.withdrawn else "wrote"
    return _event(
        first.at, board_request, text, who=first.by, remark=entry, tone="said", key=f"remark-{shown.id}"
    )
