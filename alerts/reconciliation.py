"""The proof: which alerts the history says had to exist, against those that exist and what became of their messages.

Nothing of what raised the alerts is asked again: flags and overruns are left aside, and each period's story is read
anew from its changes, its deadlines, the readings and the silences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog
from django.db.models import Min

from alerts.models import LEFT_OUT_BY_SILENCE, Delivery, Notice, ProofRun
from alerts.routing.silences import SilenceSpan, silence_spans
from closing.calendar.date_phrases import month_and_year
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.alert_line import alert_line_crossed_at, crossings
from closing.judging.notice_rules import HOLD_DOWN, NoticeKind
from closing.judging.standing import JudgingPolicy, LatenessUnit, ObservedChange, after_period_end
from closing.judging.states import PeriodState
from entities.calendars import work_calendars
from entities.models import LegalEntity
from periods.models import FiscalPeriod, PeriodDeadline, ReadSpan, StateChange
from periods.policies import effective_policies
from periods.snapshot.freshness import freshness

GRACE = timedelta(minutes=5)  # until an alert that had to be raised counts as missing
DELIVERY_GRACE = timedelta(hours=1)  # until a message that waits is worth a word
# An evaluation may have begun before a silence that was made meanwhile.
EVALUATION_GRACE = timedelta(minutes=1)
State = Delivery.State
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AlertMismatch:
    """One thing that is not as the history says it had to be."""

    entity: str
    month: date
    at: datetime
    words: str

    def describe(self) -> str:
        """One line."""
        return f"{self.entity}, {month_and_year(self.month)}: {self.words} ({self.at:%Y-%m-%d %H:%M} UTC)"


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """What was compared at a moment: periods looked at, alerts that had to be, and every difference."""

    as_of: datetime
    periods: int
    expected: int
    differences: Sequence[AlertMismatch]


@dataclass(frozen=True, slots=True)
class _Story:
    """One period with all that its alerts depend on."""

    entity: str
    month: date
    changes: Sequence[ObservedChange]
    deadlines: Sequence[tuple[datetime, Deadline]]
    policy: JudgingPolicy
    calendar: WorkdayCalendar | None
    first_read_at: datetime | None
    read_at: datetime | None
    silences: Sequence[SilenceSpan] = ()


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert of a new episode that has a cause from one moment on, and had to exist by another.

    They differ where the entity was silenced in between.
    """

    at: datetime
    by: datetime


def reconcile(as_of: datetime, month: date | None = None) -> ReconciliationReport:
    """Compare one reporting month, or all, in as many queries whatever their number."""
    stories = _stories(as_of, month)
    alerts: dict[int, list[Notice]] = defaultdict(list)
    told = Notice.objects.filter(kind=NoticeKind.ALERT, raised_at__lte=as_of, period__in=stories)
    for notice in told.order_by("raised_at").prefetch_related("lines__delivery"):
        alerts[notice.period_id or 0].append(notice)
    expected = 0
    found: list[AlertMismatch] = []
    for period, story in stories.items():
        due = expected_alerts(story, as_of)
        expected += len(due)
        found += _compared(story, due, alerts[period])
        found += [each for notice in alerts[period] for each in _delivered(story, notice, as_of)]
    return ReconciliationReport(as_of, len(stories), expected, found)


def reconcile_and_record(as_of: datetime) -> ReconciliationReport:
    """As `reconcile` for all months, and keep what it found for whoever looks in the morning."""
    found = reconcile(as_of)
    ProofRun.objects.update_or_create(
        as_of=as_of,
        defaults={
            "periods": found.periods,
            "expected": found.expected,
            "differences": [each.describe() for each in found.differences],
        },
    )
    if found.differences:
        log.error("alerts are not as the history says", differences=len(found.differences))
    return found


