"""Balances with partners from snapshots, and the golden counterparties of 08-blockers-and-tasks 6 that they give."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closing.blockers.blocker_facts import Doubt
from closing.blockers.exchange_rates import ClosingRates
from closing.blockers.intercompany import Comparison, ComparisonInputs, Position, PositionSide, compare
from closing.blockers.position_readings import PositionReadResult
from connectors.finops.balance_snapshots import PartnerAccount, PartnerLedger, read_positions
from connectors.finops.work_lists import SetUnread, WorkLists
from connectors.odata.lists import ODataClient
from infra.outbound.entra_tokens import TokenCache
from simulator.run import Running
from tests.builders import MAY, utc
from tests.connectors.simulator_sources import QUICK, settings
from tests.connectors.work_reads import work_refs

DUE_FROM, DUE_TO = PositionSide.DUE_FROM, PositionSide.DUE_TO
ACCOUNTS = {
    "UKRT": (PartnerAccount("130410", DUE_FROM, "USRT"), PartnerAccount("210420", DUE_TO, "NLDT")),
    "USRT": (PartnerAccount("210410", DUE_TO, "UKRT"),),
    "NLDT": (PartnerAccount("130420", DUE_FROM, "UKRT"),),
}
CURRENCIES = {"UKRT": "GBP", "USRT": "USD", "NLDT": "EUR"}
PARTNERS = {code: code for code in ACCOUNTS}


def read(sim: Running, **other: tuple[PartnerAccount, ...]) -> PositionReadResult:
    ledgers = [
        PartnerLedger(ref, ref.code, CURRENCIES[ref.code], (ACCOUNTS | other)[ref.code])
        for ref in work_refs("finops", *ACCOUNTS)
    ]
    with ODataClient(settings("finops", sim.url), TokenCache(), QUICK) as client:
        return read_positions(WorkLists(client), ledgers, partners=PARTNERS)


def in_may(read: PositionReadResult) -> dict[tuple[str, str, PositionSide], Decimal | None]:
    return {
        (one.entity, one.partner, one.side): one.functional_amount
        for one in read.positions
        if one.period == MAY
    }


def compared(
    read: PositionReadResult, revalued: frozenset[str] = frozenset(ACCOUNTS)
) -> dict[str, Comparison]:
    inputs = ComparisonInputs(
        rates=ClosingRates({("GBP", "USD"): Decimal("1.275"), ("GBP", "EUR"): Decimal("1.17")}),
        previous_rates=ClosingRates({("GBP", "EUR"): Decimal("1.165")}),
        revalued=revalued,
    )
    return {one.part: one for one in compare([one for one in read.positions if one.period == MAY], inputs)}


GOLDEN_MAY = {
    ("UKRT", "USRT", DUE_FROM): Decimal(148000),
    ("UKRT", "NLDT", DUE_TO): Decimal(108000),
    ("USRT", "UKRT", DUE_TO): Decimal(188700),
    ("NLDT", "UKRT", DUE_FROM): Decimal(127000),
}


@pytest.mark.parametrize("opening", ["period", "year"])
def test_balances_at_the_end_of_may_whosever_the_opening_balance_is(opening: str, sim: Running) -> None:
    sim.set_profile(snapshot_opening=opening)
    found = read(sim)
    assert in_may(found) == GOLDEN_MAY
    assert found.refused == {}
    [one] = [one for one in found.positions if (one.entity, one.period) == ("NLDT", MAY)]
    assert one == Position(
        "NLDT",
        "UKRT",
        MAY,
        DUE_FROM,
        utc("2026-06-12 03:10"),
        functional_currency="EUR",
        functional_amount=Decimal(127000),
        accounts=("130420",),
    )
    april = {one.entity: one.functional_amount for one in found.positions if one.period == date(2026, 4, 1)}
    assert april["NLDT"] == Decimal(111760)  # 50,800 at the start and four fifths of what moved


def test_accounts_of_one_partner_need_no_dimension_and_a_dimension_needs_no_such_accounts(
    sim: Running,
) -> None:
    by_dimension = {
        code: tuple(PartnerAccount(one.account, one.side) for one in accounts)
        for code, accounts in ACCOUNTS.items()
    }
    assert in_may(read(sim, **by_dimension)) == GOLDEN_MAY
    sim.set_profile(snapshot_dimensions="account")
    assert in_may(read(sim)) == GOLDEN_MAY
    assert in_may(read(sim, **by_dimension)) == {}


def test_small_pages_and_two_requests(sim: Running) -> None:
    sim.call("DELETE", "requests")
    assert in_may(read(sim)) == GOLDEN_MAY
    assert len(sim.requests("/data/Trial")) == 2
    sim.set_profile(finops_page_size=4)
    assert in_may(read(sim)) == GOLDEN_MAY


def test_no_rows_are_not_readable_and_snapshots_that_are_not_public_say_so(sim: Running) -> None:
    sim.set_profile(snapshots="empty")
    found = read(sim)
    assert (found.positions, found.read) == ((), frozenset())
    assert found.refused == dict.fromkeys(ACCOUNTS, Doubt.NO_ROWS)
    sim.set_profile(snapshots="absent")
    with pytest.raises(SetUnread) as unread:
        read(sim)
    assert unread.value.doubt is Doubt.NOT_PUBLISHED


@pytest.mark.parametrize(
    ("field", "value"), [("OpeningBalance", 1.0), ("AmountDebit", "12"), ("PeriodEndDate", None)]
)
def test_a_row_that_fits_nothing_costs_its_ledger_only(field: str, value: Any, sim: Running) -> None:
    where = {"PeriodName": "Period 3"}
    sim.fault(
        "wrong_type", match="FiscalYearSnapshots", field=field, value=value, company="NLDT", where=where
    )
    found = read(sim)
    assert found.refused == {"NLDT": Doubt.NOT_SHOWN}
    assert in_may(found).keys() == {key for key in GOLDEN_MAY if key[0] != "NLDT"}


def test_golden_counterparties(sim: Running) -> None:
    found = compared(read(sim))
    agreed, apart = found["UKRT/USRT"], found["NLDT/UKRT"]
    assert (agreed.currency, agreed.difference) == ("GBP", Decimal(0))
    assert (apart.currency, abs(apart.difference or 0)) == ("EUR", Decimal(640))


@pytest.mark.parametrize(
    ("amount", "doubt"), [(127000, Doubt.BEFORE_REVALUATION), (126000, Doubt.FITS_BOOKING_RATE)]
)
def test_golden_counterparties_before_revaluation(amount: int, doubt: Doubt, sim: Running) -> None:
    balance = {"kind": "balance", "partner": "UKRT", "amount": amount, "account": "130420"}
    sim.set_work("NLDT", work=[balance], snapshot="now")
    assert compared(read(sim), frozenset({"NLDT"}))["NLDT/UKRT"].doubt is doubt


def test_golden_snapshots_of_different_days_and_one_side_missing(sim: Running) -> None:
    sim.set_work("USRT", snapshot="2026-06-09T03:10:00Z")
    assert compared(read(sim))["UKRT/USRT"].doubt is Doubt.READ_AT_DIFFERENT_TIMES
    sim.set_work("USRT", remove="UKRT/due_to", snapshot="now")
    found = read(sim)
    assert found.refused == {"USRT": Doubt.NO_ROWS}
    assert compared(found)["UKRT/USRT"].missing == ("USRT",)
