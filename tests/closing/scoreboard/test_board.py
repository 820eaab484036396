"""Counts, roll-up, headline and digest (01-domain 1.5, 1.6; 05-reliability I1, I3, I5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.judging.standing import LatenessUnit, Level, Standing
from closing.judging.states import PeriodState
from closing.scoreboard.board import Counts, Scoreboard, group_closed
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row, furthest_behind, ranked
from tests.closing.core_builders import (
    CLOSED,
    EU_DTC,
    EU_DTC_STORY,
    ON_HOLD,
    ON_HOLD_COUNTS,
    OPEN,
    UK_HOLDCO,
    UK_RETAIL,
    UK_RETAIL_STORY,
    UNKNOWN,
    US_RETAIL,
    US_RETAIL_STORY,
    Entity,
    board,
    change_seen,
    deadline_on,
    row,
    utc,
    worked_example,
)
from tests.hypothesis_profiles import examples

NINTH = deadline_on("2026-06-09", "Europe/Amsterdam")


def closed_row(entity: Entity, at: str, due_on: str = "2026-06-09", **other: Any) -> Row:
    before = (utc(at) - timedelta(minutes=15)).isoformat(sep=" ")[:16]
    story = [change_seen(OPEN, "2026-06-01 09:00"), change_seen(CLOSED, at, after=before)]
    return row(entity, story, deadline_on(due_on, entity.zone), "2026-06-20 12:00", **other)


# --- the worked example


def test_the_worked_example() -> None:
    """12 June 2026, reporting month May 2026: the table of 01-domain 1.8."""
    example = worked_example()
    told = [(r.name, r.state, r.standing.level, r.standing.days_late) for r in example.rows]
    assert told == [
        ("EU DTC BV", OPEN, Level.LATE, 3),
        ("US Retail Inc", ON_HOLD, Level.LATE, 1),
        ("UK HoldCo", CLOSED, Level.CLOSED_ON_TIME, 0),
        ("UK Retail Ltd", CLOSED, Level.CLOSED_ON_TIME, 0),
    ]
    assert example.counts == Counts(entities=4, closed=2, on_hold=1, open=1, late=2, outstanding=2)
    assert example.closed is False
    furthest = furthest_behind(example.rows)
    assert furthest is not None
    assert (furthest.code, furthest.standing.days_late) == ("NLDT", 3)
    assert headline(example) == (
        "Not closed: 2 of 4 outstanding. EU DTC BV holds the group up, 3 days past its 9 June deadline."
    )


@pytest.mark.parametrize(
    ("as_of", "late", "alerting", "outstanding", "words"),
    [
        ("2026-06-01 12:00", 0, 0, 4, "Next deadline: EU DTC BV and 2 more on 9 June, in 8 days."),
        ("2026-06-05 18:00", 0, 0, 3, "Next deadline: EU DTC BV and 1 more on 9 June, in 4 days."),
        ("2026-06-08 18:00", 0, 0, 2, "Next deadline: EU DTC BV on 9 June, in 1 day."),
        ("2026-06-09 12:00", 0, 0, 2, "Next deadline: EU DTC BV on 9 June, today."),
        ("2026-06-10 22:00", 1, 0, 2, "EU DTC BV holds the group up, 2 days past its 9 June deadline."),
        ("2026-06-14 12:00", 2, 0, 2, "EU DTC BV holds the group up, 5 days past its 9 June deadline."),
        ("2026-06-15 12:00", 1, 1, 2, "EU DTC BV holds the group up, 6 days past its 9 June deadline."),
    ],
)
def test_the_story_told_day_by_day(
    as_of: str, late: int, alerting: int, outstanding: int, words: str
) -> None:
    told = worked_example(as_of)
    assert headline(told) == f"Not closed: {outstanding} of 4 outstanding. {words}"
    assert (told.counts.late, told.counts.alerting) == (late, alerting)


def test_with_a_single_first_look_the_uk_entities_are_closed_date_unknown() -> None:
    first_look = [change_seen(CLOSED, "2026-06-12 12:00")]
    rows = [
        row(entity, first_look, deadline_on("2026-06-09"), "2026-06-12 12:00")
        for entity in (UK_HOLDCO, UK_RETAIL)
    ]
    assert {r.standing.level for r in rows} == {Level.CLOSED_DATE_UNKNOWN}
    assert headline(board(*rows)) == "Group closed."


def test_on_hold_counted_as_closed_is_said_beside_the_number() -> None:
    told = worked_example(policy=ON_HOLD_COUNTS)
    assert (told.counts.outstanding, told.counts.closed_by_policy, told.counts.on_hold) == (1, 1, 1)
    assert headline(told) == (
        "Not closed: 1 of 4 outstanding (1 on hold counted as closed). "
        "EU DTC BV holds the group up, 3 days past its 9 June deadline."
    )


# --- headline wordings


@pytest.mark.parametrize(
    ("last_close", "words"),
    [
        ("2026-06-08 12:00", "Group closed on 8 June, 1 day early."),
        ("2026-06-07 12:00", "Group closed on 7 June, 2 days early."),
        ("2026-06-09 12:00", "Group closed on 9 June, on its deadline."),
        ("2026-06-10 12:00", "Group closed on 10 June, 1 day late."),
        ("2026-06-12 12:00", "Group closed on 12 June, 3 days late."),
    ],
)
def test_a_closed_group_says_when_against_its_latest_deadline(last_close: str, words: str) -> None:
    rows = closed_row(UK_HOLDCO, "2026-06-05 12:00"), closed_row(UK_RETAIL, last_close)
    assert headline(board(*rows)) == words


def test_an_early_group_does_not_hide_a_late_member() -> None:
    rows = closed_row(UK_HOLDCO, "2026-06-10 12:00"), closed_row(US_RETAIL, "2026-06-09 16:00", "2026-06-11")
    assert headline(board(*rows)) == "Group closed on 10 June, 1 day early, 1 of 2 late."


def test_a_group_closed_again_after_a_reopening_is_judged_by_its_first_close() -> None:
    story = [
        *UK_RETAIL_STORY,
        change_seen(OPEN, "2026-06-12 09:00", after="2026-06-12 08:45"),
        change_seen(CLOSED, "2026-06-15 09:00", after="2026-06-15 08:45"),
    ]
    again = row(UK_RETAIL, story, deadline_on("2026-06-09"), "2026-06-20 12:00")
    assert again.standing.level is Level.CLOSED_ON_TIME
    assert headline(board(again)) == (
        "Group closed on 8 June, 1 day early, and again on 15 June after a reopening."
    )


def test_a_closed_group_without_every_deadline_gives_the_date_alone() -> None:
    bare = row(UK_RETAIL, UK_RETAIL_STORY, None, "2026-06-12 12:00")
    assert headline(board(closed_row(UK_HOLDCO, "2026-06-05 12:00"), bare)) == "Group closed on 8 June."


def test_a_group_closed_by_policy_says_so() -> None:
    deadline = deadline_on("2026-06-11", "America/New_York")
    held = row(US_RETAIL, US_RETAIL_STORY, deadline, "2026-06-12 12:00", policy=ON_HOLD_COUNTS)
    assert headline(board(held)) == "Group closed on 10 June, 1 day early (1 on hold counted as closed)."


def test_all_closed_but_one_stale_is_not_known() -> None:
    stale = closed_row(UK_RETAIL, "2026-06-08 12:00", fresh=False)
    told = board(closed_row(UK_HOLDCO, "2026-06-05 12:00"), stale)
    assert told.closed is None
    assert headline(told) == "Unknown: 1 of 2 not read."


def test_stale_and_unknown_rows_are_counted_apart() -> None:
    stale = row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00", fresh=False)
    never_read = row(US_RETAIL, [], None, "2026-06-12 12:00", fresh=False, read_at=None)
    told = board(closed_row(UK_HOLDCO, "2026-06-05 12:00"), stale, never_read)
    assert told.closed is None
    assert headline(told) == (
        "Unknown: 1 of 3 not read, 1 more unknown. "
        "EU DTC BV holds the group up, 3 days past its 9 June deadline when last read."
    )


def test_a_fresh_open_row_is_enough_to_know_that_the_group_is_not_closed() -> None:
    stale = closed_row(UK_HOLDCO, "2026-06-05 12:00", fresh=False)
    told = board(stale, row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00"))
    assert told.closed is False
    assert headline(told) == (
        "Not closed: 1 of 2 outstanding. EU DTC BV holds the group up, 3 days past its 9 June deadline. "
        "1 more not read."
    )


def test_those_who_are_equally_late_share_the_blame() -> None:
    late = (UK_HOLDCO, UK_RETAIL, EU_DTC)
    rows = [row(entity, EU_DTC_STORY, deadline_on("2026-06-09"), "2026-06-10 12:00") for entity in late]
    assert headline(board(*rows[:2])).endswith(
        "UK HoldCo and UK Retail Ltd hold the group up, 1 day past their 9 June deadline."
    )
    assert headline(board(*rows)).endswith(
        "EU DTC BV and 2 others hold the group up, 1 day past their 9 June deadline."
    )


def test_late_by_zero_days_after_the_cut_off() -> None:
    late_today = row(
        EU_DTC, EU_DTC_STORY, deadline_on("2026-06-09", EU_DTC.zone, time(18)), "2026-06-09 17:00"
    )
    assert headline(board(late_today)) == (
        "Not closed: 1 of 1 outstanding. EU DTC BV holds the group up, past its 9 June deadline."
    )


def test_working_days_are_named_as_such() -> None:
    late = row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00")
    standing = replace(late.standing, unit=LatenessUnit.WORKING_DAYS)
    assert "3 working days past its 9 June deadline" in headline(board(replace(late, standing=standing)))


def test_no_deadline_is_said() -> None:
    rows = [row(entity, EU_DTC_STORY, None, "2026-06-12 12:00") for entity in (UK_HOLDCO, EU_DTC)]
    assert headline(board(*rows)) == "Not closed: 2 of 2 outstanding. 2 with no deadline set."


def test_nothing_to_show() -> None:
    empty = board()
    assert headline(empty) == "No entities to show."
    assert empty.closed is None
    assert empty.counts == Counts()
    assert furthest_behind([]) is None


# --- order


def standing_at(level: Level, days_late: int = 0, due_in: int | None = None) -> Standing:
    return Standing(level, days_late, LatenessUnit.CALENDAR_DAYS, due_in)


def test_furthest_behind_comes_first() -> None:
    wanted = [
        ("a", standing_at(Level.ALERTING, 9)),
        ("b", standing_at(Level.ALERTING, 6)),
        ("c", standing_at(Level.LATE, 5)),
        ("d", standing_at(Level.LATE, 0)),
        ("e", standing_at(Level.NO_DEADLINE)),
        ("f", standing_at(Level.UNKNOWN)),
        ("g", standing_at(Level.DUE_TODAY, 0, 0)),
        ("h", standing_at(Level.NOT_DUE, 0, 2)),
        ("i", standing_at(Level.NOT_DUE, 0, 3)),
        ("j", standing_at(Level.NOT_DUE, 0, 3)),
        ("k", standing_at(Level.CLOSED_LATE, 4)),
        ("l", standing_at(Level.CLOSED_DATE_UNKNOWN)),
        ("m", standing_at(Level.CLOSED_ON_TIME)),
    ]
    template = row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00")
    rows = [replace(template, code=name, name=name, standing=standing) for name, standing in wanted]
    assert [r.name for r in ranked(reversed(rows))] == [name for name, _ in wanted]


def test_furthest_behind_may_be_stale_and_need_not_be_alerting() -> None:
    stale = row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00", fresh=False)
    late = row(US_RETAIL, US_RETAIL_STORY, deadline_on("2026-06-11", US_RETAIL.zone), "2026-06-12 12:00")
    assert furthest_behind([late, stale]) is stale
    assert furthest_behind([closed_row(UK_HOLDCO, "2026-06-12 12:00")]) is None


# --- who is closed

TEMPLATE = row(EU_DTC, EU_DTC_STORY, NINTH, "2026-06-12 12:00")
ROWS = st.lists(
    st.builds(
        lambda state, fresh, counts, deadline: replace(
            TEMPLATE, state=state, fresh=fresh, counts_as_closed=counts, deadline=deadline
        ),
        st.sampled_from(PeriodState),
        st.booleans(),
        st.booleans(),
        st.sampled_from([NINTH, None]),
    ),
    max_size=6,
)


@examples(300)
@given(ROWS)
def test_a_group_is_closed_only_if_every_row_is_closed_and_fresh(rows: list[Row]) -> None:
    told = Scoreboard(date(2026, 5, 1), utc("2026-06-12 12:00"), rows)
    every = all(r.fresh and r.counts_as_closed and r.state is not UNKNOWN for r in rows)
    assert (told.closed is True) == (bool(rows) and every)
    assert ("Group closed" in headline(told)) == (told.closed is True)
    known_open = any(r.fresh and not r.counts_as_closed and r.state is not UNKNOWN for r in rows)
    assert (told.closed is False) == known_open
    assert group_closed(reversed(rows)) == told.closed
    if told.closed:
        assert told.counts.outstanding == told.counts.stale == told.counts.unknown == 0


@given(ROWS)
def test_states_add_up(rows: list[Row]) -> None:
    counts = board(*rows).counts
    states = counts.closed + counts.on_hold + counts.open + counts.unknown + counts.not_started
    assert states == counts.entities == len(rows)
    assert counts.no_deadline == sum(r.deadline is None for r in rows)
    assert counts.stale == sum(not r.fresh for r in rows)


def test_never_read_counts_as_not_closed() -> None:
    never = row(EU_DTC, [], NINTH, "2026-06-12 12:00", fresh=False, read_at=None, counts_as_closed=True)
    told = board(never)
    assert (told.counts.unknown, told.counts.outstanding, told.closed) == (1, 1, None)
