"""Dates, working days and the instants at which local days begin."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, cached_property, lru_cache
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)

# English names of our own: strftime follows the locale of the process, and `%-d` is not portable.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

# No zone has set its clock back by more than three hours since 2000 (Antarctica/Casey did); one hour to
# spare.
_EVENING = 20


class CalendarUncovered(ValueError):
    """A work calendar was asked about a year that its holiday data does not cover (01-domain 1.4)."""


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A run of days, both ends included; raises ValueError when it ends before it begins."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a span cannot end on {self.last} before it begins on {self.first}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class WorkdayCalendar:
    """Which days are worked: weekend mask, named days off, extra working days.

    `covers` holds the years with known holidays; None means a blank calendar that counts weekdays only.
    An extra working day beats a holiday and a weekend.
    Raises ValueError when the weekend holds all seven days or a number that is no weekday.
    """

    name: str
    weekend: frozenset[int] = frozenset({5, 6})  # Monday is 0
    days_off: Mapping[date, str] = field(default_factory=dict)
    extra_working: frozenset[date] = frozenset()
    covered_years: frozenset[int] | None = None

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
        """Ordinals of the days unlike the weekend mask: weekdays off, and worked days of the weekend."""
        off = [
            day
            for day in self.days_off
            if day.weekday() not in self.weekend and day not in self.extra_working
        ]
        extra = [day for day in self.extra_working if day.weekday() in self.weekend]
        return sorted(map(date.toordinal, off)), sorted(map(date.toordinal, extra))


@cache
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name, parsed once per process.

    ZoneInfo's own cache keeps only eight zones alive; a group may well span more. Raises
    ZoneInfoNotFoundError (a KeyError) for an unknown name.
    """
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of a local date; of a date the zone skipped, the first instant after it.

    Strictly increasing in the date, except that a skipped date (Samoa, 30 December 2011) has no instants of
    its own and shares the first instant of its successor.
    """
    return instant_at(day, time.min, zone)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local date is over, which is the first one of the next date."""
    return start_of_day(day + ONE_DAY, zone)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local wall time as an instant (UTC).

    The earlier one when the time is ambiguous, the end of the gap when it does not exist.
    """
    wall = datetime.combine(day, at.replace(fold=0), tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # The wall time falls into a gap. Read with the offset before the gap it lies after the jump, read with
    # the offset after the gap it lies before the jump; the jump itself is the instant at which the offset
    # changes.
    before = wall.replace(fold=1, microsecond=0).astimezone(UTC)
    after = instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)
    new_offset = after.astimezone(zone).utcoffset()
    while (width := int((after - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=width // 2)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date in a zone at a moment; raises ValueError for a moment without a time zone.

    A date that has begun stays begun: where clocks are set back over midnight (Goose Bay, 00:01 to 23:01),
    the repeated hour belongs to the new date, so the date never falls and `local_date(m) >= d` means that `m
    >= start_of_day(d)`.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    local = moment.astimezone(zone)
    day = local.date()
    if local.hour >= _EVENING and moment >= start_of_day(day + ONE_DAY, zone):
        return day + ONE_DAY
    return day


def weekday_name(day: date) -> str:
    """The weekday of a day in three letters: "Mon"."""
    return _WEEKDAYS[day.weekday()]


def short_month(day: date) -> str:
    """The month of a day in three letters: "Jun"."""
    return _MONTHS[day.month - 1][:3]


def day_and_month(day: date) -> str:
    """A day in words: "8 June"."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def full_date(day: date) -> str:
    """A date in words: "8 June 2026"."""
    return f"{day_and_month(day)} {day.year}"


def weekday_and_day(day: date) -> str:
    """A day with its weekday: "Mon 8 June"."""
    return f"{weekday_name(day)} {day_and_month(day)}"


def weekday_and_date(day: date) -> str:
    """A date with its weekday: "Mon 8 June 2026"."""
    return f"{weekday_and_day(day)} {day.year}"


def month_and_year(day: date) -> str:
    """The month of a date in words: "May 2026"."""
    return f"{_MONTHS[day.month - 1]} {day.year}"
