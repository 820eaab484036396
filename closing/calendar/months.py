"""Reporting months: which month a period belongs to, and the arithmetic of months (01-domain 1.1 and 1.3).

A month is written as the date of its first day.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


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
