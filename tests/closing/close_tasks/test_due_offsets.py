"""Due dates of close tasks (08-blockers-and-tasks 9.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import DateSpan
from closing.calendar.instants import instant_at, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.close_tasks.due_offsets import (
    DueOffset,
    due_of,
    due_on_day,
    generated_from,
    offset_label,
    owner_holiday,
)
from tests.closing.core_builders import ENGLAND, IRELAND, MAY

JUNE = DateSpan(date(2026, 6, 1), date(2026, 6, 30))
LONDON = "Europe/London"


@pytest.mark.parametrize(
    ("period", "days", "due_on"),
    [
        (MAY, -10, "2026-05-15"),
        (MAY, -5, "2026-05-22"),
        (MAY, -4, "2026-05-26"),
        (MAY, -1, "2026-05-29"),
        (MAY, 0, "2026-05-29"),
        (MAY, 1, "2026-06-01"),
        (MAY, 3, "2026-06-03"),
        (MAY, 6, "2026-06-08"),
        (JUNE, -1, "2026-06-29"),
        (JUNE, 0, "2026-06-30"),
        (JUNE, 1, "2026-07-01"),
    ],
)
def test_working_days_around_period_end_in_england(period: DateSpan, days: int, due_on: str) -> None:
    assert due_of(DueOffset(days), period, ENGLAND, LONDON).due_on == date.fromisoformat(due_on)


def test_six_calendar_days_after_may_fall_on_a_saturday_and_give_friday() -> None:
    due = due_of(DueOffset(6, calendar_days=True), MAY, ENGLAND, LONDON)
    assert due.due_on == date(2026, 6, 5)
    assert due.explanation == (
        "6 calendar days after Sun 31 May 2026, Sat 6 June is a day off in the England calendar: Fri 5 June 2026"
    )


def test_tasks_of_may_are_generated_from_the_begin_of_15_may_at_the_entity() -> None:
    assert generated_from(MAY, ENGLAND, LONDON) == datetime(2026, 5, 14, 23, tzinfo=UTC)


def test_an_entity_adopted_later_has_its_tasks_from_its_adoption_on() -> None:
    adopted = datetime(2026, 5, 20, 9, tzinfo=UTC)
    assert generated_from(MAY, ENGLAND, LONDON, adopted) == adopted
    before = datetime(2026, 1, 1, tzinfo=UTC)
    assert generated_from(MAY, ENGLAND, LONDON, before) == generated_from(MAY, ENGLAND, LONDON)


@pytest.mark.parametrize(
    ("offset", "first_is", "label"),
    [
        (DueOffset(1), 1, "WD+1"),
        (DueOffset(1), 0, "WD+0"),
        (DueOffset(6, at=time(12)), 1, "WD+6 12:00"),
        (DueOffset(6), 0, "WD+5"),
        (DueOffset(0), 1, "period end"),
        (DueOffset(0), 0, "period end"),
        (DueOffset(-2), 0, "WD-2"),
        (DueOffset(6, calendar_days=True), 0, "day 6"),
    ],
)
def test_an_offset_is_shown_in_the_counting_of_its_entity(
    offset: DueOffset, first_is: int, label: str
) -> None:
    assert offset_label(offset, first_is) == label


def test_both_countings_give_the_same_day() -> None:
    one = due_of(DueOffset(6), MAY, ENGLAND, LONDON, first_is=1)
    zero = due_of(DueOffset(6), MAY, ENGLAND, LONDON, first_is=0)
    assert one.due_on == zero.due_on == date(2026, 6, 8)
    assert one.explanation.startswith("6th working day after Sun 31 May 2026")
    assert zero.explanation.startswith("5th working day after Sun 31 May 2026")
    assert "counting from day zero (Mon 1 June = 0)" in zero.explanation


def test_holidays_before_period_end_are_named() -> None:
    due = due_of(DueOffset(-5), MAY, ENGLAND, LONDON)
    assert due.explanation == (
        "5th working day before Sun 31 May 2026, England calendar: Fri 22 May 2026"
        " (Mon 25 May Spring bank holiday not counted)"
    )


def test_the_last_working_day_of_a_period() -> None:
    due = due_of(DueOffset(0, at=time(17)), MAY, ENGLAND, LONDON)
    assert due.explanation == (
        "last working day on or before Sun 31 May 2026, England calendar: Fri 29 May 2026, 17:00 London time"
    )


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Pacific/Auckland"])
def test_a_time_of_day_is_that_of_the_entitys_zone(zone: str) -> None:
    due = due_of(DueOffset(5, at=time(15)), MAY, ENGLAND, zone)
    assert due.due_at == instant_at(date(2026, 6, 5), time(15), zone_named(zone))
    whole_day = due_of(DueOffset(5), MAY, ENGLAND, zone)
    assert whole_day.due_at == instant_at(date(2026, 6, 6), time(0), zone_named(zone))


def test_a_year_without_holidays_gives_no_due_date() -> None:
    december = DateSpan(date(2026, 12, 1), date(2026, 12, 31))
    with pytest.raises(CalendarUncovered, match="no holidays for 2027"):
        due_of(DueOffset(1), december, ENGLAND, LONDON)


def test_an_offset_of_more_than_a_year_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 366 days"):
        DueOffset(3000)


def test_a_holiday_of_the_owner_is_a_warning() -> None:
    due = due_of(DueOffset(1), MAY, ENGLAND, LONDON)
    assert owner_holiday(due, ENGLAND) == ""
    assert owner_holiday(due, IRELAND) == (
        "Mon 1 June is June holiday, a day off in the Ireland calendar of the owner"
    )
    uncovered = WorkdayCalendar("Old", covered_years=frozenset({2020}))
    assert "may be a day off of the owner: the Old calendar has no holidays for 2026" in owner_holiday(
        due, uncovered
    )


def test_a_date_given_by_hand() -> None:
    due = due_on_day(date(2026, 6, 18), time(12), LONDON)
    assert due.explanation == "agreed date: Thu 18 June 2026, 12:00 London time"


@given(
    days=st.integers(-40, 60),
    calendar_days=st.booleans(),
    last=st.dates(date(2026, 2, 28), date(2026, 9, 30)),
    off=st.sets(st.dates(date(2025, 12, 1), date(2027, 1, 31)), max_size=60),
)
def test_a_due_date_is_a_working_day_and_follows_its_offset(
    days: int, calendar_days: bool, last: date, off: set[date]
) -> None:
    calendar = WorkdayCalendar("Some", days_off=dict.fromkeys(off, "off"))
    span = DateSpan(last - timedelta(days=27), last)
    due = due_of(DueOffset(days, calendar_days=calendar_days), span, calendar, LONDON)
    assert calendar.is_workday(due.due_on)
    if calendar_days:
        assert due.due_on <= last + timedelta(days=days)
        assert calendar.workdays_between(due.due_on, last + timedelta(days=days)) == 0
    elif days > 0:
        assert calendar.workdays_between(last, due.due_on) == days
    elif days == 0:
        assert calendar.workdays_between(due.due_on, last) == 0
    else:
        assert due.due_on < last
        assert calendar.workdays_between(due.due_on, last - timedelta(days=1)) == -days - 1
