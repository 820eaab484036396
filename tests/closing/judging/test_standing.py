"""The one lateness rule, told with the worked example's cast (01-domain 1.5 to 1.8)."""

from __future__ import annotations

from datetime import date, time

import pytest

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline, WorkdayRule, deadline_for
from closing.calendar.instants import instant_at, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.standing import JudgingPolicy, LatenessUnit, Level, ObservedChange, Standing, fold, judge
from tests.closing.core_builders import (
    CLOSED,
    DEFAULT,
    ENGLAND,
    EU_DTC_STORY,
    MAY,
    NOT_STARTED,
    ON_HOLD,
    ON_HOLD_COUNTS,
    OPEN,
    TWENTY_ZONES,
    UK_RETAIL_STORY,
    UNKNOWN,
    US_RETAIL_STORY,
    change_seen,
    deadline_on,
    utc,
)

NINTH = deadline_on("2026-06-09", "Europe/Amsterdam")
WORKING_DAYS = JudgingPolicy(unit=LatenessUnit.WORKING_DAYS)


def stands(
    changes: list[ObservedChange],
    deadline: Deadline | None,
    as_of: str,
    *,
    policy: JudgingPolicy = DEFAULT,
    calendar: WorkdayCalendar | None = None,
    period: DateSpan = MAY,
) -> Standing:
    history = fold(changes, policy)
    return judge(
        history,
        deadline,
        as_of=utc(as_of),
        period=period,
        policy=policy,
        calendar=calendar,
        zone="Europe/Amsterdam",
    )


# --- open, and how late


@pytest.mark.parametrize(
    ("as_of", "level", "days_late", "due_in"),
    [
        ("2026-05-20 12:00", Level.NOT_DUE, 0, 20),
        ("2026-06-01 12:00", Level.NOT_DUE, 0, 8),
        ("2026-06-08 21:59:59", Level.NOT_DUE, 0, 1),
        ("2026-06-08 22:00", Level.DUE_TODAY, 0, 0),
        ("2026-06-09 21:59:59", Level.DUE_TODAY, 0, 0),
        ("2026-06-09 22:00", Level.LATE, 1, None),
        ("2026-06-12 12:00", Level.LATE, 3, None),
        ("2026-06-14 12:00", Level.LATE, 5, None),
        ("2026-06-14 21:59:59", Level.LATE, 5, None),
        ("2026-06-14 22:00", Level.ALERTING, 6, None),
        ("2026-06-15 12:00", Level.ALERTING, 6, None),
    ],
)
def test_eu_dtc_from_not_due_to_alerting(
    as_of: str, level: Level, days_late: int, due_in: int | None
) -> None:
    standing = stands(EU_DTC_STORY, NINTH, as_of)
    assert (standing.level, standing.days_late, standing.due_in) == (level, days_late, due_in)
    assert standing.alerting == (level is Level.ALERTING)
    assert standing.outstanding


def test_counting_from_one_on_the_english_calendar_makes_eu_dtc_four_days_late() -> None:
    deadline = deadline_for(WorkdayRule(6), MAY, ENGLAND, "Europe/Amsterdam")
    assert stands(EU_DTC_STORY, deadline, "2026-06-12 12:00").days_late == 4


def test_us_retail_on_hold_is_one_day_late() -> None:
    standing = stands(US_RETAIL_STORY, deadline_on("2026-06-11", "America/New_York"), "2026-06-12 12:00")
    assert (standing.level, standing.days_late) == (Level.LATE, 1)


def test_us_retail_on_hold_is_on_time_where_a_policy_counts_it_as_closed() -> None:
    deadline = deadline_on("2026-06-11", "America/New_York")
    standing = stands(US_RETAIL_STORY, deadline, "2026-06-12 12:00", policy=ON_HOLD_COUNTS)
    assert (standing.level, standing.first_closed_on) == (Level.CLOSED_ON_TIME, date(2026, 6, 10))


def test_the_alert_line_is_crossed_strictly() -> None:
    strict = JudgingPolicy(alert_after_days=0)
    assert stands(EU_DTC_STORY, NINTH, "2026-06-10 12:00", policy=strict).level is Level.ALERTING
    assert (
        stands(EU_DTC_STORY, deadline_on("2026-06-10"), "2026-06-10 12:00", policy=strict).level
        is Level.DUE_TODAY
    )


