"""Properties of pairs as they are stored, for any balances of four entities that are read in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.intercompany import Position
from entities.models import Connection
from tests.builders import MAY, utc
from tests.hypothesis_profiles import examples
from tests.worklist.position_reads import (
    CURRENCIES,
    balance,
    finish_read,
    positions_read,
)
from worklist.models import BlockerReading, WorkAttempt

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
CODES = tuple(sorted(CURRENCIES))
NIGHT = "2026-06-12 03:10"
MORNING = utc("2026-06-12 08:00")
Shown = dict[tuple[str, str], tuple[int | None, str | None, str | None, str]]


@dataclass(frozen=True)
class Read:
    """One read of the balances of an entity, so many minutes into the morning."""

    code: str
    minute: int
    claims: tuple[tuple[str, Decimal], ...]

    def positions(self) -> list[Position]:
        return [balance(self.code, partner, str(claim), NIGHT) for partner, claim in self.claims]


class _Undo(Exception):
    pass


def stored_after(erps: dict[str, Connection], reads: list[Read]) -> Shown:
    """The facts that are shown after these reads are recorded in this order; nothing of them stays."""
    found: list[Shown] = []
    try:
        with transaction.atomic():
            for read in reads:
                record(erps[read.code], read)
            found.append(shown())
            raise _Undo
    except _Undo:
        return found[0]


def record(source: Connection, read: Read) -> None:
    """A read whose attempt began in its minute, whenever it is recorded."""
    started_at = MORNING + timedelta(minutes=read.minute)
    attempt = WorkAttempt.objects.create(
        connection=source, turn=3, started_at=started_at, lease_until=started_at + timedelta(minutes=3)
    )
    finish_read(attempt, positions_read(*read.positions(), read={read.code}))


CLAIMS = st.decimals(Decimal(-10_000_000), Decimal(10_000_000), places=2)


@st.composite
def reads_of_a_group(draw: st.DrawFn) -> list[Read]:
    """One or two reads of each of the four, each at a minute of its own, in any order."""
    reads = []
    for place, code in enumerate(CODES):
        partners = [one for one in CODES if one != code]
        for minute in range(draw(st.integers(0, 2))):
            chosen = draw(st.lists(st.sampled_from(partners), unique=True, max_size=3))
            claims = tuple((partner, draw(CLAIMS)) for partner in sorted(chosen))
            reads.append(Read(code, 10 * minute + place, claims))
    return draw(st.permutations(reads))


def newest(reads: list[Read]) -> list[Read]:
    """The last read of each entity by its minute."""
    return list({read.code: read for read in sorted(reads, key=lambda read: read.minute)}.values())


def shown() -> Shown:
    """The facts in force that a board shows, with their sides; a pair that is no more has none."""
    rows = BlockerReading.objects.filter(
        superseded_at=None, period__reporting_month=MAY, body__has_key="items"
    )
    return {
        (row.part, row.currency): (
            row.count,
            None if row.amount is None else f"{row.amount:.2f}",
            row.body.get("doubt"),
            str(row.body["items"]),
        )
        for row in rows
    }


@examples(20)
@given(reads_of_a_group())
def test_neither_the_order_of_sides_nor_that_of_attempts_matters(
    four_erps: dict[str, Connection], reads: list[Read]
) -> None:
    in_time = stored_after(four_erps, sorted(reads, key=lambda read: read.minute))
    assert stored_after(four_erps, reads) == in_time
    assert stored_after(four_erps, newest(reads)) == in_time


@examples(20)
@given(reads_of_a_group())
def test_pairs_are_never_netted_and_a_missing_side_is_never_the_whole_balance(
    four_erps: dict[str, Connection], reads: list[Read]
) -> None:
    last = newest(reads)
    claims = {(read.code, partner): claim for read in last for partner, claim in read.claims}
    facts = stored_after(four_erps, reads)
    traded = {tuple(sorted(pair)) for pair in claims}
    assert {part for part, _ in facts} == {"/".join(pair) for pair in traded}
    for (part, currency), (count, amount, doubt, _) in facts.items():
        first, second = part.split("/")
        if (first, second) not in claims or (second, first) not in claims:
            assert (count, amount, doubt, currency) == (None, None, "no_position", "")
        elif amount is not None:
            alone = [
                replace(
                    read, claims=tuple(one for one in read.claims if {read.code, one[0]} == {first, second})
                )
                for read in last
                if read.code in (first, second)
            ]
            assert facts[part, currency] == stored_after(four_erps, alone)[part, currency]


@examples(20)
@given(CLAIMS, CLAIMS)
def test_two_entities_that_change_places_are_as_far_apart(
    four_erps: dict[str, Connection], one: Decimal, other: Decimal
) -> None:
    """UK HoldCo and UK Retail Ltd keep the same currency."""
    there = [Read("UKHC", 0, (("UKRT", one),)), Read("UKRT", 1, (("UKHC", other),))]
    back = [Read("UKRT", 0, (("UKHC", one),)), Read("UKHC", 1, (("UKRT", other),))]
    here, mirrored = (
        {key: fact[:3] for key, fact in stored_after(four_erps, reads).items()} for reads in (there, back)
    )
    assert here == mirrored
    ((_, amount, _),) = here.values()
    assert amount == f"{abs(one + other):.2f}"
