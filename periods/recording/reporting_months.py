"""Gives the periods of a read their reporting months, and again those that were stored by another rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from django.db import connection as database

from closing.calendar.days import DateSpan
from closing.calendar.months import month_ended, months_of_periods
from closing.facts.readings import PeriodReading, PeriodType
from periods.models import FiscalPeriod

_Years = defaultdict[str, set[DateSpan]]  # by fiscal year


def months_of_readings(readings: Sequence[PeriodReading]) -> Mapping[str, Mapping[DateSpan, date]]:
    """The reporting months by calendar and days; a company whose periods name no calendar has one of its own."""
    years: dict[str, _Years] = defaultdict(lambda: defaultdict(set))
    others: dict[str, set[DateSpan]] = defaultdict(set)
    seen: set[tuple[str, int, int]] = set()
    for reading in readings:  # 120,000 for a big group, which share the spans of their calendar
        calendar, span = reading.calendar or reading.erp_id, reading.span
        key = (calendar, id(span), id(reading.type))
        if key in seen:
            continue
        seen.add(key)
        if reading.type is PeriodType.OPERATING:
            years[calendar][reading.year].add(span)
        else:
            others[calendar].add(span)
    return {
        calendar: {span: month_ended(span.last) for span in others[calendar]}
        | months_of_periods(years[calendar].values())
        for calendar in {*years, *others}
    }


def remap_earlier_periods(entity_ids: Sequence[int], before: date) -> None:
    """Give the periods that ended before a day, and so were not read, their reporting months again.

    For entities of which a period that was read is in another month than before: a new version, or another calendar.
    No state changes, and nothing is told of it.
    """
    if not entity_ids:
        return
    years: dict[int, dict[tuple[str, str], set[DateSpan]]] = defaultdict(lambda: defaultdict(set))
    stored: list[tuple[int, int, DateSpan, date]] = []
    periods = FiscalPeriod.objects.filter(entity__in=entity_ids, type=PeriodType.OPERATING.value)
    listed = periods.exclude(state="unknown", facts=None).order_by("pk")
    for pk, entity, calendar, year, first, last, month, by_hand in listed.values_list(
        "pk", "entity", "calendar", "year", "first_day", "last_day", "reporting_month", "month_set_by_hand"
    ):
        span = DateSpan(first, last)
        years[entity][calendar, year].add(span)
        if last < before and not by_hand:
            stored.append((pk, entity, span, month))
    months = {entity: months_of_periods(own.values()) for entity, own in years.items()}
    changed = {
        pk: months[entity][span] for pk, entity, span, month in stored if months[entity][span] != month
    }
    if not changed:
        return
    with database.cursor() as cursor:
        cursor.execute(
            """
            UPDATE periods_fiscalperiod SET reporting_month = moved.month
            FROM unnest(%s::bigint[], %s::date[]) AS moved(id, month) WHERE periods_fiscalperiod.id = moved.id
            """,
            [list(changed), list(changed.values())],
        )
