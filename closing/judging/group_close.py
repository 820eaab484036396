"""The last entity of a group to close a month, and how many working days the close took."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from closing.calendar.months import month_end
from closing.calendar.workdays import WorkdayCalendar, workdays_or_weekdays
from closing.scoreboard.row import Row


def last_to_close(rows: Sequence[Row]) -> Row | None:
    """The row that was seen to close last, the first by name of several on one day.

    None if no day is known, or if a row whose day is not known may have closed later.
    """
    dated = [(row.standing.last_closed_on, row) for row in rows if row.standing.last_closed_on is not None]
    if not dated:
        return None
    on, last = min(dated, key=lambda pair: (-pair[0].toordinal(), pair[1].name.casefold()))
    seen = last_close_seen_on(rows)
    return last if seen is None or seen <= on else None


def last_close_seen_on(rows: Sequence[Row]) -> date | None:
    """The day on which the last close was seen, where a day or the days it lies between are known."""
    return max(filter(None, map(_close_seen_on, rows)), default=None)


def _close_seen_on(row: Row) -> date | None:
    standing = row.standing
    if standing.last_closed_on is None and standing.closed_between is not None:
        return standing.closed_between[1]
    return standing.last_closed_on


def closed_before_month_end(month: date, closed_on: date) -> bool:
    return closed_on <= month_end(month)


def working_days_to_close(month: date, closed_on: date, calendar: WorkdayCalendar | None) -> int:
    """Working days after the end of the month up to and including the day of the last close.

    0 for a close before the first of them, which may be after the month ended. Counts weekdays if the calendar does
    not cover these days.
    """
    return workdays_or_weekdays(calendar, month_end(month), closed_on)
