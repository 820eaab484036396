"""Inventory closes: golden cases of chapter 8, the chain of reversals, and the fact that follows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.inventory_runs import (
    InventoryRun,
    ReversalOrder,
    RunKind,
    RunStatus,
    can_be_reversed,
    closed_through,
    inventory_fact,
    order_of_reversals,
    posting_restriction,
    reversal_chain,
    reversal_order,
    reversal_phrase,
    reversal_refusal,
)
from closing.blockers.weighing import BlockerLevel
from closing.calendar.days import DateSpan
from tests.closing.blockers.blocker_builders import MAY, READ_AT, judged

MARCH, APRIL, END_OF_MAY, JUNE = (
    date(2026, 3, 31),
    date(2026, 4, 30),
    date(2026, 5, 31),
    date(2026, 6, 30),
)
LAST_ONLY, REOPENS_LATER = ReversalOrder


def close(through: date, status: RunStatus = RunStatus.DONE, warnings: int = 0) -> InventoryRun:
    return InventoryRun(4, through, RunKind.CLOSING, status, READ_AT, warnings=warnings)


def reverse(through: date, status: RunStatus = RunStatus.DONE) -> InventoryRun:
    return InventoryRun(4, through, RunKind.REVERSAL, status, READ_AT, reverses=through)


def recalculate(through: date) -> InventoryRun:
    return InventoryRun(4, through, RunKind.RECALCULATION, RunStatus.DONE, READ_AT)


def may_fact(runs: list[InventoryRun] | None) -> BlockerFact:
    return inventory_fact(runs, MAY.last, entity=4, period=45, read_at=READ_AT)


THREE = [close(MARCH), close(APRIL), close(END_OF_MAY)]


@pytest.mark.parametrize(
    ("runs", "through", "level", "because"),
    [
        (THREE, END_OF_MAY, BlockerLevel.CLEAR, "closed through 31 May 2026"),
        (
            [*THREE, reverse(END_OF_MAY)],
            APRIL,
            BlockerLevel.WARNING,
            "no inventory close through 31 May 2026, closed through 30 Apr",
        ),
        (
            [recalculate(END_OF_MAY)],
            None,
            BlockerLevel.WARNING,
            "no inventory close through 31 May 2026",
        ),
        ([close(APRIL), close(JUNE)], JUNE, BlockerLevel.CLEAR, "closed through 30 June 2026"),
        (
            [close(date(2025, 12, 31)), close(END_OF_MAY, RunStatus.RUNNING)],
            date(2025, 12, 31),
            BlockerLevel.WARNING,
            "no inventory close through 31 May 2026, closed through 31 Dec 2025",
        ),
        (
            [close(APRIL), close(END_OF_MAY, RunStatus.STOPPED)],
            APRIL,
            BlockerLevel.WARNING,
            "no inventory close through 31 May 2026, closed through 30 Apr",
        ),
        (
            [close(APRIL), close(END_OF_MAY, RunStatus.REVERSED)],
            APRIL,
            BlockerLevel.WARNING,
            "no inventory close through 31 May 2026, closed through 30 Apr",
        ),
        (
            [*THREE, reverse(END_OF_MAY), close(END_OF_MAY)],
            END_OF_MAY,
            BlockerLevel.CLEAR,
            "closed through 31 May 2026",
        ),
        (
            [*THREE, reverse(END_OF_MAY, RunStatus.RUNNING)],
            END_OF_MAY,
            BlockerLevel.CLEAR,
            "closed through 31 May 2026",
        ),
    ],
)
def test_golden_closed_through(
    runs: list[InventoryRun], through: date | None, level: BlockerLevel, because: str
) -> None:
    assert closed_through(runs) == through
    blocker = judged(may_fact(runs))
    assert (blocker.level, blocker.because) == (level, because)


def test_without_a_source_of_runs_nothing_is_known() -> None:
    assert may_fact(None).count is None
    assert may_fact([]).count == 1


def test_only_the_last_close_can_be_reversed_in_finance_and_operations() -> None:
    assert reversal_refusal(THREE, reverse(MARCH)) == (
        "only the last close can be reversed; to reverse March: May, April, March"
    )
    assert reversal_refusal(THREE, reverse(END_OF_MAY)) == ""
    assert reversal_refusal([*THREE, reverse(END_OF_MAY)], reverse(APRIL)) == ""
    assert [can_be_reversed(THREE, day) for day in (MARCH, APRIL, END_OF_MAY)] == [False, False, True]


@pytest.mark.parametrize(
    ("runs", "strict", "loose"),
    [
        (THREE, "to reverse May: May", "reopening May reopens no other period"),
        ([*THREE, close(JUNE)], "to reverse May: June, May", "reopening May reopens June as well"),
        (THREE[:2], "to reverse March: April, March", "reopening March reopens April as well"),
        ([], "", ""),
    ],
)
def test_a_fact_names_the_closes_that_stand_and_so_the_order(
    runs: list[InventoryRun], strict: str, loose: str
) -> None:
    fact = may_fact(runs)
    assert order_of_reversals(fact, MAY, ReversalOrder.LAST_ONLY) == strict
    assert order_of_reversals(fact, MAY, ReversalOrder.REOPENS_LATER) == loose


def test_the_reversal_of_an_unknown_run_is_refused() -> None:
    for runs in ([], THREE, [*THREE, reverse(END_OF_MAY)]):
        day = END_OF_MAY if runs and runs is not THREE else JUNE
        words = reversal_refusal(runs, reverse(day))
        assert (
            words
            == f"no inventory close through {'31 May' if day is END_OF_MAY else '30 June'} 2026 is on record"
        )
    assert reversal_refusal(THREE, close(JUNE)) == ""


def test_reopening_a_period_of_business_central_reopens_all_later_ones() -> None:
    assert reversal_order("business_central") is REOPENS_LATER
    assert reversal_order("finops") is reversal_order("anything else") is LAST_ONLY
    assert reversal_refusal(THREE, reverse(MARCH), REOPENS_LATER) == ""
    assert closed_through([*THREE, reverse(APRIL)], REOPENS_LATER) == MARCH
    assert [reversal_phrase(THREE, day, REOPENS_LATER) for day in (MARCH, APRIL, END_OF_MAY, JUNE)] == [
        "reopening March reopens April and May as well",
        "reopening April reopens May as well",
        "reopening May reopens no other period",
        "",
    ]
    reopened = [*THREE, reverse(APRIL)]
    assert reversal_refusal(reopened, reverse(END_OF_MAY), REOPENS_LATER) != ""
    assert can_be_reversed(reopened, MARCH, REOPENS_LATER)
    four = [*THREE, close(JUNE)]
    assert (
        reversal_phrase(four, MARCH, REOPENS_LATER) == "reopening March reopens April, May and June as well"
    )


def test_the_chain_names_years_and_days_where_it_has_to() -> None:
    runs = [close(date(2025, 12, 31)), close(date(2026, 1, 15)), close(date(2026, 1, 31))]
    assert reversal_phrase(runs, date(2025, 12, 31), LAST_ONLY) == (
        "to reverse December 2025: January 2026, 15 January 2026, December 2025"
    )
    assert reversal_phrase(THREE, END_OF_MAY, LAST_ONLY) == "to reverse May: May"


def test_the_warnings_of_the_log_are_a_note_with_their_remedies() -> None:
    blocker = judged(may_fact([close(APRIL, warnings=9), close(END_OF_MAY, warnings=2)]))
    assert (blocker.level, blocker.count) == (BlockerLevel.NOTE, 0)
    assert blocker.because == (
        "2 warnings in the log of the inventory close: update receipts financially, advance the date"
        " or revise the procedure"
    )
    # Those of an earlier close are not those of May.
    assert "warnings" not in judged(may_fact([close(APRIL, warnings=9)])).because


@pytest.mark.parametrize(
    ("through", "words"),
    [
        (None, ""),
        (APRIL, ""),
        (date(2026, 5, 15), "closed for inventory postings up to 15 May 2026"),
        (END_OF_MAY, "closed for inventory postings"),
        (JUNE, "closed for inventory postings"),
    ],
)
def test_a_period_before_the_close_takes_no_inventory_postings(through: date | None, words: str) -> None:
    assert posting_restriction(MAY, through) == words


def test_a_reversal_names_the_close_that_it_reverses() -> None:
    with pytest.raises(ValueError, match="reversal"):
        InventoryRun(4, MARCH, RunKind.REVERSAL, RunStatus.DONE)
    with pytest.raises(ValueError, match="reversal"):
        InventoryRun(4, MARCH, RunKind.CLOSING, RunStatus.DONE, reverses=MARCH)


DAYS = st.sampled_from([MARCH, APRIL, END_OF_MAY, JUNE])


@given(st.lists(st.tuples(DAYS, st.booleans()), max_size=12), DAYS)
def test_after_the_whole_chain_the_close_is_gone_and_nothing_earlier_is(
    steps: list[tuple[date, bool]], target: date
) -> None:
    """Reversals that a file may not hold are not taken, as the writer refuses them."""
    runs: list[InventoryRun] = []
    for number, (day, closing) in enumerate(steps):
        at = datetime(2026, 7, 1, tzinfo=UTC) + timedelta(hours=number)
        kind = RunKind.CLOSING if closing else RunKind.REVERSAL
        run = InventoryRun(4, day, kind, RunStatus.DONE, at, reverses=None if closing else day)
        if not reversal_refusal(runs, run):
            runs.append(run)
    before = closed_through(runs)
    chain = reversal_chain(runs, target)
    for day in chain:
        assert reversal_refusal(runs, reverse(day)) == ""
        runs.append(reverse(day))
    after = closed_through(runs)
    assert after == before if not chain else after is None or after < target
    span = DateSpan(date(2026, 3, 1), MARCH)
    assert (posting_restriction(span, after) == "") == (after is None)