def test_after_the_cut_off_it_is_late_today_by_zero_days() -> None:
    deadline = deadline_on("2026-06-09", "Europe/Amsterdam", time(18))
    assert stands(EU_DTC_STORY, deadline, "2026-06-09 15:59:59").level is Level.DUE_TODAY
    late_today = stands(EU_DTC_STORY, deadline, "2026-06-09 16:00")
    assert (late_today.level, late_today.days_late, late_today.due_in) == (Level.LATE, 0, None)
    assert stands(EU_DTC_STORY, deadline, "2026-06-10 12:00").days_late == 1


@pytest.mark.parametrize("zone", TWENTY_ZONES)
def test_it_first_alerts_at_the_start_of_the_sixth_local_day(zone: str) -> None:
    deadline, tz = deadline_on("2026-06-09", zone), zone_named(zone)
    history = fold(EU_DTC_STORY, DEFAULT)
    told = []
    for days in range(7):
        for at in (time.min, time(23, 59, 59)):
            moment = instant_at(date(2026, 6, 9 + days), at, tz)
            standing = judge(history, deadline, as_of=moment, period=MAY, policy=DEFAULT)
            told.append((standing.level, standing.days_late))
    expected = [(Level.DUE_TODAY, 0), *[(Level.LATE, days) for days in range(1, 6)], (Level.ALERTING, 6)]
    assert told == [line for line in expected for _ in range(2)]


def test_working_days_late_leave_out_the_weekend() -> None:
    friday = deadline_on("2026-06-05", "Europe/Amsterdam")
    saturday = stands(EU_DTC_STORY, friday, "2026-06-06 12:00", policy=WORKING_DAYS, calendar=ENGLAND)
    assert (saturday.level, saturday.days_late, saturday.unit) == (Level.LATE, 0, LatenessUnit.WORKING_DAYS)
    week_later = stands(EU_DTC_STORY, friday, "2026-06-12 12:00", policy=WORKING_DAYS, calendar=ENGLAND)
    assert (week_later.level, week_later.days_late) == (Level.LATE, 5)
    monday = stands(EU_DTC_STORY, friday, "2026-06-15 12:00", policy=WORKING_DAYS, calendar=ENGLAND)
    assert (monday.level, monday.days_late) == (Level.ALERTING, 6)


def test_working_days_need_a_calendar() -> None:
    with pytest.raises(ValueError, match="work calendar"):
        stands(EU_DTC_STORY, NINTH, "2026-06-12 12:00", policy=WORKING_DAYS)


def test_where_the_calendar_runs_out_the_number_says_that_it_is_calendar_days() -> None:
    deadline = deadline_on("2026-12-30", "Europe/Amsterdam")
    standing = stands(EU_DTC_STORY, deadline, "2027-01-04 12:00", policy=WORKING_DAYS, calendar=ENGLAND)
    assert (standing.days_late, standing.unit) == (5, LatenessUnit.CALENDAR_DAYS)


# --- closed, and whether on time


def test_uk_retail_closed_on_time() -> None:
    standing = stands(UK_RETAIL_STORY, deadline_on("2026-06-09"), "2026-06-12 12:00")
    assert standing.level is Level.CLOSED_ON_TIME
    assert standing.first_close_level is Level.CLOSED_ON_TIME
    assert (standing.first_closed_on, standing.last_closed_on) == (date(2026, 6, 8), date(2026, 6, 8))
    assert (standing.days_late, standing.due_in, standing.outstanding) == (0, None, False)


def test_a_close_at_2230_utc_on_the_due_date_is_on_time_in_london_and_late_in_amsterdam() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-09 22:30", after="2026-06-09 22:15"),
    ]
    london = stands(story, deadline_on("2026-06-09", "Europe/London"), "2026-06-12 12:00")
    amsterdam = stands(story, deadline_on("2026-06-09", "Europe/Amsterdam"), "2026-06-12 12:00")
    assert (london.level, london.first_closed_on) == (Level.CLOSED_ON_TIME, date(2026, 6, 9))
    assert (amsterdam.level, amsterdam.days_late) == (Level.CLOSED_LATE, 1)
    assert amsterdam.first_closed_on == date(2026, 6, 10)


