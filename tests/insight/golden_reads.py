"""The twelve entities of the golden tables of forecasts, read from an ERP for two years (09-insight 9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, next_month
from closing.facts.base import NativePeriodFacts
from entities.calendars import work_calendars
from periods.models import PolicyVersion
from tests.builders import CLOSED, OPEN, utc
from tests.closing.forecast.golden_group import DUE, GOLDEN_GROUP
from tests.db_builders import SampleGroup, save_sample_group
from tests.sample_entities import SampleEntity

FIRST_MONTH, FORECAST_MONTH = date(2024, 1, 1), date(2026, 1, 1)
BEFORE_MONTH_END = utc("2026-01-29 12:00")
_NAMES = {"UKHC": "UK HoldCo", "UKRT": "UK Retail Ltd", "USRT": "US Retail Inc", "EUDTC": "EU DTC BV"}


def _entity(code: str) -> SampleEntity:
    name = _NAMES.get(code, code.title())
    return SampleEntity(code, name, "GB", "Europe/London", "MERIDIAN", "Rosa Bell", "", "", "")


def save_golden_reads() -> datetime:
    """Save the group and its history; returns a moment before the end of the month that follows."""
    group = save_sample_group(
        [_entity(code) for code in GOLDEN_GROUP], first_is=1, own_n={**dict.fromkeys(GOLDEN_GROUP, 7), **DUE}
    )
    PolicyVersion.objects.update(set_at=utc("2023-12-01 09:00"))
    calendar_id = next(iter(group.entities.values())).calendar_id
    calendar = work_calendars({calendar_id}, range(2023, 2028))[calendar_id]
    month = FIRST_MONTH
    for index in range(24):
        span = DateSpan(month, month_end(month))
        days = {code: history[index] for code, history in GOLDEN_GROUP.items()}
        states: dict[str, NativePeriodFacts] = {
            code: OPEN for code, close in days.items() if close is not None
        }
        _read(group, span.last, states, span)
        for number in sorted({close.day for close in days.values() if close is not None}):
            states |= {
                code: CLOSED for code, close in days.items() if close is not None and close.day == number
            }
            _read(group, calendar.nth_workday_after(span.last, number), states, span)
        month = next_month(month)
    _read(
        group, BEFORE_MONTH_END.date(), dict.fromkeys(GOLDEN_GROUP, OPEN), DateSpan(month, month_end(month))
    )
    return BEFORE_MONTH_END


def _read(group: SampleGroup, day: date, states: Mapping[str, NativePeriodFacts], span: DateSpan) -> None:
    group.read(datetime.combine(day, time(11, 55), UTC), states, span=span)
