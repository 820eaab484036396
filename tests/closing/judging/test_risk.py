"""Who is at risk before anybody is late, and the deadlines still ahead (01-domain 1.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.risk import at_risk, next_deadlines, workdays_until
from closing.judging.standing import Level, ObservedChange
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row, outstanding
from tests.closing.calendar.test_days import CALENDARS
from tests.closing.core_builders import (
    CLOSED,
    ENGLAND,
    EU_DTC,
    MAY,
    ON_HOLD,
    ON_HOLD_COUNTS,
    OPEN,
    UK_HOLDCO,
    UNKNOWN,
    US_RETAIL,
    change_seen,
    deadline_on,
    row,
    utc,
)

WEEKDAYS = WorkdayCalendar("Weekdays")
STILL_OPEN = [change_seen(OPEN, "2026-06-01 09:00")]
NINTH = deadline_on("2026-06-09")  # a Tuesday


def waiting(as_of: str, **other: object) -> Row:
    return row(UK_HOLDCO, STILL_OPEN, NINTH, as_of, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-06-04", False),  # Thursday: Friday, Monday and Tuesday are left
        ("2026-06-05", True),  # Friday: two working days, though four days
        ("2026-06-06", True),
        ("2026-06-08", True),
        ("2026-06-09", True),  # due today
        ("2026-06-10", False),  # late is more than at risk
    ],
)
def test_two_working_days_before_the_deadline(today: str, expected: bool) -> None:
    assert at_risk(waiting(f"{today} 12:00"), WEEKDAYS, date.fromisoformat(today)) is expected


def test_a_holiday_in_between_does_not_count() -> None:
    # England, Thursday 2 April 2026: Good Friday and Easter Monday lie between it and the deadline of the 8th.
    thursday, eighth = date(2026, 4, 2), deadline_on("2026-04-08")
    april = row(UK_HOLDCO, STILL_OPEN, eighth, "2026-06-03 12:00")
    assert workdays_until(eighth.due_on, ENGLAND, thursday) == 2
    assert workdays_until(eighth.due_on, WEEKDAYS, thursday) == 4
    ahead = replace(april, span=DateSpan(date(2026, 3, 1), date(2026, 3, 31)))
    ahead = replace(ahead, standing=replace(ahead.standing, level=Level.NOT_DUE, days_late=0, due_in=6))
    assert at_risk(ahead, ENGLAND, thursday)
    assert not at_risk(ahead, WEEKDAYS, thursday)


def test_who_is_closed_is_not_at_risk() -> None:
    closed = [*STILL_OPEN, change_seen(CLOSED, "2026-06-05 12:00", after="2026-06-05 09:00")]
    held = [*STILL_OPEN, change_seen(ON_HOLD, "2026-06-05 12:00", after="2026-06-05 09:00")]
    today = date(2026, 6, 8)
    assert not at_risk(row(UK_HOLDCO, closed, NINTH, "2026-06-08 12:00"), WEEKDAYS, today)
    assert at_risk(row(UK_HOLDCO, held, NINTH, "2026-06-08 12:00"), WEEKDAYS, today)
    counts = row(UK_HOLDCO, held, NINTH, "2026-06-08 12:00", policy=ON_HOLD_COUNTS)
    assert not at_risk(counts, WEEKDAYS, today)


def test_a_reopened_one_is_at_risk_again() -> None:
    again = [
        *STILL_OPEN,
        change_seen(CLOSED, "2026-06-05 12:00", after="2026-06-05 09:00"),
        change_seen(OPEN, "2026-06-08 09:00", after="2026-06-08 08:00"),
    ]
    assert at_risk(row(UK_HOLDCO, again, NINTH, "2026-06-08 12:00"), WEEKDAYS, date(2026, 6, 8))


def test_a_state_that_nobody_knows_is_at_risk_like_an_open_one() -> None:
    dark = [change_seen(UNKNOWN, "2026-06-01 09:00")]
    assert at_risk(row(UK_HOLDCO, dark, NINTH, "2026-06-08 12:00"), WEEKDAYS, date(2026, 6, 8))


def test_a_running_period_without_a_deadline_or_never_read_is_not_at_risk() -> None:
    first = row(
        UK_HOLDCO, [change_seen(OPEN, "2026-05-01 09:00")], deadline_on("2026-06-01"), "2026-05-29 12:00"
    )
    assert first.standing.due_in == 3
    assert not at_risk(first, WEEKDAYS, date(2026, 5, 29))
    assert not at_risk(row(UK_HOLDCO, STILL_OPEN, None, "2026-06-08 12:00"), WEEKDAYS, date(2026, 6, 8))
    assert not at_risk(replace(waiting("2026-06-08 12:00"), span=None), WEEKDAYS, date(2026, 6, 8))


def test_a_stale_one_stays_at_risk_until_a_reading_says_late_or_closed() -> None:
    stale = replace(waiting("2026-06-08 12:00"), fresh=False)  # judged as of its last reading
    assert at_risk(stale, WEEKDAYS, date(2026, 6, 11))


def test_after_a_cut_off_today_it_is_late_and_no_longer_at_risk() -> None:
    noon = deadline_on("2026-06-09", cut_off=time(12))
    before = row(UK_HOLDCO, STILL_OPEN, noon, "2026-06-09 10:00")
    after = row(UK_HOLDCO, STILL_OPEN, noon, "2026-06-09 11:30")  # 12:30 in London
    assert at_risk(before, WEEKDAYS, date(2026, 6, 9))
    assert not at_risk(after, WEEKDAYS, date(2026, 6, 9))


def test_past_the_holiday_data_weekdays_count() -> None:
    next_year = deadline_on("2027-01-04")
    december = row(UK_HOLDCO, STILL_OPEN, next_year, "2026-12-31 12:00")
    assert workdays_until(next_year.due_on, ENGLAND, date(2026, 12, 31)) == 2  # Fri 1 January counts here
    assert at_risk(december, ENGLAND, date(2026, 12, 31))


@given(CALENDARS, st.dates(date(2026, 6, 1), date(2026, 11, 30)), st.integers(0, 20))
def test_risk_begins_two_working_days_before_and_lasts_until_the_deadline(
    calendar: WorkdayCalendar, due_on: date, before: int
) -> None:
    today = due_on - timedelta(days=before)
    noon = datetime.combine(today, time(12)).isoformat(sep=" ")
    if today <= MAY.last:
        return
    open_row = row(UK_HOLDCO, [change_seen(OPEN, "2026-05-20 09:00")], deadline_on(due_on.isoformat()), noon)
    days = [today + ONE_DAY * n for n in range(1, before + 1)]
    assert at_risk(open_row, calendar, today) is (sum(map(calendar.is_workday, days)) <= 2)


@given(
    st.sampled_from(PeriodState),
    st.sampled_from(PeriodState),
    st.dates(date(2026, 5, 20), date(2026, 6, 20)),
    st.dates(date(2026, 5, 28), date(2026, 6, 25)),
    st.booleans(),
)
def test_at_risk_means_waiting_and_neither_late_nor_closed(
    first: PeriodState, then: PeriodState, due_on: date, today: date, fresh: bool
) -> None:
    changes = [
        change_seen(first, "2026-05-02 09:00"),
        ObservedChange(then, utc("2026-06-03 09:00"), utc("2026-06-02 09:00")),
    ]
    as_of = datetime.combine(today, time(12)).isoformat(sep=" ")
    told = [change for change in changes if change.seen_at <= utc(as_of)]
    entity = row(US_RETAIL, told, deadline_on(due_on.isoformat(), US_RETAIL.zone), as_of, fresh=fresh)
    assert local_date(utc(as_of), zone_named(US_RETAIL.zone)) == today
    waits = [each for _, rows in next_deadlines([entity]) for each in rows]
    if at_risk(entity, WEEKDAYS, today):
        assert waits == [entity]
        assert outstanding(entity)
        assert entity.standing.level in {Level.NOT_DUE, Level.DUE_TODAY, Level.UNKNOWN}
    if entity.counts_as_closed or entity.standing.level in {Level.LATE, Level.ALERTING}:
        assert waits == []


def test_next_deadlines_by_date_with_who_waits_for_each() -> None:
    as_of = "2026-06-05 12:00"
    closed = [*STILL_OPEN, change_seen(CLOSED, "2026-06-04 12:00", after="2026-06-04 09:00")]
    rows = [
        row(EU_DTC, STILL_OPEN, deadline_on("2026-06-11"), as_of),
        row(UK_HOLDCO, STILL_OPEN, NINTH, as_of),
        row(US_RETAIL, STILL_OPEN, NINTH, as_of),
        row(UK_HOLDCO, closed, NINTH, as_of, code="DONE"),
        row(UK_HOLDCO, STILL_OPEN, deadline_on("2026-06-04"), as_of, code="LATE"),
        row(UK_HOLDCO, STILL_OPEN, None, as_of, code="NONE"),
    ]
    assert [(day, [each.code for each in waits]) for day, waits in next_deadlines(rows)] == [
        (date(2026, 6, 9), ["UKHC", "USRT"]),
        (date(2026, 6, 11), ["NLDT"]),
    ]
    assert next_deadlines([]) == []
