"""Sums over a group, and the few blockers that a row of the board shows (08-blockers-and-tasks 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_facts import Doubt, FactItem
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit, DocumentPart
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.intercompany import intercompany_fact
from closing.blockers.rollup import BlockerSum, board_cell, group_sums
from closing.blockers.weighing import Blocker, BlockerLevel
from tests.closing.blockers.blocker_builders import (
    EU_DTC,
    READ_AT,
    UK_RETAIL,
    compared,
    fact,
    judged,
    position,
)
from tests.hypothesis_profiles import examples

K = BlockerKind
LINES_61 = judged(fact(K.UNPOSTED_JOURNALS, 61))
LINES_AT_LEAST_7 = judged(fact(K.UNPOSTED_JOURNALS, 7, at_least=True))
LINES_NONE = judged(fact(K.UNPOSTED_JOURNALS, 0))
LINES_UNREAD = judged(fact(K.UNPOSTED_JOURNALS, None))
DOCUMENTS_9 = judged(fact(K.UNPOSTED_JOURNALS, 9, unit=CountedUnit.DOCUMENTS))
INVENTORY = judged(fact(K.INVENTORY_NOT_CLOSED, 1, items=(FactItem("INV-4", date(2026, 4, 30)),)))
(_EUR,) = compared(
    position(UK_RETAIL, EU_DTC, "due_to", "108000.00", "GBP"),
    position(EU_DTC, UK_RETAIL, "due_from", "127000.00", "EUR"),
    revalued=(UK_RETAIL, EU_DTC),
)
IMBALANCE = intercompany_fact(_EUR, entity=4, period=45, read_at=READ_AT)
AT_EU, AT_UK = (judged(IMBALANCE, viewer=viewer) for viewer in (EU_DTC, UK_RETAIL))


def invoices(count: int | None, part: DocumentPart = DocumentPart.VENDOR_INVOICES) -> Blocker:
    return judged(fact(K.UNPOSTED_DOCUMENTS, count, part=part.value))


@pytest.mark.parametrize(
    ("members", "count", "at_least", "words"),
    [
        ([LINES_61, LINES_NONE], 61, False, "61 lines not posted"),
        ([LINES_61, LINES_AT_LEAST_7], 68, True, "at least 68 lines not posted"),
        ([LINES_61, LINES_UNREAD], 61, True, "at least 61 lines not posted"),
        ([LINES_NONE, LINES_UNREAD], 0, True, "unposted journal lines: none seen"),
        ([LINES_NONE, LINES_NONE], 0, False, "unposted journal lines: none left"),
        ([LINES_UNREAD, LINES_UNREAD], None, True, "unposted journal lines not readable"),
        ([INVENTORY, INVENTORY], 2, False, "2 inventory closes missing"),
        ([judged(fact(K.REVALUATION_NOT_RUN, 1))], 1, False, "1 exchange rate revaluation not run"),
        ([invoices(1200), invoices(34)], 1234, False, "1,234 vendor invoices not posted"),
    ],
)
def test_a_sum_of_one_kind(members: list[Blocker], count: int | None, at_least: bool, words: str) -> None:
    (total,) = group_sums(members)
    assert (total.count, total.at_least, total.phrase) == (count, at_least, words)


def test_only_the_same_kind_part_and_unit_add() -> None:
    memos = invoices(3, DocumentPart.VENDOR_MEMOS)
    sums = group_sums([LINES_61, DOCUMENTS_9, invoices(4), memos, INVENTORY, LINES_61])
    assert [(total.kind, total.part, total.unit, total.count) for total in sums] == [
        (K.UNPOSTED_JOURNALS, "", CountedUnit.DOCUMENTS, 9),
        (K.UNPOSTED_JOURNALS, "", CountedUnit.LINES, 122),
        (K.UNPOSTED_DOCUMENTS, "vendor_invoices", CountedUnit.DOCUMENTS, 4),
        (K.UNPOSTED_DOCUMENTS, "vendor_memos", CountedUnit.DOCUMENTS, 3),
        (K.INVENTORY_NOT_CLOSED, "", CountedUnit.RUN, 1),
    ]


def test_amounts_add_within_a_currency_only() -> None:
    def lines(amount: str, currency: str) -> Blocker:
        return judged(fact(K.UNPOSTED_JOURNALS, 1, amount=Decimal(amount), currency=currency))

    (total,) = group_sums([lines("10.50", "GBP"), lines("1.00", "EUR"), lines("2000.00", "GBP")])
    assert total.amounts_phrase == "1.00 EUR, 2,010.50 GBP"


def test_counterparties_count_once() -> None:
    other = judged(replace(IMBALANCE, part="UKRT/USRT", amount=Decimal("500.00")))
    in_dollars = judged(replace(IMBALANCE, currency="USD", amount=Decimal("3000.00"), items=()))
    (total,) = group_sums([AT_EU, AT_UK, other, in_dollars])
    assert (total.count, total.warnings, total.not_readable) == (2, 2, 0)
    assert total.phrase == "2 intercompany counterparties out of step"
    assert total.amounts_phrase == "1,140.00 EUR, 3,000.00 USD"


def test_counterparties_that_cannot_be_read_make_a_sum_a_lower_bound() -> None:
    unread = judged(
        replace(IMBALANCE, part="UKRT/USRT", count=None, amount=None, doubt=Doubt.NO_POSITION, ids=())
    )
    (total,) = group_sums([AT_EU, unread, unread])
    assert (total.count, total.at_least, total.not_readable) == (1, True, 1)


def test_kinds_that_do_not_apply_and_undated_work_are_in_no_sum() -> None:
    nothing = judged(fact(K.INVENTORY_NOT_CLOSED, 1), profile=EntityProfile(inventory=False))
    undated = judged(fact(K.UNPOSTED_JOURNALS, 1, period=None), None)
    unread = judged(fact(K.UNPOSTED_JOURNALS, None, period=None), None)
    assert group_sums([nothing, undated, unread]) == []


ANY_LINES = st.builds(
    lambda count, at_least: judged(fact(K.UNPOSTED_JOURNALS, count, at_least=at_least)),
    st.none() | st.integers(0, 99),
    st.booleans(),
)


@examples(300)
@given(st.lists(ANY_LINES, min_size=1, max_size=6))
def test_a_count_that_is_not_readable_is_never_zero_in_a_sum(members: list[Blocker]) -> None:
    (total,) = group_sums(members)
    unread = sum(blocker.count is None for blocker in members)
    assert total.not_readable == unread
    assert (total.count is None) == (unread == len(members))
    if unread:
        assert total.at_least
        assert "none left" not in total.phrase
        assert not total.phrase.startswith("0")
    if total.count is not None:
        assert total.count == sum(blocker.count or 0 for blocker in members)


@given(st.lists(ANY_LINES, min_size=1, max_size=6), st.lists(ANY_LINES, max_size=6))
def test_a_sum_over_more_entities_is_never_surer(some: list[Blocker], more: list[Blocker]) -> None:
    (few,), (all_of_them,) = group_sums(some), group_sums([*some, *more])
    assert (all_of_them.count or 0) >= (few.count or 0)
    assert all_of_them.at_least >= few.at_least


# --- the board


def test_warnings_come_first_then_notes_and_two_are_shown() -> None:
    cell = board_cell(
        [
            judged(fact(K.BANK_NOT_RECONCILED, 5)),
            judged(fact(K.APPROVALS_WAITING, 3)),
            INVENTORY,
            AT_EU,
            LINES_61,
        ]
    )
    assert cell.phrase == (
        "61 lines not posted, intercompany with UK Retail Ltd 640.00 EUR, inventory close missing,"
        " 5 bank lines not reconciled, 3 items waiting for approval"
    )
    assert [blocker.kind for blocker in cell.shown] == [K.UNPOSTED_JOURNALS, K.INTERCOMPANY_IMBALANCE]
    assert cell.more == 3
    assert K.BANK_NOT_RECONCILED in cell.kinds


def test_a_warning_stands_before_a_note_of_an_earlier_kind() -> None:
    few = judged(fact(K.UNPOSTED_JOURNALS, 7))
    assert [blocker.level for blocker in board_cell([few, INVENTORY]).blockers] == [
        BlockerLevel.WARNING,
        BlockerLevel.NOTE,
    ]


def test_not_readable_and_partly_covered_kinds_are_one_grey_mark() -> None:
    hidden = judged(fact(K.UNPOSTED_JOURNALS, 0, at_least=True))
    cell = board_cell([hidden, judged(fact(K.INVENTORY_NOT_CLOSED, None))])
    assert (cell.blockers, cell.phrase, cell.more) == ((), "", 0)
    assert cell.unsure_phrase == "unposted journal lines: none seen, inventory periods not readable"


def test_clear_blockers_and_those_of_the_page_of_the_entity_are_not_on_the_board() -> None:
    signal = judged(fact(K.ACCRUAL_REVERSALS, 14))
    undated = judged(fact(K.UNPOSTED_JOURNALS, 1, period=None), None)
    nothing = judged(fact(K.INVENTORY_NOT_CLOSED, 1), profile=EntityProfile(inventory=False))
    cell = board_cell([signal, undated, nothing, LINES_NONE])
    assert (cell.blockers, cell.unsure) == ((), ())


def test_a_sum_is_a_value() -> None:
    assert group_sums([LINES_61]) == [BlockerSum(K.UNPOSTED_JOURNALS, "", CountedUnit.LINES, 61, False, 0, 1)]
