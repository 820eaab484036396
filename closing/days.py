"""Dates, working days and the instants at which local days begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from zoneinfo import ZoneInfo


class CalendarUncovered(ValueError):
    """A work calendar was asked about a year that its holiday data does not cover (01-domain 1.4)."""


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A run of days, both ends included; raises ValueError when it ends before it begins."""

    first: date
    last: date


@dataclass(frozen=True)
class WorkCalendar:
    """Which days are worked: weekend mask, named days off, extra working days.

    `covers` holds the years with known holidays; None means a blank calendar that counts weekdays only.
    An extra working day beats a holiday and a weekend.
    """

    name: str
    weekend: frozenset[int] = frozenset({5, 6})  # Monday is 0
    days_off: Mapping[date, str] = field(default_factory=dict)
    extra_working: frozenset[date] = frozenset()
    covers: frozenset[int] | None = None

    def is_workday(self, day: date) -> bool: ...

    def nth_workday_after(self, day: date, n: int) -> date: ...

    def workdays_between(self, after: date, upto: date) -> int:
        """Working days d with after < d <= upto (0 when upto <= after)."""
        ...


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of a local date; of a date the zone skipped, the first instant after it."""
    ...


def end_of_day(day: date, zone: ZoneInfo) -> datetime: ...


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local wall time as an instant (UTC): the earlier one when ambiguous, the gap's end when it does not exist."""
    ...


def local_date(moment: datetime, zone: ZoneInfo) -> date: ...