def expected_alerts(story: _Story, as_of: datetime) -> list[ExpectedAlert]:
    """The alerts of new episodes that had to exist, oldest first."""
    if not story.deadlines or story.first_read_at is None or story.read_at is None:
        return []
    last = story.deadlines[-1][1]
    if local_date(story.first_read_at, zone_named(last.zone)) > last.due_on:
        return []
    until = min(as_of - GRACE, story.read_at)
    crossed = crossings(
        story.changes,
        story.deadlines,
        story.policy,
        read_at=story.read_at,
        as_of=as_of,
        calendar=story.calendar,
    )
    found = []
    for each in crossed:
        if each.alerting and (due := _heard(story, each.at, as_of)) is not None:
            found.append(due)
            break  # a moved deadline is crossed again, in the same episode
        if each.alerting and not _silenced(story, each.at):
            break
    line = alert_line_crossed_at(last, story.policy, story.calendar)
    again = [_heard(story, at, as_of) for at in _opened_again(story, as_of) if at >= line]
    found += [due for due in again if due is not None]
    return sorted((due for due in found if due.by <= until), key=lambda due: due.at)


def _heard(story: _Story, at: datetime, as_of: datetime) -> ExpectedAlert | None:
    """When the alert of a moment had to be told: at once, or after a silence if it was still true then."""
    by = at
    for begins, ends in story.silences:
        if begins < by + GRACE and ends > by:
            by = ends
    if by == at:
        return ExpectedAlert(at, by) if _lasted(story, at, as_of) else None
    # Whether it was still open at the end of the silence is known only where it was read afterwards.
    still = [
        each for each in story.changes if each.seen_at > at and story.policy.counts_as_closed(each.state)
    ]
    known_until = min((each.previous_read_at or each.seen_at for each in still), default=as_of)
    return ExpectedAlert(at, by) if known_until - by >= GRACE and _was_past_the_line(story, by) else None


def _silenced(story: _Story, at: datetime) -> bool:
    return any(begins < at + GRACE and ends > at for begins, ends in story.silences)


def _lasted(story: _Story, at: datetime, as_of: datetime) -> bool:
    """Whether it stayed not closed for long enough after a moment to be noticed."""
    closes = [
        each.seen_at
        for each in story.changes
        if each.seen_at > at and story.policy.counts_as_closed(each.state)
    ]
    return min(closes, default=as_of) - at >= GRACE


def _opened_again(story: _Story, as_of: datetime) -> list[datetime]:
    """When a close that had lasted was undone for long enough to be noticed."""
    closed = story.policy.counts_as_closed
    found = []
    for at, change in enumerate(story.changes[1:], start=1):
        since = story.changes[at - 1]
        if closed(change.state) or change.state is PeriodState.UNKNOWN or not closed(since.state):
            continue
        if change.seen_at - since.seen_at >= HOLD_DOWN and _lasted(story, change.seen_at, as_of):
            found.append(change.seen_at)
    return found


def _compared(
    story: _Story, due: Sequence[ExpectedAlert], alerts: Sequence[Notice]
) -> Iterable[AlertMismatch]:
    left = list(alerts)
    for place, one in enumerate(due):
        until = due[place + 1].at if place + 1 < len(due) else None
        mine = [
            each for each in left if each.raised_at >= one.at and (until is None or each.raised_at < until)
        ]
        if mine:
            left.remove(mine[0])
        else:
            yield AlertMismatch(
                story.entity, story.month, one.by, "an alert had to exist from here on, and does not"
            )
    for notice in alerts:
        if any(begins + EVALUATION_GRACE <= notice.raised_at < ends for begins, ends in story.silences):
            words = "an alert was raised although the entity was silenced"
            yield AlertMismatch(story.entity, story.month, notice.raised_at, words)
    for notice in left:
        if not _was_past_the_line(story, notice.raised_at):
            yield AlertMismatch(
                story.entity,
                story.month,
                notice.raised_at,
                "an alert exists, and the history has no cause for it",
            )


