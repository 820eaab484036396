"""Properties of comparisons for any balances of four entities: symmetry, no netting, no whole balance."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.intercompany import ComparisonInputs, Position, compare
from closing.blockers.weighing import BlockerLevel
from tests.closing.blockers.blocker_builders import (
    APRIL_RATES,
    EU_DTC,
    MAY_RATES,
    UK_HOLDCO,
    UK_RETAIL,
    US_RETAIL,
    as_fact,
    compared,
    in_transaction_currency,
    judged,
    position,
)
from tests.hypothesis_profiles import examples

AMOUNTS = st.decimals(Decimal(0), Decimal(10_000_000), places=2)
CODES = st.sampled_from([EU_DTC, UK_RETAIL, US_RETAIL, UK_HOLDCO])
CURRENCIES = {EU_DTC: "EUR", UK_RETAIL: "GBP", US_RETAIL: "USD", UK_HOLDCO: "GBP"}


@st.composite
def positions_of_a_group(draw: st.DrawFn) -> list[Position]:
    """Some positions between four entities, of one age or of several, some in transaction currencies."""
    found = []
    for _ in range(draw(st.integers(1, 12))):
        entity = draw(CODES)
        partner = draw(st.sampled_from([code for code in CURRENCIES if code != entity]))
        side = draw(st.sampled_from(["due_from", "due_to"]))
        each = position(
            entity,
            partner,
            side,
            str(draw(AMOUNTS)),
            CURRENCIES[entity],
            days_old=draw(st.integers(0, 1)) * 3,
        )
        found.append(in_transaction_currency(each) if draw(st.booleans()) else each)
    return found


REVALUED = st.frozensets(CODES)


@examples(300)
@given(positions_of_a_group(), REVALUED, st.randoms(use_true_random=False))
def test_the_order_of_positions_does_not_matter(
    positions: list[Position], revalued: frozenset[str], shuffling: Any
) -> None:
    inputs = ComparisonInputs(MAY_RATES, APRIL_RATES, revalued)
    shuffled = list(positions)
    shuffling.shuffle(shuffled)
    assert compare(shuffled, inputs) == compare(positions, inputs)


SWAPPED = {"AAA": "BBB", "BBB": "AAA"}


@examples(300)
@given(AMOUNTS, AMOUNTS, st.sampled_from(["EUR", "GBP"]), st.sampled_from(["EUR", "GBP"]), st.booleans())
def test_two_entities_that_change_places_are_as_far_apart(
    one: Decimal, other: Decimal, one_currency: str, other_currency: str, revalued: bool
) -> None:
    """But where the claims are equal, which of the two currencies is used goes by code."""
    positions = [
        position("AAA", "BBB", "due_from", str(one), one_currency),
        position("BBB", "AAA", "due_to", str(other), other_currency),
    ]
    swapped = [
        replace(each, entity=SWAPPED[each.entity], partner=SWAPPED[each.partner]) for each in positions
    ]
    done = tuple(SWAPPED) if revalued else ()
    (result,), (mirrored,) = compared(*positions, revalued=done), compared(*swapped, revalued=done)
    assert result.doubt == mirrored.doubt
    assert as_fact(result).count == as_fact(mirrored).count
    if result.currency == mirrored.currency:
        assert result.difference == mirrored.difference
    else:
        assert result.difference == mirrored.difference == 0


@examples(300)
@given(positions_of_a_group(), REVALUED)
def test_other_partners_do_not_change_the_comparison_of_two(
    positions: list[Position], revalued: frozenset[str]
) -> None:
    inputs = ComparisonInputs(MAY_RATES, APRIL_RATES, revalued)
    together = compare(positions, inputs)
    for part in {result.part for result in together}:
        pair = set(part.split("/"))
        alone = compare([each for each in positions if {each.entity, each.partner} == pair], inputs)
        assert alone == [result for result in together if result.part == part]


@examples(300)
@given(positions_of_a_group(), REVALUED, CODES)
def test_a_missing_side_never_gives_the_whole_balance(
    positions: list[Position], revalued: frozenset[str], silent: str
) -> None:
    inputs = ComparisonInputs(MAY_RATES, APRIL_RATES, revalued)
    for result in compare([each for each in positions if each.entity != silent], inputs):
        held = as_fact(result)
        if silent in (result.first, result.second):
            assert (result.difference, held.count, held.amount) == (None, None, None)
            assert judged(as_fact(result)).level is BlockerLevel.NOT_READABLE
            assert silent in result.missing


@examples(300)
@given(positions_of_a_group(), REVALUED)
def test_a_comparison_is_missing_in_doubt_or_a_difference(
    positions: list[Position], revalued: frozenset[str]
) -> None:
    for result in compare(positions, ComparisonInputs(MAY_RATES, APRIL_RATES, revalued)):
        states = [bool(result.missing), result.doubt is not None, result.difference is not None]
        assert states.count(True) == 1
        held = as_fact(result)
        assert held.kind is BlockerKind.INTERCOMPANY_IMBALANCE
        blocker = judged(held)
        if blocker.level is BlockerLevel.CLEAR:
            assert result.difference is not None
            assert held.amount == abs(result.difference)
