"""Reporting months: which month a period belongs to, and the arithmetic of months (01-domain 1.1 and 1.3).

A month is written as the date of its first day.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from operator import attrgetter

from closing.calendar.days import ONE_DAY, DateSpan

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
_HALF_MONTH = 15  # days; the same for each month, so that ends on the 15th fall the same way all year
_YEAR = 12  # periods


def month_of(day: date) -> date:
    """The month a day lies in."""
    return day.replace(day=1)


def month_end(month: date) -> date:
    """The last day of the month."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def previous_month(month: date) -> date:
    """The month before."""
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def next_month(month: date) -> date:
    """The month after."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def reporting_month(last_day: date) -> date:
    """The month whose end is nearest to a period's last day, so that 4-4-5 and 13-period calendars fit.

    Equally near to two month ends (15 April): the earlier month. An administrator may set another month.
    """
    this, before = month_of(last_day), previous_month(last_day)
    return this if month_end(this) - last_day < last_day - month_end(before) else before


def month_ended(last_day: date) -> date:
    """The month that a period with this last day ends: the month before, up to the 15th of a month.

    It differs from `reporting_month` on 15 February alone, which lies nearer to the end of its own month.
    """
    return month_of(last_day - timedelta(days=_HALF_MONTH))


def month_begun(first_day: date) -> date:
    """The month after the one that a period ends which ends the day before."""
    return next_month(month_ended(first_day - ONE_DAY))


def months_of_periods(years: Iterable[Collection[DateSpan]]) -> dict[DateSpan, date]:
    """The reporting month of each period of a fiscal calendar; `years` has the operating periods of each fiscal year.

    The periods of years with twelve of about a month each, and of short years beside them, take the months one by
    one, however their ends lie. Any other period, one of thirteen, a quarter or a year, has the month that it ends.
    """
    months: dict[DateSpan, date] = {}
    run: list[DateSpan] = []
    in_order = [sorted(set(year), key=attrgetter("first", "last")) for year in years if year]
    twelve = any(map(_is_twelve_months, in_order)) and all(len(year) <= _YEAR for year in in_order)
    for year in sorted(in_order, key=lambda year: year[0].first):
        if not _is_twelve_months(year) and not _is_part_of_twelve(year, beside_twelve=twelve):
            months |= {span: month_ended(span.last) for span in year}
            continue
        if run and year[0].first != run[-1].last + ONE_DAY:
            months |= _one_by_one(run)
            run = []
        run += year
    return months | _one_by_one(run)


def _is_twelve_months(year: Sequence[DateSpan]) -> bool:
    """Whether a year has twelve periods of about a month each; twelve of thirteen are shorter than a year."""
    return len(year) == _YEAR and _follow_by_month(year) and 350 <= _days(year) <= 380


def _is_part_of_twelve(year: Sequence[DateSpan], *, beside_twelve: bool) -> bool:
    """Whether some periods of a year, since a read ends within it, or a short year, follow each other month by month.

    Four or six weeks are about a month as well: they may be part of thirteen, or of nine, unless the other years of
    the calendar have twelve.
    """
    count = len(year)
    near = beside_twelve or 29 * count <= _days(year) <= 33 * count
    return count < _YEAR and _follow_by_month(year) and near


def _follow_by_month(year: Sequence[DateSpan]) -> bool:
    lengths = [(span.last - span.first).days + 1 for span in year]
    follow = all(after.first == before.last + ONE_DAY for before, after in pairwise(year))
    return follow and all(20 <= length <= 45 for length in lengths)


def _days(year: Sequence[DateSpan]) -> int:
    return sum((span.last - span.first).days + 1 for span in year)


def _one_by_one(run: Sequence[DateSpan]) -> dict[DateSpan, date]:
    """Months in a row for periods in a row: those that they end, or the earliest whose ends are near on the whole."""
    months = [month_ended(span.last) for span in run]
    if all(after == next_month(before) for before, after in pairwise(months)):
        return dict(zip(run, months, strict=True))
    first = months[0]
    while _days_behind(run, previous_month(first)) <= _HALF_MONTH * len(run):
        first = previous_month(first)
    while _days_behind(run, first) > _HALF_MONTH * len(run):
        first = next_month(first)
    return dict(zip(run, months_from(first, len(run)), strict=True))


def _days_behind(run: Sequence[DateSpan], first: date) -> int:
    """By how many days in all these periods end after the ends of the months in a row from `first` on."""
    return sum(
        (span.last - month_end(month)).days
        for span, month in zip(run, months_from(first, len(run)), strict=True)
    )


def months_from(first: date, count: int) -> list[date]:
    """So many months in a row."""
    months = [first]
    while len(months) < count:
        months.append(next_month(months[-1]))
    return months


def parse_month(text: str) -> date:
    """The month of a text such as "2026-05"; raises ValueError for anything else."""
    if not _MONTH.fullmatch(text):
        raise ValueError(f'a month is written like "2026-05", not "{text}"')
    return date.fromisoformat(f"{text}-01")


def active_month(today: date) -> date:
    """The latest month that has ended: the reporting month that a board shows by default."""
    return previous_month(today)


def is_year_end(month: date, year_end_month: int) -> bool:
    """Whether the fiscal year that ends in `year_end_month` (1 to 12) ends with this month."""
    return month.month == year_end_month


def is_quarter_end(month: date, year_end_month: int) -> bool:
    """Whether a quarter ends with this month; the year end is a quarter end as well."""
    return (month.month - year_end_month) % 3 == 0