def test_days_late_stop_at_the_first_close() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-18 15:00", after="2026-06-18 14:00"),
    ]
    for as_of in ("2026-06-18 16:00", "2026-06-30 12:00", "2027-06-30 12:00"):
        standing = stands(story, NINTH, as_of)
        assert (standing.level, standing.days_late, standing.alerting) == (Level.CLOSED_LATE, 9, False)


def test_a_close_after_the_cut_off_on_the_due_date_is_late_by_zero_days() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-09 17:00", after="2026-06-09 16:30"),
    ]
    standing = stands(story, deadline_on("2026-06-09", "Europe/Amsterdam", time(18)), "2026-06-12 12:00")
    assert (standing.level, standing.days_late) == (Level.CLOSED_LATE, 0)


def test_reads_on_both_sides_of_the_deadline_leave_the_question_open() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-11 08:00", after="2026-06-08 08:00"),
    ]
    standing = stands(story, NINTH, "2026-06-12 12:00")
    assert standing.level is Level.CLOSED_DATE_UNKNOWN
    assert standing.closed_between == (date(2026, 6, 8), date(2026, 6, 11))
    assert (standing.first_closed_on, standing.last_closed_on, standing.days_late) == (None, None, 0)
    assert not standing.outstanding


def test_a_read_that_saw_it_open_once_the_deadline_had_passed_makes_a_late_close_certain() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-11 08:00", after="2026-06-09 22:00"),
    ]
    assert stands(story, NINTH, "2026-06-12 12:00").level is Level.CLOSED_LATE


def test_already_closed_when_first_seen_is_neither_on_time_nor_late() -> None:
    for first_look in ("2026-06-05 12:00", "2026-06-12 12:00", "2026-07-30 12:00"):
        standing = stands([change_seen(CLOSED, first_look)], NINTH, "2026-07-31 12:00")
        assert standing.level is Level.CLOSED_DATE_UNKNOWN
        assert (standing.first_closed_on, standing.last_closed_on, standing.days_late) == (None, None, 0)
        assert not standing.outstanding


def test_a_first_close_of_unknown_date_stays_unknown_after_a_reopening() -> None:
    story = [
        change_seen(CLOSED, "2026-06-05 12:00"),
        change_seen(OPEN, "2026-06-11 12:00", after="2026-06-11 11:00"),
        change_seen(CLOSED, "2026-06-12 09:00", after="2026-06-12 08:00"),
    ]
    standing = stands(story, NINTH, "2026-06-12 12:00")
    assert (standing.level, standing.reopened) == (Level.CLOSED_DATE_UNKNOWN, True)
    assert (standing.first_closed_on, standing.last_closed_on) == (None, date(2026, 6, 12))


def test_a_close_before_the_period_ended_counts_once_it_has_ended() -> None:
    story = [
        change_seen(OPEN, "2026-05-01 09:00"),
        change_seen(CLOSED, "2026-05-29 12:00", after="2026-05-29 11:00"),
    ]
    early = stands(story, NINTH, "2026-05-31 12:00")
    assert (early.level, early.closed, early.stopped_early) == (Level.NOT_DUE, False, True)
    assert (early.first_close_level, early.first_closed_on, early.last_closed_on) == (None, None, None)
    assert stands(story, NINTH, "2026-06-12 12:00").level is Level.CLOSED_ON_TIME


# --- reopening

REOPENED = [
    change_seen(OPEN, "2026-06-01 09:00"),
    change_seen(CLOSED, "2026-06-08 15:00", after="2026-06-08 14:45"),
    change_seen(OPEN, "2026-06-12 09:00", after="2026-06-12 08:45"),
]


def test_closed_on_8_june_and_reopened_on_12_june_is_three_days_late_again() -> None:
    standing = stands(REOPENED, NINTH, "2026-06-12 12:00")
    assert (standing.level, standing.days_late, standing.reopened) == (Level.LATE, 3, True)
    assert standing.outstanding
    # The on-time rate still counts the first close.
    assert (standing.first_close_level, standing.first_closed_on) == (Level.CLOSED_ON_TIME, date(2026, 6, 8))
    assert standing.last_closed_on is None


