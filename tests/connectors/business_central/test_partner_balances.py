"""Positions with partners: accounts of the intercompany app, texts of the trial balance, or the companion."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closing.blockers.blocker_facts import Doubt
from closing.blockers.intercompany import PositionSide
from closing.blockers.position_readings import PositionReadResult
from closing.blockers.work_readings import PartRead
from connectors.work_tally import POSITIONS
from infra.outbound.errors import ServerUnavailable
from simulator.run import Running
from tests.connectors.work_reads import NOON, work_refs, work_source

MAY, APRIL = date(2026, 5, 1), date(2026, 4, 1)
DUE_FROM, DUE_TO = PositionSide.DUE_FROM, PositionSide.DUE_TO
COMPANIES = ("ESIB", "IEOP")
ENTITIES = {"ukrt": "UKRT", "ESIB": "ESIB"}


def read(sim: Running, *months: date, situation: str = "intercompany", **step: Any) -> PositionReadResult:
    sim.set_work("IEOP", month="2026-05", situation=situation, **step)
    return read_now(sim, *months)


def read_now(sim: Running, *months: date) -> PositionReadResult:
    refs = [
        replace(ref, periods=tuple(one for one in ref.periods if one.month in (months or [MAY])))
        for ref in work_refs("business_central")
    ]
    found = work_source("business_central", sim.url).read_positions(refs, NOON, ENTITIES)
    assert found.positions is not None
    assert found.parts | {PartRead(gap.entity, gap.kind, gap.part) for gap in found.gaps} == {
        PartRead(ref.entity, *POSITIONS) for ref in refs
    }
    return found.positions


def amounts(found: PositionReadResult) -> dict[tuple[str, str, date, PositionSide], Decimal | None]:
    return {(one.entity, one.partner, one.period, one.side): one.functional_amount for one in found.positions}


@pytest.mark.parametrize("zero", ["zero", "blank"])
@pytest.mark.parametrize("companion", ["absent", "present", "forbidden"])
def test_balances_at_the_end_of_each_month(sim: Running, companion: str, zero: str) -> None:
    sim.set_profile(bc_companion=companion, bc_zero_amounts=zero)
    found = read(sim, MAY, APRIL)
    assert amounts(found) == {
        ("IEOP", "UKRT", MAY, DUE_TO): Decimal("71480.20"),
        ("IEOP", "UKRT", MAY, DUE_FROM): 0,
        ("IEOP", "UKRT", APRIL, DUE_TO): Decimal("62902.56"),
        ("IEOP", "UKRT", APRIL, DUE_FROM): 0,
    }
    assert {(one.functional_currency, one.currency, one.amount) for one in found.positions} == {
        ("EUR", "", None)
    }
    assert {one.accounts for one in found.positions} == {("2320",), ("5420",)}
    assert {one.as_of for one in found.positions} == {NOON}
    assert found.listed_in_full == ({"ESIB", "IEOP"} if companion == "present" else set())
    assert (found.unmapped, found.refused, found.missed) == (frozenset(), {}, {})
    for company in ("(11111111-", "(22222222-"):
        assert len(sim.requests(company)) <= 6


def test_accounts_that_nobody_has_named_are_said(sim: Running) -> None:
    found = read(sim, change={"UKRT/due_to": {"mapped": False}})
    assert found.unmapped == {("IEOP", "UKRT", DUE_TO)}
    assert set(amounts(found)) == {("IEOP", "UKRT", MAY, DUE_FROM)}


def test_an_account_that_partners_share_is_nobodys_balance(sim: Running) -> None:
    other = {"kind": "balance", "partner": "ESIB", "side": "due_to", "amount": 5, "account": "5420"}
    shared = read(sim, work=[other])
    assert set(amounts(shared)) == {("IEOP", "UKRT", MAY, DUE_FROM)}
    sim.set_profile(bc_companion="present")  # it knows the partner of each entry
    assert amounts(read_now(sim)) == {
        ("IEOP", "UKRT", MAY, DUE_FROM): 0,
        ("IEOP", "UKRT", MAY, DUE_TO): Decimal("71480.20"),
        ("IEOP", "ESIB", MAY, DUE_TO): 5,
    }


def test_one_account_for_both_sides_counts_once(sim: Running) -> None:
    work = [{"kind": "balance", "partner": "UKRT", "amount": 0, "account": "5420"}]
    found = read(sim, work=work)
    assert amounts(found) == {("IEOP", "UKRT", MAY, DUE_FROM): Decimal("-71480.20")}


@pytest.mark.parametrize("text", ["72.893,84", "1.234", "72,893.8", "1,23.00", "x", "7289384"])
def test_an_amount_in_another_notation_is_no_position(sim: Running, text: str) -> None:
    sim.fault(
        "wrong_type",
        match="/trialBalances",
        field="balanceAtDateCredit",
        value=text,
        where={"number": "5420"},
    )
    found = read(sim)
    assert found.positions == ()
    assert f"balanceAtDateCredit is not an amount: '{text}'" in found.missed["IEOP"]


def test_without_the_app_nothing_is_known(sim: Running) -> None:
    sim.set_profile(bc_intercompany_app="absent")
    found = read(sim)
    assert found.positions == ()
    assert found.refused == dict.fromkeys(COMPANIES, Doubt.NOT_PUBLISHED)


def test_a_company_that_is_not_listed_is_missed_and_an_absent_environment_raises(sim: Running) -> None:
    sim.fault("entity_missing", company="ESIB")
    found = read_now(sim)
    assert set(found.missed) == {"ESIB"}
    assert {one.entity for one in found.positions} == {"IEOP"}
    sim.fault("status", match="/trialBalances", status=503)
    with pytest.raises(ServerUnavailable):
        read_now(sim)
    with pytest.raises(ValueError, match="at most 2 months"):
        read_now(sim, MAY, APRIL, date(2026, 6, 1))
