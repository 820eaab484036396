"""When a period went past its deadline and over the alert line: worked out from its history, stored nowhere."""

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
    """A moment at which a period that was known not to be closed became late, or alerting (`over`)."""

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
    """The crossings up to a moment, oldest first; `deadlines` are pairs of when each was set and what it says.

    Only what is certain: where the reads before and after a crossing leave room for a close in between, or no read
    has come since, it is not told. `changes` are oldest first; `read_at` is the last reading.
    """
    found: list[Crossing] = []
    for at, (set_at, deadline) in enumerate(deadlines):
        until = deadlines[at + 1][0] if at + 1 < len(deadlines) else as_of
        for moment, over in (
            (deadline.due_at, False),
            (alert_line_crossed_at(deadline, policy, calendar), True),
        ):
            # A deadline that was moved into the past is crossed when it is moved.
            crossed = max(moment, set_at) if at else moment
            # Crossed under the deadline before already, and so ever since: nothing new is crossed.
            again = moment <= set_at and any(each.alerting is over and each.at < crossed for each in found)
            if crossed <= until and not again and _known_not_closed(changes, crossed, policy, read_at):
                found.append(Crossing(crossed, over, deadline))
    return sorted(found, key=lambda each: (each.at, each.alerting))


def alert_line_crossed_on(
    deadline: Deadline, policy: JudgingPolicy, calendar: WorkdayCalendar | None = None
) -> date | None:
    """The first day with more days late than the alert line allows; None when working days never come to it."""
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
    """The instant at which `alert_line_crossed_on` begins where the entity is."""
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
        looked_between = change.previous_read_at is not None and change.previous_read_at >= moment
        if looked_between and not lost:
            return True
        if change.state is not PeriodState.UNKNOWN:
            return not policy.counts_as_closed(change.state)
        lost = True
    return not lost and read_at is not None and read_at >= moment
