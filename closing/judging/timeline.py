"""One month's close of one entity day by day: due, late, closed, reopened and unconfirmed days."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.judging.risk import workdays_until
from closing.judging.standing import JudgingPolicy, Level, ObservedChange, after_period_end, fold, lateness
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row

MAX_TIMELINE_DAYS = 45  # days that a timeline shows at most
_AFTER = 2  # days shown after the last event
_WEEK = 7
_WORKDAY = re.compile(r"WD(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ClosedSpan:
    """A run of closed days, from the day the close was first seen (None: unknown) to the day it was seen undone."""

    began: date | None
    ended: date | None = None


@dataclass(frozen=True, slots=True)
class TimelineDay:
    """One day of a close, in the entity's own zone and work calendar.

    `number` counts the working days after period end as the deadline counts them, `off_reason` says why a day is
    not worked: "weekend", or the name of a holiday.
    `late` are the days late at the day's end or at the close on it, in the unit of the row's standing; None if not
    late. `maybe_closed`: a close that was seen later may have been on this day. `confirmed` is false from the day
    after the last reading that gave the state; `in_future` are days to come.
    """

    on: date
    number: int | None = None
    off_reason: str = ""
    running: bool = False
    due: bool = False
    late: int | None = None
    alerting: bool = False
    closed: bool = False
    closes: bool = False
    maybe_closed: bool = False
    reopens: bool = False
    expected: bool = False
    confirmed: bool = True
    in_future: bool = False


def closed_spans(row: Row, changes: Sequence[ObservedChange] = ()) -> list[ClosedSpan]:
    """The times in which the period was closed since it ended; needs the `changes` of a period that was reopened."""
    standing = row.standing
    if not standing.reopened or row.span is None:
        return [ClosedSpan(standing.first_closed_on)] if standing.closed else []
    zone = zone_named(row.zone)
    policy = JudgingPolicy(row.alert_after_days, standing.unit, row.on_hold_counts)
    history = fold(list(changes), policy)
    spans = []
    for close, undone_at in history.undone_closes:
        if after_period_end(undone_at, row.span.last, zone):
            unknown = history.closed_when_first_seen and close is history.first_close
            spans.append(
                ClosedSpan(None if unknown else local_date(close.seen_at, zone), local_date(undone_at, zone))
            )
    if standing.closed:
        spans.append(ClosedSpan(standing.last_closed_on))
    return spans


def first_workday_number(row: Row, calendar: WorkdayCalendar) -> int | None:
    """The number of the first working day, 0 or 1, that the row's deadline label implies; None if it implies none."""
    if row.deadline is None or row.span is None or not (label := _WORKDAY.fullmatch(row.deadline.label)):
        return None
    first = int(label[1]) - workdays_until(row.deadline.due_on, calendar, row.span.last) + 1
    return first if first in (0, 1) else None


def last_confirmed_day(row: Row, today: date) -> date | None:
    """The local date of the newest reading that gave the state, today while it is fresh; None if none ever did."""
    standing, zone = row.standing, zone_named(row.zone)
    if row.read_at is None or (row.state is PeriodState.UNKNOWN and not standing.unconfirmed):
        return None
    until = today if row.fresh else local_date(row.read_at, zone)
    if row.state is PeriodState.UNKNOWN and row.seen_between is not None:
        before, lost = row.seen_between
        until = min(until, local_date(before or lost, zone))
    return until


def timeline(
    row: Row,
    days: Iterable[date],
    calendar: WorkdayCalendar,
    *,
    today: date,
    first_is: int = 1,
    changes: Sequence[ObservedChange] = (),
) -> list[TimelineDay]:
    """The row day by day; `today` is the entity's local date, `first_is` the number of its first working day.

    The days agree with the row's standing: nothing is judged again (01-domain 1.5).
    """
    until, closed = last_confirmed_day(row, today), closed_spans(row, changes)
    between = _maybe_closed_between(row, closed)
    by = between[1] if between is not None else date.max

    def shown(on: date) -> TimelineDay:
        number, off = _worked(row, on, calendar, first_is)
        confirmed = until is not None and on <= until
        maybe_closed = between is not None and between[0] <= on <= between[1]
        closes = any(spell.began == on for spell in closed)
        shut = any(
            (spell.began or by) <= on and (spell.ended is None or on < spell.ended) for spell in closed
        )
        reopens = any(spell.ended == on for spell in closed)
        late = None
        if confirmed and (reopens or not maybe_closed):
            late = _late(row, on, calendar, closes=closes, shut=shut)
        return TimelineDay(
            on=on,
            number=number,
            off_reason=off,
            running=row.span is not None and on <= row.span.last,
            due=row.deadline is not None and row.deadline.due_on == on,
            late=late,
            alerting=late is not None and late > row.alert_after_days,
            closed=shut and confirmed,
            closes=closes,
            maybe_closed=maybe_closed,
            reopens=reopens,
            expected=row.remarks.expected_on == on and not row.counts_as_closed,
            confirmed=confirmed,
            in_future=on > today,
        )

    return [shown(day) for day in days]


