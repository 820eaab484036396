"""When a message is due: at once, daily, weekly; around quiet hours, days off and changes of the clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.notification_schedule import (
    MAX_DELAY_DAYS,
    MAX_WEEKLY_DELAY_DAYS,
    Cadence,
    CadenceRule,
    NotificationHours,
    allowed_cadences,
    effective_cadence,
    next_send_at,
)

AT_ONCE, DAILY, WEEKLY, NEVER = Cadence
LONDON, NEW_YORK = "Europe/London", "America/New_York"
ENGLAND = WorkdayCalendar(
    "England",
    days_off={
        date(2026, 12, 25): "Christmas Day",
        date(2026, 12, 28): "Boxing Day",
        date(2026, 6, 15): "Fair",
    },
    covered_years=frozenset({2026}),
)
RESTS = NotificationHours(
    LONDON, quiet_from=time(20), quiet_until=time(7), calendar=ENGLAND, defer_on_days_off=True
)


def there(text: str, zone: str = LONDON) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone_named(zone)).astimezone(UTC)


def due(rhythm: Cadence, hours: NotificationHours, at: str, zone: str = LONDON) -> str:
    """When it is due, by the clock of the person."""
    found = next_send_at(rhythm, hours, there(at, zone))
    assert found.tzinfo is UTC
    return f"{found.astimezone(zone_named(zone)):%a %Y-%m-%d %H:%M}"


# --- what may be chosen ---------------------------------------------------------------------------------------------


MANDATORY, REPEATED = CadenceRule(mandatory=True), CadenceRule(DAILY, repeats=True)
RULES = [CadenceRule(), CadenceRule(DAILY), MANDATORY, REPEATED]


@pytest.mark.parametrize("rule", RULES)
def test_what_a_person_may_choose(rule: CadenceRule) -> None:
    if rule.mandatory:
        assert allowed_cadences(rule) == (AT_ONCE,)
        assert allowed_cadences(rule, in_digest=True) == (AT_ONCE, DAILY, WEEKLY)
    else:
        free = (DAILY, WEEKLY, NEVER) if rule.repeats else (AT_ONCE, DAILY, WEEKLY, NEVER)
        assert allowed_cadences(rule) == allowed_cadences(rule, in_digest=True) == free


@pytest.mark.parametrize("in_digest", [False, True])
@pytest.mark.parametrize("chosen", [None, *Cadence])
@pytest.mark.parametrize("rule", RULES)
def test_a_choice_that_is_not_allowed_counts_as_the_soonest_that_is(
    rule: CadenceRule, chosen: Cadence | None, in_digest: bool
) -> None:
    allowed, found = (
        allowed_cadences(rule, in_digest=in_digest),
        effective_cadence(rule, chosen, in_digest=in_digest),
    )
    assert found in allowed
    if chosen is None:
        assert found is rule.default
    else:
        assert found is (chosen if chosen in allowed else allowed[0])
    if rule.mandatory:
        assert found is not NEVER
        assert in_digest or found is AT_ONCE
    if rule.repeats:
        assert found is not AT_ONCE


# --- when a message is due ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "comes"),
    [
        ("2026-06-17 12:00", "Wed 2026-06-17 12:00"),
        ("2026-06-17 20:00", "Thu 2026-06-18 07:00"),  # quiet across midnight, from its first minute
        ("2026-06-18 06:59", "Thu 2026-06-18 07:00"),
        ("2026-06-18 07:00", "Thu 2026-06-18 07:00"),
        ("2026-06-12 19:59", "Fri 2026-06-12 19:59"),
        ("2026-06-12 20:00", "Tue 2026-06-16 07:00"),  # the weekend, and Monday is a day off
        ("2026-06-13 12:00", "Tue 2026-06-16 07:00"),
        ("2026-12-24 21:00", "Mon 2026-12-28 07:00"),  # MAX_DELAY_DAYS are over although Boxing Day is off
        ("2027-01-01 12:00", "Fri 2027-01-01 12:00"),  # no holidays are known of that year
        ("2027-01-02 12:00", "Mon 2027-01-04 07:00"),  # but weekends are
    ],
)
def test_at_once_waits_for_quiet_hours_and_days_off(at: str, comes: str) -> None:
    assert due(AT_ONCE, RESTS, at) == comes


def test_at_once_means_now_for_who_neither_rests_nor_has_quiet_hours() -> None:
    now = there("2026-06-13 03:00:07")
    assert next_send_at(AT_ONCE, NotificationHours(LONDON, calendar=ENGLAND), now) == now


def test_quiet_hours_in_the_middle_of_the_day() -> None:
    hours = NotificationHours(LONDON, quiet_from=time(12), quiet_until=time(13, 30))
    assert due(AT_ONCE, hours, "2026-06-17 12:20") == "Wed 2026-06-17 13:30"
    assert due(AT_ONCE, hours, "2026-06-17 13:30") == "Wed 2026-06-17 13:30"


@pytest.mark.parametrize(
    ("at", "comes"),
    [
        ("2026-06-17 07:59", "Wed 2026-06-17 08:00"),
        ("2026-06-17 08:00", "Thu 2026-06-18 08:00"),  # that one is on its way
        ("2026-06-12 09:00", "Tue 2026-06-16 08:00"),
        ("2026-12-24 09:00", "Mon 2026-12-28 08:00"),
    ],
)
def test_the_daily_digest(at: str, comes: str) -> None:
    assert due(DAILY, RESTS, at) == comes
    # Of digests days off are always off.
    assert due(DAILY, NotificationHours(LONDON, calendar=ENGLAND), at) == comes


def test_without_a_calendar_digests_come_every_day_unless_one_rests() -> None:
    assert due(DAILY, NotificationHours(LONDON), "2026-06-12 09:00") == "Sat 2026-06-13 08:00"
    assert (
        due(DAILY, NotificationHours(LONDON, defer_on_days_off=True), "2026-06-12 09:00")
        == "Mon 2026-06-15 08:00"
    )


@pytest.mark.parametrize(
    ("weekday", "at", "comes"),
    [
        (0, "2026-06-02 12:00", "Mon 2026-06-08 08:00"),
        (0, "2026-06-08 07:59", "Mon 2026-06-08 08:00"),
        (0, "2026-06-10 12:00", "Tue 2026-06-16 08:00"),  # Monday is a day off
        (0, "2026-06-08 08:00", "Fri 2026-06-12 08:00"),  # Tuesday would be later than a week
        (5, "2026-06-08 12:00", "Fri 2026-06-12 08:00"),  # Saturdays are off, and Monday is too
        (2, "2026-06-08 12:00", "Wed 2026-06-10 08:00"),
    ],
)
def test_the_weekly_digest(weekday: int, at: str, comes: str) -> None:
    assert due(WEEKLY, NotificationHours(LONDON, digest_weekday=weekday, calendar=ENGLAND), at) == comes


def test_a_digest_within_quiet_hours_comes_when_they_end() -> None:
    hours = NotificationHours(LONDON, digest_at=time(6), quiet_from=time(20), quiet_until=time(7))
    assert due(DAILY, hours, "2026-06-17 05:00") == "Wed 2026-06-17 07:00"
    late = NotificationHours(LONDON, digest_at=time(23), quiet_from=time(20), quiet_until=time(7))
    assert due(DAILY, late, "2026-06-17 12:00") == "Thu 2026-06-18 07:00"


def test_where_the_clocks_skip_the_digest_it_comes_right_after() -> None:
    hours = NotificationHours(NEW_YORK, digest_at=time(2, 30))
    assert due(DAILY, hours, "2026-03-08 01:00", NEW_YORK) == "Sun 2026-03-08 03:00"
    assert due(DAILY, hours, "2026-03-08 03:00", NEW_YORK) == "Mon 2026-03-09 02:30"
    quiet = NotificationHours(NEW_YORK, digest_at=time(2, 30), quiet_from=time(3), quiet_until=time(5))
    assert due(DAILY, quiet, "2026-03-08 01:00", NEW_YORK) == "Sun 2026-03-08 05:00"


def test_where_the_clocks_show_the_hour_of_the_digest_twice_it_comes_once() -> None:
    hours = NotificationHours(NEW_YORK, digest_at=time(1, 30))
    first = next_send_at(DAILY, hours, there("2026-11-01 00:00", NEW_YORK))
    assert first == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    again = next_send_at(DAILY, hours, first)
    assert again == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    # 01:15 by the clock, for the second time.
    assert next_send_at(DAILY, hours, first + timedelta(minutes=45)) == again


def test_quiet_hours_last_until_the_clock_shows_their_end_next() -> None:
    hours = NotificationHours(NEW_YORK, quiet_from=time(22), quiet_until=time(1, 30))
    second = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10 again
    assert next_send_at(AT_ONCE, hours, second) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    gap = NotificationHours(NEW_YORK, quiet_from=time(22), quiet_until=time(2, 30))
    assert due(AT_ONCE, gap, "2026-03-08 01:00", NEW_YORK) == "Sun 2026-03-08 03:00"


def test_each_hears_by_the_clock_where_they_are() -> None:
    at = there("2026-06-17 12:00")
    assert next_send_at(DAILY, NotificationHours(NEW_YORK), at) == there("2026-06-17 08:00", NEW_YORK)
    assert next_send_at(DAILY, NotificationHours("Asia/Tokyo"), at) == there("2026-06-18 08:00", "Asia/Tokyo")


@pytest.mark.parametrize("zone", ["", "Europe", "Nowhere/Land", "../etc/passwd", "UTC\x00"])
def test_a_zone_that_is_none_counts_as_utc(zone: str) -> None:
    assert next_send_at(DAILY, NotificationHours(zone), datetime(2026, 6, 17, 9, tzinfo=UTC)) == datetime(
        2026, 6, 18, 8, tzinfo=UTC
    )


def test_what_is_never_told_is_never_due() -> None:
    with pytest.raises(ValueError, match="never due"):
        next_send_at(NEVER, NotificationHours(), datetime(2026, 6, 17, tzinfo=UTC))


# --- whatever the settings ------------------------------------------------------------------------------------------

ZONES = (
    LONDON,
    NEW_YORK,
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    "Antarctica/Casey",
    "Nowhere",
)
CALENDARS = st.none() | st.builds(
    WorkdayCalendar,
    st.just("any"),
    st.frozensets(st.integers(0, 6), max_size=6),
    st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.just("off"), max_size=20),
    st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=5),
    st.sampled_from([None, frozenset({2026}), frozenset[int]()]),
)
HOURS = st.builds(
    NotificationHours,
    st.sampled_from(ZONES),
    st.times(),
    st.integers(0, 6),
    st.none() | st.times(),
    st.none() | st.times(),
    CALENDARS,
    st.booleans(),
)
MOMENTS = st.datetimes(
    datetime(2025, 12, 20),  # noqa: DTZ001 (hypothesis wants naive bounds)
    datetime(2027, 1, 10),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(st.sampled_from([AT_ONCE, DAILY, WEEKLY]), HOURS, MOMENTS)
def test_a_message_comes_neither_in_quiet_hours_nor_too_late(
    rhythm: Cadence, hours: NotificationHours, as_of: datetime
) -> None:
    found = next_send_at(rhythm, hours, as_of)
    zone = zone_named(hours.zone if hours.zone != "Nowhere" else "UTC")
    assert found >= as_of if rhythm is AT_ONCE else found > as_of
    assert not hours.is_quiet_at(found.astimezone(zone).time())
    waited = (local_date(found, zone) - local_date(as_of, zone)).days
    assert (
        waited <= {AT_ONCE: MAX_DELAY_DAYS + 1, DAILY: MAX_DELAY_DAYS, WEEKLY: MAX_WEEKLY_DELAY_DAYS}[rhythm]
    )
    if hours.defer_on_days_off and waited < MAX_DELAY_DAYS:
        assert not hours.is_off(local_date(found, zone))


@given(HOURS, MOMENTS)
def test_what_is_due_at_once_is_due_at_once_then(hours: NotificationHours, as_of: datetime) -> None:
    """To ask again when it is due moves nothing, unless it came on a day off because it could not wait longer."""
    found = next_send_at(AT_ONCE, hours, as_of)
    again = next_send_at(AT_ONCE, hours, found)
    zone = zone_named(hours.zone if hours.zone != "Nowhere" else "UTC")
    assert again == found or (hours.defer_on_days_off and hours.is_off(local_date(found, zone)))


@given(st.sampled_from([DAILY, WEEKLY]), HOURS, MOMENTS, st.floats(0, 0.999))
def test_until_a_digest_comes_it_is_the_next_one(
    rhythm: Cadence, hours: NotificationHours, as_of: datetime, part: float
) -> None:
    """So that all that is raised until then is told in it, where no day off moves it."""
    hours = replace(hours, calendar=None, defer_on_days_off=False)
    found = next_send_at(rhythm, hours, as_of)
    assert next_send_at(rhythm, hours, as_of + (found - as_of) * part) == found
