"""What is in the way of a close, read from Finance & Operations: what counts, what is left out, what is not shown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from connectors.finops.links import finops_work_link
from connectors.finops.work import FINOPS_TURNS
from simulator.run import Running
from tests.connectors.work_reads import WorkRead, read_work

DOCUMENTS = BlockerKind.UNPOSTED_DOCUMENTS
MODULES = (
    (DOCUMENTS, "vendor_payments", 3),
    (DOCUMENTS, "customer_payments", 2),
    (DOCUMENTS, "project_journals", 1),
    (DOCUMENTS, "expense_journals", 1),
    (BlockerKind.DEPRECIATION_NOT_POSTED, "", 1),
)


def work(sim: Running, *situations: str, company: str = "USRT", **more: Any) -> None:
    sim.set_work(company, month="2026-05", situation=list(situations), **more)


def read(sim: Running, *turns: int) -> WorkRead:
    return read_work("finops", sim, turns=turns or (0,))


def fact_of(read: WorkRead, *key: Any, **options: Any) -> BlockerFact:
    fact = read.fact(*key, **options)
    assert fact is not None
    return fact


# Ledger journals


def test_lines_count_and_templates_and_empty_headers_do_not(sim: Running) -> None:
    lines = read(sim)
    may, undated = fact_of(lines, "NLDT"), fact_of(lines, "NLDT", month=None)
    assert (may.count, may.left_out, may.apart) == (61, {"template": 14}, {"approved_waiting": 2})
    assert (undated.count, undated.left_out) == (0, {"empty": 3})
    assert (may.at_least, may.amount, may.currency) == (False, None, None)
    assert may.coverage == ("LedgerJournalHeaders", "LedgerJournalLines")
    assert [(row.number, row.on, row.amount, row.currency, row.owner) for row in may.items[:2]] == [
        ("NLDT-000413", date(2026, 5, 29), Decimal("8330.15"), "EUR", "j.visser"),
        ("NLDT-000414", date(2026, 5, 30), Decimal("4805.75"), "EUR", "s.jansen"),
    ]
    assert [(one.item_id, one.units) for one in may.ids] == [
        ("NLDT-000413", 18),
        ("NLDT-000414", 12),
        ("NLDT-000412", 22),
        ("NLDT-000415", 9),
    ]


def test_allocations_and_eliminations_are_ledger_work_and_budgets_and_statistics_are_not(
    sim: Running,
) -> None:
    work(sim, "other_journals", "eliminations")
    lines = read(sim)
    may, undated = fact_of(lines, "USRT"), fact_of(lines, "USRT", month=None)
    assert (may.count, may.left_out) == (16, {"not_ledger_work": 7})
    assert undated.count == 1  # dated in 2031, after every period


def test_lines_of_one_journal_belong_to_the_periods_of_their_dates(sim: Running) -> None:
    work(sim, "two_periods", "left_behind_3")
    lines = read(sim)
    assert [lines.count("USRT", month=month) for month in (4, 5, 6, None)] == [3, 3, 4, 1]


def test_what_is_in_use_or_blocked_is_named_apart_and_other_layers_are_left_out(sim: Running) -> None:
    work(sim, "in_use_and_blocked")
    may = fact_of(read(sim), "USRT")
    assert (may.count, may.apart, may.left_out) == (
        7,
        {"in_use": 1, "blocked_by_system": 1},
        {"other_layer": 6},
    )


def test_without_the_table_of_journals_only_what_is_apart_is_lost(sim: Running) -> None:
    whole = fact_of(read(sim), "NLDT")
    sim.set_profile(bi_sets="hidden")
    may = fact_of(read(sim), "NLDT")
    assert (may.count, may.left_out, may.apart) == (whole.count, whole.left_out, {})


def test_types_come_from_the_table_of_journals_where_names_are_not_shown(sim: Running) -> None:
    sim.set_profile(missing_sets="JournalNames")
    may = fact_of(read(sim), "NLDT")
    assert (may.count, may.left_out) == (61, {"template": 14})
    holding = fact_of(read(sim), "UKHC")
    assert (holding.count, holding.doubt) == (None, Doubt.NO_ROWS)  # empty, or hidden: nobody can tell


def test_without_any_types_templates_cannot_be_told_and_nothing_is_counted(sim: Running) -> None:
    sim.set_profile(missing_sets="JournalNames", bi_sets="hidden")
    may = fact_of(read(sim), "NLDT")
    assert (may.count, may.doubt) == (None, Doubt.NOT_PUBLISHED)


@pytest.mark.parametrize("word", ["Frozen", None, ""])
def test_a_journal_that_is_neither_posted_nor_unposted_is_a_gap(word: str | None, sim: Running) -> None:
    sim.fault("unknown_enum", match="LedgerJournalHeaders", company="NLDT", field="IsPosted", value=word)
    assert read(sim).gaps == {("NLDT", "unposted_journals", "")}


def test_unknown_types_and_layers_count_since_nothing_is_hidden_by_a_guess(sim: Running) -> None:
    work(sim, "unposted_50")
    sim.fault(
        "unknown_enum", match="JournalTableBi", company="USRT", field="JournalType", value="New", rows=9
    )
    sim.fault("unknown_enum", match="LedgerJournalHeaders", company="USRT", field="PostingLayer", value="New")
    assert fact_of(read(sim), "USRT").count == 50


def test_a_line_without_a_day_at_noon_or_midnight_is_a_gap_and_not_the_day_before(sim: Running) -> None:
    value = "2026-05-31T22:00:00Z"
    sim.fault("wrong_type", match="LedgerJournalHeaders", company="NLDT", field="TransDate", value=value)
    assert read(sim).gaps == {("NLDT", "unposted_journals", "")}


def test_a_row_that_names_no_company_could_be_anybodys(sim: Running) -> None:
    work(sim, "documents")
    sim.fault("wrong_type", match="FreeTextInvoiceHeaders", field="dataAreaId", value=7)
    assert read(sim).gaps == {
        (code, "unposted_documents", "customer_invoices") for code in ("UKHC", "UKRT", "USRT", "NLDT")
    }


def test_a_list_that_lost_its_rows_on_the_way_brings_nothing(sim: Running) -> None:
    sim.fault("empty_list", match="/LedgerJournalHeaders")
    with pytest.raises(Exception, match="0 of 8 rows came back"):
        read(sim)


@pytest.mark.parametrize("case", ["upper", "mixed"])
def test_companies_are_the_same_in_other_letters(case: str, sim: Running) -> None:
    whole = read(sim)
    sim.set_profile(company_case=case, finops_texts="exact")
    assert read(sim).facts == whole.facts


def test_pages_that_repeat_rows_count_them_once(sim: Running) -> None:
    work(sim, "module_journals", "documents", "bank_open", "not_transferred", "in_use_and_blocked")
    whole = read(sim, *range(FINOPS_TURNS))
    sim.set_profile(finops_page_size=4, next_link="skip")
    sim.fault("overlapping_pages", shift=2)
    assert read(sim, *range(FINOPS_TURNS)).facts == whole.facts


def test_a_journal_in_two_sets_counts_once(sim: Running) -> None:
    """Whether the set of general journals holds those of customer invoices is not documented."""
    work(sim, "module_journals")
    twin = {
        "dataAreaId": "usrt",
        "JournalBatchNumber": "USRT-000604",
        "JournalName": "GenJrn",
        "IsPosted": "No",
    }
    line = {"dataAreaId": "usrt", "JournalBatchNumber": "USRT-000604", "LineNumber": 1.0}
    line |= {"TransDate": "2026-05-31T12:00:00Z", "DebitAmount": 605.0, "CurrencyCode": "USD"}
    rows = [("LedgerJournalHeaders", twin), ("LedgerJournalLines", line)]
    sim.set_work(
        "USRT",
        month="2026-05",
        work=[{"kind": "row", "number": name, "set": name, "values": row} for name, row in rows],
    )
    found = read(sim)
    invoices = fact_of(found, "USRT", DOCUMENTS, "customer_invoices")
    assert (found.count("USRT"), invoices.count, invoices.left_out) == (1, 0, {"counted_elsewhere": 1})


# Modules


def test_documents_of_journals_and_pending_invoices_are_one_part(sim: Running) -> None:
    work(sim, "module_journals", "documents")
    documents = read(sim)
    may, june = (fact_of(documents, "USRT", DOCUMENTS, "vendor_invoices", month=month) for month in (5, 6))
    assert (may.count, may.apart, june.count, june.apart) == (4, {}, 1, {"approved_waiting": 1})
    assert may.coverage == ("VendInvoiceJournalHeaders", "VendInvoiceJournalLines", "VendorInvoiceHeaders")
    assert may.items[0].number == "NW-5541"
    assert documents.count("USRT", DOCUMENTS, "customer_invoices") == 2
    assert documents.count("USRT") == 0  # none of them is a general journal


def test_an_invoice_dated_in_may_and_posted_in_june_is_late_and_there_may_be_more(sim: Running) -> None:
    work(sim, "documents")
    late = fact_of(read(sim), "USRT", BlockerKind.LATE_INVOICES)
    assert (late.count, late.at_least) == (1, True)
    assert [(row.number, row.on) for row in late.items] == [("NW-5542", date(2026, 6, 4))]


def test_a_part_of_which_one_set_is_missing_is_a_lower_bound(sim: Running) -> None:
    work(sim, "module_journals", "documents")
    sim.set_profile(missing_sets="VendorInvoiceHeaders")
    may = fact_of(read(sim), "USRT", DOCUMENTS, "vendor_invoices")
    assert (may.count, may.at_least) == (1, True)
    assert may.coverage == ("VendInvoiceJournalHeaders", "VendInvoiceJournalLines")


def test_the_journals_of_modules_count_by_document_or_by_journal(sim: Running) -> None:
    work(sim, "module_journals")
    modules = read(sim, 1)
    assert [(kind, part, modules.count("USRT", kind, part)) for kind, part, _ in MODULES] == list(MODULES)
    depreciation = fact_of(modules, "USRT", BlockerKind.DEPRECIATION_NOT_POSTED)
    assert (depreciation.unit, depreciation.items[0].number) == (CountedUnit.JOURNALS, "USRT-000605")


def test_journals_of_assets_that_depreciate_nothing_are_left_out(sim: Running) -> None:
    work(sim, "module_journals")
    sim.fault(
        "wrong_type",
        match="AssetJournal",
        field="TransactionType",
        value="Acquisition",
        company="USRT",
        rows=9,
    )
    fact = fact_of(read(sim, 1), "USRT", BlockerKind.DEPRECIATION_NOT_POSTED)
    assert (fact.count, fact.left_out) == (0, {"not_depreciation": 1})


def test_inventory_journals_have_no_date_so_that_no_period_is_clear_while_there_are_some(
    sim: Running,
) -> None:
    work(sim, "module_journals")
    journals = read(sim, 1)
    part = (DOCUMENTS, "inventory_journals")
    assert fact_of(journals, "USRT", *part, month=None).count == 4
    for code, at_least in (("USRT", True), ("NLDT", False)):
        may = fact_of(journals, code, *part)
        assert (may.count, may.at_least) == (0, at_least)


# The last turn


def test_statements_of_both_reconciliations_count_until_they_are_reconciled(sim: Running) -> None:
    work(sim, "bank_open")
    bank = read(sim, 2)
    may = fact_of(bank, "USRT", BlockerKind.BANK_NOT_RECONCILED)
    assert (may.count, may.unit) == (2, CountedUnit.STATEMENTS)
    assert {row.number for row in may.items} == {"27", "ST-0005"}
    assert bank.count("USRT", BlockerKind.BANK_NOT_RECONCILED, month=4) == 0


def test_a_statement_through_midnight_of_another_zone_belongs_to_its_last_day(sim: Running) -> None:
    work(sim, "bank_open")
    for value in ("2026-06-01T03:59:59Z", "2026-05-31T14:59:59Z", "2026-05-31T00:00:00Z"):
        sim.clear()
        work(sim, "bank_open")
        sim.fault("wrong_type", match="BankStmtIso", company="USRT", field="ToDateTime", value=value)
        row = fact_of(read(sim, 2), "USRT", BlockerKind.BANK_NOT_RECONCILED).items
        assert {one.on for one in row} == {date(2026, 5, 31)}


def test_approvals_wait_in_no_period(sim: Running) -> None:
    work(sim, "in_use_and_blocked")
    approvals = read(sim, 2)
    waiting = fact_of(approvals, "USRT", BlockerKind.APPROVALS_WAITING, month=None)
    assert (waiting.count, waiting.items[0].number, waiting.items[0].owner) == (
        1,
        "Approve journal USRT-000552",
        "m.hart",
    )
    may = fact_of(approvals, "USRT", BlockerKind.APPROVALS_WAITING)
    assert (may.count, may.at_least) == (0, True)


def test_posted_journals_that_are_reversed_in_the_month_are_counted_once(sim: Running) -> None:
    reversals = read(sim, 2)
    counts = {
        code: reversals.count(code, BlockerKind.ACCRUAL_REVERSALS)
        for code in ("UKHC", "UKRT", "USRT", "NLDT")
    }
    assert counts == {"UKHC": 0, "UKRT": 8, "USRT": 0, "NLDT": 14}
    sim.set_work("NLDT", change={"NLDT-000301": {"posted": False}})
    assert read(sim, 2).count("NLDT", BlockerKind.ACCRUAL_REVERSALS) == 13


def test_vouchers_belong_to_the_period_that_their_entry_names(sim: Running) -> None:
    work(sim, "not_transferred")
    vouchers = read(sim, 2)
    counts = [
        vouchers.count("USRT", BlockerKind.SUBLEDGER_NOT_TRANSFERRED, month=month) for month in (4, 5, 6)
    ]
    assert counts == [0, 2, 1]


def test_sets_that_are_not_public_are_not_readable(sim: Running) -> None:
    sim.set_profile(bi_sets="hidden")
    facts = read(sim, 1, 2)
    unread = {
        (fact.kind.value, fact.part, fact.doubt)
        for fact in facts.facts
        if fact.count is None and fact.entity == 4
    }
    not_shown = {"recurring_due", "revaluation_not_run", "inventory_not_closed", "costs_not_adjusted"}
    assert unread == {(kind, "", Doubt.NOT_SHOWN) for kind in not_shown} | {
        ("unposted_documents", "inventory_journals", Doubt.NOT_PUBLISHED),
        ("bank_not_reconciled", "", Doubt.NOT_PUBLISHED),
        ("subledger_not_transferred", "", Doubt.NOT_PUBLISHED),
    }


# Row security, budgets, links


def test_a_company_without_journal_names_is_hidden_and_nothing_of_it_is_zero(sim: Running) -> None:
    sim.set_profile(row_security="nldt")
    hidden = read(sim, *range(FINOPS_TURNS))
    own = [fact for fact in hidden.facts if fact.entity == 4]
    assert {fact.count for fact in own} == {None}
    assert {fact.doubt for fact in own} == {Doubt.REFUSED, Doubt.NOT_SHOWN}
    assert hidden.gaps == set()
    assert hidden.count("UKHC") == 0


@pytest.mark.parametrize("turn", range(FINOPS_TURNS))
def test_a_turn_makes_at_most_eight_requests(turn: int, sim: Running) -> None:
    work(sim, "module_journals", "documents", "bank_open", "not_transferred")
    read(sim, turn)
    assert len(sim.requests("/data")) == 8


def test_where_expanding_is_refused_lines_are_read_by_batches_of_25(sim: Running) -> None:
    journals = [
        {"kind": "journal", "number": f"X-{number:03}", "lines": [{"count": 2, "debit": 5}]}
        for number in range(43)
    ]
    sim.set_work("USRT", month="2026-05", situation=[], work=journals)
    whole = read(sim)
    assert whole.count("USRT") == 86
    sim.set_profile(finops_expand="refused")
    sim.call("DELETE", "requests")
    assert read(sim).facts == whole.facts
    # 43 journals of this company and 8 of another in 3 chains, and one request that was refused.
    assert len(sim.requests("/data/LedgerJournalLines")) == 3
    assert len(sim.requests("/data")) == 8 + 1 + 3


def test_journals_with_their_lines_come_200_at_a_time(sim: Running) -> None:
    journals = [
        {"kind": "journal", "number": f"X-{number:03}", "lines": [{"count": 1, "debit": 5}]}
        for number in range(405)
    ]
    sim.set_work("USRT", month="2026-05", situation=[], work=journals)
    assert read(sim).count("USRT") == 405
    assert len(sim.requests("LedgerJournalHeaders")) == 3
    assert len(sim.requests("/data")) == 8 + 2


@pytest.mark.parametrize("turn", [1, 2])
def test_the_other_turns_bring_the_same_without_expanding(turn: int, sim: Running) -> None:
    work(sim, "module_journals", "bank_open", "accruals_8")
    whole = read(sim, turn)
    sim.set_profile(finops_expand="refused")
    assert read(sim, turn).facts == whole.facts


def test_a_page_that_is_too_heavy_is_read_without_its_lines(sim: Running) -> None:
    whole = read(sim)
    sim.fault("huge_page", match="$expand=LedgerJournalLine", megabytes=21)
    assert read(sim).facts == whole.facts


def test_links_lead_to_the_environment_over_https_only() -> None:
    host = "https://contoso.operations.dynamics.com"
    assert finops_work_link(host, "ukrt", "LedgerJournalTable3") == f"{host}/?cmp=ukrt&mi=LedgerJournalTable3"
    assert finops_work_link(f"{host}:8443", "a&b") == f"{host}:8443/?cmp=a%26b"
    for unsafe in (
        "http://contoso.example",
        "https://user@contoso.example",
        "https://x:y",
        "javascript:alert(1)",
    ):
        assert finops_work_link(unsafe, "ukrt") is None
