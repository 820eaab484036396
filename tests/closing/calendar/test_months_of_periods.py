"""Which reporting month each period of a fiscal calendar belongs to, whatever days it ends on (01-domain 1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.months import month_end, months_of_periods, next_month
from tests.hypothesis_profiles import examples

MONTHS = st.dates(date(2015, 1, 1), date(2035, 12, 1)).map(lambda day: day.replace(day=1))


def ends_on(day: int, month: date, count: int) -> list[DateSpan]:
    """Periods in a row that end on a day of the month, the first of them in this one."""
    ends: list[date] = []
    while len(ends) <= count:
        ends.append(min(month.replace(day=min(day, month_end(month).day)), month_end(month)))
        month = next_month(month)
    return [DateSpan(before + ONE_DAY, last) for before, last in pairwise(ends)]


def of_weeks(first: date, weeks: Sequence[int]) -> list[DateSpan]:
    spans = []
    for count in weeks:
        spans.append(DateSpan(first, first + timedelta(weeks=count) - ONE_DAY))
        first = spans[-1].last + ONE_DAY
    return spans


def years_of_weeks(first: date, pattern: tuple[int, ...], long_years: Sequence[bool]) -> list[list[DateSpan]]:
    """Years of four quarters of this pattern; a long year has a 53rd week."""
    years = []
    for long in long_years:
        weeks = list(pattern * 4)
        weeks[-1] += long
        years.append(of_weeks(first, weeks))
        first = years[-1][-1].last + ONE_DAY
    return years


def assert_in_a_row(spans: Sequence[DateSpan], months: dict[DateSpan, date]) -> None:
    for before, after in pairwise(spans):
        assert months[after] == next_month(months[before]), (before, after)


def assert_one_by_one(spans: Sequence[DateSpan], months: dict[DateSpan, date]) -> None:
    assert_in_a_row(spans, months)
    for span in spans:
        assert abs((month_end(months[span]) - span.last).days) <= 31


@examples(200)
@given(st.integers(1, 31), MONTHS, st.integers(0, 11), st.integers(1, 3))
def test_ends_on_one_day_of_the_month_fall_the_same_way_all_year(
    day: int, month: date, short: int, years: int
) -> None:
    spans = ends_on(day, month, short + 12 * years)
    by_year = [spans[:short], *(spans[at : at + 12] for at in range(short, len(spans), 12))]
    months = months_of_periods(by_year)
    assert_one_by_one(spans, months)
    before = day <= 15
    for span in spans:
        own = span.last.replace(day=1)
        assert (next_month(months[span]) if before else months[span]) == own
        # Whatever part of them is known.
        assert months_of_periods([[span]]) == {span: months[span]}


@examples(200)
@given(
    st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    st.sampled_from([(4, 4, 5), (4, 5, 4), (5, 4, 4)]),
    st.lists(st.booleans(), min_size=1, max_size=4),
)
def test_twelve_periods_of_weeks_take_twelve_months_in_a_row(
    first: date, pattern: tuple[int, int, int], long_years: list[bool]
) -> None:
    """However often a 53rd week is inserted; four times in a row, by mistake, the ends drift by a month."""
    years = years_of_weeks(first, pattern, long_years)
    assert_in_a_row([span for year in years for span in year], months_of_periods(years))


@examples(200)
@given(
    st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    st.sampled_from([(4, 4, 5), (4, 5, 4), (5, 4, 4)]),
    st.integers(1, 12),
    st.integers(0, 6),
)
def test_twelve_periods_of_weeks_end_within_a_month_of_their_months(
    first: date, pattern: tuple[int, int, int], count: int, shift: int
) -> None:
    """A 53rd week keeps the year's end within seven days, as the calendars of the field do."""
    long_years = [
        (365 * year + year // 4 + shift) // 7 - (365 * (year - 1) + (year - 1) // 4 + shift) // 7 > 52
        for year in range(1, count + 1)
    ]
    years = years_of_weeks(first, pattern, long_years)
    assert_one_by_one([span for year in years for span in year], months_of_periods(years))


@examples(100)
@given(MONTHS, st.integers(-6, 6), st.sampled_from([(4, 4, 5), (5, 4, 4), (4,)]), st.integers(0, 30))
def test_a_read_that_begins_and_ends_within_years_changes_no_month(
    month: date, days: int, weeks: tuple[int, ...], later: int
) -> None:
    """Each month a read sees other months: parts of the first and the last year are all that is known of these."""
    a_year = weeks * (4 if len(weeks) > 1 else 13)
    spans = of_weeks(month + timedelta(days), a_year * 5)
    years = [spans[at : at + len(a_year)] for at in range(0, len(spans), len(a_year))]
    months = months_of_periods(years)
    first = month + timedelta(days=30 * later)
    seen = [[span for span in year if first <= span.last <= first + timedelta(days=760)] for year in years]
    for span, reported in months_of_periods(filter(None, seen)).items():
        assert reported == months[span], span


def test_thirteen_periods_share_twelve_months() -> None:
    year = of_weeks(date(2025, 12, 29), [4] * 13)
    months = months_of_periods([year])
    assert [months[span].month for span in year] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11, 12]


@pytest.mark.parametrize(
    ("day", "quarters"), [(31, [3, 6, 9, 12]), (15, [2, 5, 8, 11]), (20, [3, 6, 9, 12]), (10, [2, 5, 8, 11])]
)
def test_quarters_have_the_month_that_they_end(day: int, quarters: list[int]) -> None:
    ends = [span.last for span in ends_on(day, date(2025, 12, 1), 12)][2::3]
    starts = [date(2026, 1, 1) if day == 31 else date(2025, 12, day + 1), *(end + ONE_DAY for end in ends)]
    year = [DateSpan(first, last) for first, last in zip(starts, ends, strict=False)]
    assert sorted(months_of_periods([year]).values()) == [date(2026, month, 1) for month in quarters]


def test_a_year_and_half_years_have_the_month_that_they_end() -> None:
    half = DateSpan(date(2026, 4, 6), date(2026, 10, 5)), DateSpan(date(2026, 10, 6), date(2027, 4, 5))
    assert sorted(months_of_periods([half]).values()) == [date(2026, 9, 1), date(2027, 3, 1)]
    year = DateSpan(date(2026, 1, 1), date(2026, 12, 31))
    assert months_of_periods([[year]]) == {year: date(2026, 12, 1)}


def test_a_calendar_that_goes_from_months_to_quarters_changes_with_the_year() -> None:
    months = ends_on(31, date(2024, 12, 1), 12)
    quarter = DateSpan(date(2026, 1, 1), date(2026, 3, 31))
    mapped = months_of_periods([months, [quarter]])
    assert_one_by_one(months, mapped)
    assert mapped[quarter] == date(2026, 3, 1)


def test_periods_that_share_days_share_a_month() -> None:
    """An adjusting period typed as an operating one has the days of the last."""
    months = ends_on(31, date(2025, 12, 1), 12)
    mapped = months_of_periods([[*months, DateSpan(date(2026, 12, 31), date(2026, 12, 31))]])
    assert [mapped[span].month for span in months] == list(range(1, 13))
    assert mapped[DateSpan(date(2026, 12, 31), date(2026, 12, 31))] == date(2026, 12, 1)


def test_nine_periods_of_six_weeks_have_the_months_that_they_end() -> None:
    year = of_weeks(date(2026, 1, 1), [6] * 8)
    assert [months_of_periods([year])[span].month for span in year] == [1, 3, 4, 6, 7, 8, 10, 11]
