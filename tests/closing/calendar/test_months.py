"""Which reporting month a period belongs to (01-domain 1.1; 05-reliability H10, H11)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.months import (
    active_month,
    is_quarter_end,
    is_year_end,
    month_end,
    month_of,
    next_month,
    parse_month,
    previous_month,
    reporting_month,
)

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))


@pytest.mark.parametrize(
    ("last_day", "month"),
    [
        (date(2026, 5, 31), MAY),
        (date(2026, 5, 30), MAY),  # 4-4-5, ends on the last Saturday
        (date(2026, 6, 2), MAY),  # 4-4-5, runs over
        (date(2026, 5, 17), MAY),
        (date(2026, 6, 14), MAY),
        (date(2026, 6, 15), MAY),  # 15 days from either month end: the earlier month
        (date(2026, 6, 16), JUNE),
        (date(2028, 2, 29), date(2028, 2, 1)),
        (date(2026, 2, 14), date(2026, 1, 1)),  # 14 days from either
        (date(2027, 1, 3), date(2026, 12, 1)),  # a 53-week year
    ],
)
def test_a_period_belongs_to_the_month_whose_end_is_nearest(last_day: date, month: date) -> None:
    assert reporting_month(last_day) == month


@pytest.mark.parametrize("first_end", [date(2026, 1, 31), date(2026, 2, 1), date(2026, 1, 28)])
def test_a_year_of_4_4_5_weeks_gives_each_month_once(first_end: date) -> None:
    ends, end = [], first_end
    for _quarter in range(4):
        for weeks in (4, 4, 5):
            ends.append(end)
            end += timedelta(weeks=5 if weeks == 4 and len(ends) % 3 == 2 else 4)
    assert [reporting_month(end).month for end in ends] == list(range(1, 13))


def test_thirteen_periods_of_four_weeks_share_one_month() -> None:
    ends = [date(2026, 1, 25) + timedelta(weeks=4 * n) for n in range(13)]
    months = [reporting_month(end) for end in ends]
    assert months == sorted(months)
    assert len(set(months)) == 12


@given(DAYS)
def test_the_nearest_month_end_is_at_most_half_a_month_away(day: date) -> None:
    month = reporting_month(day)
    distance = abs(month_end(month) - day)
    assert distance <= timedelta(days=15)
    assert distance <= abs(month_end(next_month(month)) - day)
    assert distance <= abs(month_end(previous_month(month)) - day)


@given(DAYS)
def test_months_step_forward_and_back(day: date) -> None:
    month = month_of(day)
    assert previous_month(next_month(month)) == month == next_month(previous_month(month))
    assert month_end(month) + timedelta(days=1) == next_month(month)
    assert parse_month(f"{month:%Y-%m}") == month


def test_the_active_month_is_the_latest_that_has_ended() -> None:
    assert active_month(date(2026, 6, 1)) == MAY
    assert active_month(date(2026, 6, 30)) == MAY
    assert active_month(date(2026, 7, 1)) == JUNE
    assert active_month(date(2026, 1, 12)) == date(2025, 12, 1)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026-5", "May 2026", "2026-05-01", "", "2026-05\n", "٢٠٢٦-٠٥"]
)
def test_a_month_is_written_in_one_way_only(text: str) -> None:
    with pytest.raises(ValueError):
        parse_month(text)


def test_quarter_and_year_ends_follow_the_fiscal_year() -> None:
    months = [date(2026, month, 1) for month in range(1, 13)]
    assert [month.month for month in months if is_quarter_end(month, 12)] == [3, 6, 9, 12]
    assert [month.month for month in months if is_quarter_end(month, 1)] == [1, 4, 7, 10]
    assert [month.month for month in months if is_year_end(month, 3)] == [3]
    assert all(is_quarter_end(date(2026, end, 1), end) for end in range(1, 13))
