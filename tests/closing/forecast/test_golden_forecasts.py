"""The golden tables of forecasts, to their tolerances (09-insight 9.5)."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from closing.calendar.workdays import WEEKDAYS
from closing.forecast.close_forecast import (
    CloseForecast,
    ForecastSummary,
    TooFewCloses,
    dots,
    forecast_close,
)
from closing.forecast.close_patterns import learn_patterns
from closing.forecast.group_chances import GroupMember, group_forecast, steps_ahead, steps_behind
from closing.forecast.past_closes import MonthKind, PastClose
from tests.closing.forecast.golden_group import DUE, GOLDEN_GROUP

PATTERNS = learn_patterns(GOLDEN_GROUP)
LAST_OF_MAY = date(2026, 5, 31)


def forecast_of(key: str, kind: MonthKind = MonthKind.ORDINARY, open_after: int = 0) -> CloseForecast:
    forecast = forecast_close(PATTERNS, key, kind, open_after=open_after)
    assert isinstance(forecast, CloseForecast)
    return forecast


def near(figure: float) -> Any:
    """A figure to the tolerance of the tables, and a rounding of their four digits."""
    return pytest.approx(figure, abs=0.00055)


@pytest.mark.parametrize(
    ("kind", "kept", "shock"),
    [
        (MonthKind.ORDINARY, 139, 8),
        (MonthKind.QUARTER_END, 49, 4),
        (MonthKind.YEAR_END, 20, 4),
    ],
)
def test_the_group_keeps_errors_and_shocks_by_kind(kind: MonthKind, kept: int, shock: int) -> None:
    errors = PATTERNS.errors[kind]
    assert errors.tenths.total() == kept
    assert errors.shocks == Counter([shock])


@pytest.mark.parametrize(
    ("keys", "closes", "usual", "spread", "quarter", "year", "share"),
    [
        ("UKHC", 24, 5.1154, 0.3500, 1.0000, 1.9167, 0.3531),
        ("UKRT", 24, 6.2979, 0.4502, 0.9500, 2.2083, 0.3531),
        ("USRT", 24, 5.7278, 0.5430, 1.0500, 1.7917, 0.1570),
        ("EUDTC", 24, 9.1236, 1.1037, 2.6500, 2.9167, 0.3531),
        ("NEWCO", 4, 6.2051, 0.4273, 0.9000, 1.8000, 0.1056),
        ("BABY", 2, 6.0371, 0.3500, 1.0000, 1.9000, 0.0400),
        ("PLAIN1 PLAIN4", 24, 5.2058, 0.3500, 1.6000, 1.9167, 0.3531),
        ("PLAIN2 PLAIN5", 24, 5.9069, 0.3500, 1.0000, 1.5833, 0.3531),
        ("PLAIN3 PLAIN6", 24, 7.1695, 0.4668, 0.7000, 1.4167, 0.3531),
    ],
)
def test_each_entity_has_its_pattern(
    keys: str, closes: int, usual: float, spread: float, quarter: float, year: float, share: float
) -> None:
    for key in keys.split():
        pattern = PATTERNS.entities[key]
        assert pattern.closes == closes
        assert pattern.usual == near(usual)
        assert pattern.spread == near(spread)
        assert pattern.lags[MonthKind.QUARTER_END] == near(quarter)
        assert pattern.lags[MonthKind.YEAR_END] == near(year)
        assert pattern.own_weight / (pattern.own_weight + 24) == near(share)


_FORECASTS = """
ordinary      0 UKHC    5  5 0.8810  5  6 0.9917
ordinary      0 UKRT    6  7 0.9650  6  7 0.7771
ordinary      0 USRT    5  6 0.8663  6  7 0.8830
ordinary      0 EUDTC   8 11 0.8941  9 11 0.0154
ordinary      0 NEWCO   6  7 0.9659  6  7 0.8242
ordinary      0 PLAIN1  5  5 0.8810  5  6 0.9917
ordinary      6 USRT    7  7 0.8827  7  9 0.0000
ordinary      6 EUDTC   8 11 0.9049  9 11 0.0000
ordinary     10 USRT   11 18 0.8293 14 22 0.0000
ordinary     10 EUDTC  11 13 0.8827 11 17 0.0000
quarter_end   0 UKHC    6  6 0.9266  6  6 0.9450
quarter_end   0 UKRT    7  8 0.9575  7  8 0.0270
quarter_end   0 USRT    7  7 0.8228  7  7 0.1239
quarter_end   0 EUDTC  11 13 0.8407 12 14 0.0062
quarter_end   0 NEWCO   7  7 0.8692  7  8 0.0239
quarter_end   0 PLAIN1  7  7 0.9045  7  7 0.0666
quarter_end   6 USRT    7  7 0.9336  7  7 0.0000
quarter_end   6 EUDTC  11 13 0.8419 12 14 0.0000
quarter_end  10 USRT   11 14 0.8044 11 19 0.0000
quarter_end  10 EUDTC  11 13 0.8635 12 14 0.0000
year_end      0 UKHC    7  7 0.8722  7  7 0.0457
year_end      0 UKRT    8  9 0.9453  8  9 0.0062
year_end      0 USRT    7  8 0.8605  7  8 0.0537
year_end      0 EUDTC  11 14 0.8682 12 14 0.0062
year_end      0 NEWCO   8  9 0.8986  8  9 0.0062
year_end      0 PLAIN1  7  7 0.8661  7  7 0.0427
year_end      6 USRT    7  8 0.9052  7  8 0.0000
year_end      6 EUDTC  11 14 0.8697 12 14 0.0000
year_end     10 USRT   11 16 0.8275 13 20 0.0000
year_end     10 EUDTC  11 13 0.8090 12 14 0.0000
"""


@pytest.mark.parametrize("line", _FORECASTS.strip().splitlines(), ids=lambda line: " ".join(line.split()[:3]))
def test_each_forecast_says_its_range_likely_day_and_chances(line: str) -> None:
    kind, open_after, key, first, last, holds, likely, nine, by_six = line.split()
    forecast = forecast_of(key, MonthKind(kind), int(open_after))
    assert forecast.summary == ForecastSummary(
        int(first), int(last), near(float(holds)), int(likely), int(nine)
    )
    assert forecast.by(6) == near(float(by_six))


def test_two_closes_are_not_enough_and_one_more_is_needed() -> None:
    assert forecast_close(PATTERNS, "BABY", MonthKind.ORDINARY) == TooFewCloses(own=1)


def test_an_entity_without_any_close_needs_three() -> None:
    assert forecast_close(PATTERNS, "NOBODY", MonthKind.ORDINARY) == TooFewCloses(own=3)


def test_a_group_with_few_errors_has_no_forecast_yet() -> None:
    few = learn_patterns({key: history[:5] for key, history in GOLDEN_GROUP.items()})
    assert forecast_close(few, "UKHC", MonthKind.ORDINARY) == TooFewCloses(own=0, group=30 - 10 * 2)


def test_four_closes_make_a_thin_forecast() -> None:
    assert forecast_of("NEWCO").thin
    assert not forecast_of("UKHC").thin


def test_the_group_is_closed_with_its_last_entity() -> None:
    members = [
        GroupMember(forecast_of(key).chances, WEEKDAYS, LAST_OF_MAY) for key in GOLDEN_GROUP if key != "BABY"
    ]
    forecast = group_forecast(members)
    summary = forecast.summary
    days = {day: number for number, day in enumerate(forecast.dates, start=1)}
    assert (days[forecast.dates[summary.first]], days[forecast.dates[summary.last]]) == (8, 11)
    assert summary.holds == near(0.8481)
    assert (summary.likely + 1, summary.nine_in_ten_by + 1) == (9, 13)
    assert forecast.by(WEEKDAYS.nth_workday_after(LAST_OF_MAY, 9)) == near(0.6752)


def test_the_steps_ahead_help_the_weakest_first() -> None:
    on_time = {key: forecast_of(key).by(DUE.get(key, 7)) for key in GOLDEN_GROUP if key != "BABY"}
    as_it_is, steps = steps_ahead(on_time)
    assert as_it_is == near(0.3217)
    assert [step.key for step in steps] == ["EUDTC", "UKRT", "PLAIN3", "PLAIN6"]
    assert [step.chance for step in steps] == [near(chance) for chance in (0.7258, 0.7771, 0.7774, 0.7774)]
    assert [step.group for step in steps] == [near(chance) for chance in (0.4432, 0.5704, 0.7337, 0.9437)]


def test_the_steps_behind_turn_late_months() -> None:
    late_in = [
        frozenset(
            key
            for key, history in GOLDEN_GROUP.items()
            for close in history[month : month + 1]
            if close is not None and close.day > DUE.get(key, 7)
        )
        for month in range(12, 24)
    ]
    as_it_was, steps = steps_behind(late_in)
    assert as_it_was == 3
    assert [(step.key, step.late, step.on_time) for step in steps] == [
        ("EUDTC", 5, 4),
        ("PLAIN3", 8, 4),
        ("PLAIN6", 8, 7),
        ("UKRT", 5, 11),
    ]


@pytest.mark.parametrize(
    ("months", "usual", "spread", "first", "last", "likely", "nine"),
    [
        (0, 5.9673, 0.3500, 6, 6, 6, 6),
        (2, 6.2780, 0.4280, 6, 7, 6, 7),
        (3, 8.1805, 0.5617, 8, 9, 8, 9),
        (6, 8.4523, 0.6054, 8, 9, 9, 9),
        (12, 8.5881, 0.5538, 8, 9, 9, 9),
    ],
)
def test_an_entity_that_moved_forgets_what_lay_before(
    months: int, usual: float, spread: float, first: int, last: int, likely: int, nine: int
) -> None:
    histories: dict[str, list[PastClose | None]] = {
        f"E{j}": [PastClose(5 + i * (j + 1) % 4 % 3) for i in range(18 + months)] for j in range(1, 11)
    }
    histories["MOVED"] = [*[PastClose(6)] * 18, *[PastClose(9)] * months]
    patterns = learn_patterns(histories)
    pattern = patterns.entities["MOVED"]
    assert (pattern.usual, pattern.spread) == (near(usual), near(spread))
    forecast = forecast_close(patterns, "MOVED", MonthKind.ORDINARY)
    assert isinstance(forecast, CloseForecast)
    summary = forecast.summary
    assert (summary.first, summary.last, summary.likely, summary.nine_in_ten_by) == (
        first,
        last,
        likely,
        nine,
    )
    assert (pattern.moved is not None) is (months >= 3)
    if pattern.moved is not None:
        assert pattern.moved.since == 18
        assert pattern.moved.usual_before == pytest.approx(6, abs=0.5)


def test_all_entities_always_on_one_day_are_forecast_for_that_day() -> None:
    patterns = learn_patterns({f"E{number}": [PastClose(5)] * 24 for number in range(4)})
    forecast = forecast_close(patterns, "E0", MonthKind.ORDINARY)
    assert isinstance(forecast, CloseForecast)
    assert (forecast.summary.first, forecast.summary.last) == (5, 5)


def test_twenty_dots_lie_on_the_days_of_the_forecast() -> None:
    drawn = dots(forecast_of("EUDTC").chances)
    assert drawn.total() == 20
    assert set(range(8, 12)) <= set(drawn)
    assert sum(drawn[day] for day in range(8, 12)) >= 16
