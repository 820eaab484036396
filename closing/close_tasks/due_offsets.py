"""When a close task is due: offsets from period end, on its entity's close calendar (08-blockers-and-tasks 9.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from closing.calendar.date_phrases import weekday_and_date, weekday_and_day
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.deadlines import (
    Deadline,
    WorkdayRule,
    days_passed_over,
    deadline_for,
    ordinal,
    time_in_zone,
)
from closing.calendar.instants import start_of_day, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar

GENERATED_WORKDAYS_AHEAD = 10  # before period end
MOST_DAYS = 366  # an offset beyond a year is a slip of the pen
PERIOD_END = "period end"


@dataclass(frozen=True, slots=True)
class DueOffset:
    """So many days from period end, in working days or calendar days, and a time of day (None: end of day).

    In working days +1 is the first after period end, 0 the last on or before it, -1 the last before it.
    Raises ValueError beyond 366 days and for a time with a zone.
    """

    days: int
    calendar_days: bool = False
    at: time | None = None

    def __post_init__(self) -> None:
        if abs(self.days) > MOST_DAYS:
            raise ValueError(f"a task is due at most {MOST_DAYS} days from period end, not {self.days}")
        if self.at is not None and self.at.tzinfo is not None:
            raise ValueError("the time of day of a task is that of its entity's zone and has none of its own")


def offset_label(offset: DueOffset, first_is: int = 1) -> str:
    """An offset for a table cell: "WD+3", "WD-2", "period end", "day 6"; with its time where it has one.

    `first_is` is the number, 1 or 0, of the first working day where the entity counts. Offsets up to period end have
    no other number in either counting.
    """
    if offset.calendar_days:
        label = f"day {offset.days}"
    elif offset.days == 0:
        label = PERIOD_END
    else:
        shown = offset.days - (1 - first_is) if offset.days > 0 else offset.days
        label = f"WD{shown:+d}"
    return label if offset.at is None else f"{label} {offset.at:%H:%M}"


def due_of(
    offset: DueOffset, period: DateSpan, calendar: WorkdayCalendar, zone: str, *, first_is: int = 1
) -> Deadline:
    """When a task of a period is due, always on a working day of the calendar, with the arithmetic in words.

    A calendar day that is not worked gives the working day before it.
    Raises CalendarUncovered if the count reaches a year that the calendar does not cover.
    """
    label, last = offset_label(offset, first_is), period.last
    if offset.calendar_days:
        due_on, how = _by_calendar_days(offset.days, last, calendar)
    elif offset.days > 0:
        rule = WorkdayRule(offset.days - (1 - first_is), first_is)
        counted = deadline_for(rule, period, calendar, zone, cut_off=offset.at)
        return Deadline(counted.due_on, zone, offset.at, label, counted.explanation)
    elif offset.days == 0:
        due_on = calendar.last_workday_upto(last)
        how = f"last working day on or before {weekday_and_date(last)}, {calendar.name} calendar"
    else:
        due_on = calendar.nth_workday_before(last, -offset.days)
        how = f"{ordinal(-offset.days)} working day before {weekday_and_date(last)}, {calendar.name} calendar"
    at = "" if offset.at is None else f", {time_in_zone(offset.at, zone)}"
    beside = "" if offset.calendar_days else days_passed_over(due_on, last - ONE_DAY, calendar)
    return Deadline(due_on, zone, offset.at, label, f"{how}: {weekday_and_date(due_on)}{at}{beside}")


def due_on_day(day: date, at: time | None, zone: str) -> Deadline:
    """A due date given by hand: for a task of a second round."""
    clock = "" if at is None else f", {time_in_zone(at, zone)}"
    return Deadline(day, zone, at, "agreed", f"agreed date: {weekday_and_date(day)}{clock}")


def generated_from(
    period: DateSpan, calendar: WorkdayCalendar, zone: str, adopted_at: datetime | None = None
) -> datetime:
    """The instant (UTC) from which the tasks of a period are generated.

    The begin of the 10th working day before period end, or the adoption of the entity where that is later.
    Raises CalendarUncovered.
    """
    day = calendar.nth_workday_before(period.last, GENERATED_WORKDAYS_AHEAD)
    moment = start_of_day(day, zone_named(zone))
    return moment if adopted_at is None else max(moment, adopted_at)


def owner_holiday(due: Deadline, calendar: WorkdayCalendar) -> str:
    """The warning that a due date is a day off of its owner; "" where the owner works."""
    day = weekday_and_day(due.due_on)
    try:
        if calendar.is_workday(due.due_on):
            return ""
    except CalendarUncovered as error:
        return f"{day} may be a day off of the owner: {error}"
    feast = calendar.days_off.get(due.due_on, "")
    why = f"{feast}, " if feast else ""
    return f"{day} is {why}a day off in the {calendar.name} calendar of the owner"


def _by_calendar_days(days: int, last: date, calendar: WorkdayCalendar) -> tuple[date, str]:
    day = last + timedelta(days=days)
    due_on = calendar.last_workday_upto(day)
    count, side = abs(days), "after" if days >= 0 else "before"
    how = f"{count} calendar {'day' if count == 1 else 'days'} {side} {weekday_and_date(last)}"
    moved = f", {weekday_and_day(day)} is a day off in the {calendar.name} calendar" if due_on != day else ""
    return due_on, how + moved
