"""Working days, and the instants at which local days begin (05-reliability H1 to H6, H8, H9)."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.date_phrases import full_date, weekday_and_date
from closing.calendar.days import DateSpan
from closing.calendar.instants import end_of_day, instant_at, local_date, start_of_day, zone_named
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from tests.closing.core_builders import ENGLAND, IRELAND, utc
from tests.hypothesis_profiles import examples

DAYS = st.dates(date(2000, 1, 1), date(2040, 12, 31))
ZONES = st.sampled_from(sorted(zoneinfo.available_timezones())).map(zone_named)
CALENDARS = st.builds(
    WorkdayCalendar,
    name=st.just("Drawn"),
    weekend=st.frozensets(st.integers(0, 6), max_size=6),
    days_off=st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.just("day off"), max_size=40),
    extra_working=st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=10),
)
IN_2026 = st.dates(date(2026, 1, 1), date(2026, 11, 30))


def test_a_span_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        DateSpan(date(2026, 5, 31), date(2026, 5, 1))
    assert date(2026, 5, 31) in DateSpan(date(2026, 5, 1), date(2026, 5, 31))
    assert date(2026, 6, 1) not in DateSpan(date(2026, 5, 1), date(2026, 5, 31))


def test_sixth_working_day_of_june_2026_is_the_8th_in_england_and_the_9th_in_ireland() -> None:
    assert ENGLAND.nth_workday_after(date(2026, 5, 31), 6) == date(2026, 6, 8)
    assert IRELAND.nth_workday_after(date(2026, 5, 31), 6) == date(2026, 6, 9)


def test_weekend_of_friday_and_saturday() -> None:
    dubai = WorkdayCalendar("Gulf", weekend=frozenset({4, 5}))
    assert [dubai.nth_workday_after(date(2026, 6, 3), n).day for n in (1, 2, 3)] == [4, 7, 8]


def test_an_extra_working_day_beats_weekend_and_holiday() -> None:
    saturday, holiday = date(2026, 6, 6), date(2026, 6, 1)
    worked = WorkdayCalendar(
        "Made up", days_off={holiday: "Holiday"}, extra_working=frozenset({saturday, holiday})
    )
    assert worked.is_workday(saturday)
    assert worked.is_workday(holiday)
    assert worked.workdays_between(date(2026, 5, 31), date(2026, 6, 7)) == 6


def test_a_year_without_holiday_data_is_never_a_year_without_holidays() -> None:
    with pytest.raises(CalendarUncovered, match="England calendar has no holidays for 2027"):
        ENGLAND.nth_workday_after(date(2026, 12, 31), 1)
    with pytest.raises(CalendarUncovered):
        ENGLAND.workdays_between(date(2026, 12, 30), date(2027, 1, 2))
    assert ENGLAND.workdays_between(date(2025, 12, 31), date(2026, 12, 31)) == 253
    assert WorkdayCalendar("Blank").nth_workday_after(date(2026, 12, 31), 1) == date(2027, 1, 1)


@pytest.mark.parametrize("weekend", [frozenset(range(7)), frozenset({7}), frozenset({-1, 5})])
def test_a_weekend_that_leaves_no_day_or_names_none_is_refused(weekend: frozenset[int]) -> None:
    with pytest.raises(ValueError, match="weekend"):
        WorkdayCalendar("Never", weekend=weekend)


def test_there_is_no_working_day_number_zero_after_a_day() -> None:
    with pytest.raises(ValueError, match="number 0"):
        ENGLAND.nth_workday_after(date(2026, 5, 31), 0)


def test_working_days_before_a_day() -> None:
    assert [ENGLAND.nth_workday_before(date(2026, 5, 27), n).day for n in (1, 2, 3)] == [26, 22, 21]
    assert ENGLAND.last_workday_upto(date(2026, 5, 25)) == date(2026, 5, 22)
    assert ENGLAND.last_workday_upto(date(2026, 5, 26)) == date(2026, 5, 26)
    with pytest.raises(ValueError, match="no working day number 0 before a day"):
        ENGLAND.nth_workday_before(date(2026, 5, 27), 0)
    with pytest.raises(CalendarUncovered, match="no holidays for 2025"):
        ENGLAND.nth_workday_before(date(2026, 1, 2), 1)


@given(CALENDARS, IN_2026, st.integers(1, 20))
def test_nth_working_day_rises_strictly_with_n(calendar: WorkdayCalendar, day: date, n: int) -> None:
    nth, following = calendar.nth_workday_after(day, n), calendar.nth_workday_after(day, n + 1)
    assert day < nth < following
    assert calendar.is_workday(nth)


@given(CALENDARS, IN_2026, st.integers(1, 20))
def test_counting_and_walking_agree(calendar: WorkdayCalendar, day: date, n: int) -> None:
    nth = calendar.nth_workday_after(day, n)
    assert calendar.workdays_between(day, nth) == n
    assert calendar.workdays_between(day, nth - timedelta(days=1)) == n - 1


@given(CALENDARS, IN_2026, st.integers(-5, 400))
def test_working_days_between_are_those_one_would_count(
    calendar: WorkdayCalendar, after: date, days: int
) -> None:
    upto = after + timedelta(days=days)
    counted = sum(calendar.is_workday(after + timedelta(days=step)) for step in range(1, days + 1))
    assert calendar.workdays_between(after, upto) == counted


@given(CALENDARS, IN_2026, st.integers(1, 20), IN_2026)
def test_a_holiday_never_brings_a_working_day_forward(
    calendar: WorkdayCalendar, day: date, n: int, off: date
) -> None:
    more = WorkdayCalendar(
        calendar.name, calendar.weekend, {**calendar.days_off, off: "one more"}, calendar.extra_working
    )
    assert more.nth_workday_after(day, n) >= calendar.nth_workday_after(day, n)


# --- local days

NO_MIDNIGHT = [
    ("America/Santiago", date(2026, 9, 6), "2026-09-06 04:00"),
    ("Africa/Cairo", date(2026, 4, 24), "2026-04-23 22:00"),
    ("Asia/Beirut", date(2026, 3, 29), "2026-03-28 22:00"),
    ("America/Havana", date(2026, 3, 8), "2026-03-08 05:00"),
]


@pytest.mark.parametrize(("zone", "day", "first_instant"), NO_MIDNIGHT)
def test_a_midnight_that_does_not_exist_gives_the_first_existing_instant(
    zone: str, day: date, first_instant: str
) -> None:
    tz = zone_named(zone)
    start = start_of_day(day, tz)
    assert start == utc(first_instant)
    assert start.astimezone(tz).time() == time(1)
    assert end_of_day(day - timedelta(days=1), tz) == start
    assert local_date(start, tz) == day
    assert local_date(start - timedelta(microseconds=1), tz) == day - timedelta(days=1)


def test_the_date_samoa_skipped_begins_where_the_next_one_does() -> None:
    apia = zone_named("Pacific/Apia")
    skipped, after = start_of_day(date(2011, 12, 30), apia), start_of_day(date(2011, 12, 31), apia)
    assert skipped == after == utc("2011-12-30 10:00")
    assert local_date(after, apia) == date(2011, 12, 31)
    assert local_date(after - timedelta(microseconds=1), apia) == date(2011, 12, 29)


def test_a_gap_over_midnight_ends_at_the_jump_itself() -> None:
    # Toronto went from 23:30 on 30 March 1919 straight to 00:30 on the 31st.
    toronto = zone_named("America/Toronto")
    assert start_of_day(date(1919, 3, 31), toronto) == utc("1919-03-31 04:30")


def test_a_wall_time_in_a_gap_gives_the_end_of_the_gap() -> None:
    london = zone_named("Europe/London")
    assert instant_at(date(2026, 3, 29), time(1, 30), london) == utc("2026-03-29 01:00")
    assert instant_at(date(2026, 3, 29), time(1, 59, 59, 999_999), london) == utc("2026-03-29 01:00")
    assert instant_at(date(2026, 3, 29), time(2), london) == utc("2026-03-29 01:00")


def test_an_ambiguous_wall_time_gives_the_earlier_instant() -> None:
    london = zone_named("Europe/London")
    assert instant_at(date(2026, 10, 25), time(1, 30), london) == utc("2026-10-25 00:30")
    assert instant_at(date(2026, 10, 25), time(1, 30, fold=1), london) == utc("2026-10-25 00:30")


def test_a_date_that_has_begun_does_not_fall_back_when_the_clock_does() -> None:
    # Goose Bay set its clocks back from 00:01 on 1 November 2009 to 23:01 on 31 October.
    goose_bay = zone_named("America/Goose_Bay")
    start = start_of_day(date(2009, 11, 1), goose_bay)
    repeated = start + timedelta(minutes=30)
    assert repeated.astimezone(goose_bay).date() == date(2009, 10, 31)
    assert local_date(repeated, goose_bay) == date(2009, 11, 1)


def test_days_of_23_and_25_hours() -> None:
    london = zone_named("Europe/London")
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    assert end_of_day(spring, london) - start_of_day(spring, london) == timedelta(hours=23)
    assert end_of_day(autumn, london) - start_of_day(autumn, london) == timedelta(hours=25)


def test_date_to_instant_rises_in_every_zone_from_2000_to_2040() -> None:
    """Between two changes of a zone's offset days are 24 hours long, so the days around each change tell all."""
    noons = [datetime(2000, 1, 1, 12) + timedelta(days=n) for n in range(41 * 365 + 10)]  # noqa: DTZ001
    one_day = timedelta(days=1)
    skipped = set()
    changes = 0
    for name in sorted(zoneinfo.available_timezones()):
        zone = zone_named(name)
        offset = zone.utcoffset(noons[0])
        for noon in noons:
            before, offset = offset, zone.utcoffset(noon)
            if offset == before:
                continue
            changes += 1
            day = noon.date() - 2 * one_day
            start = start_of_day(day, zone)
            for _ in range(4):
                day, last = day + one_day, start
                start = start_of_day(day, zone)
                assert start > last or (name, day - one_day) in skipped, (name, day)
                if end_of_day(day, zone) == start:
                    skipped.add((name, day))
                    continue
                assert local_date(start, zone) == day, (name, day)
                assert local_date(start - timedelta(microseconds=1), zone) < day, (name, day)
    assert changes > 10_000
    islands = {("Pacific/Apia", date(2011, 12, 30)), ("Pacific/Fakaofo", date(2011, 12, 30))}
    assert skipped == islands


@examples(300)
@given(ZONES, DAYS, st.timedeltas(timedelta(hours=-30), timedelta(hours=30)))
def test_a_date_has_begun_exactly_from_its_first_instant_on(
    zone: zoneinfo.ZoneInfo, day: date, away: timedelta
) -> None:
    start = start_of_day(day, zone)
    assert start.tzinfo is UTC
    assert (local_date(start + away, zone) >= day) == (away >= timedelta(0))


@given(ZONES, DAYS, st.times())
def test_a_wall_time_lies_within_its_day(zone: zoneinfo.ZoneInfo, day: date, at: time) -> None:
    assert start_of_day(day, zone) <= instant_at(day, at, zone) <= end_of_day(day, zone)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        local_date(datetime(2026, 6, 9), zone_named("Europe/London"))  # noqa: DTZ001


def test_dates_in_words_do_not_depend_on_the_locale() -> None:
    assert weekday_and_date(date(2026, 6, 8)) == "Mon 8 June 2026"
    assert full_date(date(2028, 2, 29)) == "29 February 2028"
