"""Compares the balances of counterparties, two by two and never netted over them (08-blockers-and-tasks 6).

Only receivables and payables between the two, gross: no loans, income, expense or unrealised profit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from closing.blockers.blocker_facts import (
    NO_ACCOUNT,
    NO_DUE_FROM_ACCOUNT,
    NO_DUE_TO_ACCOUNT,
    BlockerFact,
    Doubt,
    FactId,
    FactItem,
)
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from closing.blockers.exchange_rates import NO_RATES, ClosingRates, rounded

_SAME_TIME = timedelta(hours=24)
_ZERO = Decimal(0)


class PositionSide(StrEnum):
    """Which side of the balance sheet a position stands on; amounts are positive where it usually stands."""

    DUE_FROM = "due_from"
    DUE_TO = "due_to"


@dataclass(frozen=True, slots=True)
class Position:
    """A balance of one entity with one partner at the end of a reporting month.

    Debit balances are positive for due_from, credit balances for due_to. Where the source gives transaction
    currencies there is one position for each, with `currency` and `amount`; else only the functional ones. `as_of` is
    the age of the source, or the moment of reading of a `live` balance. Raises ValueError for a partner that is the
    entity itself.
    """

    entity: str
    partner: str
    period: date
    side: PositionSide
    as_of: datetime
    currency: str = ""
    amount: Decimal | None = None
    functional_currency: str = ""
    functional_amount: Decimal | None = None
    accounts: tuple[str, ...] = ()
    live: bool = False

    def __post_init__(self) -> None:
        if self.entity == self.partner:
            raise ValueError(f"{self.entity} cannot be its own counterparty")

    @property
    def in_transaction_currency(self) -> bool:
        return bool(self.currency) and self.amount is not None


@dataclass(frozen=True, slots=True)
class IntercompanyTolerance:
    """How far two sides may be apart in the currency of comparison: a share of the larger side, within two bounds."""

    least: Decimal = Decimal("1.00")
    share: Decimal = Decimal("0.001")
    most: Decimal = Decimal("1000.00")

    def of(self, larger: Decimal) -> Decimal:
        """The tolerance for the larger side, without its sign."""
        return min(max(self.least, rounded(larger * self.share)), self.most)


DEFAULT_TOLERANCE = IntercompanyTolerance()


@dataclass(frozen=True, slots=True)
class ComparisonInputs:
    """The inputs of a comparison of one month beside the positions.

    `rates` are the closing rates of the month, `previous_rates` those of the month before. `revalued` has the codes
    of entities whose revaluation is shown done. `listed_in_full` has the codes of entities whose source lists every
    balance with every partner: a balance that it does not list is 0, where for others it is missing. `unmapped` has
    (entity, partner, side) where no account is mapped.
    """

    rates: ClosingRates = NO_RATES
    previous_rates: ClosingRates = NO_RATES
    revalued: frozenset[str] = frozenset()
    listed_in_full: frozenset[str] = frozenset()
    unmapped: frozenset[tuple[str, str, PositionSide]] = frozenset()


@dataclass(frozen=True, slots=True)
class PartnerClaim:
    """One entity's claim on the other, due from less due to: below zero if it owes. `note`: it lacks an account."""

    entity: str
    amount: Decimal | None
    currency: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two counterparties, the first by code first, compared in one currency.

    `difference` is the sum of both claims, 0 when in step; None while a side is `missing` or in `doubt`. `as_of` is
    the age of the older source, None where both balances are live.
    """

    first: str
    second: str
    claims: tuple[PartnerClaim, ...]
    currency: str | None = None
    difference: Decimal | None = None
    doubt: Doubt | None = None
    missing: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    as_of: datetime | None = None

    @property
    def part(self) -> str:
        """ "EUDTC/UKRT"."""
        return f"{self.first}/{self.second}"


@dataclass(frozen=True, slots=True)
class _Sides:
    first: str
    second: str
    positions: Mapping[str, Sequence[Position]]
    inputs: ComparisonInputs

    @property
    def codes(self) -> tuple[str, str]:
        return self.first, self.second

    def note(self, code: str) -> str:
        partner = self.second if code == self.first else self.first
        lacks = {side for side in PositionSide if (code, partner, side) in self.inputs.unmapped}
        if len(lacks) == len(PositionSide):
            return NO_ACCOUNT
        if PositionSide.DUE_FROM in lacks:
            return NO_DUE_FROM_ACCOUNT
        return NO_DUE_TO_ACCOUNT if lacks else ""

    def is_missing(self, code: str, currency: str = "") -> bool:
        if code in self.inputs.listed_in_full:
            return False
        return not any(not currency or position.currency == currency for position in self.positions[code])

    def result(
        self,
        claims: Iterable[PartnerClaim],
        currency: str | None = None,
        difference: Decimal | None = None,
        *,
        doubt: Doubt | None = None,
        missing: tuple[str, ...] = (),
    ) -> Comparison:
        every = [position for code in self.codes for position in self.positions[code]]
        return Comparison(
            self.first,
            self.second,
            tuple(claims),
            currency,
            difference,
            doubt,
            missing,
            tuple(sorted({account for position in every for account in position.accounts})),
            min((position.as_of for position in every if not position.live), default=None),
        )


def compare(
    positions: Iterable[Position],
    inputs: ComparisonInputs,
    expected: Iterable[tuple[str, str]] = (),
) -> list[Comparison]:
    """Each two counterparties of one reporting month, compared in each currency; by code.

    `expected` has further counterparties, which have a result also without any position.
    """
    by_pair: dict[tuple[str, str], dict[str, list[Position]]] = {}
    for entity, partner in expected:
        by_pair.setdefault((min(entity, partner), max(entity, partner)), defaultdict(list))
    for position in positions:
        pair = min(position.entity, position.partner), max(position.entity, position.partner)
        by_pair.setdefault(pair, defaultdict(list))[position.entity].append(position)
    return [
        result
        for (first, second), sides in sorted(by_pair.items(), key=lambda entry: entry[0])
        for result in _compare_two(
            _Sides(first, second, {code: sides.get(code, []) for code in (first, second)}, inputs)
        )
    ]


def _compare_two(sides: _Sides) -> list[Comparison]:
    without_account = [
        code for code in sides.codes if not sides.positions[code] and sides.note(code) == NO_ACCOUNT
    ]
    missing = tuple(code for code in sides.codes if sides.is_missing(code) and code not in without_account)
    if missing:
        return [sides.result(_functional_claims(sides), missing=missing)]
    if without_account:
        return [sides.result(_functional_claims(sides), doubt=Doubt.NO_ACCOUNT)]
    ages = [position.as_of for code in sides.codes for position in sides.positions[code]]
    if ages and max(ages) - min(ages) > _SAME_TIME:
        return [sides.result(_functional_claims(sides), doubt=Doubt.READ_AT_DIFFERENT_TIMES)]
    every = [position for code in sides.codes for position in sides.positions[code]]
    if every and all(position.in_transaction_currency for position in every):
        return _in_transaction_currencies(sides, sorted({position.currency for position in every}))
    return [_in_functional_currencies(sides)]


def _in_transaction_currencies(sides: _Sides, currencies: Sequence[str]) -> list[Comparison]:
    """In each currency of either side; no rate is needed."""
    results = []
    for currency in currencies:
        missing = tuple(code for code in sides.codes if sides.is_missing(code, currency))
        claims = [
            PartnerClaim(
                code,
                _sum(
                    (position.side, position.amount)
                    for position in sides.positions[code]
                    if position.currency == currency
                ),
                currency,
                sides.note(code),
            )
            for code in sides.codes
            if code not in missing
        ]
        amounts = [claim.amount for claim in claims if claim.amount is not None]
        difference = None if missing else sum(amounts, _ZERO)
        results.append(sides.result(claims, currency, difference, missing=missing))
    return results


def _functional_claims(sides: _Sides) -> list[PartnerClaim]:
    """The claims of the sides that have positions; without an amount where one is missing or currencies differ."""
    claims = []
    for code in sides.codes:
        positions = sides.positions[code]
        if not positions:
            if sides.note(code) == NO_ACCOUNT:
                claims.append(PartnerClaim(code, None, "", NO_ACCOUNT))
            elif code in sides.inputs.listed_in_full:
                claims.append(PartnerClaim(code, _ZERO, "", sides.note(code)))
            continue
        functional = all(position.functional_amount is not None for position in positions)
        currencies = {
            position.functional_currency if functional else position.currency for position in positions
        }
        amounts = [
            (position.side, position.functional_amount if functional else position.amount)
            for position in positions
        ]
        is_one = len(currencies) == 1 and all(amount is not None for _, amount in amounts)
        currency = currencies.pop() if is_one else ""
        claims.append(PartnerClaim(code, _sum(amounts) if currency else None, currency, sides.note(code)))
    return claims


def _sum(amounts: Iterable[tuple[PositionSide, Decimal | None]]) -> Decimal:
    return sum(
        (
            amount if side is PositionSide.DUE_FROM else -amount
            for side, amount in amounts
            if amount is not None
        ),
        _ZERO,
    )


def _in_functional_currencies(sides: _Sides) -> Comparison:
    """At the closing rate, in the currency of the larger claim, once both sides are revalued."""
    claims = _functional_claims(sides)
    functional = all(
        position.functional_amount is not None for code in sides.codes for position in sides.positions[code]
    )
    one, other = claims
    if not functional or one.amount is None or other.amount is None:
        return sides.result(claims, doubt=Doubt.NOT_COMPARABLE)
    if not one.amount and not other.amount:
        return sides.result(claims, one.currency or other.currency or None, _ZERO)
    if not sides.inputs.revalued.issuperset(sides.codes):
        fits = _fits_booking_rate(one, other, sides.inputs)
        return sides.result(claims, doubt=Doubt.FITS_BOOKING_RATE if fits else Doubt.BEFORE_REVALUATION)
    if not one.currency or not other.currency:  # a side that lists nothing claims 0 in any currency
        return sides.result(claims, one.currency or other.currency, one.amount + other.amount)
    rates = sides.inputs.rates
    one_there = rates.convert(one.amount, one.currency, other.currency)
    other_here = rates.convert(other.amount, other.currency, one.currency)
    if one_there is None or other_here is None:
        return sides.result(claims, doubt=Doubt.NOT_COMPARABLE)
    if abs(other.amount) > abs(one_there):
        return sides.result(claims, other.currency, one_there + other.amount)
    return sides.result(claims, one.currency, one.amount + other_here)


def _fits_booking_rate(one: PartnerClaim, other: PartnerClaim, inputs: ComparisonInputs) -> bool:
    """Whether the two amounts differ by a rate between the closing rates of the month before and of this one."""
    if one.amount is None or other.amount is None or one.currency == other.currency:
        return False
    if one.amount * other.amount >= 0:
        return False
    bounds = [
        rates.multiplied(abs(one.amount), one.currency, other.currency)
        for rates in (inputs.previous_rates, inputs.rates)
    ]
    given = [bound for bound in bounds if bound is not None]
    return len(given) == len(bounds) and min(given) <= abs(other.amount) <= max(given)


def intercompany_fact(
    comparison: Comparison,
    *,
    entity: int,
    period: int | None,
    read_at: datetime,
    link: str | None = None,
) -> BlockerFact:
    """The fact of a comparison, held at the first of the two by code: `entity` and `period` are its ids."""
    difference = comparison.difference
    count: int | None = 1 if comparison.doubt is not None or difference else 0
    doubt = comparison.doubt
    if comparison.missing:
        count, doubt = None, Doubt.NO_POSITION
    amount = None if difference is None or comparison.currency is None else abs(difference)
    return BlockerFact(
        entity=entity,
        period=period,
        kind=BlockerKind.INTERCOMPANY_IMBALANCE,
        unit=CountedUnit.COUNTERPARTIES,
        count=count,
        read_at=read_at,
        part=comparison.part,
        amount=amount,
        currency=comparison.currency,
        doubt=doubt,
        coverage=comparison.accounts,
        source_as_of=comparison.as_of,
        ids=(FactId(comparison.part, 1, amount),) if count else (),
        items=tuple(
            FactItem(
                claim.entity,
                amount=claim.amount,
                currency=claim.currency or comparison.currency,
                note=claim.note,
            )
            for claim in comparison.claims
        ),
        link=link,
    )


def is_over_tolerance(fact: BlockerFact, tolerance: IntercompanyTolerance) -> bool:
    """Whether two sides that could be compared are farther apart than the tolerance."""
    return fact.amount is not None and fact.amount > tolerance_of(fact, tolerance)


def tolerance_of(fact: BlockerFact, tolerance: IntercompanyTolerance) -> Decimal:
    """The tolerance for the larger side of a fact, which is in the currency of comparison."""
    sides = [
        abs(item.amount) for item in fact.items if item.amount is not None and item.currency == fact.currency
    ]
    return tolerance.of(max(sides, default=_ZERO))
