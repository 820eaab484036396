"""How often unfinished work is read (08-blockers-and-tasks 11)."""

from __future__ import annotations

from datetime import date, timedelta

from closing.calendar.days import ONE_DAY

CLOSING_INTERVAL = timedelta(minutes=30)  # from shortly before period end until the entity is closed
QUIET_INTERVAL = timedelta(hours=12)
WEEKDAYS_AHEAD = 5


def work_interval(last_day: date, *, closed: bool, today: date) -> timedelta:
    """The time between two reads of a period's work: short from five weekdays before its end until it is closed.

    A fact that is not confirmed for two of them is too old.
    """
    return QUIET_INTERVAL if closed or today < _weekdays_before(last_day) else CLOSING_INTERVAL


def _weekdays_before(day: date) -> date:
    left = WEEKDAYS_AHEAD
    while left:
        day -= ONE_DAY
        left -= day.weekday() < 5
    return day
