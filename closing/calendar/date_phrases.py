"""Dates and months in words."""

from __future__ import annotations

from datetime import date

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


def weekday_name(day: date) -> str:
    """The weekday of a day in three letters: "Mon"."""
    return _WEEKDAYS[day.weekday()]


def short_month(day: date) -> str:
    """The month of a day in three letters: "Jun"."""
    return _MONTHS[day.month - 1][:3]


def month_name(day: date) -> str:
    """The month of a day in words: "June"."""
    return _MONTHS[day.month - 1]


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
