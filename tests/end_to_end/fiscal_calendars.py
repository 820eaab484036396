"""Reads of fiscal calendars of any shape, as Finance & Operations lists them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import pairwise

from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.months import month_end, next_month
from closing.facts.base import NativePeriodFacts
from closing.facts.readings import PeriodReading, PeriodType, ReadResult
from entities.models import Connection
from tests.builders import CLOSED, OPEN
from tests.periods.recorded_reads import begin, record

Facts = Callable[[DateSpan], NativePeriodFacts]


def spans_ending(ends: Sequence[date]) -> list[DateSpan]:
    """Periods in a row with these last days; the first day given only begins the first of them."""
    return [DateSpan(before + ONE_DAY, last) for before, last in pairwise(ends)]


def months_ending_on(day: int, first: date, count: int) -> list[DateSpan]:
    """Periods in a row that end on a day of each month (the last of a shorter one), beginning after this month's."""
    ends: list[date] = []
    while len(ends) <= count:
        ends.append(first.replace(day=min(day, month_end(first).day)))
        first = next_month(first)
    return spans_ending(ends)


def closed_before(day: date) -> Facts:
    """Closed for periods that end before a day, and open from there on."""
    return lambda span: CLOSED if span.last < day else OPEN


def calendars_read(calendars: Mapping[str, tuple[Sequence[DateSpan], Facts]]) -> ReadResult:
    """One read in which each company's calendar has these periods; a fiscal year is that of the last day."""
    return ReadResult(
        tuple(
            PeriodReading(
                erp_id=code.lower(),
                erp_key=f"{code}|{span.last.year}|Period {span.first}",
                calendar=code,
                year=str(span.last.year),
                name=f"Period {span.first:%d %b}",
                span=span,
                type=PeriodType.OPERATING,
                facts=facts(span),
            )
            for code, (spans, facts) in calendars.items()
            for span in spans
        )
    )


QUARTERS = spans_ending(
    [date(2024, 12, 31)]
    + [
        date(year, month, day)
        for year in (2025, 2026)
        for month, day in ((3, 31), (6, 30), (9, 30), (12, 31))
    ]
)
YEARS = spans_ending([date(2023, 12, 31), date(2024, 12, 31), date(2025, 12, 31), date(2026, 12, 31)])
CALENDAR_MONTHS = months_ending_on(31, date(2024, 12, 1), 24)


def read_quarters(source: Connection, at: str, day: date) -> None:
    """UK HoldCo closes by quarter, UK Retail Ltd by year, the others by month."""
    closed = closed_before(day)
    calendars = {"UKHC": (QUARTERS, closed), "UKRT": (YEARS, closed)}
    calendars |= dict.fromkeys(("USRT", "NLDT"), (CALENDAR_MONTHS, closed))
    record(begin(source, at), calendars_read(calendars))
