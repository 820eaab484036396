"""The on-time rate and what it leaves out (01-domain 1.6 to 1.8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.judging.on_time import OnTimeRate, on_time_rate
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row
from tests.closing.core_builders import (
    CLOSED,
    EU_DTC,
    NOT_STARTED,
    ON_HOLD,
    ON_HOLD_COUNTS,
    OPEN,
    UK_HOLDCO,
    UNKNOWN,
    change_seen,
    deadline_on,
    row,
    utc,
    worked_example,
)

NINTH = deadline_on("2026-06-09")
AT = "2026-06-12 12:00"
BEGAN = change_seen(OPEN, "2026-06-01 09:00")


def closed(at: str, after: str, **other: object) -> Row:
    return row(UK_HOLDCO, [BEGAN, change_seen(CLOSED, at, after=after)], NINTH, AT, **other)  # type: ignore[arg-type]


IN_TIME = closed("2026-06-08 16:00", "2026-06-08 15:45")
TOO_LATE = closed("2026-06-10 16:00", "2026-06-10 15:45")


def counted(each: Row, at: str = AT) -> str | None:
    """What one row counts as."""
    found = on_time_rate([each], utc(at))
    # Fields of a dataclass with slots.
    return next((name for name in OnTimeRate.__dataclass_fields__ if getattr(found, name)), None)


def test_the_worked_example() -> None:
    found = on_time_rate(worked_example().rows, utc(AT))
    assert (found.on_time, found.missed, found.excluded) == (2, 2, 0)
    assert found.permille == 500


def test_36_closes_with_4_missed_are_88_9_percent_and_below_the_line() -> None:
    found = on_time_rate([IN_TIME] * 32 + [TOO_LATE] * 4, utc(AT))
    assert (found.permille, found.below_target) == (889, True)


@pytest.mark.parametrize(
    ("on_time_closes", "missed", "permille", "below"),
    [(9, 1, 900, False), (8999, 1001, 899, True), (1, 0, 1000, False), (0, 3, 0, True), (7, 1, 875, True)],
)
def test_the_line_is_90_percent_and_rounding_does_not_cross_it(
    on_time_closes: int, missed: int, permille: int, below: bool
) -> None:
    found = OnTimeRate(on_time_closes, missed)
    assert (found.permille, found.below_target) == (permille, below)


def test_nothing_due_gives_no_rate() -> None:
    assert (OnTimeRate().permille, OnTimeRate().below_target) == (None, False)
    assert OnTimeRate(perhaps_on_time=2).permille is None


def test_what_each_row_counts_as() -> None:
    dark = row(UK_HOLDCO, [change_seen(UNKNOWN, "2026-06-01 09:00")], NINTH, AT)
    seen_closed = row(UK_HOLDCO, [change_seen(CLOSED, "2026-06-08 09:00")], NINTH, AT)
    straddling = closed("2026-06-11 09:00", "2026-06-08 09:00")
    open_late = row(UK_HOLDCO, [BEGAN], NINTH, AT)
    none_set = row(UK_HOLDCO, [BEGAN], None, AT)
    no_period = replace(dark, span=None, deadline=None)
    assert {
        "in time": counted(IN_TIME),
        "late": counted(TOO_LATE),
        "open past its deadline": counted(open_late),
        "closed when first read": counted(seen_closed),
        "between two reads around the deadline": counted(straddling),
        "no deadline": counted(none_set),
        "not understood": counted(dark),
        "no period": counted(no_period),
    } == {
        "in time": "on_time",
        "late": "missed",
        "open past its deadline": "missed",
        "closed when first read": "date_unknown",
        "between two reads around the deadline": "perhaps_on_time",
        "no deadline": "no_deadline",
        "not understood": "unknown",
        "no period": "unknown",
    }


def test_a_deadline_ahead_is_not_due_however_the_period_stands() -> None:
    for story in ([BEGAN], [BEGAN, change_seen(CLOSED, "2026-06-05 16:00", after="2026-06-05 15:00")]):
        early = row(UK_HOLDCO, story, NINTH, "2026-06-08 12:00")
        assert counted(early, "2026-06-08 12:00") is None
    running = row(UK_HOLDCO, [change_seen(OPEN, "2026-05-04 09:00")], None, "2026-05-20 12:00")
    assert counted(running, "2026-05-20 12:00") is None


def test_the_first_close_counts_though_it_was_undone() -> None:
    story = [
        BEGAN,
        change_seen(CLOSED, "2026-06-08 16:00", after="2026-06-08 15:45"),
        change_seen(OPEN, "2026-06-11 16:00", after="2026-06-11 15:45"),
    ]
    assert counted(row(UK_HOLDCO, story, NINTH, AT)) == "on_time"


def test_a_reading_older_than_the_deadline_says_nothing_about_it() -> None:
    stale = replace(row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-08 12:00"), fresh=False)
    assert counted(stale) == "unknown"
    known_late = replace(row(UK_HOLDCO, [BEGAN], NINTH, "2026-06-10 12:00"), fresh=False)
    assert counted(known_late) == "missed"  # a later reading cannot undo that


def test_on_hold_is_a_close_where_the_policy_says_so() -> None:
    story = [BEGAN, change_seen(ON_HOLD, "2026-06-08 16:00", after="2026-06-08 15:45")]
    assert counted(row(UK_HOLDCO, story, NINTH, AT)) == "missed"
    assert counted(row(UK_HOLDCO, story, NINTH, AT, policy=ON_HOLD_COUNTS)) == "on_time"


def test_a_cut_off_counts_to_the_minute() -> None:
    noon = deadline_on("2026-06-12", "Europe/Amsterdam", time(14))  # 12:00 UTC
    entity = row(EU_DTC, [BEGAN], noon, "2026-06-12 12:00")
    assert counted(entity, "2026-06-12 12:00") == "missed"
    before = row(EU_DTC, [BEGAN], noon, "2026-06-12 11:59")
    assert counted(before, "2026-06-12 11:59") is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from([OPEN, ON_HOLD, CLOSED, UNKNOWN, NOT_STARTED]),
            st.sampled_from([OPEN, ON_HOLD, CLOSED, UNKNOWN, NOT_STARTED]),
            st.one_of(st.none(), st.dates(date(2026, 6, 2), date(2026, 6, 20))),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_every_row_counts_once_at_most(
    drawn: list[tuple[PeriodState, PeriodState, date | None, bool]],
) -> None:
    rows = [
        row(
            UK_HOLDCO,
            [
                change_seen(first, "2026-06-02 09:00"),
                change_seen(then, "2026-06-09 09:00", after="2026-06-04 09:00"),
            ],
            deadline_on(due_on.isoformat()) if due_on else None,
            AT,
            fresh=fresh,
        )
        for first, then, due_on, fresh in drawn
    ]
    found = on_time_rate(rows, utc(AT))
    ahead = sum(each.deadline is not None and not each.deadline.passed(utc(AT)) for each in rows)
    assert found.due + found.excluded == len(rows) - ahead
    assert found.on_time <= sum(each.standing.first_closed_on is not None for each in rows)
    assert found.permille is None or 0 <= found.permille <= 1000
