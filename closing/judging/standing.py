"""The one lateness rule: state + deadline + moment = standing (01-domain 1.5 to 1.7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.judging.states import PeriodState, is_permanently_closed


class Level(StrEnum):
    """Where a period stands against its deadline (01-domain 1.5)."""

    NOT_DUE = "not_due"
    DUE_TODAY = "due_today"
    LATE = "late"
    ALERTING = "alerting"
    CLOSED_ON_TIME = "closed_on_time"
    CLOSED_LATE = "closed_late"
    CLOSED_DATE_UNKNOWN = "closed_date_unknown"
    NO_DEADLINE = "no_deadline"
    UNKNOWN = "unknown"


class LatenessUnit(StrEnum):
    """The unit in which days late are counted; printed beside every number."""

    CALENDAR_DAYS = "calendar_days"
    WORKING_DAYS = "working_days"


_POSTABLE = frozenset({PeriodState.OPEN, PeriodState.ON_HOLD})
_CLOSED_LEVELS = frozenset({Level.CLOSED_ON_TIME, Level.CLOSED_LATE, Level.CLOSED_DATE_UNKNOWN})


@dataclass(frozen=True, slots=True)
class JudgingPolicy:
    """The agreed choices on which judging depends, each with the default of 01-domain."""

    alert_after_days: int = 5
    unit: LatenessUnit = LatenessUnit.CALENDAR_DAYS
    on_hold_counts_as_closed: bool = False

    def counts_as_closed(self, state: PeriodState) -> bool:
        """The closed rule: Closed, and On hold where the policy says so."""
        return state is PeriodState.CLOSED or (self.on_hold_counts_as_closed and state is PeriodState.ON_HOLD)


@dataclass(frozen=True, slots=True)
class ObservedChange:
    """One seen change of state: the moments of the read that saw it and of the read before (None: the first read)."""

    state: PeriodState
    seen_at: datetime
    previous_read_at: datetime | None
    because: str = ""


@dataclass(frozen=True, slots=True)
class PeriodHistory:
    """The history of a period up to a moment, folded from its changes under a policy.

    `first_close` is the change that first met the closed rule; `closed_when_first_seen` says that the period was
    closed at its first read already, or (`never_opened`) went from not started to closed, so that the date is
    unknown. `last_close` is the latest close, which is the first one until a reopened period is closed again.

    While the newest change is UNKNOWN, `last_known` is the change before it and `confirmed_at` the last read that
    still confirmed the state. `undone_closes` holds every close
    that was undone, with the read that saw it undone; `permanent_undone` the reads that saw a period open or on hold
    which Finance & Operations had closed permanently.
    """

    state: PeriodState
    since: ObservedChange | None
    first_close: ObservedChange | None
    closed_when_first_seen: bool
    last_close: ObservedChange | None
    last_known: ObservedChange | None = None
    confirmed_at: datetime | None = None
    undone_closes: tuple[tuple[ObservedChange, datetime], ...] = ()
    never_opened: bool = False
    permanent_undone: tuple[datetime, ...] = ()


def fold(changes: list[ObservedChange], policy: JudgingPolicy) -> PeriodHistory:
    """Fold changes (oldest first) into a history; an empty list gives UNKNOWN.

    A close of a period that was never seen begun has an unknown date: nobody closed it, its end came.
    A spell of UNKNOWN between two closed states neither reopens nor re-closes. A close that ends such a spell
    may have happened during it, so its `previous_read_at` becomes the last read that still confirmed the
    state before. That a permanent close was undone is kept whatever counts as closed.
    """
    known: ObservedChange | None = None  # the newest change to a state that is not UNKNOWN
    lost: ObservedChange | None = None  # the UNKNOWN change after it, if any
    first: ObservedChange | None = None
    last: ObservedChange | None = None
    first_seen = never_opened = False
    undone: tuple[tuple[ObservedChange, datetime], ...] = ()
    permanent_undone: tuple[datetime, ...] = ()
    on_hold_counts = policy.on_hold_counts_as_closed
    closed = False
    for change in changes:
        state = change.state
        if state is PeriodState.UNKNOWN:
            if lost is None and known is not None:
                lost = change
            continue
        if known is not None and state is known.state:
            lost = None
            continue
        if known is not None and state in _POSTABLE and is_permanently_closed(known.state, known.because):
            permanent_undone = (*permanent_undone, change.seen_at)
        counts = state is PeriodState.CLOSED or (on_hold_counts and state is PeriodState.ON_HOLD)
        if counts and not closed:
            last = change if lost is None else replace(change, previous_read_at=_confirmed(lost))
            if first is None:
                first = last
                # Understood for the first time and already closed: an UNKNOWN before it dates nothing.
                first_seen = known is None and (change.previous_read_at is None or change is not changes[0])
                never_opened = known is not None and known.state is PeriodState.NOT_STARTED
                first_seen = first_seen or never_opened
        elif closed and not counts and last is not None:
            undone = (*undone, (last, change.seen_at))
        closed, known, lost = counts, change, None
    if known is None:
        return PeriodHistory(PeriodState.UNKNOWN, changes[0] if changes else None, None, False, None)
    state, confirmed_at = (known.state, None) if lost is None else (PeriodState.UNKNOWN, _confirmed(lost))
    begun, ended = (first, first_seen, last, known), (undone, never_opened, permanent_undone)
    return PeriodHistory(state, lost or known, *begun, confirmed_at, *ended)


def _confirmed(lost: ObservedChange) -> datetime:
    return lost.previous_read_at or lost.seen_at


@dataclass(frozen=True, slots=True)
class Standing:
    """The judgement of one period at one moment.

    `days_late` counts in `unit`: while not closed up to the moment's local date, once closed up to the first
    close. `due_in` is days until the deadline (None once passed or closed or without one; see `due_as_of` for what
    was read earlier). `closed_between` gives the local dates of the reads around the first close if they lie on both
    sides of the deadline (perhaps on time). `first_close_level` judges the first close alone, also of a period that
    was reopened: the on-time rate counts it. `unconfirmed`: the state is UNKNOWN now, and this judges the one before.
    `closed`: the period has ended and the closed rule is met, which the level does not show without a deadline.
    `stopped_early`: the closed rule is met by a period that has not ended, which is no close (01-domain 1.3).
    `never_opened`: the first close is of a period that was not seen begun, so nobody closed it.
    `permanent_reopenings`: how often it was seen open or on hold after its end although it was permanently closed.
    `last_close_level` judges the latest close of a period that was reopened and is closed again.
    """

    level: Level
    days_late: int
    unit: LatenessUnit
    due_in: int | None = None
    first_closed_on: date | None = None
    last_closed_on: date | None = None
    closed_between: tuple[date, date] | None = None
    reopened: bool = False
    unconfirmed: bool = False
    closed: bool = False
    first_close_level: Level | None = None
    stopped_early: bool = False
    never_opened: bool = False
    permanent_reopenings: int = 0
    last_close_level: Level | None = None

    @property
    def alerting(self) -> bool:
        """Strictly more than `alert_after_days` late and not closed."""
        return self.level is Level.ALERTING

    @property
    def overdue(self) -> bool:
        """Past the deadline and not closed, by any number of days: alerting or on watch."""
        return self.level is Level.LATE or self.level is Level.ALERTING

    @property
    def outstanding(self) -> bool:
        """Not known to be closed: any but the closed levels."""
        return not self.closed and self.level not in _CLOSED_LEVELS


def judge(
    history: PeriodHistory,
    deadline: Deadline | None,
    *,
    as_of: datetime,
    period: DateSpan,
    policy: JudgingPolicy,
    calendar: WorkdayCalendar | None = None,
    zone: str | None = None,
) -> Standing:
    """Judge one period at one moment (01-domain 1.3 to 1.7).

    For a stale reading the caller passes the moment of that reading as `as_of`: the last known level then
    stays, neither clearing nor escalating. `calendar` is needed for working-day lateness; `zone` for a period
    without a deadline. Neither the deadline nor the closed rule matters for a period that has not ended: it is
    NOT_DUE. A close that was undone before the period had ended is no close and no reopening: Business
    Central's posting window lies before a new period until somebody moves it. Raises ValueError without a zone,
    or without a calendar if lateness counts working days.
    """
    name = deadline.zone if deadline is not None else zone
    if name is None:
        raise ValueError("a period with no deadline is judged in a zone; none was given")
    tz = zone_named(name)
    state, moment, unconfirmed = history.state, as_of, False
    if state is PeriodState.UNKNOWN and history.last_known is not None:
        # Unconfirmed: judged as of the last read that confirmed it, so that it neither clears nor escalates.
        state, unconfirmed = history.last_known.state, True
        if history.confirmed_at is not None:
            moment = min(moment, history.confirmed_at)
    today = local_date(moment, tz)
    closed = policy.counts_as_closed(state)
    if today <= period.last and state is not PeriodState.UNKNOWN:
        due_in = _days_until(deadline, moment, today)
        return Standing(Level.NOT_DUE, 0, policy.unit, due_in, unconfirmed=unconfirmed, stopped_early=closed)

    first, date_unknown, reopened = _lasting_close(history, period, tz)
    first_level, first_on, between = _judge_close(first, date_unknown, deadline, tz)
    last, last_on = history.last_close, None
    if closed and last is not None:
        last_on = first_on if last is first else local_date(last.seen_at, tz)

    if not closed:
        verdict = _judge_open(state, deadline, moment, today, policy, calendar)
    else:
        days_late, unit = 0, policy.unit
        level = Level.NO_DEADLINE if deadline is None else first_level or Level.CLOSED_DATE_UNKNOWN
        if level is Level.CLOSED_LATE and deadline is not None and first_on is not None:
            days_late, unit = lateness(deadline, first_on, unit, calendar)
        verdict = level, days_late, unit, None
    return Standing(
        *verdict,
        first_closed_on=first_on,
        last_closed_on=last_on,
        closed_between=between,
        reopened=reopened,
        unconfirmed=unconfirmed,
        closed=closed,
        first_close_level=first_level,
        never_opened=closed and date_unknown and history.never_opened,
        permanent_reopenings=sum(after_period_end(at, period.last, tz) for at in history.permanent_undone),
        last_close_level=_judge_close(last, False, deadline, tz)[0] if closed and reopened else None,
    )


def judge_never_read(
    deadline: Deadline,
    *,
    as_of: datetime,
    period: DateSpan,
    policy: JudgingPolicy,
    calendar: WorkdayCalendar | None = None,
) -> Standing:
    """Judge a period of an entity never read, by the clock alone (01-domain 1.4).

    It is UNKNOWN until its deadline has passed, and late and unconfirmed from then on.
    """
    today = local_date(as_of, zone_named(deadline.zone))
    if not deadline.passed(as_of) or today <= period.last:
        return Standing(Level.UNKNOWN, 0, policy.unit, _days_until(deadline, as_of, today))
    verdict = _judge_open(PeriodState.OPEN, deadline, as_of, today, policy, calendar)
    return Standing(*verdict, unconfirmed=True)


def due_as_of(standing: Standing, deadline: Deadline | None, as_of: datetime) -> Standing:
    """The standing of an earlier reading with `due_in` counted from a later moment: -1 once the deadline has passed.

    The level stays as it was read (01-domain 1.6); words relative to now are those of the moment at which they are
    shown.
    """
    if standing.due_in is None or deadline is None:
        return standing
    days = (deadline.due_on - local_date(as_of, zone_named(deadline.zone))).days
    return replace(standing, due_in=-1 if deadline.passed(as_of) else days)


def _days_until(deadline: Deadline | None, moment: datetime, today: date) -> int | None:
    """The days until a deadline that has not passed."""
    return None if deadline is None or deadline.passed(moment) else (deadline.due_on - today).days


def _judge_open(
    state: PeriodState,
    deadline: Deadline | None,
    moment: datetime,
    today: date,
    policy: JudgingPolicy,
    calendar: WorkdayCalendar | None,
) -> tuple[Level, int, LatenessUnit, int | None]:
    """Level, days late with their unit, and days until the deadline of a period that is not closed."""
    due_in = _days_until(deadline, moment, today)
    if state is PeriodState.UNKNOWN:
        return Level.UNKNOWN, 0, policy.unit, due_in
    if deadline is None:
        return Level.NO_DEADLINE, 0, policy.unit, None
    if due_in is not None:
        return Level.DUE_TODAY if due_in == 0 else Level.NOT_DUE, 0, policy.unit, due_in
    days_late, unit = lateness(deadline, today, policy.unit, calendar)
    return Level.ALERTING if days_late > policy.alert_after_days else Level.LATE, days_late, unit, None


def after_period_end(moment: datetime, last_day: date, zone: ZoneInfo) -> bool:
    """Whether a period's last day had ended in the entity's own zone at a moment.

    A close seen undone after it is a reopening; a close undone before was no close (see `judge`).
    """
    return local_date(moment, zone) > last_day


def _lasting_close(
    history: PeriodHistory, period: DateSpan, tz: ZoneInfo
) -> tuple[ObservedChange | None, bool, bool]:
    """The first close in force when the period ended, whether its date is unknown, and whether it was undone."""
    if not history.undone_closes:
        return history.first_close, history.closed_when_first_seen, False
    for close, undone_at in history.undone_closes:
        if after_period_end(undone_at, period.last, tz):
            return close, history.closed_when_first_seen and close is history.first_close, True
    never_undone = history.last_close is not history.undone_closes[-1][0]
    return history.last_close if never_undone else None, False, False


def _judge_close(
    close: ObservedChange | None, date_unknown: bool, deadline: Deadline | None, tz: ZoneInfo
) -> tuple[Level | None, date | None, tuple[date, date] | None]:
    """A close's level, its date where known, and otherwise the dates it lies between (01-domain 1.6)."""
    if close is None:
        return None, None, None
    if date_unknown:
        return Level.CLOSED_DATE_UNKNOWN, None, None
    seen_on = local_date(close.seen_at, tz)
    if deadline is None:
        return None, seen_on, None
    if not deadline.passed(close.seen_at):
        return Level.CLOSED_ON_TIME, seen_on, None
    if close.previous_read_at is None or deadline.passed(close.previous_read_at):
        return Level.CLOSED_LATE, seen_on, None
    return Level.CLOSED_DATE_UNKNOWN, None, (local_date(close.previous_read_at, tz), seen_on)


def lateness(
    deadline: Deadline, day: date, unit: LatenessUnit, calendar: WorkdayCalendar | None
) -> tuple[int, LatenessUnit]:
    """Days late on a day, counted from the deadline, and the unit of the count.

    Past the end of the calendar's holiday data the count falls back to calendar days and returns that unit, since
    a whole board must not fail when a calendar runs out.
    """
    if unit is LatenessUnit.WORKING_DAYS:
        if calendar is None:
            raise ValueError("lateness in working days needs the entity's work calendar")
        try:
            return calendar.workdays_between(deadline.due_on, day), unit
        except CalendarUncovered:
            unit = LatenessUnit.CALENDAR_DAYS
    return max(0, (day - deadline.due_on).days), unit
