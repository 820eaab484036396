"""Works out from a period's history when it became late and crossed the alert line; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from closing.calendar.days import ONE_DAY
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import start_of_day, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.standing import JudgingPolicy, LatenessUnit, ObservedChange, fold, lateness
from closing.judging.states import PeriodState

_FURTHEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A moment at which a period known not to be closed became late, or crossed the alert line (`alerting`)."""

    at: datetime
    alerting: bool
    deadline: Deadline


def crossings(
    changes: Sequence[ObservedChange],
    deadlines: Sequence[tuple[datetime, Deadline]],
    policy: JudgingPolicy,
    *,
    read_at: datetime | None,
    as_of: datetime,
    calendar: WorkdayCalendar | None = None,
) -> list[Crossing]:
    """The crossings up to a moment, oldest first; `deadlines` are pairs of the moment each was set and the deadline.

    Only certain crossings count: not those between two reads that leave room for a close in between, nor those
    without a read since. `changes` are oldest first; `read_at` is the last reading.
    """
    result: list[Crossing] = []
    for index, (set_at, deadline) in enumerate(deadlines):
        until = deadlines[index + 1][0] if index + 1 < len(deadlines) else as_of
        for moment, alerting in (
            (deadline.due_at, False),
            (alert_line_crossed_at(deadline, policy, calendar), True),
        ):
            # A deadline that was moved into the past is crossed when it is moved.
            crossed = max(moment, set_at) if index else moment
            # Crossed under an earlier deadline already, and since then without a break.
            again = moment <= set_at and any(
                crossing.alerting is alerting and crossing.at < crossed for crossing in result
            )
            if crossed <= until and not again and _known_not_closed(changes, crossed, policy, read_at):
                result.append(Crossing(crossed, alerting, deadline))
    return sorted(result, key=lambda crossing: (crossing.at, crossing.alerting))


def alert_line_crossed_on(
    deadline: Deadline, policy: JudgingPolicy, calendar: WorkdayCalendar | None = None
) -> date | None:
    """The first day with more days late than the alert line allows; None if working days never reach it."""
    if policy.unit is LatenessUnit.CALENDAR_DAYS or calendar is None:
        return deadline.due_on + timedelta(days=policy.alert_after_days + 1)
    day = deadline.due_on + timedelta(days=policy.alert_after_days)
    while day < deadline.due_on + _FURTHEST:
        day += ONE_DAY
        if lateness(deadline, day, policy.unit, calendar)[0] > policy.alert_after_days:
            return day
    return None


def alert_line_crossed_at(
    deadline: Deadline, policy: JudgingPolicy, calendar: WorkdayCalendar | None = None
) -> datetime:
    """The instant at which the day of `alert_line_crossed_on` begins in the entity's zone."""
    day = alert_line_crossed_on(deadline, policy, calendar)
    return start_of_day(day or deadline.due_on + _FURTHEST, zone_named(deadline.zone))


def _known_not_closed(
    changes: Sequence[ObservedChange], moment: datetime, policy: JudgingPolicy, read_at: datetime | None
) -> bool:
    before = fold([change for change in changes if change.seen_at <= moment], policy)
    if before.last_known is None or policy.counts_as_closed(before.last_known.state):
        return False
    lost = before.state is PeriodState.UNKNOWN
    for change in changes:
        if change.seen_at <= moment:
            continue
        read_between = change.previous_read_at is not None and change.previous_read_at >= moment
        if read_between and not lost:
            return True
        if change.state is not PeriodState.UNKNOWN:
            return not policy.counts_as_closed(change.state)
        lost = True
    return not lost and read_at is not None and read_at >= moment
