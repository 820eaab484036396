"""Business Central shows what is in the way of a close, and the companion what the standard API hides."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from simulator.odata.tables import BC_COMPANION, BC_INTERCOMPANY
from simulator.web.entra import BC_AUDIENCE
from tests.simulator.erp_clients import ESIB, IEOP, TENANT, Erps

MAY = "2026-05"
ENDED = "2026-05-31"
BLANK = "0001-01-01"


def work(erps: Erps, *situations: str) -> None:
    erps.sim.set_work("IEOP", month=MAY, situation=list(situations))


def lines(erps: Erps, template: str) -> dict[str, int]:
    """The visible lines of each batch of a template."""
    path = f"journals?$filter=templateDisplayName eq '{template}'&$expand=journalLines"
    return {row["code"]: len(row["journalLines"]) for row in erps.listed(IEOP, path)}


def statuses(erps: Erps, name: str) -> Counter[str]:
    return Counter(row["status"] for row in erps.listed(IEOP, name))


def test_journals_without_a_template_are_those_of_the_first_general_one(erps: Erps) -> None:
    assert {row["templateDisplayName"] for row in erps.listed(IEOP, "journals")} == {"GENERAL"}
    assert lines(erps, "GENERAL") == {"DEFAULT": 7}
    # The trap: a recurring template that is requested by its name looks like work.
    assert lines(erps, "RECURRING") == {"RENT": 4, "ACCRUALS": 2, "SPARE": 3, "OLDLEASE": 2, "INSURANCE": 5}
    work(erps, "other_templates")
    assert [row["code"] for row in erps.listed(IEOP, "journals?$expand=journalLines")] == ["STANDARD"]
    assert lines(erps, "GENERAL") == {}
    assert lines(erps, "FINANZ") == {"KORREKTUR": 6}


def test_lines_on_vendors_and_customers_are_hidden(erps: Erps) -> None:
    work(erps, "hidden_lines")
    assert lines(erps, "GENERAL") == {"DEFAULT": 2}
    (batch,) = erps.listed(IEOP, "journals")
    below = erps.listed(IEOP, f"journals({batch['id']})/journalLines")
    assert [row["accountType"] for row in below] == ["G_x002F_L_x0020_Account"] * 2
    assert erps.listed(IEOP, f"journalLines?$filter=journalId eq {batch['id']}") == below
    assert erps.api(IEOP, f"journals({batch['id']})/journalLines/$count").text == "2"
    erps.sim.set_profile(bc_companion="present")
    (group,) = erps.listed(IEOP, "unpostedJournalLines", BC_COMPANION)
    assert group["lineCount"] == 7


def test_lines_without_their_journal_are_refused(erps: Erps) -> None:
    for name in ("journalLines", "customerPayments", "vendorPayments"):
        refused = erps.api(IEOP, name)
        assert refused.status_code == 400
        assert "You must specify a journal batch ID" in refused.json()["error"]["message"]
    erps.sim.set_profile(bc_payment_lines="served")
    assert len(erps.listed(IEOP, "vendorPayments")) == 3
    assert erps.api(IEOP, "journalLines").status_code == 400


def test_payments_have_journals_of_their_own(erps: Erps) -> None:
    for name, part, many in (
        ("customerPaymentJournals", "customerPayments", 2),
        ("vendorPaymentJournals", "vendorPayments", 3),
    ):
        (batch,) = erps.listed(IEOP, f"{name}?$expand={part}")
        assert len(batch[part]) == many
        assert {row["journalId"] for row in batch[part]} == {batch["id"]}
    erps.sim.set_work("IEOP", finish=["BANK", "RUN31"])
    (batch,) = erps.listed(IEOP, "vendorPaymentJournals?$expand=vendorPayments")
    assert batch["vendorPayments"] == []  # the batch stays


def test_expand_takes_options_and_refuses_other_names(erps: Erps) -> None:
    path = "journals?$expand=journalLines($filter=lineNumber le 20000;$select=lineNumber,amount)"
    (batch,) = erps.listed(IEOP, path)
    assert [list(row) for row in batch["journalLines"]] == [["@odata.etag", "lineNumber", "amount"]] * 2
    for refused in ("journals?$expand=nothing", "purchaseInvoices?$expand=journalLines", "journals?$apply=x"):
        assert erps.api(IEOP, refused).status_code == 400


def test_purchase_invoices_are_draft_until_they_are_posted(erps: Erps) -> None:
    assert statuses(erps, "purchaseInvoices") == {"Draft": 4, "Open": 1}
    (approval,) = erps.listed(IEOP, "approvalEntries?$filter=status eq 'Created' or status eq 'Open'")
    assert (approval["documentNumber"], approval["tableId"], approval["entryNumber"]) == ("PI-1077", 38, 4471)
    erps.sim.set_work("IEOP", finish=["PI-1077", "4471"])
    assert statuses(erps, "purchaseInvoices") == {"Draft": 3, "Open": 2}
    assert erps.listed(IEOP, "approvalEntries?$filter=status eq 'Open'") == []


def test_released_sales_invoices_and_memos_look_posted(erps: Erps) -> None:
    assert statuses(erps, "salesInvoices") == {"Draft": 2, "In_x0020_Review": 1, "Open": 3}
    erps.sim.set_profile(bc_options="plain")
    assert statuses(erps, "salesInvoices") == {"Draft": 2, "In Review": 1, "Open": 3}
    in_may = f"postingDate ge 2026-05-01 and postingDate le {ENDED}"
    waiting = f"(status eq 'Draft' or status eq 'In Review') and {in_may}"
    assert len(erps.listed(IEOP, f"salesInvoices?$filter={waiting}")) == 3
    assert statuses(erps, "purchaseCreditMemos") == {"In Review": 1, "Open": 1}
    assert statuses(erps, "salesCreditMemos") == {"Draft": 1, "Open": 1}


def test_invoices_of_the_month_that_are_posted_after_it(erps: Erps) -> None:
    work(erps, "late_invoices_12")
    late = f"invoiceDate ge 2026-05-01 and invoiceDate le {ENDED} and postingDate gt {ENDED}"
    assert len(erps.listed(IEOP, f"purchaseInvoices?$filter={late}")) == 12


def test_amounts_of_the_trial_balance_are_texts(erps: Erps) -> None:
    rows = erps.listed(IEOP, f"trialBalances?$filter=dateFilter le {ENDED}")
    texts = {row["number"]: (row["balanceAtDateDebit"], row["balanceAtDateCredit"]) for row in rows}
    assert texts["5420"] == ("0.00", "71,480.20")
    assert texts["6110"] == ("0.00", "1,204,500.50")
    assert {row["dateFilter"] for row in rows} == {ENDED}
    erps.sim.set_profile(bc_zero_amounts="blank")
    (row,) = erps.listed(IEOP, f"trialBalances?$filter=number eq '5420' and dateFilter le {ENDED}")
    assert (row["totalDebit"], row["balanceAtDateCredit"]) == ("", "71,480.20")


def test_trial_balance_sums_the_days_of_its_filter(erps: Erps) -> None:
    def credits(condition: str) -> tuple[str, str]:
        (row,) = erps.listed(IEOP, f"trialBalances?$filter=number eq '5420' and {condition}")
        return row["totalCredit"], row["balanceAtDateCredit"]

    # Two fifths were owed at the start of the year, and the rest came in equal parts each month.
    assert credits("dateFilter ge 2026-05-01 and dateFilter le 2026-05-31") == ("8,577.64", "71,480.20")
    assert credits("dateFilter ge 2026-05-01 and dateFilter lt 2026-05-31") == ("0.00", "62,902.56")
    assert credits("dateFilter eq 2026-04-30") == ("62,902.56", "62,902.56")
    assert credits("dateFilter gt 2025-12-31") == ("42,888.12", "71,480.20")


def test_the_log_of_jobs_holds_an_error_after_a_success(erps: Erps) -> None:
    log = erps.listed(IEOP, "jobQueueLogEntries?$filter=objectIdToRun eq 795&$orderby=startDateTime desc")
    assert [(row["status"], row["startDateTime"]) for row in log] == [
        ("Error", "2026-06-03T01:00:00Z"),
        ("Success", "2026-06-02T01:00:00Z"),
    ]
    assert log[0]["errorMessage"]
    entries = erps.listed(IEOP, "jobQueueEntries?$expand=jobQueueLogEntries")
    assert {row["objectIdToRun"]: len(row["jobQueueLogEntries"]) for row in entries} == {
        795: 2,
        1002: 1,
        596: 1,
        5692: 1,
    }


def due(rows: list[dict[str, Any]]) -> dict[str, int]:
    """The lines by the contract's rules for the companion's rows."""
    found: Counter[str] = Counter()
    for row in rows:
        counted = row["lineCount"]
        if not row["recurring"]:
            found["unposted"] += counted
        elif row["postingDate"] > ENDED:
            found["template"] += counted
        elif row["expirationDate"] != BLANK and row["expirationDate"] < row["postingDate"]:
            found["expired"] += counted
        else:
            method = row["recurringMethod"].replace("_x0020_", " ").split(" ")[0]
            empty = row["zeroAmountCount"] if method in {"F", "RF"} else 0
            found["empty"] += empty
            found["due"] += counted - empty
    return {name: number for name, number in found.items() if number}


@pytest.mark.parametrize("options", ["encoded", "plain"])
def test_companion_separates_recurring_lines_that_are_due(erps: Erps, options: str) -> None:
    erps.sim.set_profile(bc_companion="present", bc_options=options)
    work(erps, "seven_lines", "recurring")
    rows = erps.listed(IEOP, "unpostedJournalLines", BC_COMPANION)
    assert due(rows) == {"unposted": 7, "due": 6, "empty": 3, "expired": 2, "template": 5}
    (rent,) = [row for row in rows if row["batchName"] == "RENT"]
    assert (rent["debitLCY"], rent["amountLCY"], rent["zeroAmountCount"]) == (9600, 0, 0)
    erps.sim.set_work("IEOP", finish="RENT")  # posting moves the lines on by a month
    rows = erps.listed(IEOP, "unpostedJournalLines", BC_COMPANION)
    assert due(rows) == {"unposted": 7, "due": 2, "empty": 3, "expired": 2, "template": 9}


def test_the_companion_shows_inventory_costs_and_reconciliations(erps: Erps) -> None:
    erps.sim.set_profile(bc_companion="present", bc_options="plain")
    shown = {
        name: erps.listed(IEOP, name, BC_COMPANION)
        for name in (
            "inventoryPeriods",
            "unadjustedCosts",
            "unpostedInventoryCosts",
            "openBankReconciliations",
            "lastBankStatements",
            "intercompanyTransactions",
            "companyPostingWindow",
        )
    }
    assert [(row["endingDate"], row["closed"]) for row in shown["inventoryPeriods"]] == [
        ("2026-04-30", True),
        (ENDED, False),
    ]
    assert [list(row.values()) for row in shown["unadjustedCosts"]] == [["2026-05-27", 12]]
    assert [list(row.values()) for row in shown["unpostedInventoryCosts"]] == [["2026-05-29", 37]]
    assert [row["totalDifference"] for row in shown["openBankReconciliations"]] == [-12.4]
    assert [row["lastStatementDate"] for row in shown["lastBankStatements"]] == ["2026-04-30"]
    assert [(row["direction"], row["lineAction"]) for row in shown["intercompanyTransactions"]] == [
        ("inbox", "No Action"),
        ("outbox", "No Action"),
    ]
    assert len(shown["companyPostingWindow"]) == 1
    path = "intercompanyBalances?$filter=throughDate le 2026-04-30 and accountNumber eq '5420'"
    (balance,) = erps.listed(IEOP, path, BC_COMPANION)
    assert (balance["amountLCY"], balance["throughDate"]) == (-62902.56, "2026-04-30")
    erps.sim.set_work("IEOP", finish="*")
    assert erps.listed(IEOP, "unadjustedCosts", BC_COMPANION) == []
    assert {row["closed"] for row in erps.listed(IEOP, "inventoryPeriods", BC_COMPANION)} == {True}


def test_the_companion_may_be_absent_partly_there_or_forbidden(erps: Erps) -> None:
    def answers(*names: str) -> list[int]:
        return [erps.api(IEOP, name, BC_COMPANION).status_code for name in names]

    names_of_sets = ("unpostedJournalLines", "inventoryPeriods", "unadjustedCosts")
    document = f"/v2.0/{TENANT}/production/api/{BC_COMPANION}/"
    token = {"authorization": f"Bearer {erps.token(BC_AUDIENCE)}"}
    assert answers(*names_of_sets) == [404, 404, 404]
    assert erps.http.get(document, headers=token).status_code == 404
    erps.sim.set_profile(bc_companion="partly")
    assert answers(*names_of_sets) == [200, 200, 404]
    names = {one["name"] for one in erps.http.get(document, headers=token).json()["value"]}
    assert names == {"companies", "unpostedJournalLines", "inventoryPeriods"}
    assert "unadjustedCosts" not in erps.http.get(f"{document}$metadata", headers=token).text
    erps.sim.set_profile(bc_companion="forbidden")
    assert answers(*names_of_sets) == [403, 403, 403]


def test_the_intercompany_app_may_be_absent(erps: Erps) -> None:
    inbox = "intercompanyInboxTransactions"
    (waiting,) = erps.listed(IEOP, inbox, BC_INTERCOMPANY)
    assert (waiting["transactionNumber"], waiting["icPartnerCode"]) == (318, "UKRT")
    (partner,) = erps.listed(IEOP, "intercompanyPartners", BC_INTERCOMPANY)
    assert (partner["name"], partner["receivablesAccount"], partner["payablesAccount"]) == (
        "UK Retail Ltd",
        "2320",
        "5420",
    )
    assert erps.listed(ESIB, inbox, BC_INTERCOMPANY) == []
    erps.sim.set_work("IEOP", finish="318")
    assert erps.listed(IEOP, inbox, BC_INTERCOMPANY) == []
    handled = erps.listed(IEOP, "handledIntercompanyInboxTransactions", BC_INTERCOMPANY)
    assert {row["transactionNumber"] for row in handled} == {310, 318}
    erps.sim.set_profile(bc_intercompany_app="absent")
    assert erps.api(IEOP, inbox, BC_INTERCOMPANY).status_code == 404


def test_pages_of_work_follow_their_tokens(erps: Erps) -> None:
    erps.sim.set_profile(bc_companion="present", bc_page_size=2)
    for name, group in (("purchaseInvoices", "v2.0"), ("unpostedJournalLines", BC_COMPANION)):
        page = erps.api(IEOP, f"{name}?$count=true", group).json()
        total, rows = page["@odata.count"], page["value"]
        while link := page.get("@odata.nextLink"):
            token = {"authorization": f"Bearer {erps.token(BC_AUDIENCE)}"}
            page = erps.http.get(link, headers=token).json()
            rows += page["value"]
        assert len(rows) == total > 4
