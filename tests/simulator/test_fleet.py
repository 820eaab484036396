"""Fleets: as many rows as they promise, in pages, and the same bytes again while nothing happens."""

from __future__ import annotations

from simulator.run import running
from tests.simulator.erp_clients import Erps

PATH = "/data/LedgerFiscalPeriodsV2?cross-company=true&$select=LedgerName,YearName,PeriodName,PeriodStatus"


def test_fleet_has_24_months_for_each_ledger_in_pages_of_ten_thousand() -> None:
    with running("fleet:500", clock="2026-06-12T12:00:00Z", latency_ms=1) as sim:
        erps = Erps(sim)
        rows = erps.rows(PATH)
        assert (
            len({(row["LedgerName"], row["YearName"], row["PeriodName"]) for row in rows})
            == len(rows)
            == 12_000
        )
        assert len(sim.requests("LedgerFiscalPeriodsV2")) == 2
        first = erps.fo(PATH).content
        assert erps.fo(PATH).content == first
        sim.set_states(
            [{"company": f"E{n:05}", "period": "2026-05", "status": "OnHold"} for n in range(1, 121)]
        )
        changed = erps.rows(PATH)
        assert sum(one["PeriodStatus"] == "OnHold" for one in changed) == 120
        assert len(erps.rows("/data/FiscalPeriods")) == 24
        erps.http.close()


def test_fleet_of_companies() -> None:
    with running("fleet-bc:300") as sim:
        erps = Erps(sim)
        assert erps.bc("/companies/$count").text == "300"
        assert sim.call("GET", "profile")["bc_rate"] == 0
        erps.http.close()


def test_fleet_with_work_has_the_same_in_every_company() -> None:
    with running("fleet-work:30", clock="2026-06-12T12:00:00Z") as sim:
        erps = Erps(sim)
        unposted = "IsPosted eq Microsoft.Dynamics.DataEntities.NoYes'No'"
        path = f"/data/LedgerJournalHeaders?cross-company=true&$filter={unposted}&$select=dataAreaId"
        assert len(erps.rows(path)) == 30 * 8
        assert len(erps.rows("/data/LedgerJournalLines?cross-company=true&$select=LineNumber")) == 30 * 75
        erps.http.close()
