"""Compares the alerts that the history requires with those that exist, and checks that their messages were delivered.

It uses nothing that raised the alerts: instead of flags and overruns it reads each period's history anew, from its
changes, its deadlines, the readings and the silences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, pairwise

import structlog
from django.db.models import Min

from alerts.models import Delivery, EvaluationSpan, LineReason, Notice, ProofRun
from alerts.notice_retention import notices_kept_since
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
from periods.lookups import RecordedReading, changes_by_period, first_readings_after
from periods.models import FiscalPeriod, PeriodDeadline, ReadSpan
from periods.policies import effective_policies
from periods.snapshot.freshness import freshness
from periods.vanished import replaced_periods

GRACE = timedelta(minutes=5)  # until a required alert counts as missing
DELIVERY_GRACE = timedelta(hours=1)  # until a waiting message counts as a difference
# An evaluation may have begun before a silence that was created meanwhile.
EVALUATION_GRACE = timedelta(minutes=1)
_NEVER = datetime.min.replace(tzinfo=UTC)
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
State = Delivery.State
_Causes = tuple[list[datetime], list[datetime]]  # crossings of the alert line, and reopenings
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AlertMismatch:
    """One difference from the alerts that the history requires."""

    entity: str
    month: date
    at: datetime
    words: str

    def describe(self) -> str:
        """The difference as one line."""
        return f"{self.entity}, {month_and_year(self.month)}: {self.words} ({self.at:%Y-%m-%d %H:%M} UTC)"


@dataclass(frozen=True, slots=True)
class ReconciliationReport:
    """The result of a comparison: number of periods, number of required alerts, and every difference."""

    periods: int
    expected: int
    differences: Sequence[AlertMismatch]


@dataclass(frozen=True, slots=True)
class _PeriodHistory:
    """One period with everything that its alerts depend on.

    `raised_until`: an alert whose cause was recorded later need not exist yet.
    """

    entity_id: int
    entity: str
    month: date
    changes: Sequence[ObservedChange]
    deadlines: Sequence[tuple[datetime, Deadline]]
    policy: JudgingPolicy
    calendar: WorkdayCalendar | None
    first_read_at: datetime | None
    read_at: datetime | None
    raised_until: datetime
    silences: Sequence[SilenceSpan] = ()

    def mismatch(self, at: datetime, words: str) -> AlertMismatch:
        return AlertMismatch(self.entity, self.month, at, words)


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert of a new episode that has a cause from `at` on, and had to exist from `by` on.

    They differ where the entity was silenced in between, and where the cause was recorded later: no evaluation can
    raise an alert before the reading that shows its cause.
    """

    at: datetime
    by: datetime


def reconcile(as_of: datetime, month: date | None = None) -> ReconciliationReport:
    """Compare one reporting month, or all; the number of queries does not grow with the number of periods.

    Nothing is compared of before the retention's cut-off: alerts of that time may have been deleted, or not yet.
    """
    kept_since = notices_kept_since() or _NEVER
    histories = _histories(as_of, month)
    alerts: dict[int, list[Notice]] = defaultdict(list)
    notices = Notice.objects.filter(kind=NoticeKind.ALERT, raised_at__lte=as_of, period__in=histories)
    for notice in notices.order_by("raised_at").prefetch_related("lines__delivery"):
        alerts[notice.period_id or 0].append(notice)
    causes = {period: _causes(history, as_of) for period, history in histories.items()}
    readings = first_readings_after(
        {(histories[period].entity_id, at) for period, found in causes.items() for at in chain(*found)}
    )
    expected = 0
    differences: list[AlertMismatch] = []
    for period, history in histories.items():
        due = _expected_alerts(history, causes[period], as_of, readings)
        # Those that evaluations must have raised by now, or have.
        raised = max((notice.raised_at for notice in alerts[period]), default=_NEVER)
        due = [each for each in due if each.by <= history.raised_until or each.at <= raised]
        expected += sum(each.at >= kept_since for each in due)
        differences += _mismatches(history, due, alerts[period], kept_since)
        for notice in alerts[period]:
            if notice.raised_at >= kept_since:
                differences += _delivery_mismatches(history, notice, as_of)
    return ReconciliationReport(len(histories), expected, differences)


def reconcile_and_record(as_of: datetime) -> ReconciliationReport:
    """Reconcile all months, and store the result for the administrators."""
    report = reconcile(as_of)
    ProofRun.objects.update_or_create(
        as_of=as_of,
        defaults={
            "periods": report.periods,
            "expected": report.expected,
            "differences": [mismatch.describe() for mismatch in report.differences],
        },
    )
    if report.differences:
        log.error("alerts are not as the history says", differences=len(report.differences))
    return report


