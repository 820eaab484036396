"""A forecast as JSON and as lines of text, as the API will serve it and a terminal shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from closing.calendar.date_phrases import weekday_and_day
from closing.forecast.chance_phrases import in_ten
from closing.forecast.close_forecast import CloseForecast, TooFewCloses
from closing.forecast.month_forecast import EntityForecast, MonthForecast


def forecast_json(forecast: MonthForecast, month: date, as_of: datetime) -> dict[str, Any]:
    """A month's forecast; days are numbers of working days, the first after the period's end is 1."""
    return {
        "month": f"{month:%Y-%m}",
        "as_of": as_of.isoformat(),
        "closed": forecast.closed,
        "of": forecast.of,
        "group": _group_json(forecast),
        "entities": [_entity_json(one) for one in forecast.entities],
    }


def _group_json(forecast: MonthForecast) -> dict[str, Any]:
    return {
        "closed_by": _dates_json(forecast),
        "on_time": round(forecast.on_time, 4),
        "of_entities": len(forecast.entities) - len(forecast.without),
        "without_forecast": [one.row.code for one in forecast.without],
        "not_known_to_be_open": [one.row.code for one in forecast.unsure],
        "would_help": [
            {"entity": step.key, "chance": round(step.chance, 4), "on_time": round(step.group, 4)}
            for step in forecast.steps
        ],
    }


def _dates_json(forecast: MonthForecast) -> dict[str, Any] | None:
    group = forecast.group
    if not group.dates:
        return None
    summary = group.summary
    return {
        "first": group.dates[summary.first].isoformat(),
        "last": group.dates[summary.last].isoformat(),
        "holds": round(summary.holds, 4),
        "likely": group.dates[summary.likely].isoformat(),
        "nine_in_ten_by": group.dates[summary.nine_in_ten_by].isoformat(),
    }


def _entity_json(one: EntityForecast) -> dict[str, Any]:
    found: dict[str, Any] = {"entity": one.row.code, "month_kind": one.kind.value, "fresh": one.row.fresh}
    if isinstance(one.forecast, TooFewCloses):
        return found | {"needs_closes": one.forecast.own, "needs_errors_of_group": one.forecast.group}
    summary = one.forecast.summary
    days = {
        "first": summary.first,
        "last": summary.last,
        "likely": summary.likely,
        "nine_in_ten_by": summary.nine_in_ten_by,
    }
    return found | {
        "closes": one.forecast.closes,
        "thin": one.forecast.thin,
        "days": days,
        "dates": {name: one.day(day).isoformat() for name, day in days.items()},
        "holds": round(summary.holds, 4),
        "on_time": None if one.on_time is None else round(one.on_time, 4),
        "moved_around_day": None if one.moved is None else round(one.moved.usual_before, 1),
        "stated": one.stated.isoformat() if one.stated is not None else None,
        "stated_early": one.stated_early,
    }


def forecast_lines(forecast: MonthForecast) -> Iterator[str]:
    """A month's forecast for a terminal, the likely last entity last."""
    yield f"{forecast.closed} of {forecast.of} closed."
    dates = forecast.group.dates
    if dates:
        summary = forecast.group.summary
        yield (
            f"Group likely closed {weekday_and_day(dates[summary.likely])}, "
            f"between {weekday_and_day(dates[summary.first])} and {weekday_and_day(dates[summary.last])} "
            f"({in_ten(summary.holds)}). On time: {in_ten(forecast.on_time)}."
        )
    for one in sorted(forecast.entities, key=_likely):
        yield f"  {one.row.name}: {_entity_line(one)}"
    for step in forecast.steps:
        yield f"With {step.key} on time: {in_ten(step.group)}."


def _likely(one: EntityForecast) -> tuple[date, str]:
    if isinstance(one.forecast, CloseForecast):
        return one.day(one.forecast.summary.likely), one.row.code
    return date.max, one.row.code


def _entity_line(one: EntityForecast) -> str:
    if isinstance(one.forecast, TooFewCloses):
        return needs_phrase(one.forecast)
    summary = one.forecast.summary
    first, last = one.day(summary.first), one.day(summary.last)
    days = weekday_and_day(first) if first == last else f"{weekday_and_day(first)} to {weekday_and_day(last)}"
    on_time = "" if one.on_time is None else f", on time {in_ten(one.on_time)}"
    return f"{days} ({in_ten(summary.holds)}){on_time}{', thin' if one.forecast.thin else ''}"


def needs_phrase(lacks: TooFewCloses) -> str:
    """ "not enough history, needs 1 more close"."""
    if lacks.own:
        return f"not enough history, needs {lacks.own} more close{'' if lacks.own == 1 else 's'}"
    return f"not enough history of the group, needs {lacks.group} more closes"
