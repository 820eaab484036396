"""Clients that others wrote for the real services read what is in the way of a close, unchanged."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from simulator.odata.tables import BC_COMPANION, BC_INTERCOMPANY
from simulator.web.entra import BC_AUDIENCE
from tests.simulator.erp_clients import IEOP, TENANT, Erps, here, odata_service

MAY = "2026-05"


def test_odata_client_expands_unposted_journals(erps: Erps, odata_client: Any) -> None:
    erps.sim.set_work(
        "UKHC", month=MAY, situation="unposted_61"
    )  # this client filters the default company only
    journals = odata_client.entities["LedgerJournalHeaders"]
    answer = odata_client.types["Microsoft.Dynamics.DataEntities.NoYes"]
    query = odata_client.query(journals).filter(journals.IsPosted == answer.No)
    found = {
        one.JournalBatchNumber: one.LedgerJournalLine for one in query.expand(journals.LedgerJournalLine)
    }
    assert [len(lines) for lines in found.values()] == [22, 18, 12, 9, 14, 0, 0, 0]
    first = found["UKHC-000412"][0]
    assert first.TransDate == datetime(2026, 5, 31, 12, tzinfo=UTC)
    assert first.AccountType.name == "Ledger"
    assert sum(one.DebitAmount for one in found["UKHC-000412"]) == sum(
        one.CreditAmount for one in found["UKHC-000412"]
    )


def test_odata_client_sends_its_own_options_across_companies(odata_client: Any) -> None:
    unposted = "IsPosted eq Microsoft.Dynamics.DataEntities.NoYes'No'"
    options = {"$filter": unposted, "$expand": "LedgerJournalLine", "cross-company": "true"}
    rows = odata_client.query(odata_client.entities["LedgerJournalHeaders"]).raw(options)
    assert {row["dataAreaId"] for row in rows} == {"nldt"}
    assert sum(len(row["LedgerJournalLine"]) for row in rows) == 61 + 14


def test_odata_client_reads_the_tables_of_journals_and_of_names(odata_client: Any) -> None:
    table = odata_client.entities["LedgerJournalTableBiEntities"]
    words = Counter(
        one.WorkflowApprovalStatus.name for one in odata_client.query(table) if one.Posted.name == "No"
    )
    assert words == {"None": 6, "Approved": 2}
    names = {
        (one.dataAreaId, one.Name): one.Type.name
        for one in odata_client.query(odata_client.entities["JournalNames"])
    }
    assert names["nldt", "Recur"] == "Periodic"


def test_odata_client_reads_every_set_of_the_environment(erps: Erps, odata_client: Any) -> None:
    erps.sim.set_profile(period_set="V2")
    served = {one["name"] for one in erps.fo("/data/").json()["value"]}
    assert served <= set(odata_client.entities)
    for name in served:
        for _ in odata_client.query(odata_client.entities[name]):
            break


def test_odata_client_follows_a_companys_links_in_business_central(erps: Erps) -> None:
    central = odata_service(erps, BC_AUDIENCE, f"/v2.0/{TENANT}/production/api/v2.0/")
    company = central.query(central.entities["companies"]).get(IEOP)
    assert Counter(one.status for one in company.purchaseInvoices) == {"Draft": 4, "Open": 1}
    assert [one.code for one in company.journals] == ["DEFAULT"]
    assert {one.number: one.balanceAtDateCredit for one in company.trialBalances}["5420"] == "71,480.20"
    assert [one.code for one in company.vendorPaymentJournals] == ["RUN31"]


def test_odata_client_reads_the_extensions_of_business_central(erps: Erps) -> None:
    erps.sim.set_profile(bc_companion="present")
    app = odata_service(erps, BC_AUDIENCE, f"/v2.0/{TENANT}/production/api/{BC_INTERCOMPANY}/")
    company = app.query(app.entities["companies"]).get(IEOP)
    assert [one.transactionNumber for one in company.intercompanyInboxTransactions] == [318]
    companion = odata_service(erps, BC_AUDIENCE, f"/v2.0/{TENANT}/production/api/{BC_COMPANION}/")
    company = companion.query(companion.entities["companies"]).get(IEOP)
    assert sum(one.lineCount for one in company.unpostedJournalLines if one.recurring) == 16
    assert [one.entryCount for one in company.unadjustedCosts] == [12]


def test_business_central_sdk_reads_journals_invoices_and_accounts(erps: Erps) -> None:
    sdk = here(erps)("simulator", "simulator", "simulator", "production", IEOP)
    (batch,) = sdk.journals.get_all()
    lines = sdk.journal_line_items.get_all(batch["id"])
    assert {line["postingDate"] for line in lines} == {"2026-05-31"}
    assert len(lines) == 7
    invoices = sdk.purchase_invoices.get_all(**{"$filter": "status eq 'Draft'"})
    assert [one["number"] for one in invoices] == ["PI-1077", "PI-1078", "PI-1079", "PI-1080"]
    assert [one["number"] for one in sdk.bank_accounts.get_all()] == ["GIRO"]
