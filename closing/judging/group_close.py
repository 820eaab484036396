"""When a whole group has closed a month, and how long that took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from closing.calendar.months import month_end
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.scoreboard.row import Row


def last_to_close(rows: Sequence[Row]) -> Row | None:
    """The row that was seen to close last, the first by name of several on one day; None where no day is known."""
    known = [(row.standing.last_closed_on, row) for row in rows if row.standing.last_closed_on is not None]
    return min(known, key=lambda each: (-each[0].toordinal(), each[1].name.casefold()))[1] if known else None


def working_days_to_close(month: date, closed_on: date, calendar: WorkdayCalendar | None) -> int:
    """Working days after the end of the month up to the day of the last close, that one included.

    0 for a close before the month ended. Weekdays are counted where the calendar does not cover these days.
    """
    end = month_end(month)
    weekdays = WorkdayCalendar("weekdays")
    try:
        return (calendar or weekdays).workdays_between(end, closed_on)
    except CalendarUncovered:
        return weekdays.workdays_between(end, closed_on)