def test_closed_again_it_is_judged_by_its_first_close_and_shows_the_last() -> None:
    again = [*REOPENED, change_seen(CLOSED, "2026-06-15 15:00", after="2026-06-15 14:45")]
    standing = stands(again, NINTH, "2026-06-16 12:00")
    assert (standing.level, standing.days_late, standing.reopened) == (Level.CLOSED_ON_TIME, 0, True)
    assert (standing.first_closed_on, standing.last_closed_on) == (date(2026, 6, 8), date(2026, 6, 15))


def test_on_hold_after_closed_is_a_reopening_unless_on_hold_counts_as_closed() -> None:
    story = [*REOPENED[:2], change_seen(ON_HOLD, "2026-06-12 09:00", after="2026-06-12 08:45")]
    assert stands(story, NINTH, "2026-06-12 12:00").reopened
    counted = stands(story, NINTH, "2026-06-12 12:00", policy=ON_HOLD_COUNTS)
    assert (counted.reopened, counted.level) == (False, Level.CLOSED_ON_TIME)


def test_a_window_that_lags_behind_a_running_period_is_no_close() -> None:
    """Business Central's range still ends with May on 1 June: June reads closed until somebody moves the range."""
    june = DateSpan(date(2026, 6, 1), date(2026, 6, 30))
    deadline = deadline_on("2026-07-09", "Europe/Amsterdam")
    story = [
        change_seen(NOT_STARTED, "2026-05-20 09:00"),
        change_seen(CLOSED, "2026-06-01 09:00", after="2026-06-01 08:00"),
        change_seen(OPEN, "2026-06-03 09:00", after="2026-06-03 08:00"),
    ]
    running = stands(story, deadline, "2026-06-20 12:00", period=june)
    assert (running.level, running.reopened, running.first_close_level) == (Level.NOT_DUE, False, None)
    late = stands(story, deadline, "2026-07-12 12:00", period=june)
    assert (late.level, late.days_late, late.reopened) == (Level.LATE, 3, False)
    closed = [*story, change_seen(CLOSED, "2026-07-11 09:00", after="2026-07-11 08:00")]
    standing = stands(closed, deadline, "2026-07-12 12:00", period=june)
    assert (standing.level, standing.days_late, standing.reopened) == (Level.CLOSED_LATE, 2, False)
    assert standing.first_closed_on == date(2026, 7, 11)


def test_a_lagging_window_at_our_first_look_does_not_hide_the_real_close() -> None:
    june = DateSpan(date(2026, 6, 1), date(2026, 6, 30))
    story = [
        change_seen(CLOSED, "2026-06-01 09:00"),
        change_seen(OPEN, "2026-06-03 09:00", after="2026-06-03 08:00"),
        change_seen(CLOSED, "2026-07-08 09:00", after="2026-07-08 08:00"),
        change_seen(OPEN, "2026-07-10 09:00", after="2026-07-10 08:00"),
    ]
    standing = stands(story, deadline_on("2026-07-09"), "2026-07-12 12:00", period=june)
    assert (standing.first_close_level, standing.first_closed_on) == (Level.CLOSED_ON_TIME, date(2026, 7, 8))
    assert (standing.level, standing.reopened) == (Level.LATE, True)


# --- what nobody can know


def test_never_read_is_unknown() -> None:
    standing = stands([], NINTH, "2026-06-20 12:00")
    assert (standing.level, standing.days_late) == (Level.UNKNOWN, 0)
    assert standing.outstanding
    assert not standing.unconfirmed


def test_never_understood_is_unknown() -> None:
    standing = stands([change_seen(UNKNOWN, "2026-06-01 09:00")], NINTH, "2026-06-20 12:00")
    assert (standing.level, standing.alerting, standing.unconfirmed) == (Level.UNKNOWN, False, False)


def test_an_open_period_that_goes_dark_stays_late_unconfirmed_and_does_not_escalate() -> None:
    story = [*EU_DTC_STORY, change_seen(UNKNOWN, "2026-06-12 09:30", after="2026-06-12 09:12")]
    for as_of in ("2026-06-12 12:00", "2026-06-20 12:00"):
        standing = stands(story, NINTH, as_of)
        assert (standing.level, standing.days_late, standing.unconfirmed) == (Level.LATE, 3, True)


