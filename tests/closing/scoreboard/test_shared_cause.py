"""The cause that late entities likely share, in the headline of a board, and when there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS, DatedFact, seen_by, weighed_for
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline, headline_parts, shared_cause
from closing.scoreboard.row import Row, with_annotations
from tests.board.blocked_rows import board_with, imbalance, unfinished
from tests.builders import WORKED_EXAMPLE_AT, worked_example

K = BlockerKind
WITH_UK = "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd."
LINES = unfinished(K.UNPOSTED_JOURNALS, 61)


def out_of_step(**more: list[BlockerFact]) -> Scoreboard:
    """Both late entities are out of step with UK Retail Ltd."""
    eu, us = imbalance("NLDT", "UKRT"), imbalance("UKRT", "USRT")
    return board_with({"NLDT": [eu], "USRT": [us], "UKRT": [eu, us], **more})


def test_the_headline_names_a_common_counterparty() -> None:
    board = out_of_step()
    assert shared_cause(board.rows) == WITH_UK
    assert headline(board) == (
        "Not closed: 2 of 4 outstanding. EU DTC BV holds the group up, 3 days past its 9 June deadline. "
        + WITH_UK
    )
    assert headline_parts(board, WITH_UK) == headline_parts(board)
    assert "root cause" not in headline_parts(board, "").text


def test_one_late_entity_or_none_shares_nothing() -> None:
    board = out_of_step()
    rows = [row for row in board.rows if row.code != "USRT"]
    assert shared_cause(rows) == ""
    assert shared_cause([row for row in rows if row.code != "NLDT"]) == ""
    assert shared_cause(worked_example().rows) == ""


def test_a_kind_that_all_late_ones_are_warned_of_and_few_others() -> None:
    board = board_with({"NLDT": [LINES], "USRT": [LINES], "UKHC": [unfinished(K.UNPOSTED_JOURNALS, 0)]})
    assert shared_cause(board.rows).endswith("share a root cause: unposted journal lines.")
    unread = board_with({"NLDT": [LINES], "USRT": [LINES], "UKHC": [unfinished(K.UNPOSTED_JOURNALS, None)]})
    assert shared_cause(unread.rows) == ""


def aged(row: Row) -> Row:
    """The row with its blockers read three days ago."""
    value = row.get(BLOCKERS)
    assert value is not None
    long_ago = WORKED_EXAMPLE_AT - timedelta(days=3)
    facts = tuple(DatedFact(dated.fact, long_ago) for dated in value.inputs.facts)
    old = replace(value, inputs=replace(value.inputs, facts=facts))
    return with_annotations(row, {BLOCKERS: weighed_for(old, row, WORKED_EXAMPLE_AT)})


def test_what_was_read_too_long_ago_is_no_cause_and_may_be_that_of_others() -> None:
    board = board_with({"NLDT": [LINES], "USRT": [LINES], "UKHC": [LINES]})
    assert shared_cause(board.rows) == ""  # half of the others have it as well
    rows = [aged(row) if row.code == "UKHC" else row for row in board.rows]
    assert shared_cause(rows) == ""
    others = board_with({"NLDT": [LINES], "USRT": [LINES]}).rows
    assert shared_cause(others) != ""
    assert shared_cause([aged(row) if row.code == "NLDT" else row for row in others]) == ""


def test_counterparties_that_the_reader_may_not_see_are_not_named() -> None:
    board = out_of_step(UKHC=[])

    def seen(row: Row) -> Row:
        value = row.get(BLOCKERS)
        if value is None:
            return row
        dated = tuple(replace(each, partner=99) for each in value.blockers)
        return with_annotations(row, {BLOCKERS: seen_by(replace(value, blockers=dated), frozenset({1}))})

    rows = [seen(row) for row in board.rows if row.code != "UKRT"]
    assert "UK Retail" not in shared_cause(rows)
    assert shared_cause(rows).endswith("share a root cause: intercompany balances.")
