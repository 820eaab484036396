"""Deadlines and the arithmetic they explain (01-domain 1.4; 05-reliability H2 to H7, H10, H11)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import (
    CalendarDayRule,
    DayOfMonthRule,
    DeadlineRule,
    FixedDateRule,
    WorkdayRule,
    deadline_for,
    ordinal,
)
from closing.calendar.instants import instant_at, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from tests.closing.core_builders import ENGLAND, IRELAND, MAY, TWENTY_ZONES, deadline_on, utc

BLANK = WorkdayCalendar("Monday to Friday")
WD6 = WorkdayRule(6)


def ending(day: str) -> DateSpan:
    last = date.fromisoformat(day)
    return DateSpan(last - timedelta(days=27), last)


# --- the worked example's arithmetic


@pytest.mark.parametrize(
    ("country", "days_off"),
    [
        ("England", ENGLAND.days_off),
        ("United States", {date(2026, 5, 25): "Memorial Day", date(2026, 6, 19): "Juneteenth"}),
        ("Netherlands", {date(2026, 5, 14): "Hemelvaartsdag", date(2026, 5, 25): "Tweede Pinksterdag"}),
        ("Germany", {date(2026, 5, 14): "Christi Himmelfahrt", date(2026, 5, 25): "Pfingstmontag"}),
        ("France", {date(2026, 5, 14): "Ascension", date(2026, 5, 25): "Lundi de Pentecôte"}),
    ],
)
def test_the_sixth_working_day_of_june_2026_is_the_8th(country: str, days_off: dict[date, str]) -> None:
    calendar = WorkdayCalendar(country, days_off=days_off, covered_years=frozenset({2026}))
    deadline = deadline_for(WD6, MAY, calendar, "Europe/London")
    assert (deadline.due_on, deadline.label) == (date(2026, 6, 8), "WD6")
    assert deadline.explanation == (
        f"6th working day after Sun 31 May 2026, {country} calendar, working day 1 = Mon 1 June: Mon 8 June 2026"
    )


def test_counting_from_day_zero_makes_it_the_9th() -> None:
    deadline = deadline_for(WorkdayRule(6, first_is=0), MAY, ENGLAND, "Europe/London")
    assert deadline.due_on == date(2026, 6, 9)
    assert deadline.explanation == (
        "6th working day after Sun 31 May 2026, England calendar, counting from day zero (Mon 1 June = 0): "
        "Tue 9 June 2026"
    )


def test_the_irish_holiday_makes_it_the_9th_and_is_named() -> None:
    deadline = deadline_for(WD6, MAY, IRELAND, "Europe/Dublin")
    assert deadline.due_on == date(2026, 6, 9)
    assert deadline.explanation == (
        "6th working day after Sun 31 May 2026, Ireland calendar, working day 1 = Tue 2 June: Tue 9 June 2026 "
        "(Mon 1 June June holiday not counted)"
    )


def test_every_holiday_passed_over_is_named() -> None:
    march = DateSpan(date(2026, 3, 1), date(2026, 3, 31))
    deadline = deadline_for(WorkdayRule(5), march, ENGLAND, "Europe/London")
    assert deadline.due_on == date(2026, 4, 9)
    assert "(Fri 3 April Good Friday and Mon 6 April Easter Monday not counted)" in deadline.explanation


def test_an_extra_working_day_is_named_too() -> None:
    calendar = WorkdayCalendar("Swap", extra_working=frozenset({date(2026, 6, 6)}))
    deadline = deadline_for(WD6, MAY, calendar, "Europe/London")
    assert deadline.due_on == date(2026, 6, 6)
    assert deadline.explanation.endswith("Sat 6 June 2026 (Sat 6 June counted as worked)")


def test_working_day_zero() -> None:
    deadline = deadline_for(WorkdayRule(0, first_is=0), MAY, ENGLAND, "Europe/London")
    assert (deadline.due_on, deadline.label) == (date(2026, 6, 1), "WD0")
    assert deadline.explanation.startswith("working day 0 after Sun 31 May 2026")


def test_the_year_is_told_where_the_count_crosses_it() -> None:
    december = DateSpan(date(2026, 12, 1), date(2026, 12, 30))
    deadline = deadline_for(WorkdayRule(2), december, BLANK, "Europe/London")
    assert "working day 1 = Thu 31 December 2026: Fri 1 January 2027" in deadline.explanation


# --- the other rules


def test_calendar_days_after_period_end() -> None:
    deadline = deadline_for(CalendarDayRule(10), MAY, ENGLAND, "Europe/London")
    assert (deadline.due_on, deadline.label) == (date(2026, 6, 10), "day 10")
    assert deadline.explanation == "10 calendar days after Sun 31 May 2026: Wed 10 June 2026"
    assert "1 calendar day after" in deadline_for(CalendarDayRule(1), MAY, BLANK, "UTC").explanation


@pytest.mark.parametrize(
    ("period_end", "day", "due_on"),
    [
        ("2026-05-31", 10, "2026-06-10"),
        ("2026-05-30", 10, "2026-06-10"),
        ("2026-06-02", 10, "2026-06-10"),  # a 4-4-5 "May" that runs into June
        ("2026-06-02", 1, "2026-07-01"),  # ... where 1 June lies inside the period
        ("2026-01-31", 31, "2026-02-28"),
        ("2028-01-31", 30, "2028-02-29"),
        ("2026-12-31", 31, "2027-01-31"),
    ],
)
def test_a_day_of_the_month_after(period_end: str, day: int, due_on: str) -> None:
    deadline = deadline_for(DayOfMonthRule(day), ending(period_end), ENGLAND, "Europe/London")
    assert deadline.due_on == date.fromisoformat(due_on)


def test_a_day_of_the_month_in_words() -> None:
    deadline = deadline_for(DayOfMonthRule(15), MAY, ENGLAND, "Europe/London")
    assert deadline.label == "15th"
    assert (
        deadline.explanation == "the 15th of the month after period end (Sun 31 May 2026): Mon 15 June 2026"
    )


def test_an_agreed_date_says_who_agreed_it_and_why() -> None:
    rule = FixedDateRule(date(2026, 6, 11), "auditors on site", "Dana Reed")
    deadline = deadline_for(rule, MAY, ENGLAND, "America/New_York")
    assert (deadline.due_on, deadline.label) == (date(2026, 6, 11), "agreed")
    assert deadline.explanation == "agreed date: Thu 11 June 2026, agreed by Dana Reed (auditors on site)"
    bare = deadline_for(FixedDateRule(date(2026, 6, 11)), MAY, ENGLAND, "America/New_York")
    assert bare.explanation == "agreed date: Thu 11 June 2026"


@pytest.mark.parametrize(
    ("quarter_end", "year_end", "n", "words"),
    [
        (False, False, 6, "6th working day after Sun 31 May 2026, England"),
        (True, False, 8, "8th working day after Sun 31 May 2026, quarter end, England"),
        (True, True, 12, "12th working day after Sun 31 May 2026, year end, England"),
        (False, True, 12, "12th working day after Sun 31 May 2026, year end, England"),
    ],
)
def test_quarter_and_year_ends_have_their_own_numbers(
    quarter_end: bool, year_end: bool, n: int, words: str
) -> None:
    rule = WorkdayRule(6, n_quarter_end=8, n_year_end=12)
    deadline = deadline_for(rule, MAY, ENGLAND, "UTC", quarter_end=quarter_end, year_end=year_end)
    assert deadline.label == f"WD{n}"
    assert deadline.explanation.startswith(words)


def test_a_year_end_without_its_own_number_is_a_quarter_end() -> None:
    rule = CalendarDayRule(10, n_quarter_end=15)
    assert deadline_for(rule, MAY, BLANK, "UTC", year_end=True).due_on == date(2026, 6, 15)
    usual = deadline_for(CalendarDayRule(10), MAY, BLANK, "UTC", quarter_end=True, year_end=True)
    assert usual.due_on == date(2026, 6, 10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: WorkdayRule(0),
        lambda: WorkdayRule(-1, first_is=0),
        lambda: WorkdayRule(6, first_is=2),
        lambda: WorkdayRule(6, n_year_end=0),
        lambda: CalendarDayRule(-1),
        lambda: CalendarDayRule(5, n_quarter_end=-3),
        lambda: DayOfMonthRule(0),
        lambda: DayOfMonthRule(32),
    ],
)
def test_a_rule_that_names_no_day_is_refused(make: Callable[[], DeadlineRule]) -> None:
    with pytest.raises(ValueError):
        make()


def test_a_calendar_that_runs_out_is_said_not_guessed() -> None:
    december = DateSpan(date(2026, 12, 1), date(2026, 12, 31))
    with pytest.raises(CalendarUncovered, match="2027"):
        deadline_for(WD6, december, ENGLAND, "Europe/London")
    assert deadline_for(CalendarDayRule(6), december, ENGLAND, "Europe/London").due_on == date(2027, 1, 6)


@pytest.mark.parametrize("last", ["2026-05-30", "2026-05-31", "2026-06-01"])
def test_4_4_5_periods_count_from_their_own_last_day(last: str) -> None:
    first_workday = deadline_for(WorkdayRule(1), ending(last), BLANK, "UTC").due_on
    assert first_workday == (date(2026, 6, 2) if last == "2026-06-01" else date(2026, 6, 1))


def test_a_leap_day_is_a_period_end_like_another() -> None:
    deadline = deadline_for(WorkdayRule(1), ending("2028-02-29"), BLANK, "UTC")
    assert deadline.due_on == date(2028, 3, 1)


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (20, "20th"),
        (21, "21st"),
        (22, "22nd"),
        (23, "23rd"),
        (101, "101st"),
        (111, "111th"),
    ],
)
def test_ordinals(n: int, words: str) -> None:
    assert ordinal(n) == words


DAYS = st.dates(date(2025, 12, 1), date(2026, 10, 31))
RULES = st.builds(WorkdayRule, st.integers(1, 20), st.sampled_from([0, 1]))


@given(RULES, DAYS, st.sets(DAYS, max_size=20), DAYS)
def test_a_holiday_never_brings_a_deadline_forward(
    rule: WorkdayRule, last: date, days_off: set[date], one_more: date
) -> None:
    period = DateSpan(last, last)
    few = deadline_for(rule, period, WorkdayCalendar("Few", days_off=dict.fromkeys(days_off, "off")), "UTC")
    many = WorkdayCalendar("Many", days_off=dict.fromkeys({*days_off, one_more}, "off"))
    assert deadline_for(rule, period, many, "UTC").due_on >= few.due_on


@given(st.integers(1, 20), st.sampled_from([0, 1]), DAYS)
def test_a_higher_number_is_a_later_deadline(n: int, first_is: int, last: date) -> None:
    period = DateSpan(last, last)
    this, following = (
        deadline_for(WorkdayRule(m, first_is), period, ENGLAND_ALWAYS, "UTC") for m in (n, n + 1)
    )
    assert last < this.due_on < following.due_on
    zero = deadline_for(WorkdayRule(n, 0), period, ENGLAND_ALWAYS, "UTC").due_on
    assert zero == deadline_for(WorkdayRule(n + 1, 1), period, ENGLAND_ALWAYS, "UTC").due_on


ENGLAND_ALWAYS = WorkdayCalendar("England", days_off=ENGLAND.days_off)


@given(st.integers(1, 31), st.dates(date(2000, 1, 1), date(2040, 12, 31)))
def test_a_day_of_the_month_lies_after_the_period_and_within_six_weeks_of_its_month(
    day: int, last: date
) -> None:
    due_on = deadline_for(DayOfMonthRule(day), DateSpan(last, last), BLANK, "UTC").due_on
    assert timedelta(0) < due_on - last <= timedelta(days=62)
    assert due_on.day == day or (due_on + timedelta(days=1)).day == 1


# --- from the date to the instant


@pytest.mark.parametrize("zone", TWENTY_ZONES)
@pytest.mark.parametrize("due_on", ["2026-06-09", "2026-03-27", "2026-10-23", "2026-09-04"])
def test_days_past_turn_at_local_midnight(zone: str, due_on: str) -> None:
    deadline = deadline_on(due_on, zone)
    tz = zone_named(zone)
    for days in range(7):
        day = deadline.due_on + timedelta(days=days)
        first, last = instant_at(day, time.min, tz), instant_at(day, time(23, 59, 59), tz)
        assert (deadline.days_past(first), deadline.passed(first)) == (days, days > 0), day
        assert (deadline.days_past(last), deadline.passed(last)) == (days, days > 0), day


def test_five_days_over_the_clock_change_are_five_dates_not_120_hours() -> None:
    friday = deadline_on("2026-10-23", "Europe/London", time(18))
    assert friday.due_at == utc("2026-10-23 17:00")
    wednesday = instant_at(date(2026, 10, 28), time(18), zone_named("Europe/London"))
    assert wednesday - friday.due_at == timedelta(days=5, hours=1)
    assert friday.days_past(wednesday) == 5
    spring = deadline_on("2026-03-27", "Europe/London", time(18))
    wednesday = instant_at(date(2026, 4, 1), time(18), zone_named("Europe/London"))
    assert wednesday - spring.due_at == timedelta(days=4, hours=23)
    assert spring.days_past(wednesday) == 5


def test_a_deadline_ends_with_its_day_or_at_its_cut_off() -> None:
    assert deadline_on("2026-06-09", "Europe/Amsterdam").due_at == utc("2026-06-09 22:00")
    assert deadline_on("2026-06-09", "Europe/Amsterdam", time(18)).due_at == utc("2026-06-09 16:00")
    cut_off = deadline_on("2026-06-09", "Europe/Amsterdam", time(18))
    assert not cut_off.passed(utc("2026-06-09 15:59:59"))
    assert cut_off.passed(utc("2026-06-09 16:00"))
    assert cut_off.days_past(utc("2026-06-09 16:00")) == 0


@pytest.mark.parametrize(
    ("zone", "due_on", "due_at"),
    [
        ("America/Santiago", "2026-09-05", "2026-09-06 04:00"),
        ("Africa/Cairo", "2026-04-23", "2026-04-23 22:00"),
        ("Asia/Beirut", "2026-03-28", "2026-03-28 22:00"),
        ("America/Havana", "2026-03-07", "2026-03-08 05:00"),
    ],
)
def test_a_day_whose_closing_midnight_does_not_exist(zone: str, due_on: str, due_at: str) -> None:
    deadline = deadline_on(due_on, zone)
    assert deadline.due_at == utc(due_at)
    assert deadline.days_past(utc(due_at)) == 1
    assert deadline.days_past(utc(due_at) - timedelta(seconds=1)) == 0


@pytest.mark.parametrize(
    ("zone", "cut_off", "words"),
    [
        ("Europe/London", time(18), "Mon 8 June 2026, 18:00 London time"),
        ("America/New_York", time(17, 30), "Mon 8 June 2026, 17:30 New York time"),
        ("America/Argentina/Buenos_Aires", time(9, 0, 30), "Mon 8 June 2026, 09:00:30 Buenos Aires time"),
        ("UTC", time(18), "Mon 8 June 2026, 18:00 UTC"),
    ],
)
def test_a_cut_off_is_named_with_its_city(zone: str, cut_off: time, words: str) -> None:
    deadline = deadline_for(WD6, MAY, ENGLAND, zone, cut_off=cut_off)
    assert deadline.explanation.endswith(words)
    assert deadline.cut_off == cut_off


@given(
    st.sampled_from(TWENTY_ZONES),
    st.dates(date(2026, 1, 1), date(2026, 12, 1)),
    st.none() | st.times(),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_past_by_days_means_passed(zone: str, due_on: date, cut_off: time | None, moment: datetime) -> None:
    deadline = deadline_on(due_on.isoformat(), zone, cut_off)
    if deadline.days_past(moment):
        assert deadline.passed(moment)
    assume(cut_off is None)
    assert deadline.passed(moment) == (deadline.days_past(moment) > 0)
