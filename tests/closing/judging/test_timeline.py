"""A close day by day agrees with the standing that it is drawn from (01-domain 1.4 to 1.7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.deadlines import Deadline, WorkdayRule, deadline_for
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.facts.period_remarks import CurrentRemarks
from closing.judging.standing import JudgingPolicy, LatenessUnit, Level, ObservedChange, fold, judge
from closing.judging.states import PeriodState
from closing.judging.timeline import (
    MAX_TIMELINE_DAYS,
    TimelineDay,
    days_to_show,
    first_workday_number,
    timeline,
)
from closing.scoreboard.row import REMARKS, Row
from tests.closing.core_builders import (
    CLOSED,
    ENGLAND,
    EU_DTC,
    IRELAND,
    MAY,
    ON_HOLD,
    OPEN,
    UK_HOLDCO,
    UNKNOWN,
    change_seen,
    deadline_on,
    row,
    utc,
)
from tests.closing.judging.test_standing_properties import DEADLINES, MOMENTS, POLICIES, stories

NINTH = deadline_on("2026-06-09")
BEGAN = change_seen(OPEN, "2026-06-01 09:00")
JUNE = [date(2026, 6, 1) + ONE_DAY * n for n in range(20)]


def drawn(
    of: Row, today: str, calendar: WorkdayCalendar = ENGLAND, changes: tuple[ObservedChange, ...] = ()
) -> dict[int, TimelineDay]:
    """The days of June 2026 by number."""
    days = timeline(of, JUNE, calendar, today=date.fromisoformat(today), changes=changes)
    return {day.on.day: day for day in days}


def which(days: dict[int, TimelineDay], flag: str) -> list[int]:
    return [number for number, day in days.items() if getattr(day, flag)]


def late(days: dict[int, TimelineDay]) -> dict[int, int]:
    return {number: day.late for number, day in days.items() if day.late is not None}


def test_open_past_its_deadline_it_grows_later_up_to_today() -> None:
    days = drawn(
        row(EU_DTC, [BEGAN], deadline_on("2026-06-09", EU_DTC.zone), "2026-06-15 12:00"), "2026-06-15"
    )
    assert which(days, "due") == [9]
    assert late(days) == {10: 1, 11: 2, 12: 3, 13: 4, 14: 5, 15: 6}
    assert which(days, "alerting") == [15]  # strictly more than five days
    assert which(days, "in_future") == [16, 17, 18, 19, 20]
    assert which(days, "closed") == []


def test_a_close_in_time_is_marked_on_its_day_and_lasts() -> None:
    story = [BEGAN, change_seen(CLOSED, "2026-06-05 16:00", after="2026-06-05 15:00")]
    days = drawn(row(UK_HOLDCO, story, NINTH, "2026-06-12 12:00"), "2026-06-12")
    assert which(days, "closes") == [5]
    assert which(days, "closed") == [5, 6, 7, 8, 9, 10, 11, 12]
    assert late(days) == {}


def test_a_late_close_says_by_how_much() -> None:
    story = [BEGAN, change_seen(CLOSED, "2026-06-11 16:00", after="2026-06-11 15:00")]
    days = drawn(row(UK_HOLDCO, story, NINTH, "2026-06-15 12:00"), "2026-06-15")
    assert late(days) == {10: 1, 11: 2}
    assert which(days, "closes") == [11]


def test_working_days_are_numbered_and_what_is_off_is_named() -> None:
    days = drawn(row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-03 12:00"), "2026-06-03", IRELAND)
    assert [(number, day.number) for number, day in days.items() if day.number and number < 10] == [
        (2, 1),
        (3, 2),
        (4, 3),
        (5, 4),
        (8, 5),
        (9, 6),
    ]
    assert [days[number].off_reason for number in (1, 6, 7, 8)] == ["June holiday", "weekend", "weekend", ""]


def test_the_numbers_are_those_of_the_deadlines_label() -> None:
    for first_is, due_on in ((0, date(2026, 6, 9)), (1, date(2026, 6, 8))):
        by = deadline_for(WorkdayRule(6, first_is), MAY, ENGLAND, "Europe/London")
        entity = row(UK_HOLDCO, [BEGAN], by, "2026-06-03 12:00")
        assert by.due_on == due_on
        assert first_workday_number(entity, ENGLAND) == first_is
        days = timeline(entity, [due_on], ENGLAND, today=date(2026, 6, 3), first_is=first_is)
        assert (days[0].number, days[0].due) == (6, True)
    # No label.
    assert first_workday_number(row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-03 12:00"), ENGLAND) is None
    moved = replace(by, due_on=date(2026, 6, 20))  # the calendar has changed since the deadline was set
    assert first_workday_number(row(UK_HOLDCO, [BEGAN], moved, "2026-06-03 12:00"), ENGLAND) is None


def test_opened_again_it_is_late_again_and_closed_again() -> None:
    story = (
        BEGAN,
        change_seen(CLOSED, "2026-06-05 16:00", after="2026-06-05 15:00"),
        change_seen(OPEN, "2026-06-11 16:00", after="2026-06-11 15:00"),
        change_seen(CLOSED, "2026-06-13 16:00", after="2026-06-13 15:00"),
    )
    days = drawn(row(UK_HOLDCO, list(story), NINTH, "2026-06-15 12:00"), "2026-06-15", changes=story)
    assert which(days, "closes") == [5, 13]
    assert which(days, "reopens") == [11]
    assert which(days, "closed") == [5, 6, 7, 8, 9, 10, 13, 14, 15]
    assert late(days) == {11: 2, 12: 3, 13: 4}
    still_open = drawn(
        row(UK_HOLDCO, list(story[:3]), NINTH, "2026-06-12 12:00"), "2026-06-12", changes=story[:3]
    )
    assert (which(still_open, "reopens"), late(still_open)) == ([11], {11: 2, 12: 3})


def test_a_close_between_two_reads_around_the_deadline_is_late_on_no_day() -> None:
    story = [
        change_seen(OPEN, "2026-06-01 09:00"),
        change_seen(CLOSED, "2026-06-11 09:00", after="2026-06-08 09:00"),
    ]
    days = drawn(row(UK_HOLDCO, story, NINTH, "2026-06-12 12:00"), "2026-06-12")
    assert which(days, "maybe_closed") == [8, 9, 10, 11]
    assert (which(days, "closes"), late(days)) == ([], {})
    assert which(days, "closed") == [11, 12]


def test_closed_when_first_read_may_have_been_on_any_day_before() -> None:
    first_look = (None, utc("2026-06-04 09:00"))
    story = [change_seen(CLOSED, "2026-06-04 09:00")]
    days = drawn(row(UK_HOLDCO, story, NINTH, "2026-06-12 12:00", seen_between=first_look), "2026-06-12")
    assert which(days, "maybe_closed") == [1, 2, 3, 4]
    assert which(days, "closes") == []
    assert which(days, "closed") == [4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_after_the_last_reading_nothing_is_known() -> None:
    stale = row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-11 12:00", fresh=False)
    days = drawn(stale, "2026-06-14")
    assert late(days) == {10: 1, 11: 2}
    assert [number for number, day in days.items() if not day.confirmed and not day.in_future] == [12, 13, 14]
    closed = [BEGAN, change_seen(CLOSED, "2026-06-05 16:00", after="2026-06-05 15:00")]
    closed_days = drawn(row(UK_HOLDCO, closed, NINTH, "2026-06-11 12:00", fresh=False), "2026-06-14")
    assert which(closed_days, "closed") == [5, 6, 7, 8, 9, 10, 11]


def test_a_state_that_is_not_understood_is_known_up_to_the_read_before() -> None:
    story = [BEGAN, change_seen(UNKNOWN, "2026-06-12 09:00", after="2026-06-11 09:00")]
    lost = row(
        UK_HOLDCO,
        story,
        NINTH,
        "2026-06-14 12:00",
        seen_between=(utc("2026-06-11 09:00"), utc("2026-06-12 09:00")),
    )
    days = drawn(lost, "2026-06-14")
    assert late(days) == {10: 1, 11: 2}
    assert not days[12].confirmed
    never = drawn(
        row(UK_HOLDCO, [change_seen(UNKNOWN, "2026-06-01 09:00")], NINTH, "2026-06-14 12:00"), "2026-06-14"
    )
    assert not any(day.confirmed for day in never.values())


def test_a_cut_off_makes_late_on_the_due_day_itself() -> None:
    noon = deadline_on("2026-06-09", cut_off=time(12))
    story = [BEGAN, change_seen(CLOSED, "2026-06-09 16:00", after="2026-06-09 15:00")]
    assert late(drawn(row(UK_HOLDCO, story, noon, "2026-06-12 12:00"), "2026-06-12")) == {9: 0}
    assert late(drawn(row(UK_HOLDCO, [BEGAN], noon, "2026-06-09 15:00"), "2026-06-09")) == {9: 0}
    assert late(drawn(row(UK_HOLDCO, [BEGAN], noon, "2026-06-09 10:00"), "2026-06-09")) == {}


def test_an_expected_day_is_marked_until_the_close() -> None:
    said = CurrentRemarks(expected_on=date(2026, 6, 18))
    entity = row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-12 12:00", annotations={REMARKS: said})
    assert which(drawn(entity, "2026-06-12"), "expected") == [18]
    closed = [BEGAN, change_seen(CLOSED, "2026-06-11 16:00", after="2026-06-11 15:00")]
    done = row(UK_HOLDCO, closed, NINTH, "2026-06-12 12:00", annotations={REMARKS: said})
    assert which(drawn(done, "2026-06-12"), "expected") == []


def test_working_days_late_where_the_policy_counts_them() -> None:
    policy = JudgingPolicy(unit=LatenessUnit.WORKING_DAYS)
    history = fold([BEGAN], policy)
    standing = judge(
        history, NINTH, as_of=utc("2026-06-15 12:00"), period=MAY, policy=policy, calendar=ENGLAND
    )
    entity = row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-15 12:00", standing=standing)
    days = drawn(entity, "2026-06-15")
    assert late(days) == {10: 1, 11: 2, 12: 3, 13: 3, 14: 3, 15: 4}
    assert days[15].late == standing.days_late


# --- which days ---------------------------------------------------------------------------------------------------


def test_the_days_run_from_period_end_over_deadline_and_today() -> None:
    entity = row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-03 12:00")
    days = days_to_show([entity], MAY.last, date(2026, 6, 3))
    assert (days[0], days[-1]) == (date(2026, 6, 1), date(2026, 6, 11))
    later = days_to_show([entity], MAY.last, date(2026, 6, 20))
    assert later[-1] == date(2026, 6, 22)
    much_later = days_to_show([entity], MAY.last, date(2026, 12, 1))
    assert (len(much_later), much_later[-2:]) == (
        MAX_TIMELINE_DAYS + 1,
        [date(2026, 7, 15), date(2026, 12, 1)],
    )


def test_a_month_long_closed_does_not_reach_today() -> None:
    story = [BEGAN, change_seen(CLOSED, "2026-06-05 16:00", after="2026-06-05 15:00")]
    closed = row(UK_HOLDCO, story, NINTH, "2026-11-12 12:00")
    assert days_to_show([closed], MAY.last, date(2026, 11, 12))[-1] == date(2026, 6, 11)


def test_a_period_that_ends_earlier_begins_earlier() -> None:
    weeks = DateSpan(date(2026, 4, 27), date(2026, 5, 24))
    entities = [row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-03 12:00", span=span) for span in (weeks, MAY)]
    assert days_to_show(entities, MAY.last, date(2026, 6, 3))[0] == date(2026, 5, 25)
    assert days_to_show([], MAY.last, date(2026, 6, 3))[0] == date(2026, 6, 1)


# --- whatever the story -------------------------------------------------------------------------------------------


@given(stories(), DEADLINES, MOMENTS, POLICIES, st.booleans())
def test_the_days_never_say_more_than_the_standing(
    story: list[ObservedChange], deadline: Deadline, moment: datetime, policy: JudgingPolicy, fresh: bool
) -> None:
    as_of = max([moment, *(each.seen_at for each in story)])
    zone = zone_named(deadline.zone)
    history = fold(story, policy)
    standing = judge(
        history, deadline, as_of=as_of, period=MAY, policy=policy, calendar=ENGLAND, zone=deadline.zone
    )
    newest = history.since
    entity = row(
        UK_HOLDCO,
        story,
        deadline,
        "2026-06-01 12:00",
        policy=replace(policy, unit=LatenessUnit.CALENDAR_DAYS),
        zone=deadline.zone,
        standing=standing,
        state=history.state,
        read_at=as_of,
        fresh=fresh,
        alert_after_days=policy.alert_after_days,
        seen_between=(newest.previous_read_at, newest.seen_at) if newest else None,
        counts_as_closed=policy.counts_as_closed(history.state),
    )
    today = local_date(as_of, zone) + (timedelta(0) if fresh else timedelta(days=3))
    span = [MAY.last + ONE_DAY * n for n in range(-5, 130)]
    days = {day.on: day for day in timeline(entity, span, ENGLAND, today=today, changes=story)}
    for day in days.values():
        assert day.closes or not (day.closed and day.late is not None)
        assert day.confirmed or not (day.closed or day.late is not None)
        assert day.reopens or not (day.maybe_closed and day.late is not None)
        if day.late is not None:
            assert day.on >= deadline.due_on
    read = local_date(as_of, zone)
    if standing.level in (Level.LATE, Level.ALERTING) and history.state is not PeriodState.UNKNOWN:
        assert days[read].late == standing.days_late
        assert days[read].alerting is standing.alerting
    if standing.level is Level.CLOSED_ON_TIME and not standing.reopened:
        assert not [day for day in days.values() if day.late is not None]
    if (
        standing.level is Level.CLOSED_LATE
        and standing.first_closed_on is not None
        and not standing.unconfirmed
    ):
        close = days[standing.first_closed_on]
        assert (close.closes, close.late) == (True, standing.days_late)
    if history.state in (CLOSED, OPEN, ON_HOLD) and read > MAY.last:
        assert days[read].closed is standing.closed