def test_dark_for_one_reason_and_then_another_it_was_last_confirmed_before_the_first() -> None:
    story = [
        *EU_DTC_STORY,
        change_seen(UNKNOWN, "2026-06-12 09:30", after="2026-06-12 09:12"),
        change_seen(UNKNOWN, "2026-06-14 09:30", after="2026-06-14 09:12"),
    ]
    history = fold(story, DEFAULT)
    assert (history.state, history.last_known) == (UNKNOWN, EU_DTC_STORY[-1])
    assert history.since is not None
    assert (history.since.seen_at, history.confirmed_at) == (
        utc("2026-06-12 09:30"),
        utc("2026-06-12 09:12"),
    )
    assert stands(story, NINTH, "2026-06-20 12:00").days_late == 3


def test_a_closed_period_that_goes_dark_stays_closed_unconfirmed() -> None:
    story = [*UK_RETAIL_STORY, change_seen(UNKNOWN, "2026-06-10 09:30", after="2026-06-10 09:12")]
    standing = stands(story, NINTH, "2026-06-20 12:00")
    assert (standing.level, standing.unconfirmed) == (Level.CLOSED_ON_TIME, True)


def test_going_dark_before_the_deadline_never_becomes_late() -> None:
    story = [*EU_DTC_STORY, change_seen(UNKNOWN, "2026-06-08 09:30", after="2026-06-08 09:12")]
    standing = stands(story, NINTH, "2026-06-20 12:00")
    assert (standing.level, standing.due_in, standing.unconfirmed) == (Level.NOT_DUE, 1, True)


def test_asked_about_a_time_before_it_went_dark_it_answers_as_of_then() -> None:
    story = [*EU_DTC_STORY, change_seen(UNKNOWN, "2026-06-12 09:30")]
    assert stands(story, NINTH, "2026-06-11 12:00").days_late == 2
    assert stands(story, NINTH, "2026-06-20 12:00").days_late == 3


def test_a_close_that_ends_a_dark_spell_may_have_happened_during_it() -> None:
    story = [
        *EU_DTC_STORY,
        change_seen(UNKNOWN, "2026-06-08 09:30", after="2026-06-08 09:12"),
        change_seen(CLOSED, "2026-06-11 12:00", after="2026-06-11 11:45"),
    ]
    standing = stands(story, NINTH, "2026-06-12 12:00")
    assert standing.level is Level.CLOSED_DATE_UNKNOWN
    assert standing.closed_between == (date(2026, 6, 8), date(2026, 6, 11))


def test_closed_when_first_understood_has_no_date_either() -> None:
    story = [
        change_seen(UNKNOWN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-05 12:00", after="2026-06-05 11:45"),
    ]
    assert stands(story, NINTH, "2026-06-12 12:00").level is Level.CLOSED_DATE_UNKNOWN


# --- no deadline, not ended


def test_no_deadline_is_an_alarm_of_its_own() -> None:
    standing = stands(EU_DTC_STORY, None, "2026-06-12 12:00")
    assert (standing.level, standing.due_in, standing.outstanding) == (Level.NO_DEADLINE, None, True)


def test_closed_without_a_deadline_is_closed_but_left_out() -> None:
    standing = stands(UK_RETAIL_STORY, None, "2026-06-12 12:00")
    assert (standing.level, standing.first_closed_on) == (Level.NO_DEADLINE, date(2026, 6, 8))
    assert standing.closed
    assert not standing.outstanding


def test_a_period_without_a_deadline_needs_a_zone() -> None:
    history = fold(EU_DTC_STORY, DEFAULT)
    with pytest.raises(ValueError, match="zone"):
        judge(history, None, as_of=utc("2026-06-12 12:00"), period=MAY, policy=DEFAULT)


@pytest.mark.parametrize("deadline", [None, NINTH, deadline_on("2026-05-20")])
def test_a_running_period_is_not_due_whatever_its_deadline(deadline: Deadline | None) -> None:
    story = [change_seen(OPEN, "2026-05-01 09:00")]
    assert stands(story, deadline, "2026-05-31 21:59:59").level is Level.NOT_DUE


def test_a_period_that_ended_without_ever_starting_is_not_closed() -> None:
    story = [change_seen(NOT_STARTED, "2026-05-20 09:00")]
    assert stands(story, NINTH, "2026-05-30 12:00").level is Level.NOT_DUE
    standing = stands(story, NINTH, "2026-06-12 12:00")
    assert (standing.level, standing.days_late) == (Level.LATE, 3)
