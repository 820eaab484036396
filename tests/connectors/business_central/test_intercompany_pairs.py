"""Counterparties in different ERPs, and two in Business Central, through the reading of work to the board."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from connectors.sync import sync_connection
from entities.models import Connection, LegalEntity
from periods.snapshot.builder import take_snapshot
from simulator.run import Running
from tests.builders import MAY, utc
from tests.connectors.position_turns import read_positions
from tests.worklist.position_reads import APRIL, pairs_in_force, without_foreign_currency
from worklist.models import BlockerReading, PartnerPosition

pytestmark = pytest.mark.django_db
LATE = "2026-06-12 12:00"
PAIR = "IEOP/UKRT"
COMPANIES = ("(11111111-", "(22222222-")
CODES = ("IEOP", "UKRT")


def owed_to_uk(sim: Running, amount: str) -> None:
    """UK Retail's side, on an account of its own."""
    work = [{"kind": "balance", "partner": "IEOP", "amount": float(amount), "account": "130430"}]
    sim.set_work("UKRT", month="2026-05", work=work, snapshot="now")


def sync_all(sim: Running, at: str, *names: str) -> None:
    """Every turn of these connections, or of all, by the command."""
    sim.set_clock(utc(at))
    call_command("sync", *names, "--work", as_of=utc(at), stdout=StringIO())


def blocker(code: str, at: str = LATE) -> DatedBlocker:
    rows = take_snapshot(LegalEntity.objects.all(), MAY, utc(at)).rows
    shown = next(row for row in rows if row.code == code).get(BLOCKERS)
    assert shown is not None
    return next(one for one in shown.blockers if one.blocker.part == PAIR)


@pytest.mark.parametrize("names", [("meridian-bc", "meridian-finops"), ("meridian-finops", "meridian-bc")])
def test_sides_of_two_erps_meet_whichever_is_read_first(both: Running, names: tuple[str, str]) -> None:
    without_foreign_currency(*CODES)
    owed_to_uk(both, "61094.19")  # 71,480.20 EUR
    for name in names:
        read_positions(both, LATE, Connection.objects.get(name=name))
    held = pairs_in_force()[PAIR, "EUR"]
    assert (held.count, held.amount) == (0, Decimal(0))
    owed_to_uk(both, "61000.00")
    read_positions(both, "2026-06-12 12:30", Connection.objects.get(name="meridian-finops"))
    for code in CODES:
        assert blocker(code, "2026-06-12 12:30").blocker.because == (
            "Ireland Operations and UK Retail Ltd 110.20 EUR apart, above 71.48"
        )


def test_a_partner_that_has_set_up_nothing_has_no_position(both: Running) -> None:
    read_positions(both, LATE)
    for code in CODES:
        shown = blocker(code).blocker
        assert (shown.count, shown.because) == (None, "no position from UK Retail Ltd")


@pytest.mark.slow
def test_the_log_of_revaluation_shows_one_side_done(both: Running) -> None:
    """The other is shown done by its profile."""
    owed_to_uk(both, "61000.00")
    without_foreign_currency("UKRT")
    sync_all(both, LATE)
    assert blocker("IEOP").blocker.because == "not comparable before revaluation"
    both.set_work("IEOP", month="2026-05", situation=["intercompany", "jobs_error_after_success"])
    sync_all(both, "2026-06-12 12:30", "meridian-bc")
    assert blocker("IEOP", "2026-06-12 12:30").blocker.amount == Decimal("110.20")


def test_two_companies_of_one_environment_are_confirmed_by_each_read(
    central: Connection, sim: Running
) -> None:
    """Their balances are of the moment of reading: a read without changes writes no row, and the age is young."""
    pair = {"ESIB": ("IEOP", "due_from"), "IEOP": ("ESIB", "due_to")}
    for code, (partner, side) in pair.items():
        work = [{"kind": "balance", "partner": partner, "side": side, "amount": 500, "account": "2330"}]
        sim.set_work(code, month="2026-05", work=work)
    read_positions(sim, LATE)
    held = pairs_in_force()["ESIB/IEOP", ""]
    assert (held.body["doubt"], held.source_as_of) == ("before_revaluation", None)
    before = [model.objects.count() for model in (PartnerPosition, BlockerReading)]
    read_positions(sim, "2026-06-13 12:00")
    assert [model.objects.count() for model in (PartnerPosition, BlockerReading)] == before
    rows = take_snapshot(LegalEntity.objects.all(), MAY, utc("2026-06-13 12:10")).rows
    shown = next(row for row in rows if row.code == "ESIB").get(BLOCKERS)
    assert shown is not None
    dated = next(one for one in shown.blockers if one.blocker.part == "ESIB/IEOP")
    assert (dated.read_at, dated.fresh) == (utc("2026-06-13 12:00"), True)


@pytest.mark.parametrize("companion", ["absent", "present", "forbidden"])
def test_six_requests_at_most_of_each_company(both: Running, central: Connection, companion: str) -> None:
    both.set_profile(bc_companion=companion)
    read_positions(both, LATE)
    assert set(PartnerPosition.objects.values_list("month", flat=True)) == {
        MAY,
        APRIL,
    }  # April is open as well
    both.call("DELETE", "requests")
    sync_connection(central, utc("2026-06-12 12:10"))
    of_periods = {company: len(both.requests(company)) for company in COMPANIES}
    read_positions(both, "2026-06-12 12:20", central)
    for company in COMPANIES:
        assert len(both.requests(company)) - 2 * of_periods[company] <= 6
