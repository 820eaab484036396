"""Two screens of a board with unfinished work: what a stream sends when it changes."""

from __future__ import annotations

from board.live.screen_diff import diff_event
from board.web.board_query import BoardQuery
from closing.blockers.blocker_kinds import BlockerKind
from closing.scoreboard.row import Row
from tests.board.blocked_rows import unfinished, with_tasks, with_work
from tests.board.live.test_screen_diff import four, kept, seen

K = BlockerKind


def event_between(before: list[Row], after: list[Row]) -> str:
    first = kept(before)
    event = diff_event(seen(first, BoardQuery()), seen(kept(after, first), BoardQuery()))
    assert event is not None
    return event.decode()


def blocked(count: int, done: int = 2) -> list[Row]:
    """EU DTC BV with so many lines, and so many of its 4 tasks done."""
    rows = four()
    return [
        with_tasks(with_work(row, unfinished(K.UNPOSTED_JOURNALS, count)), done, 4)
        if row.code == "NLDT"
        else row
        for row in rows
    ]


def test_row_sum_and_filter_are_sent_alone() -> None:
    event = event_between(blocked(61), blocked(3))
    assert 'hx-target="#sum-EUROPE"' in event
    assert "3 lines not posted" in event
    assert "place what:row-NLDT" in event
    assert "#sum-UK" not in event
    assert "row-UKHC" not in event


def test_a_task_that_is_done_changes_its_row_only() -> None:
    event = event_between(blocked(61), blocked(61, done=3))
    assert "3 of 4 tasks" in event
    assert 'hx-target="#sum-' not in event
    assert 'hx-target="#verdict"' not in event


def test_the_first_blocker_brings_the_filter_with_a_new_page() -> None:
    assert "event: refetch" in event_between(four(), blocked(61))
    assert "event: refetch" in event_between(blocked(61), four())