def _causes(history: _PeriodHistory, as_of: datetime) -> _Causes:
    """The crossings of the alert line and the reopenings that may require an alert of a period."""
    if not history.deadlines or history.first_read_at is None or history.read_at is None:
        return [], []
    first_set_at, last = history.deadlines[0][0], history.deadlines[-1][1]
    # Before its first reading an entity is watched from when its deadline was first set.
    watched = min(history.first_read_at, first_set_at)
    if local_date(watched, zone_named(last.zone)) > last.due_on:
        return [], []
    crossed = crossings(
        history.changes,
        history.deadlines,
        history.policy,
        read_at=history.read_at,
        as_of=as_of,
        calendar=history.calendar,
    )
    line = alert_line_crossed_at(last, history.policy, history.calendar)
    return (
        [crossing.at for crossing in crossed if crossing.alerting],
        [at for at in _reopenings(history) if at >= line],
    )


def _expected_alerts(
    history: _PeriodHistory,
    causes: _Causes,
    as_of: datetime,
    readings: Mapping[tuple[int, datetime], RecordedReading],
) -> list[ExpectedAlert]:
    """The alerts of new episodes that the causes require, oldest first."""
    expected = []
    crossings_of_line, reopenings = causes
    for at in crossings_of_line:
        due, waited = _required_alert(history, at, readings, as_of)
        expected.append(due)
        if due is not None or not waited:
            break  # a moved deadline is crossed again, in the same episode
    expected += [_required_alert(history, at, readings, as_of)[0] for at in reopenings]
    return sorted(filter(None, expected), key=lambda due: due.at)


def _required_alert(
    history: _PeriodHistory,
    at: datetime,
    readings: Mapping[tuple[int, datetime], RecordedReading],
    as_of: datetime,
) -> tuple[ExpectedAlert | None, bool]:
    """The alert that a cause at a moment requires, and whether it had to wait: then it must still be true after.

    No evaluation could raise it during a silence, and before its cause was recorded.
    """
    reading = readings.get((history.entity_id, at), RecordedReading(at, at))
    waits = [*history.silences, (at, history.deadlines[0][0])]  # until its deadline was first set
    if reading.recorded_at > reading.read_at:
        waits.append((at, reading.recorded_at))
    by = at
    for start, end in sorted(waits):
        if start < by + GRACE and end > by:
            by = end
    if by == at:
        return ExpectedAlert(at, reading.read_at) if _lasted(history, reading.read_at) else None, False
    # Only a reading after the end of the wait shows whether the period was still open then.
    closed = history.policy.counts_as_closed
    closes = [change for change in history.changes if change.seen_at > at and closed(change.state)]
    known_until = min((change.previous_read_at or change.seen_at for change in closes), default=as_of)
    still_true = known_until - by >= GRACE and _was_past_the_line(history, by)
    return ExpectedAlert(at, by) if still_true else None, True


def _lasted(history: _PeriodHistory, at: datetime) -> bool:
    """Whether the period stayed open for long enough after a moment for an evaluation to see it."""
    closed = history.policy.counts_as_closed
    closes = [change.seen_at for change in history.changes if change.seen_at > at and closed(change.state)]
    return not closes or min(closes) - at >= GRACE


def _reopenings(history: _PeriodHistory) -> list[datetime]:
    """The moments at which a lasting close was undone for long enough for an evaluation to see it."""
    closed = history.policy.counts_as_closed
    moments = []
    for previous, change in pairwise(history.changes):
        if closed(change.state) or change.state is PeriodState.UNKNOWN or not closed(previous.state):
            continue
        if change.seen_at - previous.seen_at >= HOLD_DOWN and _lasted(history, change.seen_at):
            moments.append(change.seen_at)
    return moments


def _mismatches(
    history: _PeriodHistory, due: Sequence[ExpectedAlert], alerts: Sequence[Notice], kept_since: datetime
) -> Iterable[AlertMismatch]:
    unmatched = list(alerts)
    for index, expected in enumerate(due):
        until = due[index + 1].at if index + 1 < len(due) else _END_OF_TIME
        match = next((row for row in unmatched if expected.at <= row.raised_at < until), None)
        if match is not None:
            unmatched.remove(match)
        elif expected.at >= kept_since:
            yield history.mismatch(expected.by, "an alert had to exist from here on, and does not")
    for notice in alerts:
        silences = history.silences if notice.raised_at >= kept_since else ()
        if any(start + EVALUATION_GRACE <= notice.raised_at < end for start, end in silences):
            yield history.mismatch(notice.raised_at, "an alert was raised although the entity was silenced")
    for notice in unmatched:
        if notice.raised_at >= kept_since and not _was_past_the_line(history, notice.raised_at):
            yield history.mismatch(notice.raised_at, "an alert exists, and the history has no cause for it")


def _was_past_the_line(history: _PeriodHistory, at: datetime) -> bool:
    state = next((row.state for row in reversed(history.changes) if row.seen_at <= at), PeriodState.UNKNOWN)
    deadline = next((row for set_at, row in reversed(history.deadlines) if set_at <= at), None)
    return (
        deadline is not None
        and not history.policy.counts_as_closed(state)
        and at >= alert_line_crossed_at(deadline, history.policy, history.calendar)
    )


