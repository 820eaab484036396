"""Makes the periods of fiscal calendars: months, or weeks such as 4-4-5."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from simulator.world.story import Period, PeriodStart
from simulator.world.times import first_day, last_day, month_of, shifted


def calendar(name: str, spec: Mapping[str, Any], start: datetime) -> tuple[Period, ...]:
    """The periods of a calendar: whole years of months or of `weeks` (such as 4-4-5), or plain `months` in a row."""
    if "months" in spec:
        newest = month_of(str(spec.get("newest", "latest + 1")), start)
        months = [shifted(newest, -back) for back in reversed(range(int(spec["months"])))]
        return tuple(
            _operating(name, str(month[0]), first_day(month), last_day(month), month[1]) for month in months
        )
    begin = int(spec.get("from", start.year - int(spec.get("years_back", 2))))
    end = int(spec.get("to", start.year + int(spec.get("years_ahead", 1))))
    periods: list[Period] = []
    for year in range(begin, end + 1):
        spans = (
            _weeks(year, str(spec["weeks"]))
            if "weeks" in spec
            else _months(year, int(spec.get("first_month", 1)))
        )
        operating = [_operating(name, str(year), *days, number) for number, days in enumerate(spans, start=1)]
        if not spec.get("special_periods", True):
            periods += operating
            continue
        first, last = operating[0], operating[-1]
        periods.append(Period(name, str(year), "Period 0", first.first, first.first, "Opening", 0))
        periods += operating
        # A closing period shares the dates of the last operating one (03-erp-contracts fact 6).
        closing = f"Period {len(operating) + 1}"
        periods.append(Period(name, str(year), closing, last.first, last.last, "Closing", len(operating) + 1))
    return tuple(periods)


def _operating(name: str, year: str, first: date, last: date, number: int) -> Period:
    return Period(name, year, f"Period {number}", first, last, "Operating", number)


def _months(year: int, first_month: int) -> list[tuple[date, date]]:
    # A fiscal year is named after the calendar year it ends in.
    begin = (year, 1) if first_month == 1 else (year - 1, first_month)
    return [(first_day(shifted(begin, number)), last_day(shifted(begin, number))) for number in range(12)]


def _weeks(year: int, pattern: str) -> list[tuple[date, date]]:
    weeks = [int(part) for part in pattern.split("-")] * 4
    begin, after = _new_year_monday(year), _new_year_monday(year + 1)
    spans = []
    for number, count in enumerate(weeks, start=1):
        next_begin = after if number == len(weeks) else begin + timedelta(weeks=count)
        spans.append((begin, next_begin - timedelta(days=1)))
        begin = next_begin
    return spans


def week_starts(begin: int, end: int, pattern: str) -> tuple[PeriodStart, ...]:
    """The starts of accounting periods of whole weeks, and the lone first one of the year after."""
    starts = [
        PeriodStart(first, year, number == 0)
        for year in range(begin, end + 1)
        for number, (first, _) in enumerate(_weeks(year, pattern))
    ]
    return (*starts, PeriodStart(_new_year_monday(end + 1), end + 1, begins_year=True))


def _new_year_monday(year: int) -> date:
    new_year = date(year, 1, 1)
    return new_year + timedelta(days=(-new_year.weekday() + 3) % 7 - 3)  # the Monday nearest to 1 January
