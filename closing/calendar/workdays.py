"""Work calendars: weekends, days off, extra working days, and the years that they cover."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from closing.calendar.days import ONE_DAY


class CalendarUncovered(ValueError):
    """A work calendar has no holiday data for a year that is needed (01-domain 1.4)."""


@dataclass(frozen=True)
class WorkdayCalendar:
    """Which days are worked: weekend mask, named days off, extra working days.

    `covered_years` holds the years with known holidays; None means a blank calendar that counts weekdays only.
    `categories` names the holidays chosen as days off, where the choice is not the default. Days off with an
    estimated date, and years whose days in lieu the country has not announced, may still change.
    An extra working day beats a holiday and a weekend.
    Raises ValueError when the weekend holds all seven days or a number that is no weekday.
    """

    name: str
    weekend: frozenset[int] = frozenset({5, 6})  # Monday is 0
    days_off: Mapping[date, str] = field(default_factory=dict)
    extra_working: frozenset[date] = frozenset()
    covered_years: frozenset[int] | None = None
    categories: tuple[str, ...] = ()
    estimated_days: frozenset[date] = frozenset()
    unannounced_years: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.weekend < frozenset(range(7)):
            raise ValueError(
                f"the weekend of calendar {self.name} must be some of the days 0 (Monday) to 6, not all"
            )

    def is_workday(self, day: date) -> bool:
        """Whether the day is worked; raises CalendarUncovered for a year without holiday data."""
        if day in self.extra_working:
            return True
        self._require(day.year)
        return day.weekday() not in self.weekend and day not in self.days_off

    def nth_workday_after(self, day: date, n: int) -> date:
        """The nth working day after a day, where n = 1 is the next one.

        Raises ValueError when n is below 1 and CalendarUncovered when the count reaches a year without data.
        """
        if n < 1:
            raise ValueError(f"there is no working day number {n} after a day; the next one is number 1")
        while n:
            day += ONE_DAY
            n -= self.is_workday(day)
        return day

    def nth_workday_before(self, day: date, n: int) -> date:
        """The nth working day before a day, where n = 1 is the last one before it.

        Raises ValueError when n is below 1 and CalendarUncovered when the count reaches a year without data.
        """
        if n < 1:
            raise ValueError(f"there is no working day number {n} before a day; the last one is number 1")
        while n:
            day -= ONE_DAY
            n -= self.is_workday(day)
        return day

    def last_workday_upto(self, day: date) -> date:
        """The day itself if it is worked, else the last working day before it; raises CalendarUncovered."""
        return day if self.is_workday(day) else self.nth_workday_before(day, 1)

    def workdays_between(self, after: date, upto: date) -> int:
        """Working days d with after < d <= upto (0 when upto <= after).

        Raises CalendarUncovered when one of these days lies in a year without holiday data.
        """
        if upto <= after:
            return 0
        for year in range((after + ONE_DAY).year, upto.year + 1):
            self._require(year)
        low, high = after.toordinal(), upto.toordinal()
        weeks, rest = divmod(high - low, 7)
        count = weeks * (7 - len(self.weekend))
        # Ordinal 1 is a Monday, so a day's weekday is (ordinal - 1) % 7.
        count += sum(day % 7 not in self.weekend for day in range(high - rest, high))
        off, extra = self._exceptions
        count -= bisect_right(off, high) - bisect_right(off, low)
        return count + bisect_right(extra, high) - bisect_right(extra, low)

    def _require(self, year: int) -> None:
        if self.covered_years is not None and year not in self.covered_years:
            raise CalendarUncovered(f"the {self.name} calendar has no holidays for {year}")

    @cached_property
    def _exceptions(self) -> tuple[list[int], list[int]]:
        """Ordinals of the exceptions to the weekend mask: weekdays off, and worked days of the weekend."""
        off = [
            day
            for day in self.days_off
            if day.weekday() not in self.weekend and day not in self.extra_working
        ]
        extra = [day for day in self.extra_working if day.weekday() in self.weekend]
        return sorted(map(date.toordinal, off)), sorted(map(date.toordinal, extra))


WEEKDAYS = WorkdayCalendar("weekdays")


def workdays_or_weekdays(calendar: WorkdayCalendar | None, after: date, upto: date) -> int:
    """Working days as `workdays_between`; weekdays without a calendar, or if it does not cover these days."""
    try:
        return (calendar or WEEKDAYS).workdays_between(after, upto)
    except CalendarUncovered:
        return WEEKDAYS.workdays_between(after, upto)
