"""The golden counterparties of 08-blockers-and-tasks 6, from the simulator through `sync --work` to the board."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from closing.blockers.row_blockers import blockers_json
from connectors.work_sync import sync_work
from entities.models import LegalEntity
from periods.snapshot.builder import take_snapshot
from simulator.run import Running
from tests.builders import MAY, utc
from tests.connectors.position_turns import read_positions
from tests.db_builders import SampleGroup
from tests.worklist.position_reads import (
    in_currency,
    pairs_in_force,
    rates_of_may,
    record_file,
    without_foreign_currency,
)
from worklist.models import BlockerReading, PartnerPosition

pytestmark = pytest.mark.django_db
LATE = "2026-06-12 12:00"
PAIR, WITH_US = "NLDT/UKRT", "UKRT/USRT"
UK, US, EU = "UKRT", "USRT", "NLDT"


def sync_all(sim: Running, at: str = LATE) -> str:
    """Read the periods and the work of all connections at a moment of the ERP's clock; returns what is printed."""
    sim.set_clock(utc(at))
    out = StringIO()
    call_command("sync", "--work", as_of=utc(at), stdout=out)
    return out.getvalue()


def on_board(code: str, part: str, at: str = LATE, seen: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """What the JSON of the board says of two counterparties on the row of one."""
    entities = LegalEntity.objects.filter(code__in=seen) if seen else LegalEntity.objects.all()
    row = next(row for row in take_snapshot(entities, MAY, utc(at)).rows if row.code == code)
    found = [one for one in blockers_json(row) if one["part"] == part]
    assert len(found) < 2
    return found[0] if found else None


def eu_has(sim: Running, amount: int) -> None:
    balance = {"kind": "balance", "partner": UK, "amount": amount, "account": "130420"}
    sim.set_work(EU, month="2026-05", work=[balance], snapshot="now")


def test_640_euros_apart_are_a_warning_on_both_rows(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, EU)
    sync_all(sim)
    for code in (UK, EU):
        shown = on_board(code, PAIR)
        assert shown is not None
        assert (shown["level"], shown["amount"], shown["currency"]) == ("warning", "640", "EUR")
        assert shown["because"] == "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00"
    held = pairs_in_force()[PAIR, "EUR"]
    assert (held.count, held.source_as_of) == (1, utc("2026-06-12 03:10"))


def test_agreed_balances_are_clear(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, US)
    read_positions(sim, LATE)
    agreed = pairs_in_force()[WITH_US, "GBP"]
    assert (agreed.count, agreed.amount) == (0, Decimal(0))
    assert on_board(US, WITH_US) is None


@pytest.mark.parametrize(
    ("amount", "because"),
    [(127000, "not comparable before revaluation"), (126000, "fits the booking rate: revalue first")],
)
def test_before_revaluation_nothing_is_compared(
    group: SampleGroup, sim: Running, amount: int, because: str
) -> None:
    rates_of_may()
    without_foreign_currency(EU)
    eu_has(sim, amount)
    read_positions(sim, LATE)
    shown = on_board(EU, PAIR)
    assert shown is not None
    assert (shown["level"], shown["because"], shown["amount"]) == ("note", because, None)


def test_the_larger_claim_gives_the_currency(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, EU)
    eu_has(sim, 126000)
    read_positions(sim, LATE)
    shown = on_board(EU, PAIR)
    assert shown is not None
    assert shown["because"] == "EU DTC BV and UK Retail Ltd 307.69 GBP apart, above 108.00"


@pytest.mark.parametrize(
    ("claim", "debt", "level", "because"),
    [
        ("5000000", "-4998500", "warning", "EU DTC BV and UK Retail Ltd 1,500.00 EUR apart, above 1,000.00"),
        ("300.00", "-299.20", "clear", "0.80 EUR apart, within 1.00"),
    ],
)
def test_transaction_currencies_need_no_rate(
    group: SampleGroup, sim: Running, claim: str, debt: str, level: str, because: str
) -> None:
    """No ERP states them yet; a file does."""
    sim.set_profile(snapshots="absent")
    read_positions(sim, LATE)
    record_file(LATE, in_currency(EU, UK, claim, "EUR", LATE), in_currency(UK, EU, debt, "EUR", LATE))
    shown = on_board(EU, PAIR)
    if level == "clear":
        assert shown is None
        assert pairs_in_force()[PAIR, "EUR"].amount is not None
    else:
        assert shown is not None
        assert (shown["level"], shown["because"]) == (level, because)


def test_snapshots_of_different_days_are_not_compared(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, US)
    sim.set_work(US, snapshot="2026-06-09T03:10:00Z")
    read_positions(sim, LATE)
    shown = on_board(US, WITH_US)
    assert shown is not None
    assert (shown["level"], shown["because"]) == ("note", "read at different times")


def test_a_side_that_is_missing_is_not_readable_and_one_without_an_account_a_note(
    group: SampleGroup, sim: Running
) -> None:
    sim.set_work(US, remove="UKRT/due_to", snapshot="now")
    sim.set_work(EU, change={"UKRT/due_from": {"mapped": False}}, snapshot="now")
    read_positions(sim, LATE)
    missing, unmapped = on_board(UK, WITH_US), on_board(UK, PAIR)
    assert missing is not None
    assert (missing["level"], missing["count"]) == ("not_readable", None)
    assert missing["because"] == "no position from US Retail Inc"
    assert unmapped is not None
    assert (unmapped["level"], unmapped["because"]) == ("note", "EU DTC BV has no account for UK Retail Ltd")


@pytest.mark.parametrize("snapshots", ["absent", "empty"])
def test_without_snapshots_nothing_is_readable_and_nothing_is_zero(
    group: SampleGroup, sim: Running, snapshots: str
) -> None:
    sim.set_profile(snapshots=snapshots)
    read_positions(sim, LATE)
    facts = pairs_in_force()
    assert set(facts) == {(PAIR, ""), (WITH_US, "")}
    assert {fact.count for fact in facts.values()} == {None}


def test_one_account_of_all_partners_is_divided_by_the_dimension(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, US, EU)
    for code, changes in {
        UK: {"USRT/due_from": {"account": ""}, "NLDT/due_to": {"account": ""}},
        EU: {"UKRT/due_from": {"account": ""}},
    }.items():
        sim.set_work(code, change=changes, snapshot="now")
    read_positions(sim, LATE)
    assert pairs_in_force()[PAIR, "EUR"].amount == 640


def test_a_turn_makes_five_requests_and_a_read_without_changes_writes_no_row(
    group: SampleGroup, sim: Running
) -> None:
    read_positions(sim, LATE)
    before = [model.objects.count() for model in (PartnerPosition, BlockerReading)]
    read_positions(sim, "2026-06-12 12:30")
    assert [model.objects.count() for model in (PartnerPosition, BlockerReading)] == before
    sim.call("DELETE", "requests")
    sync_work(group.connection, utc("2026-06-12 13:00"))  # another turn
    assert sim.requests("/data/Trial") == []
    for _ in range(3):
        sim.call("DELETE", "requests")
        result = sync_work(group.connection, utc("2026-06-12 13:00"))
    assert result.attempt is not None
    assert (result.attempt.turn, len(sim.requests("/data"))) == (3, 5)


def test_who_does_not_see_the_partner_gets_no_name_side_or_amount(group: SampleGroup, sim: Running) -> None:
    rates_of_may()
    without_foreign_currency(UK, EU)
    read_positions(sim, LATE)
    row = next(
        row
        for row in take_snapshot(LegalEntity.objects.filter(code=EU), MAY, utc(LATE)).rows
        if row.code == EU
    )
    words = str(blockers_json(row))
    assert "intercompany with an entity that you may not see" in words
    for secret in ("UK Retail", "UKRT", "640", "127", "108"):
        assert secret not in words
