"""Records positions of the worked example's entities, as a read of an ERP or a file brings them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.intercompany import Position, PositionSide
from closing.blockers.position_readings import PositionReadResult
from closing.blockers.work_readings import PartRead, WorkReadResult
from entities.models import Connection, Group, LegalEntity
from periods.recording.attempts import AttemptResult, Outcome
from tests.builders import MAY, utc
from tests.worklist.work_reads import WORK_DAYS, begin_work
from worklist.models import BlockerReading, ProfileVersion, WorkAttempt
from worklist.recording.closing_rates import record_rates
from worklist.recording.partner_positions import record_positions
from worklist.recording.work_store import record_work

CURRENCIES = {"UKRT": "GBP", "UKHC": "GBP", "USRT": "USD", "NLDT": "EUR"}
APRIL = MAY.replace(month=4)
POSITION_TURN = 3
BEFORE = "2026-06-01 08:00"


def balance(entity: str, partner: str, claim: str, at: str, **other: Any) -> Position:
    """A balance in the entity's own currency in a snapshot of a moment; a claim below zero is owed."""
    amount = Decimal(claim)
    return Position(
        entity,
        partner,
        MAY,
        PositionSide.DUE_FROM if amount >= 0 else PositionSide.DUE_TO,
        utc(at),
        functional_currency=CURRENCIES[entity],
        functional_amount=abs(amount),
        **other,
    )


def in_currency(entity: str, partner: str, claim: str, currency: str, at: str) -> Position:
    """A balance in the currency of its transactions."""
    return replace(balance(entity, partner, claim, at), currency=currency, amount=abs(Decimal(claim)))


def positions_read(*positions: Position, **other: Any) -> PositionReadResult:
    """The result of a read of these entities' Mays."""
    read = other.pop("read", {one.entity for one in positions})
    return PositionReadResult(positions, frozenset({MAY}), frozenset(read), **other)


def record_read(source: Connection, at: str, result: PositionReadResult) -> WorkAttempt:
    """Record a read of positions in an attempt of its own, as `sync_work` does."""
    attempt = begin_work(source, at)
    attempt.turn = POSITION_TURN
    attempt.save(update_fields=["turn"])
    finish_read(attempt, result)
    return attempt


def finish_read(attempt: WorkAttempt, result: PositionReadResult) -> None:
    """Record a read of positions and finish its attempt."""
    ids = LegalEntity.objects.filter(code__in={*result.read, *result.refused}).values_list("pk", flat=True)
    parts = frozenset(PartRead(pk, BlockerKind.INTERCOMPANY_IMBALANCE) for pk in ids)
    finished = AttemptResult(Outcome.OK, attempt.started_at + timedelta(seconds=1))
    record_work(attempt, WorkReadResult((), parts, positions=result), WORK_DAYS, finished)


def record_file(at: str, *positions: Position, name: str = "positions.csv") -> int:
    """Record the positions of a file."""
    return record_positions(PositionReadResult(positions), read_at=utc(at), source=name)


def rates_of_may(at: str = BEFORE, group: str = "MERIDIAN") -> None:
    """The closing rates of May, and that of April to the euro."""
    top = Group.objects.get(code=group)
    may = {("GBP", "USD"): Decimal("1.275"), ("GBP", "EUR"): Decimal("1.17")}
    record_rates(top, MAY, may, set_at=utc(at))
    record_rates(top, APRIL, {("GBP", "EUR"): Decimal("1.165")}, set_at=utc(at))


def without_foreign_currency(*codes: str) -> None:
    """These entities have nothing to revalue, by their profiles."""
    for entity in LegalEntity.objects.filter(code__in=codes):
        ProfileVersion.objects.create(
            entity=entity, body={"role": "operating", "foreign_currency": False}, set_at=utc(BEFORE)
        )


def pairs_in_force() -> dict[tuple[str, str], BlockerReading]:
    """The intercompany facts of May in force, by counterparties and currency."""
    rows = BlockerReading.objects.filter(
        kind="intercompany_imbalance", superseded_at=None, period__reporting_month=MAY
    )
    return {(row.part, row.currency): row for row in rows}


def words_in_force() -> set[tuple[str, str, int | None, str | None, str | None]]:
    """Counterparties, currency, count, amount and doubt of each fact in force."""
    return {
        (
            part,
            currency,
            row.count,
            None if row.amount is None else f"{row.amount:.2f}",
            row.body.get("doubt"),
        )
        for (part, currency), row in pairs_in_force().items()
    }


def shuffled(items: Iterable[Any], order: Iterable[int]) -> list[Any]:
    """Items in an order of places."""
    every = list(items)
    return [every[place] for place in order]
