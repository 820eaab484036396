"""Items carried on purpose: marks that hold for one item with its amount, and end (08-blockers-and-tasks 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_facts import MAX_IDS, BlockerFact, Doubt, FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.carried import CarriedMark, carried_of, mark_item, mark_refusal
from closing.blockers.weighing import BlockerLevel
from tests.closing.blockers.blocker_builders import MAY_PERIOD, fact, judged

END_OF_JUNE, ON_12_JUNE = date(2026, 6, 30), date(2026, 6, 12)
IDS = (
    FactId("J-1", 40, Decimal("1200.00")),
    FactId("J-2", 19, Decimal("80.00")),
    FactId("J-3", 2, Decimal("33.10")),
)
LINES = fact(BlockerKind.UNPOSTED_JOURNALS, 61, ids=IDS, amount=Decimal("1313.10"), currency="EUR")
WAITING = "the auditor has it"


def mark(item_id: str, until: date = END_OF_JUNE, reason: str = WAITING) -> CarriedMark:
    return mark_item(LINES, item_id, until=until, reason=reason, by="Sanne de Wit")


def test_items_carried_on_purpose_are_counted_apart() -> None:
    blocker = judged(LINES, marks=[mark("J-3")])
    assert (blocker.count, blocker.carried, blocker.amount) == (59, 2, Decimal("1280.00"))
    assert blocker.because == (
        "59 lines not posted, above 50; 2 more carried on purpose until 30 June, because the auditor has it"
    )
    assert blocker.level is BlockerLevel.WARNING


def test_fewer_than_the_limit_are_a_note() -> None:
    assert judged(LINES, marks=[mark("J-2")]).because.startswith("42 lines not posted; 19 more carried")


def test_each_end_and_reason_has_a_phrase_of_its_own() -> None:
    marks = [mark("J-3"), mark("J-2", date(2026, 6, 15), "credit note on its way")]
    assert judged(LINES, marks=marks).because == (
        "40 lines not posted; 19 more carried on purpose until 15 June, because credit note on its way;"
        " 2 more carried on purpose until 30 June, because the auditor has it"
    )


def test_carried_items_are_never_hidden_when_nothing_else_is_left() -> None:
    blocker = judged(LINES, marks=[mark(item.item_id) for item in IDS])
    assert (blocker.level, blocker.count, blocker.carried) == (BlockerLevel.CLEAR, 0, 61)
    assert blocker.because == ("none left; 61 carried on purpose until 30 June, because the auditor has it")
    hidden = replace(LINES, at_least=True, doubt=Doubt.PARTY_LINES_HIDDEN)
    assert judged(hidden, marks=[mark(item.item_id) for item in IDS]).because == (
        "no more seen; customer and vendor lines are hidden;"
        " 61 carried on purpose until 30 June, because the auditor has it"
    )


@pytest.mark.parametrize(
    ("ids", "today", "carried"),
    [
        (IDS, ON_12_JUNE, 2),
        (IDS, END_OF_JUNE, 2),
        (IDS, date(2026, 7, 1), 0),  # its end is past
        (IDS[:2], ON_12_JUNE, 0),  # the item is gone
        ((*IDS[:2], FactId("J-3", 2, Decimal("33.11"))), ON_12_JUNE, 0),  # its amount changed
        ((*IDS[:2], FactId("J-3", 3, Decimal("33.10"))), ON_12_JUNE, 0),  # it has a line more
        ((*IDS[:2], FactId("J-3", 2, None)), ON_12_JUNE, 0),
    ],
)
def test_a_mark_holds_for_its_item_as_it_was(ids: tuple[FactId, ...], today: date, carried: int) -> None:
    assert carried_of(replace(LINES, ids=ids), [mark("J-3")], today).units == carried


def test_an_item_that_is_marked_twice_counts_once() -> None:
    assert carried_of(LINES, [mark("J-3"), mark("J-3")], ON_12_JUNE).units == 2


def refusal(
    carrying: BlockerFact = LINES, item_id: str = "J-3", until: date = END_OF_JUNE, reason: str = "x"
) -> str:
    return mark_refusal(
        carrying, item_id, until=until, reason=reason, next_period_last=END_OF_JUNE, today=ON_12_JUNE
    )


def test_a_mark_lasts_at_most_until_the_end_of_the_next_period() -> None:
    assert refusal() == ""
    assert refusal(until=date(2026, 7, 1)) == (
        "Carried at the latest until the end of the next period, 30 June 2026."
    )
    assert refusal(until=date(2026, 6, 11)) == "11 June 2026 has passed."
    assert refusal(reason="  ") == "Give the reason why it is carried."
    assert refusal(item_id="J-9") == "This item is no longer in the way."
    with pytest.raises(ValueError, match="J-9"):
        mark("J-9")


def test_beyond_the_ids_that_a_fact_names_nothing_more_can_be_marked() -> None:
    ids = tuple(FactId(f"J-{number}", 1) for number in range(MAX_IDS))
    assert refusal(fact(BlockerKind.UNPOSTED_JOURNALS, MAX_IDS, ids=ids)) == ""
    too_many = fact(BlockerKind.UNPOSTED_JOURNALS, MAX_IDS + 1, ids=ids)
    assert refusal(too_many) == "There are more than 2,000 items: no more can be carried on purpose."
    assert refusal(fact(BlockerKind.UNPOSTED_JOURNALS, 3)) == (
        "The source does not name each item, so none can be carried on purpose."
    )
    # What was marked before stays so while the fact names it.
    kept = CarriedMark("J-7", 1, None, END_OF_JUNE, WAITING)
    assert carried_of(too_many, [kept], ON_12_JUNE).units == 1


@given(st.lists(st.sampled_from(["J-1", "J-2", "J-3", "J-4"])), st.integers(0, 61), st.dates())
def test_more_is_never_carried_than_is_there(item_ids: list[str], count: int, today: date) -> None:
    marks = [CarriedMark(item_id, 40, Decimal("1200.00"), END_OF_JUNE, WAITING) for item_id in item_ids]
    carried = carried_of(replace(LINES, count=count), marks, today)
    assert 0 <= carried.units <= count
    assert (carried.units > 0) == ("J-1" in item_ids and today <= END_OF_JUNE and count > 0)
    blocker = judged(replace(LINES, count=count), MAY_PERIOD, marks=marks)
    assert blocker.count is not None
    assert blocker.count + blocker.carried == count
