"""Finance & Operations shows what is in the way of a close: journals, documents, statements, balances."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.erp_clients import EVERYTHING, Erps

NO = "Microsoft.Dynamics.DataEntities.NoYes'No'"
HEADERS = f"/data/LedgerJournalHeaders?cross-company=true&$filter=IsPosted eq {NO}"
LINES = "LedgerJournalLine"
SNAPSHOTS = "/data/TrialBalanceFiscalYearSnapshots?cross-company=true"
RUNS = "/data/TrialBalanceFiscalYearSnapshotHeaders?cross-company=true"
MAY = "2026-05"


def work(erps: Erps, *situations: str, company: str = "NLDT", **more: Any) -> None:
    erps.sim.set_work(company, month=MAY, situation=list(situations), **more)


def count(erps: Erps, company: str = "nldt") -> dict[str, Any]:
    """The lines that a reader counts, by month and type of journal (08-blockers-and-tasks chapter 5)."""
    types = {
        (row["dataAreaId"].casefold(), row["Name"]): row["Type"]
        for row in erps.rows("/data/JournalNames?cross-company=true")
    }
    counted: Counter[str] = Counter()
    for header in erps.rows(f"{HEADERS}&$expand={LINES}"):
        if header["dataAreaId"].casefold() == company:
            kind = types[company, header["JournalName"]]
            counted["empty"] += not header[LINES]
            for line in header[LINES]:
                counted[f"{kind} {line['TransDate'][:7]}"] += 1
    return {name: number for name, number in counted.items() if number}


def test_61_lines_in_4_journals_with_what_does_not_count(erps: Erps) -> None:
    assert count(erps) == {"Daily 2026-05": 61, "Periodic 2026-05": 14, "empty": 3}
    table = "/data/LedgerJournalTableBiEntities?cross-company=true"
    waiting = [
        row["JournalNum"]
        for row in erps.rows(f"{table}&$filter=dataAreaId eq 'nldt' and Posted eq {NO}")
        if row["WorkflowApprovalStatus"] == "Approved"
    ]
    assert waiting == ["NLDT-000412", "NLDT-000413"]


@pytest.mark.parametrize(
    ("situation", "counted"),
    [
        ("unposted_50", {"Daily 2026-05": 50}),
        ("other_journals", {"Allocation 2026-05": 12, "Budget 2026-05": 5, "Daily 2031-12": 1}),
        ("eliminations", {"Elimination 2026-05": 4, "StatTrans 2026-05": 2}),
        ("two_periods", {"Daily 2026-05": 3, "Daily 2026-06": 4, "Daily 1900-01": 1}),
        ("left_behind_3", {"Daily 2026-04": 3}),
    ],
)
def test_situations_of_journals(erps: Erps, situation: str, counted: dict[str, int]) -> None:
    work(erps, situation)
    assert count(erps) == counted


def test_lines_can_be_read_by_date_and_batches_instead_of_expanding(erps: Erps) -> None:
    batches = " or ".join(f"JournalBatchNumber eq 'NLDT-{number:06}'" for number in range(400, 425))
    within = "TransDate ge 2026-05-01T00:00:00Z and TransDate le 2026-05-31T23:59:59Z"
    rows = erps.rows(f"/data/LedgerJournalLines?cross-company=true&$filter={within} and ({batches})")
    assert len(rows) == 61
    debits, credits = (round(sum(row[name] for row in rows), 2) for name in ("DebitAmount", "CreditAmount"))
    assert debits == credits > 0
    assert [header["JournalTotalDebit"] for header in erps.rows(HEADERS)[:1]] == [18250.4]


def test_expanded_pages_are_pages_of_headers(erps: Erps) -> None:
    erps.sim.set_profile(finops_page_size=2)
    first = erps.fo(f"{HEADERS}&$expand={LINES}&$select=JournalBatchNumber&$count=true").json()
    assert first["@odata.context"].endswith(f"#LedgerJournalHeaders(JournalBatchNumber,{LINES}())")
    assert [list(row) for row in first["value"]] == [["@odata.etag", "JournalBatchNumber", LINES]] * 2
    assert first["@odata.count"] == 8
    assert count(erps)["Daily 2026-05"] == 61
    single = "/data/LedgerJournalHeaders(dataAreaId='nldt',JournalBatchNumber='NLDT-000415')"
    assert len(erps.fo(f"{single}?$expand={LINES}").json()[LINES]) == 9
    line = erps.fo("/data/LedgerJournalLines?cross-company=true&$top=1&$expand=LedgerJournalHeader").json()
    assert line["value"][0]["LedgerJournalHeader"]["JournalBatchNumber"]


def test_expand_is_refused_as_the_contract_says(erps: Erps) -> None:
    nested = f"{HEADERS}&$expand={LINES}($select=TransDate,LineNumber;$filter=LineNumber le 2)"
    for refused in (nested, f"{HEADERS}&$expand={LINES}/Anything", f"{HEADERS}&$expand=Nothing"):
        assert erps.fo(refused).status_code == 400
    assert erps.fo("/data/LedgerJournalHeaders?$apply=groupby((IsPosted))").status_code == 400
    erps.sim.set_profile(finops_expand="nested")
    rows = erps.rows(nested)
    assert {tuple(line) for row in rows for line in row[LINES]} == {
        ("@odata.etag", "TransDate", "LineNumber")
    }
    assert [len(row[LINES]) for row in rows[:2]] == [2, 2]
    assert erps.fo(f"{HEADERS}&$expand={LINES}($expand=LedgerJournalHeader)").status_code == 400
    erps.sim.set_profile(finops_expand="refused")
    assert erps.fo(f"{HEADERS}&$expand={LINES}").status_code == 400
    assert erps.fo(HEADERS).status_code == 200


def test_company_codes_may_be_in_other_letters_in_headers_and_lines(erps: Erps) -> None:
    erps.sim.set_profile(company_case="mixed", finops_texts="exact")
    row = erps.rows(f"{HEADERS}&$expand={LINES}")[0]
    assert (row["dataAreaId"], row[LINES][0]["dataAreaId"]) == ("nldt", "NLDT")
    assert count(erps)["Daily 2026-05"] == 61


def test_templates_may_be_missing_among_the_general_journals(erps: Erps) -> None:
    erps.sim.set_profile(periodic_journals="hidden")
    assert "Periodic 2026-05" not in count(erps)
    table = erps.rows("/data/LedgerJournalTableBiEntities?cross-company=true")
    assert [row["JournalNum"] for row in table if row["JournalType"] == "Periodic"] == ["NLDT-000390"]


def test_one_companys_work_may_be_hidden_while_its_states_are_seen(erps: Erps) -> None:
    erps.sim.set_profile(row_security="nldt")
    assert count(erps) == {}
    assert {row["LedgerName"] for row in erps.rows(RUNS)} == {"UKRT", "USRT"}
    assert erps.may()["NLDT"] == "Open"


def test_sets_that_are_not_public_are_404_and_in_no_list(erps: Erps) -> None:
    erps.sim.set_profile(
        bi_sets="hidden", snapshots="absent", missing_sets="JournalNames, FreeTextInvoiceHeaders"
    )
    names = {one["name"] for one in erps.fo("/data/").json()["value"]}
    assert not [name for name in names if name.endswith("BiEntities")]
    for name in ("LedgerJournalTableBiEntities", "TrialBalanceFiscalYearSnapshots", "JournalNames"):
        assert name not in names
        assert erps.fo(f"/data/{name}").status_code == 404
        assert name not in erps.fo("/data/$metadata").text
    assert {"LedgerJournalHeaders", "VendorInvoiceHeaders"} <= names


def test_what_is_apart_stands_in_the_table_of_journals(erps: Erps) -> None:
    work(erps, "in_use_and_blocked")
    rows = erps.rows("/data/LedgerJournalTableBiEntities?cross-company=true&$filter=dataAreaId eq 'nldt'")
    assert [(row["InUseBy"], row["SystemBlocked"], row["WorkflowApprovalStatus"]) for row in rows] == [
        ("j.visser", "No", "None"),
        ("", "Yes", "None"),
        ("", "No", "Submitted"),
        ("", "No", "None"),
    ]
    assert [row["NumOfLines"] for row in rows] == [2, 2, 3, 6]
    layers = {row["JournalBatchNumber"]: row["PostingLayer"] for row in erps.rows(HEADERS)}
    assert layers["NLDT-000553"] == "Tax"
    (item,) = erps.rows("/data/WorkflowWorkItems")
    assert (item["CompanyId"], item["Status"], item["DueDateTime"]) == (
        "nldt",
        "Pending",
        "2026-06-05T16:00:00Z",
    )


def test_modules_have_sets_of_their_own_and_each_its_own_date(erps: Erps) -> None:
    work(erps, "module_journals")
    dates = {
        "VendInvoiceJournalLines": "Date",
        "VendorPaymentJournalLines": "TransactionDate",
        "CustomerPaymentJournalLines": "TransactionDate",
        "GeneralLedgerCustInvoiceJournalLines": "InvoiceDate",
        "AssetJournalLines": "TransDate",
        "ExpenseJournalLines": "VoucherDate",
        "LedgerReportingCurrencyAdjustmentJournalLines": "TransDate",
        "ProjectUnpostedTransViews": "TransactionDate",
    }
    mine = "cross-company=true&$filter=dataAreaId eq 'nldt'"
    for name, column in dates.items():
        rows = erps.rows(f"/data/{name}?{mine}")
        assert {row[column][:7] for row in rows} == {MAY}, name
    inventory = erps.rows(f"/data/InventoryJournalTableBiEntities?{mine} and Posted eq {NO}")
    assert sorted((row["JournalType"], row["NumOfLines"]) for row in inventory) == [
        ("Count", 118),
        ("LossProfit", 5),
        ("Movement", 3),
        ("Transfer", 2),
    ]
    (expense,) = erps.rows(f"/data/ExpenseJournalHeaders?{mine}")
    assert (expense["IsReversingEntry"], expense["ReversingDate"]) == ("Yes", "2026-06-01T12:00:00Z")
    assert count(erps) == {}  # none of them is a general journal


def test_vendor_invoices_leave_their_table_when_they_are_posted(erps: Erps) -> None:
    work(erps, "documents")
    pending = "/data/VendorInvoiceHeaders?cross-company=true&$filter=dataAreaId eq 'nldt'"
    rows = {row["InvoiceNumber"]: row for row in erps.rows(pending)}
    assert [row["VendorInvoiceReviewStatus"] for row in rows.values()] == [
        "InReview",
        "Draft",
        "Approved",
        "Draft",
    ]
    late = rows["NW-5542"]
    assert (late["InvoiceDate"], late["Date"]) == ("2026-05-30T12:00:00Z", "2026-06-04T12:00:00Z")
    erps.sim.set_work("NLDT", finish=["NW-5540", "FTI-0031"])
    assert "NW-5540" not in {row["InvoiceNumber"] for row in erps.rows(pending)}
    free = erps.rows("/data/FreeTextInvoiceHeaders?cross-company=true&$filter=dataAreaId eq 'nldt'")
    assert {row["IsPosted"] for row in free} == {"Yes"}


def test_accruals_of_the_last_close_are_seen_by_their_reversal(erps: Erps) -> None:
    reversed_in_may = "ReverseDate ge 2026-05-01T00:00:00Z and ReverseDate le 2026-05-31T23:59:59Z"
    rows = erps.rows(f"/data/LedgerJournalLines?cross-company=true&$filter={reversed_in_may}")
    journals = {(row["dataAreaId"], row["JournalBatchNumber"]) for row in rows}
    assert Counter(code for code, _ in journals) == {"nldt": 14, "ukrt": 8}
    assert {row["ReverseEntry"] for row in rows} == {"Yes"}


def test_statements_and_vouchers(erps: Erps) -> None:
    work(erps, "bank_open", "not_transferred")
    newer = erps.rows("/data/BankStmtIsoAccountStatementBiEntities?cross-company=true")
    assert {row["Identification"]: row["Status"] for row in newer if row["dataAreaId"] == "nldt"} == {
        "ST-0005": "Validated",
        "ST-0004": "Reconciled",
    }
    (older,) = erps.rows(
        "/data/BankAccountStatementBiEntities?cross-company=true&$filter=dataAreaId eq 'nldt'"
    )
    assert older["ReconcileDate"] == "1900-01-01T12:00:00Z"
    waiting = "Status eq Microsoft.Dynamics.DataEntities.SubledgerJournalEntryStatus'NotTransferred'"
    vouchers = erps.rows(f"/data/SubledgerJournalEntryBiEntities?$filter={waiting}")
    periods = {row["SourceKey"]: row for row in erps.rows("/data/FiscalCalendarPeriodBiEntities")}
    ends = Counter(periods[row["FiscalCalendarPeriod"]]["EndDate"][:7] for row in vouchers)
    assert ends == {"2026-05": 2, "2026-06": 1}


def balances(erps: Erps, period: str = "Period 5") -> dict[tuple[str, str, str], float]:
    """Opening + debits - credits of a period by ledger, account and partner."""
    rows = erps.rows(f"{SNAPSHOTS}&$filter=YearName eq '2026' and PeriodName eq '{period}'")
    return {
        (row["LedgerName"], row["DimensionValue1"], row["DimensionValue2"]): round(
            row["OpeningBalance"] + row["AmountDebit"] - row["AmountCredit"], 2
        )
        for row in rows
    }


def test_balances_with_partners_at_the_end_of_may(erps: Erps) -> None:
    assert balances(erps) == {
        ("NLDT", "130420", "UKRT"): 127000.0,
        ("UKRT", "130410", "USRT"): 148000.0,
        ("UKRT", "210420", "NLDT"): -108000.0,
        ("USRT", "210410", "UKRT"): -188700.0,
    }
    accounts = erps.rows("/data/LedgerInterCompanyAccounts")
    assert {
        (row["OriginatingLegalEntityId"], row["DestinationLegalEntityId"]): (
            row["OriginatingDebitAccountDisplayValue"],
            row["OriginatingCreditAccountDisplayValue"],
        )
        for row in accounts
    } == {("nldt", "ukrt"): ("130420", "210400"), ("ukrt", "usrt"): ("130410", "210400"),
          ("ukrt", "nldt"): ("130400", "210420"), ("usrt", "ukrt"): ("130400", "210410")}  # fmt: skip
    revalued = {
        row["MainAccountId"]: row["ForeignCurrencyRevaluation"] for row in erps.rows("/data/MainAccounts")
    }
    assert (revalued["130420"], revalued["601200"]) == ("Yes", "No")


def test_the_opening_balance_may_be_the_periods_or_the_years(erps: Erps) -> None:
    mine = f"{SNAPSHOTS}&$filter=LedgerName eq 'NLDT'&$orderby=PeriodStartDate"
    rows = erps.rows(mine)
    for earlier, later in pairwise(rows):
        end = earlier["OpeningBalance"] + earlier["AmountDebit"] - earlier["AmountCredit"]
        assert later["OpeningBalance"] == pytest.approx(end)
    erps.sim.set_profile(snapshot_opening="year")
    rows = erps.rows(mine)
    assert {row["OpeningBalance"] for row in rows} == {50800.0}
    moved = sum(row["AmountDebit"] - row["AmountCredit"] for row in rows)
    assert 50800.0 + moved == pytest.approx(127000.0)
    keys = {
        (row["SnapshotHeader"], row["DimensionHierarchyId"], row["FiscalCalendarYearRecId"]) for row in rows
    }
    assert len(keys) == 1 < len(rows)  # the declared key is not unique


def test_snapshots_may_be_empty_old_or_without_partners(erps: Erps) -> None:
    assert {row["DateLastRan"] for row in erps.rows(RUNS)} == {"2026-06-12T03:10:00Z"}
    erps.sim.set_profile(snapshots="old")
    assert {row["DateLastRan"] for row in erps.rows(RUNS)} == {"2026-06-10T15:10:00Z"}
    erps.sim.set_profile(snapshots="empty", snapshot_dimensions="account")
    assert erps.rows(SNAPSHOTS) == []
    assert {row["DimName2"] for row in erps.rows(RUNS)} == {""}
    erps.sim.set_profile(snapshots="nightly")
    assert ("NLDT", "130420", "") in balances(erps)


def test_snapshot_shows_the_balances_of_its_run(erps: Erps) -> None:
    erps.sim.set_work("NLDT", finish="UKRT/due_from")
    assert balances(erps)["NLDT", "130420", "UKRT"] == 127000.0
    erps.sim.set_work("NLDT", snapshot="now")
    assert balances(erps)["NLDT", "130420", "UKRT"] == 126360.0
    erps.sim.set_work("USRT", snapshot="2026-06-09T03:10:00Z")
    assert {row["LedgerName"]: row["DateLastRan"] for row in erps.rows(RUNS)} == {
        "NLDT": "2026-06-12T12:00:00Z",
        "UKRT": "2026-06-12T03:10:00Z",
        "USRT": "2026-06-09T03:10:00Z",
    }
    erps.sim.clear()
    erps.sim.set_work("NLDT", finish="UKRT/due_from")
    erps.sim.set_clock("2026-06-13T03:10:00Z")
    assert balances(erps)["NLDT", "130420", "UKRT"] == 126360.0


def test_booked_at_the_rate_of_april_and_one_side_missing(erps: Erps) -> None:
    booked = {"kind": "balance", "partner": "UKRT", "amount": 126000, "account": "130420"}
    erps.sim.set_work("NLDT", work=[booked], snapshot="now")
    erps.sim.set_work("USRT", remove="UKRT/due_to", snapshot="now")
    assert balances(erps) == {
        ("NLDT", "130420", "UKRT"): 126000.0,
        ("UKRT", "130410", "USRT"): 148000.0,
        ("UKRT", "210420", "NLDT"): -108000.0,
    }
    assert {row["LedgerName"] for row in erps.rows(RUNS)} == {"NLDT", "UKRT"}


def test_account_that_is_not_set_up_is_in_no_list_of_partners(erps: Erps) -> None:
    work(erps, "due_from_ukrt_not_mapped")
    accounts = erps.rows("/data/LedgerInterCompanyAccounts")
    assert "nldt" not in {row["OriginatingLegalEntityId"] for row in accounts}
    erps.sim.set_work("NLDT", snapshot="now")
    assert balances(erps)["NLDT", "130420", "UKRT"] == 127000.0


def test_faults_strike_work_and_its_expanded_rows(erps: Erps) -> None:
    work(erps, *EVERYTHING, company="USRT")
    erps.sim.fault("missing_field", match="LedgerJournalHeaders", field="TransDate", rows=1)
    rows = erps.rows(f"{HEADERS}&$expand={LINES}")
    assert sum("TransDate" not in line for row in rows for line in row[LINES]) == 1
    erps.sim.clear()
    erps.sim.fault("entity_missing", company="NLDT")
    assert count(erps) == {}
    assert "NLDT" not in {row["LedgerName"] for row in erps.rows(RUNS)}
    erps.sim.clear()
    erps.sim.fault("throttled", match="$expand", retry_after=7)
    assert erps.fo(f"{HEADERS}&$expand={LINES}").headers["retry-after"] == "7"
    assert erps.fo(HEADERS).status_code == 200