def _delivery_mismatches(history: _PeriodHistory, notice: Notice, as_of: datetime) -> Iterable[AlertMismatch]:
    lines = list(notice.lines.all())
    states = {line.delivery.state for line in lines if not line.left_out}

    differs = partial(history.mismatch, notice.raised_at)
    silenced = any(start <= as_of and end > as_of - DELIVERY_GRACE for start, end in history.silences)
    if not silenced and any(line.left_out == LineReason.SILENCED for line in lines):
        yield differs("its alert is still set aside for a silence that is over")
    if not lines:
        yield differs("its alert was for nobody: there is nobody to notify")
    elif State.SENT in states or (not states and all(line.left_out for line in lines)):
        pass  # a recipient has it, or when it was to be sent it was no longer true, or no longer visible to them
    elif states & {State.WAITING, State.SENDING}:
        # Before its due time, which the recipient's hours or digest set, no message was tried, and none is missing.
        since = [line.delivery.due_at for line in lines if not line.delivery.attempts]
        if as_of - max(notice.raised_at, min(since, default=notice.raised_at)) > DELIVERY_GRACE:
            yield differs("its alert still waits to be sent")
    else:
        yield differs("its alert has reached nobody: no message could be sent")


def _histories(as_of: datetime, month: date | None) -> dict[int, _PeriodHistory]:
    periods = FiscalPeriod.objects.filter(type="operating", deadlines__current=True)
    replaced = replaced_periods()
    if month is not None:
        periods = periods.filter(reporting_month=month)
    rows = [
        (pk, entity, reporting_month)
        for pk, entity, reporting_month, last_day, zone in periods.values_list(
            "pk", "entity", "reporting_month", "last_day", "entity__zone"
        )
        if pk not in replaced and after_period_end(as_of, last_day, zone_named(zone))
    ]
    ids = [pk for pk, _, _ in rows]
    columns = LegalEntity.objects.values_list("pk", "name", "group__path", "calendar")
    entities = {pk: (name, path, calendar) for pk, name, path, calendar in columns}
    policies = effective_policies(((pk, path) for pk, (_, path, _) in entities.items()), as_of=as_of)
    calendar_ids = {
        calendar
        for pk, (_, _, calendar) in entities.items()
        if policies[pk].judging.unit is LatenessUnit.WORKING_DAYS
    }
    years = range(min((reporting.year for _, _, reporting in rows), default=as_of.year), as_of.year + 2)
    calendars = work_calendars(calendar_ids, years) if calendar_ids else {}
    readings = freshness(sorted(entities), as_of)
    since, evaluated_before = _current_evaluations(as_of)
    first = dict(ReadSpan.objects.values_list("entity").annotate(Min("first_read_at")))
    changes = changes_by_period(ids, as_of)
    silences = silence_spans(None, as_of)
    deadlines: dict[int, list[tuple[datetime, Deadline]]] = defaultdict(list)
    for row in PeriodDeadline.objects.filter(period__in=ids, set_at__lte=as_of).order_by(
        "period_id", "set_at"
    ):
        deadlines[row.period_id].append((row.set_at, Deadline(row.due_on, row.zone, row.cut_off)))
    return {
        pk: _PeriodHistory(
            entity,
            entities[entity][0],
            reporting_month,
            changes[pk],
            deadlines[pk],
            policies[entity].judging,
            calendars.get(entities[entity][2]),
            first.get(entity),
            readings[entity].read_at,
            _raised_until(readings[entity].read_at, since, evaluated_before, as_of),
            silences.get(entity, ()),
        )
        for pk, entity, reporting_month in rows
    }


def _current_evaluations(as_of: datetime) -> tuple[datetime | None, datetime]:
    """The start of the run of evaluations that goes on, None where none does, and the end of the run before it."""
    spans = EvaluationSpan.objects.filter(first__lte=as_of).order_by("-first")
    newest, before = [*spans[:2], None, None][:2]
    ended = before.last if before is not None else _NEVER
    return (newest.first, ended) if newest is not None and as_of - newest.last <= GRACE else (None, ended)


def _raised_until(
    read_at: datetime | None, since: datetime | None, evaluated_before: datetime, as_of: datetime
) -> datetime:
    """The moment up to which evaluations must have raised what was due, of an entity that was last read at `read_at`.

    Evaluations that run again (`since`) raise alerts after a reading that began in their time only; until then no
    more can be asked for than of those that ended at `evaluated_before`.
    """
    if read_at is None:
        return _NEVER
    until = min(as_of - GRACE, read_at)
    if since is not None and (read_at < since or as_of - since < GRACE):
        until = min(until, evaluated_before)
    return until