def _worked(row: Row, on: date, calendar: WorkdayCalendar, first_is: int) -> tuple[int | None, str]:
    """The day's number among the working days after period end, or why it is not worked."""
    try:
        worked = calendar.is_workday(on)
    except CalendarUncovered:
        worked = on.weekday() not in calendar.weekend
    if not worked:
        weekend = on.weekday() in calendar.weekend
        return None, "weekend" if weekend else calendar.days_off.get(on, "") or "day off"
    if row.span is None or on <= row.span.last:
        return None, ""
    return workdays_until(on, calendar, row.span.last) + first_is - 1, ""


def _late(row: Row, on: date, calendar: WorkdayCalendar, *, closes: bool, shut: bool) -> int | None:
    """Days late on a confirmed day; a close is late by the days up to it, and by none after a cut-off."""
    deadline, standing = row.deadline, row.standing
    if deadline is None or row.span is None or on < deadline.due_on:
        return None
    if not closes and (shut or on <= row.span.last):
        return None
    if on == deadline.due_on:
        # Late by no whole day, after a cut-off: only the standing shows on which side of it the period was.
        after = standing.first_close_level is Level.CLOSED_LATE and standing.first_closed_on == on
        return 0 if after or (standing.level is Level.LATE and not standing.days_late) else None
    days, _ = lateness(deadline, on, standing.unit, calendar)
    return days


def _maybe_closed_between(row: Row, closed: Sequence[ClosedSpan]) -> tuple[date, date] | None:
    """The first and last day on which a close of unknown date may lie; on the last it was seen closed."""
    if row.standing.closed_between is not None:
        return row.standing.closed_between
    if row.span is None or not closed or closed[0].began is not None:
        return None
    after = row.span.last + timedelta(days=1)
    if closed[0].ended is not None or row.seen_between is None:
        return after, closed[0].ended or after
    before, seen = row.seen_between
    if row.state is PeriodState.UNKNOWN:  # the change lost the state; the read before still confirmed it
        seen = before or seen
    return after, local_date(seen, zone_named(row.zone))


def days_to_show(rows: Iterable[Row], month_end: date, today: date) -> list[date]:
    """The days of a month's close: from period end to the last deadline, close or expected day and a few more.

    They reach today while an entity is not closed. The run of days is MAX_TIMELINE_DAYS at most; if it ends
    before today and an entity is not closed or not confirmed, today stands alone behind it.
    """
    rows = list(rows)
    ends = [row.span.last for row in rows if row.span is not None]
    first = max(min(ends, default=month_end), month_end - timedelta(days=14)) + timedelta(days=1)
    last = max((day for row in rows for day in _event_days(row)), default=first + timedelta(days=12))
    unclosed = any(row.standing.outstanding and not row.not_due for row in rows)
    unconfirmed = any(not row.fresh for row in rows)
    if unclosed or (unconfirmed and (today - last).days <= _WEEK):
        last = max(last, today)
    count = min((last - first).days + 1 + _AFTER, MAX_TIMELINE_DAYS)
    days = [first + timedelta(days=n) for n in range(max(count, 7))]
    return [*days, today] if days[-1] < today and (unclosed or unconfirmed) else days


def _event_days(row: Row) -> list[date]:
    standing = row.standing
    days = [
        row.deadline.due_on if row.deadline is not None else None,
        standing.first_closed_on,
        standing.last_closed_on,
        standing.closed_between[1] if standing.closed_between is not None else None,
        row.remarks.expected_on if not row.counts_as_closed else None,
    ]
    return [day for day in days if day is not None]