def _was_past_the_line(story: _Story, at: datetime) -> bool:
    state = next((each.state for each in reversed(story.changes) if each.seen_at <= at), PeriodState.UNKNOWN)
    deadline = next((each for set_at, each in reversed(story.deadlines) if set_at <= at), None)
    return (
        deadline is not None
        and not story.policy.counts_as_closed(state)
        and at >= alert_line_crossed_at(deadline, story.policy, story.calendar)
    )


def _delivered(story: _Story, notice: Notice, as_of: datetime) -> Iterable[AlertMismatch]:
    lines = list(notice.lines.all())
    states = {line.delivery.state for line in lines if not line.left_out}

    def differs(words: str) -> AlertMismatch:
        return AlertMismatch(story.entity, story.month, notice.raised_at, words)

    quiet = any(begins <= as_of and ends > as_of - DELIVERY_GRACE for begins, ends in story.silences)
    if not quiet and any(line.left_out == LEFT_OUT_BY_SILENCE for line in lines):
        yield differs("its alert is still set aside for a silence that is over")
    if not lines:
        yield differs("its alert was for nobody: there is nobody to notify")
    elif State.SENT in states or (not states and all(line.left_out for line in lines)):
        pass  # somebody has it, or nothing of it was true or theirs any more when it was to be sent
    elif states & {State.WAITING, State.SENDING}:
        # Until its reader's hours or digest nobody has tried, and nothing is wrong.
        since = [line.delivery.due_at for line in lines if not line.delivery.attempts]
        if as_of - max(notice.raised_at, min(since, default=notice.raised_at)) > DELIVERY_GRACE:
            yield differs("its alert still waits to be sent")
    else:
        yield differs("its alert has reached nobody: no message could be sent")


def _stories(as_of: datetime, month: date | None) -> dict[int, _Story]:
    periods = FiscalPeriod.objects.filter(type="operating", deadlines__current=True)
    if month is not None:
        periods = periods.filter(reporting_month=month)
    rows = [
        (pk, entity, reporting_month)
        for pk, entity, reporting_month, last_day, zone in periods.values_list(
            "pk", "entity", "reporting_month", "last_day", "entity__zone"
        )
        if after_period_end(as_of, last_day, zone_named(zone))
    ]
    ids = [pk for pk, _, _ in rows]
    entities = {
        pk: (name, path, calendar)
        for pk, name, path, calendar in LegalEntity.objects.values_list(
            "pk", "name", "group__path", "calendar"
        )
    }
    policies = effective_policies(((pk, path) for pk, (_, path, _) in entities.items()), as_of=as_of)
    working = {
        calendar
        for pk, (_, _, calendar) in entities.items()
        if policies[pk].judging.unit is LatenessUnit.WORKING_DAYS
    }
    years = range(min((each.year for _, _, each in rows), default=as_of.year), as_of.year + 2)
    calendars = work_calendars(working, years) if working else {}
    readings = freshness(sorted(entities), as_of)
    first = dict(ReadSpan.objects.values_list("entity").annotate(Min("first_read_at")))
    changes: dict[int, list[ObservedChange]] = defaultdict(list)
    for pk, state, seen_at, previous in (
        StateChange.objects.filter(period__in=ids, seen_at__lte=as_of)
        .order_by("period_id", "seen_at", "id")
        .values_list("period", "state", "seen_at", "previous_read_at")
    ):
        changes[pk].append(ObservedChange(PeriodState(state), seen_at, previous))
    quiet = silence_spans(None, as_of)
    deadlines: dict[int, list[tuple[datetime, Deadline]]] = defaultdict(list)
    for row in PeriodDeadline.objects.filter(period__in=ids, set_at__lte=as_of).order_by(
        "period_id", "set_at"
    ):
        deadlines[row.period_id].append((row.set_at, Deadline(row.due_on, row.zone, row.cut_off)))
    return {
        pk: _Story(
            entities[entity][0],
            reporting_month,
            changes[pk],
            deadlines[pk],
            policies[entity].judging,
            calendars.get(entities[entity][2]),
            first.get(entity),
            readings[entity].read_at,
            quiet.get(entity, ()),
        )
        for pk, entity, reporting_month in rows
    }
