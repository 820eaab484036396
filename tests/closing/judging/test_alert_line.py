"""When a period went late and over the line: only what is certain is told."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from closing.calendar.deadlines import Deadline
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.alert_line import Crossing, alert_line_crossed_on, crossings
from closing.judging.standing import JudgingPolicy, LatenessUnit, ObservedChange
from closing.judging.states import PeriodState
from tests.builders import utc

OPEN, CLOSED, UNKNOWN, ON_HOLD = (
    PeriodState.OPEN,
    PeriodState.CLOSED,
    PeriodState.UNKNOWN,
    PeriodState.ON_HOLD,
)
DUE = Deadline(date(2026, 6, 9), "Europe/Amsterdam")
LATE_AT, OVER_AT = utc("2026-06-09 22:00"), utc("2026-06-14 22:00")  # midnights in Amsterdam
WEEKDAYS = WorkdayCalendar("Weekdays")


def seen(state: PeriodState, at: str, before: str | None) -> ObservedChange:
    return ObservedChange(state, utc(at), utc(before) if before else None)


def told(
    *changes: ObservedChange,
    read_at: str | None,
    as_of: str = "2026-06-20 12:00",
    deadlines: tuple[tuple[str, Deadline], ...] = (("2026-06-01 12:00", DUE),),
    policy: JudgingPolicy | None = None,
) -> list[tuple[datetime, bool]]:
    found: list[Crossing] = crossings(
        changes,
        [(utc(at), deadline) for at, deadline in deadlines],
        policy or JudgingPolicy(),
        read_at=utc(read_at) if read_at else None,
        as_of=utc(as_of),
        calendar=WEEKDAYS,
    )
    return [(each.at, each.alerting) for each in found]


FIRST = seen(OPEN, "2026-06-01 12:00", None)


def test_a_period_that_stays_open_crosses_both() -> None:
    assert told(FIRST, read_at="2026-06-20 11:58") == [(LATE_AT, False), (OVER_AT, True)]


def test_nothing_is_crossed_before_its_time_or_without_a_reading_after_it() -> None:
    assert told(FIRST, read_at="2026-06-09 21:58", as_of="2026-06-09 21:59") == []
    assert told(FIRST, read_at="2026-06-09 21:58") == []
    assert told(FIRST, read_at="2026-06-12 11:58") == [(LATE_AT, False)]
    assert told(FIRST, read_at=None) == []


def test_a_close_in_time_crosses_nothing_and_a_late_one_what_came_before() -> None:
    assert told(FIRST, seen(CLOSED, "2026-06-08 15:00", "2026-06-08 12:00"), read_at="2026-06-20 11:58") == []
    late = seen(CLOSED, "2026-06-12 15:00", "2026-06-12 12:00")
    assert told(FIRST, late, read_at="2026-06-20 11:58") == [(LATE_AT, False)]


def test_a_close_between_reads_on_both_sides_of_the_deadline_leaves_it_open() -> None:
    assert told(FIRST, seen(CLOSED, "2026-06-11 12:00", "2026-06-08 12:00"), read_at="2026-06-20 11:58") == []


@pytest.mark.parametrize(
    ("after", "is_late"),
    [
        (seen(OPEN, "2026-06-12 12:00", "2026-06-11 12:00"), True),
        (seen(ON_HOLD, "2026-06-12 12:00", "2026-06-11 12:00"), True),
        (seen(CLOSED, "2026-06-12 12:00", "2026-06-11 12:00"), False),
    ],
)
def test_what_went_dark_over_the_deadline_is_late_only_when_seen_not_closed_again(
    after: ObservedChange, is_late: bool
) -> None:
    dark = seen(UNKNOWN, "2026-06-08 12:00", "2026-06-07 12:00")
    assert told(FIRST, dark, read_at="2026-06-11 11:58", as_of="2026-06-11 12:00") == []
    assert ((LATE_AT, False) in told(FIRST, dark, after, read_at="2026-06-12 12:00")) is is_late


def test_what_was_confirmed_after_the_deadline_and_then_went_dark_was_late() -> None:
    dark = seen(UNKNOWN, "2026-06-12 12:00", "2026-06-11 12:00")
    assert told(FIRST, dark, read_at="2026-06-20 11:58") == [(LATE_AT, False)]


def test_on_hold_is_not_late_where_it_counts_as_closed() -> None:
    held = seen(ON_HOLD, "2026-06-08 12:00", "2026-06-08 11:00")
    counts = JudgingPolicy(on_hold_counts_as_closed=True)
    assert told(FIRST, held, read_at="2026-06-20 11:58", policy=counts) == []
    assert len(told(FIRST, held, read_at="2026-06-20 11:58")) == 2


def test_a_reopened_period_crosses_what_still_lies_ahead() -> None:
    closed = seen(CLOSED, "2026-06-08 12:00", "2026-06-08 11:00")
    again = seen(OPEN, "2026-06-12 12:00", "2026-06-12 11:00")
    assert told(FIRST, closed, again, read_at="2026-06-20 11:58") == [(OVER_AT, True)]


def test_a_deadline_that_was_moved_is_crossed_where_it_was_in_force() -> None:
    later = Deadline(date(2026, 6, 11), "Europe/Amsterdam")
    moved_in_time = (("2026-06-01 12:00", DUE), ("2026-06-05 12:00", later))
    assert told(FIRST, read_at="2026-06-20 11:58", deadlines=moved_in_time) == [
        (utc("2026-06-11 22:00"), False),
        (utc("2026-06-16 22:00"), True),
    ]
    moved_when_late = (("2026-06-01 12:00", DUE), ("2026-06-10 12:00", later))
    assert told(FIRST, read_at="2026-06-20 11:58", deadlines=moved_when_late) == [
        (LATE_AT, False),
        (utc("2026-06-11 22:00"), False),
        (utc("2026-06-16 22:00"), True),
    ]
    still_past = (("2026-06-01 12:00", DUE), ("2026-06-13 12:00", later))
    assert told(FIRST, read_at="2026-06-20 11:58", deadlines=still_past) == [
        (LATE_AT, False),
        (utc("2026-06-16 22:00"), True),
    ]
    into_the_past = (("2026-06-01 12:00", later), ("2026-06-10 12:00", DUE))
    assert told(FIRST, read_at="2026-06-20 11:58", deadlines=into_the_past) == [
        (utc("2026-06-10 12:00"), False),
        (OVER_AT, True),
    ]


def test_the_line_counts_in_the_unit_of_the_policy() -> None:
    assert alert_line_crossed_on(DUE, JudgingPolicy()) == date(2026, 6, 15)
    working = JudgingPolicy(unit=LatenessUnit.WORKING_DAYS)
    assert alert_line_crossed_on(DUE, working, WEEKDAYS) == date(2026, 6, 17)
    assert alert_line_crossed_on(DUE, JudgingPolicy(alert_after_days=0)) == date(2026, 6, 10)
