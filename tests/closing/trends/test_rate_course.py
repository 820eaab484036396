"""The course of the on-time rate over rolling years (09-insight 9.2)."""

from __future__ import annotations

from datetime import date

from closing.calendar.months import next_month
from closing.judging.on_time import CloseOutcome
from closing.trends.close_records import CloseRecord, rate_of
from closing.trends.rate_course import months_upto, rate_course

MAY = date(2026, 5, 1)


def records_of(entity: str, outcomes: list[CloseOutcome], newest: date = MAY) -> list[CloseRecord]:
    months = months_upto(newest, len(outcomes))
    return [CloseRecord(entity, month, outcome) for month, outcome in zip(months, outcomes, strict=True)]


def test_each_window_holds_the_twelve_months_up_to_its_own() -> None:
    outcomes = [CloseOutcome.ON_TIME] * 23 + [CloseOutcome.MISSED] * 12
    course = rate_course(records_of("EUDTC", outcomes), MAY)
    assert [(point.rolling.on_time, point.rolling.due) for point in course] == [
        *[(12, 12)] * 12,
        *[(12 - late, 12) for late in range(1, 13)],
    ]
    assert [point.alone.on_time for point in course] == [1] * 12 + [0] * 12
    assert course[-1].month == MAY
    assert [next_month(point.month) for point in course[:-1]] == [point.month for point in course[1:]]


def test_months_that_are_not_known_are_left_out_and_counted() -> None:
    (*_, latest) = rate_course(
        records_of("USRT", [CloseOutcome.ON_TIME] * 8 + [CloseOutcome.DATE_UNKNOWN] * 4), MAY
    )
    assert (latest.rolling.on_time, latest.rolling.due, latest.rolling.date_unknown) == (8, 8, 4)


def test_a_window_before_the_first_close_is_empty() -> None:
    assert rate_course([], MAY)[0].rolling.due == 0


def test_eleven_of_twelve_is_not_below_the_target_and_three_of_four_is_a_fraction() -> None:
    rate = rate_of(records_of("UKHC", [CloseOutcome.ON_TIME] * 11 + [CloseOutcome.MISSED]))
    assert (rate.on_time, rate.due, rate.permille, rate.below_target) == (11, 12, 917, False)


def test_final_closes_count_beside_first_closes() -> None:
    reopened = CloseRecord(
        "UKRT", MAY, CloseOutcome.ON_TIME, reopened=True, final_outcome=CloseOutcome.MISSED
    )
    assert rate_of([reopened]).on_time == 1
    assert rate_of([reopened], final=True).on_time == 0


def test_a_month_that_is_not_due_yet_is_not_counted() -> None:
    rate = rate_of([CloseRecord("UKHC", MAY, None)])
    assert (rate.due, rate.excluded) == (0, 0)
