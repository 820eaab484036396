"""Counterparties compared two by two: golden cases of chapter 6, and the properties that hold for any balances."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import CountedUnit
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.exchange_rates import ClosingRates
from closing.blockers.intercompany import (
    Comparison,
    ComparisonInputs,
    IntercompanyTolerance,
    Position,
    PositionSide,
    compare,
)
from closing.blockers.weighing import Blocker, BlockerLevel
from tests.closing.blockers.blocker_builders import (
    APRIL_RATES,
    EU_DTC,
    MAY_RATES,
    READ_AT,
    UK_HOLDCO,
    UK_RETAIL,
    US_RETAIL,
    as_fact,
    compared,
    in_transaction_currency,
    judged,
    position,
)

CLEAR, NOTE, WARNING = BlockerLevel.CLEAR, BlockerLevel.NOTE, BlockerLevel.WARNING
NOT_READABLE = BlockerLevel.NOT_READABLE


def weighed(comparison: Comparison, **other: Any) -> Blocker:
    return judged(as_fact(comparison), **other)


UK_TO_EU = position(UK_RETAIL, EU_DTC, "due_to", "108000.00", "GBP")
UK_FROM_US = position(UK_RETAIL, US_RETAIL, "due_from", "148000.00", "GBP")
US_TO_UK = position(US_RETAIL, UK_RETAIL, "due_to", "188700.00", "USD")
BOTH = (UK_RETAIL, EU_DTC)


def eu_from_uk(amount: str, currency: str = "EUR") -> Position:
    return position(EU_DTC, UK_RETAIL, "due_from", amount, currency)


GOLDEN = [
    (
        (UK_FROM_US, US_TO_UK),
        (UK_RETAIL, US_RETAIL),
        ("UKRT/USRT", "GBP", "0.00", None),
        (CLEAR, "0.00 GBP apart, within 148.00"),
    ),
    (
        (UK_TO_EU, eu_from_uk("127000.00")),
        BOTH,
        ("EUDTC/UKRT", "EUR", "640.00", None),
        (WARNING, "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00"),
    ),
    (
        (UK_TO_EU, eu_from_uk("127000.00")),
        (EU_DTC,),
        ("EUDTC/UKRT", None, None, Doubt.BEFORE_REVALUATION),
        (NOTE, "not comparable before revaluation"),
    ),
    (
        (UK_TO_EU, eu_from_uk("126000.00")),
        (EU_DTC,),
        ("EUDTC/UKRT", None, None, Doubt.FITS_BOOKING_RATE),
        (NOTE, "fits the booking rate: revalue first"),
    ),
    (
        (UK_TO_EU, eu_from_uk("126000.00")),
        BOTH,
        ("EUDTC/UKRT", "GBP", "-307.69", None),
        (WARNING, "EU DTC BV and UK Retail Ltd 307.69 GBP apart, above 108.00"),
    ),
    (
        (
            in_transaction_currency(eu_from_uk("5000000.00")),
            in_transaction_currency(position(UK_RETAIL, EU_DTC, "due_to", "4998500.00", "EUR")),
        ),
        (),
        ("EUDTC/UKRT", "EUR", "1500.00", None),
        (WARNING, "EU DTC BV and UK Retail Ltd 1,500.00 EUR apart, above 1,000.00"),
    ),
    (
        (
            in_transaction_currency(eu_from_uk("300.00")),
            in_transaction_currency(position(UK_RETAIL, EU_DTC, "due_to", "299.20", "EUR")),
        ),
        (),
        ("EUDTC/UKRT", "EUR", "0.80", None),
        (CLEAR, "0.80 EUR apart, within 1.00"),
    ),
    (
        (UK_FROM_US, position(US_RETAIL, UK_RETAIL, "due_to", "188700.00", "USD", days_old=3)),
        (UK_RETAIL, US_RETAIL),
        ("UKRT/USRT", None, None, Doubt.READ_AT_DIFFERENT_TIMES),
        (NOTE, "read at different times"),
    ),
]


@pytest.mark.parametrize(("positions", "revalued", "expected", "judgement"), GOLDEN)
def test_golden_counterparties(
    positions: tuple[Position, ...],
    revalued: tuple[str, ...],
    expected: tuple[str, str | None, str | None, Doubt | None],
    judgement: tuple[BlockerLevel, str],
) -> None:
    (result,) = compared(*positions, revalued=revalued)
    part, currency, difference, doubt = expected
    assert (result.part, result.currency, result.doubt) == (part, currency, doubt)
    assert result.difference == (None if difference is None else Decimal(difference))
    blocker = weighed(result)
    assert (blocker.level, blocker.because) == judgement


def test_an_imbalance_is_a_note_with_the_same_words_until_either_of_the_two_is_near_or_due() -> None:
    (result,) = compared(UK_TO_EU, eu_from_uk("127000.00"), revalued=BOTH)
    note, warning = weighed(result, near=False), weighed(result, near=False, due=True)
    assert (note.level, warning.level) == (NOTE, WARNING)
    assert note.because == warning.because


def test_each_side_reads_the_name_of_the_other() -> None:
    (result,) = compared(UK_TO_EU, eu_from_uk("127000.00"), revalued=BOTH)
    at_eu, at_uk = (weighed(result, viewer=viewer) for viewer in (EU_DTC, UK_RETAIL))
    assert at_eu.short == "intercompany with UK Retail Ltd 640.00 EUR"
    assert at_uk.short == "intercompany with EU DTC BV 640.00 EUR"
    assert at_eu.because == at_uk.because


def test_a_missing_side_is_not_readable() -> None:
    (result,) = compared(UK_FROM_US)
    blocker = weighed(result, viewer=UK_RETAIL)
    assert (blocker.level, blocker.because) == (NOT_READABLE, "no position from US Retail Inc")
    assert (blocker.count, blocker.amount) == (None, None)
    assert blocker.short == "intercompany with US Retail Inc not readable"


def test_counterparties_that_are_expected_and_not_read_at_all_are_not_readable() -> None:
    (result,) = compare((), ComparisonInputs(), [(UK_RETAIL, EU_DTC)])
    assert weighed(result).because == "no position from EU DTC BV and UK Retail Ltd"


def test_a_side_without_an_account_is_a_note_of_its_own() -> None:
    unmapped = frozenset((UK_RETAIL, EU_DTC, side) for side in PositionSide)
    (result,) = compared(eu_from_uk("127000.00"), revalued=BOTH, unmapped=unmapped)
    blocker = weighed(result)
    assert (blocker.level, blocker.because) == (NOTE, "UK Retail Ltd has no account for EU DTC BV")
    assert blocker.amount is None


def test_an_imbalance_names_the_side_without_an_account() -> None:
    unmapped = frozenset({(EU_DTC, UK_RETAIL, PositionSide.DUE_TO)})
    (result,) = compared(UK_TO_EU, eu_from_uk("127000.00"), revalued=BOTH, unmapped=unmapped)
    assert weighed(result).because == (
        "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00;"
        " EU DTC BV has no due-to account for UK Retail Ltd"
    )


def test_two_sides_that_both_claim_fit_no_booking_rate() -> None:
    claiming = position(UK_RETAIL, EU_DTC, "due_from", "108000.00", "GBP")
    (result,) = compared(claiming, eu_from_uk("126000.00"))
    assert result.doubt is Doubt.BEFORE_REVALUATION


def test_without_a_rate_both_sides_are_shown() -> None:
    (result,) = compared(UK_TO_EU, eu_from_uk("1000.00", "SEK"), revalued=BOTH)
    blocker = weighed(result)
    assert blocker.level is NOTE
    assert blocker.because == (
        "not comparable; EU DTC BV due from 1,000.00 SEK; UK Retail Ltd due to 108,000.00 GBP"
    )


def test_a_day_apart_is_the_same_time() -> None:
    for days, difference in ((1, Decimal("640.00")), (2, None)):
        older = replace(UK_TO_EU, as_of=READ_AT - timedelta(days=days))
        (result,) = compared(older, eu_from_uk("127000.00"), revalued=BOTH)
        assert result.difference == difference


def test_a_currency_that_one_side_does_not_list_is_missing_unless_it_lists_them_in_full() -> None:
    positions = [
        in_transaction_currency(each)
        for each in (
            eu_from_uk("300.00"),
            eu_from_uk("100.00", "USD"),
            position(UK_RETAIL, EU_DTC, "due_to", "300.00", "EUR"),
        )
    ]
    by_currency = {result.currency: result for result in compared(*positions)}
    assert by_currency["EUR"].difference == 0
    assert (by_currency["USD"].difference, by_currency["USD"].missing) == (None, (UK_RETAIL,))
    assert weighed(by_currency["USD"]).because == "no USD position from UK Retail Ltd"
    in_full = {
        result.currency: result.difference
        for result in compared(*positions, listed_in_full=frozenset({UK_RETAIL}))
    }
    assert in_full == {"EUR": Decimal(0), "USD": Decimal(100)}


def test_a_side_that_lists_all_its_balances_and_none_of_these_claims_nothing() -> None:
    (result,) = compared(UK_FROM_US, revalued=(UK_RETAIL, US_RETAIL), listed_in_full=frozenset({US_RETAIL}))
    assert (result.currency, result.difference) == ("GBP", Decimal("148000.00"))


def test_a_claim_is_due_from_less_due_to() -> None:
    (result,) = compared(
        position(UK_RETAIL, EU_DTC, "due_from", "2000.00", "GBP"),
        position(UK_RETAIL, EU_DTC, "due_to", "110000.00", "GBP"),
        eu_from_uk("127000.00"),
        revalued=BOTH,
    )
    assert [claim.amount for claim in result.claims] == [Decimal("127000.00"), Decimal("-108000.00")]
    assert result.difference == Decimal("640.00")


def test_counterparties_are_never_netted_over_others() -> None:
    results = compared(
        *(
            in_transaction_currency(each)
            for each in (
                position(UK_RETAIL, EU_DTC, "due_from", "500.00", "GBP"),
                position(EU_DTC, UK_RETAIL, "due_to", "0.00", "GBP"),
                position(UK_RETAIL, US_RETAIL, "due_to", "500.00", "GBP"),
                position(US_RETAIL, UK_RETAIL, "due_from", "0.00", "GBP"),
            )
        )
    )
    assert [(result.part, result.difference) for result in results] == [
        ("EUDTC/UKRT", Decimal(500)),
        ("UKRT/USRT", Decimal(-500)),
    ]
    assert [as_fact(result).amount for result in results] == [Decimal(500), Decimal(500)]


def test_an_entity_without_partners_has_no_imbalance() -> None:
    (result,) = compared(UK_TO_EU, eu_from_uk("127000.00"), revalued=BOTH)
    blocker = weighed(result, profile=EntityProfile(intercompany=False))
    assert (blocker.level, blocker.because) == (CLEAR, "not applicable: no counterparties")


def test_an_entity_is_not_its_own_counterparty() -> None:
    with pytest.raises(ValueError, match="its own counterparty"):
        position(UK_HOLDCO, UK_HOLDCO, "due_to", "1", "GBP")


def test_the_fact_is_held_once_with_both_sides_as_items() -> None:
    (result,) = compared(UK_TO_EU, eu_from_uk("127000.00"), revalued=BOTH)
    held = as_fact(result)
    assert (held.part, held.unit, held.count, held.amount, held.currency) == (
        "EUDTC/UKRT",
        CountedUnit.COUNTERPARTIES,
        1,
        Decimal("640.00"),
        "EUR",
    )
    assert [(item.number, item.amount, item.currency) for item in held.items] == [
        (EU_DTC, Decimal("127000.00"), "EUR"),
        (UK_RETAIL, Decimal("-108000.00"), "GBP"),
    ]
    assert held.names_all_items


@pytest.mark.parametrize(
    ("larger", "tolerance"),
    [
        ("0", "1.00"),
        ("300.00", "1.00"),
        ("1005.00", "1.01"),
        ("127000.00", "127.00"),
        ("5000000.00", "1000.00"),
    ],
)
def test_the_tolerance_is_a_thousandth_within_two_bounds(larger: str, tolerance: str) -> None:
    assert IntercompanyTolerance().of(Decimal(larger)) == Decimal(tolerance)


def test_exactly_the_tolerance_is_within() -> None:
    for amount, level in (("1001.00", CLEAR), ("1001.01", WARNING)):
        (result,) = compared(
            in_transaction_currency(eu_from_uk(amount)),
            in_transaction_currency(position(UK_RETAIL, EU_DTC, "due_to", "1000.00", "EUR")),
        )
        assert weighed(result).level is level


# --- rates


def test_a_rate_is_used_in_both_directions_and_over_a_common_base() -> None:
    assert MAY_RATES.convert(Decimal("108000"), "GBP", "EUR") == Decimal("126360.00")
    assert MAY_RATES.convert(Decimal("126000"), "EUR", "GBP") == Decimal("107692.31")
    assert MAY_RATES.convert(Decimal("117"), "EUR", "USD") == Decimal("127.50")
    assert MAY_RATES.convert(Decimal("1.005"), "EUR", "EUR") == Decimal("1.01")
    assert APRIL_RATES.convert(Decimal("1"), "EUR", "USD") is None


@pytest.mark.parametrize("rate", ["0", "-1", "NaN"])
def test_a_rate_is_above_zero(rate: str) -> None:
    with pytest.raises(ValueError, match="above zero"):
        ClosingRates({("GBP", "EUR"): Decimal(rate)})
