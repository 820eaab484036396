"""Builds facts, positions and judgements of the worked example's entities for the tests of blockers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import KINDS, BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking, WeighedPeriod
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.exchange_rates import ClosingRates
from closing.blockers.intercompany import (
    Comparison,
    ComparisonInputs,
    Position,
    PositionSide,
    compare,
    intercompany_fact,
)
from closing.blockers.weighing import Blocker, weigh
from closing.calendar.days import DateSpan
from closing.judging.states import PeriodState

EU_DTC, UK_HOLDCO, UK_RETAIL, US_RETAIL = "EUDTC", "UKHC", "UKRT", "USRT"
NAMES = {
    EU_DTC: "EU DTC BV",
    UK_HOLDCO: "UK HoldCo",
    UK_RETAIL: "UK Retail Ltd",
    US_RETAIL: "US Retail Inc",
}

MAY = DateSpan(date(2026, 5, 1), date(2026, 5, 31))
READ_AT = datetime(2026, 6, 12, 10, tzinfo=UTC)
MAY_PERIOD = WeighedPeriod(MAY, "Europe/Amsterdam", PeriodState.OPEN, due_on=date(2026, 6, 9))
ALL_TRACKED = BlockerPolicy(inventory_close_needed=KindTracking.YES)

MAY_RATES = ClosingRates({("GBP", "USD"): Decimal("1.275"), ("GBP", "EUR"): Decimal("1.17")})
APRIL_RATES = ClosingRates({("GBP", "EUR"): Decimal("1.165")})


def fact(kind: BlockerKind, count: int | None, **other: Any) -> BlockerFact:
    """A fact of EU DTC BV (entity 4) in May 2026 (period 45), as read on 12 June."""
    values: dict[str, Any] = {
        "entity": 4,
        "period": 45,
        "kind": kind,
        "unit": KINDS[kind].unit,
        "count": count,
        "read_at": READ_AT,
    }
    return BlockerFact(**{**values, **other})


def judged(weighed: BlockerFact, period: WeighedPeriod | None = MAY_PERIOD, **other: Any) -> Blocker:
    """The blocker of a fact past its deadline on 12 June, of an entity that has everything."""
    values: dict[str, Any] = {
        "policy": ALL_TRACKED,
        "profile": EntityProfile(),
        "near": True,
        "due": False,
        "as_of": READ_AT,
        "names": NAMES,
        "source": "Business Central",
    }
    blocker = weigh(weighed, period, **{**values, **other})
    assert blocker is not None
    return blocker


def position(entity: str, partner: str, side: str, amount: str, currency: str, **other: Any) -> Position:
    """A position in functional currency; `days_old` makes its source older."""
    as_of = READ_AT - timedelta(days=other.pop("days_old", 0))
    return Position(
        entity,
        partner,
        MAY.first,
        PositionSide(side),
        as_of,
        functional_currency=currency,
        functional_amount=Decimal(amount),
        **other,
    )


def in_transaction_currency(each: Position) -> Position:
    """The same position as a source states it that knows the transaction currency."""
    return replace(each, currency=each.functional_currency, amount=each.functional_amount)


def compared(*positions: Position, revalued: tuple[str, ...] = (), **other: Any) -> list[Comparison]:
    """The positions compared at the rates of May 2026."""
    inputs = ComparisonInputs(MAY_RATES, APRIL_RATES, frozenset(revalued), **other)
    return compare(positions, inputs)


def as_fact(comparison: Comparison) -> BlockerFact:
    """The fact of a comparison, held at entity 4."""
    return intercompany_fact(comparison, entity=4, period=45, read_at=READ_AT)
