"""Forecasts a month of any entities as known at a moment; all entities of the installation learn together."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import QuerySet

from closing.calendar.months import next_month, previous_month
from closing.forecast.close_patterns import ClosePatterns, learn_patterns
from closing.forecast.month_forecast import ForecastInputs, MonthForecast, forecast_month
from closing.forecast.past_closes import month_kind
from closing.trends.rate_course import months_upto
from entities.calendars import work_calendars
from entities.models import LegalEntity
from insight.past_months import MONTHS, read_past_months
from periods.snapshot.builder import Visible, take_snapshot


def patterns_before(month: date, as_of: datetime) -> ClosePatterns:
    """What the closes of all entities before a month teach, as known at a moment."""
    newest = previous_month(month)
    months = months_upto(newest, MONTHS)
    past = read_past_months(LegalEntity.objects.all(), newest, as_of)
    return learn_patterns({entity.code: entity.history(months) for entity in past.values()})


def forecast_of(
    entities: QuerySet[LegalEntity], month: date, as_of: datetime, *, visible: Visible = frozenset
) -> MonthForecast:
    """The forecast of a reporting month of these entities, as it would have been made at `as_of`."""
    board = take_snapshot(entities, month, as_of, visible=visible)
    shown = list(entities.values_list("pk", "year_end_month", "calendar_id"))
    years = range(previous_month(month).year, next_month(month).year + 2)
    calendars = work_calendars({calendar for *_, calendar in shown}, years)
    inputs = {
        pk: ForecastInputs(calendars[calendar], month_kind(month, year_end))
        for pk, year_end, calendar in shown
    }
    return forecast_month(board.rows, inputs, patterns_before(month, as_of), as_of)
