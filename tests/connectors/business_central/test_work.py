"""The standard API of Business Central: unposted work by its rules, and what it hides (08-blockers-and-tasks 5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from closing.blockers.work_readings import WorkReadResult
from connectors.business_central.links import work_link
from connectors.work_source import Coverage
from infra.outbound.errors import ServerUnavailable
from simulator.run import Running
from tests.connectors.business_central.central_reads import (
    APRIL,
    BC,
    DOCUMENTS,
    JOURNALS,
    JUNE,
    PARTNERS,
    RUNS,
    fact,
    read_turn,
    read_turns,
)
from tests.connectors.simulator_sources import settings
from tests.connectors.work_reads import NOON, SPRING, work_refs, work_source

BOTH = ("ESIB", "IEOP")
IEOP_PATH = "(22222222-3333-4444-5555-666666666666)/"
REVALUATION = BlockerKind.REVALUATION_NOT_RUN
COSTS = BlockerKind.COSTS_NOT_ADJUSTED


def read(sim: Running, turn: int, *situations: str, **changes: Any) -> WorkReadResult:
    """A turn of Ireland Operations, whose work is these situations; without any, as it is."""
    if situations:
        sim.set_work("IEOP", month="2026-05", situation=list(situations))
    return read_turn(sim, turn, **changes)


def documents(result: WorkReadResult, part: str, month: int | None = 5) -> BlockerFact:
    return fact(result, BlockerKind.UNPOSTED_DOCUMENTS, part, month)


def test_visible_lines_are_a_lower_bound(sim: Running) -> None:
    result = read(sim, JOURNALS, "seven_lines")
    lines = fact(result, BlockerKind.UNPOSTED_JOURNALS)
    assert (lines.count, lines.at_least, lines.doubt) == (7, True, Doubt.PARTY_LINES_HIDDEN)
    assert lines.coverage == ("journals GENERAL",)
    assert len(lines.ids) == len(lines.items) == 7
    assert {item.on for item in lines.items} == {date(2026, 5, 31)}
    assert {item.currency for item in lines.items} == {None}  # no set says the currency of a line
    assert fact(result, BlockerKind.UNPOSTED_JOURNALS, month=APRIL).count == 0
    recurring = fact(result, BlockerKind.RECURRING_DUE)
    assert (recurring.count, recurring.doubt) == (None, Doubt.NOT_SHOWN)


def test_each_named_template_is_one_request_and_a_recurring_one_is_never_asked_for(sim: Running) -> None:
    sim.set_work("IEOP", month="2026-05", situation=["other_templates", "recurring"])
    asked = ("ALLGEMEIN", "FINANZ")
    lines = fact(read(sim, JOURNALS, journal_templates=asked), BlockerKind.UNPOSTED_JOURNALS)
    assert (lines.count, lines.coverage) == (8, ("journals ALLGEMEIN", "journals FINANZ"))
    queries = [one["query"] for one in sim.requests("/journals?")]
    assert len(queries) == 2
    assert not [query for query in queries if "RECURRING" in query]


def test_a_template_that_the_company_does_not_have_shows_nothing_and_not_zero(sim: Running) -> None:
    lines = fact(read(sim, JOURNALS, "other_templates"), BlockerKind.UNPOSTED_JOURNALS)
    assert (lines.count, lines.doubt) == (None, Doubt.NO_ROWS)
    sim.set_work("IEOP", month="2026-05", situation=["seven_lines"])
    sim.set_work("IEOP", finish="*")
    posted = fact(read(sim, JOURNALS), BlockerKind.UNPOSTED_JOURNALS)
    assert (posted.count, posted.at_least) == (0, True)  # the batch stays


def test_lines_without_a_date_and_outside_every_period_are_of_no_period(sim: Running) -> None:
    lines = [{"count": 2, "debit": 5, "day": "none"}, {"count": 1, "debit": 5, "day": "2031-12-31"}]
    journal = {"kind": "journal", "number": "ODD", "name": "GENERAL", "lines": lines}
    sim.set_work("IEOP", month="2026-05", situation=[], work=[journal])
    result = read(sim, JOURNALS)
    undated = fact(result, BlockerKind.UNPOSTED_JOURNALS, month=None)
    assert (undated.count, undated.at_least) == (3, True)
    assert fact(result, BlockerKind.UNPOSTED_JOURNALS).count == 0


def test_payments_come_from_their_own_sets_which_show_one_template_each(sim: Running) -> None:
    result = read(sim, JOURNALS, "payments")
    for part, many in (("customer_payments", 2), ("vendor_payments", 3)):
        payments = documents(result, part)
        assert (payments.count, payments.at_least, payments.unit) == (many, True, CountedUnit.DOCUMENTS)


def test_what_no_set_shows_is_not_readable(sim: Running) -> None:
    result = read(sim, JOURNALS)
    for part in ("inventory_journals", "project_journals", "expense_journals"):
        assert (documents(result, part).count, documents(result, part).doubt) == (None, Doubt.NOT_SHOWN)
    assert fact(result, BlockerKind.ACCRUAL_REVERSALS).count is None


def test_purchase_invoices_are_complete(sim: Running) -> None:
    result = read(sim, DOCUMENTS, "purchase_invoices_4")
    invoices = documents(result, "vendor_invoices")
    # Two companies, four invoices and an approval; what was posted in its month is not asked for.
    assert result.rows == 2 + 4 + 1
    assert (invoices.count, invoices.at_least, invoices.doubt) == (4, False, None)
    assert [item.number for item in invoices.items] == ["PI-1080", "PI-1077", "PI-1078", "PI-1079"]
    assert {item.currency for item in invoices.items} == {"EUR"}
    # Documents of several currencies are never added.
    assert (invoices.amount, invoices.currency) == (None, None)


@pytest.mark.parametrize("options", ["encoded", "plain"])
def test_released_sales_invoices_and_memos_are_not_seen_and_the_count_says_so(
    sim: Running, options: str
) -> None:
    sim.set_profile(bc_options=options)
    result = read(sim, DOCUMENTS, "sales_invoices_3_and_2", "memos")
    for part, many in (("customer_invoices", 3), ("customer_memos", 1), ("vendor_memos", 1)):
        shown = documents(result, part)
        assert (shown.count, shown.at_least, shown.doubt) == (many, True, Doubt.RELEASED_LOOK_POSTED)
        assert documents(result, part, APRIL).at_least


def test_no_request_joins_two_properties_by_or_or_names_a_word_with_a_blank(sim: Running) -> None:
    read_turns(sim)
    for one in sim.requests(IEOP_PATH):
        condition = one["query"]
        assert "Review" not in condition
        joined = {part.strip("( ").split("%20")[0] for part in condition.split("%20or%20")[1:]}
        assert len(joined) <= 1


def test_an_unknown_status_is_a_gap_and_not_taken_for_posted(sim: Running) -> None:
    sim.fault("unknown_enum", match=f"{IEOP_PATH}salesInvoices?", field="status")
    result = read(sim, DOCUMENTS)
    [of_invoices] = [gap for gap in result.gaps if gap.part == "customer_invoices"]
    assert "status is a word that the contract does not know: 'Frozen'" in of_invoices.words
    assert not [one for one in result.facts if one.part == "customer_invoices"]
    assert documents(result, "vendor_invoices").count == 4


def test_late_invoices_are_those_dated_in_the_period_and_posted_after_it(sim: Running) -> None:
    result = read(sim, DOCUMENTS, "late_invoices_12")
    late = fact(result, BlockerKind.LATE_INVOICES)
    assert (late.count, late.at_least) == (12, False)  # three of them are posted in June
    assert {item.on for item in late.items} == {date(2026, 5, 29), date(2026, 5, 30)}
    assert documents(result, "vendor_invoices", JUNE).count == 9
    for month in (APRIL, JUNE):  # the ends of other periods are not asked for
        other = fact(result, BlockerKind.LATE_INVOICES, month=month)
        assert (other.count, other.at_least) == (0, True)


def test_cancelled_invoices_are_not_late(sim: Running) -> None:
    sim.set_work("IEOP", month="2026-05", situation=[])
    values = {
        "id": "00000000-0000-4000-8000-000000000001",
        "number": "PI-9",
        "invoiceDate": "2026-05-20",
        "postingDate": "2026-06-02",
        "status": "Canceled",
    }
    row = {"kind": "row", "number": "a", "set": "purchaseInvoices", "values": values}
    sim.set_work("IEOP", work=[row])
    assert fact(read(sim, DOCUMENTS), BlockerKind.LATE_INVOICES).count == 0
    sim.set_work("IEOP", work=[row | {"values": values | {"status": "Paid"}}])
    assert fact(read(sim, DOCUMENTS), BlockerKind.LATE_INVOICES).count == 1


def test_an_approval_counts_once_in_the_period_of_its_document(sim: Running) -> None:
    result = read(sim, DOCUMENTS, "purchase_invoices_4")
    waiting = fact(result, BlockerKind.APPROVALS_WAITING)
    assert (waiting.count, waiting.at_least) == (1, False)
    assert [(item.number, item.on, item.owner) for item in waiting.items] == [
        ("PI-1077", date(2026, 5, 30), "M.HART")
    ]
    later = {
        "id": "00000000-0000-4000-8000-000000000002",
        "tableId": 38,
        "documentType": "Invoice",
        "documentNumber": "PI-1077",
        "approverId": "CFO",
        "status": "Created",
    }
    sim.set_work("IEOP", work=[{"kind": "row", "number": "b", "set": "approvalEntries", "values": later}])
    again = fact(read(sim, DOCUMENTS), BlockerKind.APPROVALS_WAITING)
    assert (again.count, [item.owner for item in again.items]) == (1, ["M.HART"])


def test_an_approval_of_no_known_document_is_undated_and_makes_each_period_a_lower_bound(
    sim: Running,
) -> None:
    sim.set_work("IEOP", month="2026-05", situation=[], work=[{"kind": "approval", "number": "77"}])
    result = read(sim, DOCUMENTS)
    assert fact(result, BlockerKind.APPROVALS_WAITING, month=None).count == 1
    of_may = fact(result, BlockerKind.APPROVALS_WAITING)
    assert (of_may.count, of_may.at_least) == (0, True)


def test_an_error_after_a_success_is_not_done_and_no_entry_is_not_readable(sim: Running) -> None:
    result = read(sim, RUNS, "jobs_error_after_success")
    costs = fact(result, COSTS)
    assert (costs.count, costs.at_least) == (1, True)
    assert [item.number for item in costs.items] == ["Adjust Cost - Item Entries (Error)"]
    transfers = fact(result, BlockerKind.SUBLEDGER_NOT_TRANSFERRED)
    assert (transfers.count, transfers.at_least, transfers.unit) == (0, True, CountedUnit.ENTRIES)
    revalued = fact(result, REVALUATION)
    assert (revalued.count, revalued.at_least) == (0, False)
    # The report fills a journal; whether anybody has posted it is not shown.
    depreciation = fact(result, BlockerKind.DEPRECIATION_NOT_POSTED)
    assert (depreciation.count, depreciation.at_least) == (0, True)
    for kind in (COSTS, REVALUATION):
        april = fact(result, kind, month=APRIL)
        assert (april.count, april.doubt) == (None, Doubt.NO_ROWS)
    sim.set_work("IEOP", finish="603")
    assert fact(read(sim, RUNS), COSTS).count == 0


def test_a_run_before_the_end_of_the_period_does_not_count_for_it(sim: Running) -> None:
    job = {"kind": "job", "number": "1", "report": 596, "name": "Exch. Rate Adjustment"}
    for started, month in (("end - 1 12:00", APRIL), ("end 23:00", 5), ("next end - 1 12:00", 5)):
        sim.set_work("IEOP", month="2026-05", situation=[], work=[job | {"started": started}])
        result = read(sim, RUNS, at=datetime(2026, 7, 2, tzinfo=UTC))
        done = {one: fact(result, REVALUATION, month=one).count for one in (APRIL, 5, JUNE)}
        assert {one: count for one, count in done.items() if count is not None} == {month: 0}


def test_a_run_in_process_is_not_done(sim: Running) -> None:
    job = {"kind": "job", "number": "1", "report": 596, "started": "next start 03:00", "status": "In Process"}
    sim.set_work("IEOP", month="2026-05", situation=[], work=[job])
    assert fact(read(sim, RUNS), REVALUATION).count == 1


def test_inventory_and_bank_are_not_shown(sim: Running) -> None:
    result = read(sim, RUNS, "inventory_open", "bank_reconciliation_open")
    for kind in (BlockerKind.INVENTORY_NOT_CLOSED, BlockerKind.BANK_NOT_RECONCILED):
        assert (fact(result, kind).count, fact(result, kind).doubt) == (None, Doubt.NOT_SHOWN)


def test_documents_of_partners_in_the_inbox_are_pending(sim: Running) -> None:
    waiting = fact(read(sim, PARTNERS, "intercompany"), BlockerKind.INTERCOMPANY_PENDING)
    assert (waiting.count, waiting.at_least) == (1, True)  # the outbox is not shown
    assert [(item.number, item.owner) for item in waiting.items] == [("SI-2188", "UKRT")]
    sim.set_profile(bc_intercompany_app="absent")
    absent = fact(read(sim, PARTNERS), BlockerKind.INTERCOMPANY_PENDING)
    assert (absent.count, absent.doubt) == (None, Doubt.NOT_PUBLISHED)
    coverage = work_source(BC, sim.url).coverage()[BlockerKind.INTERCOMPANY_PENDING, ""]
    assert (coverage.coverage, coverage.doubt) == (Coverage.NOT_READABLE, Doubt.NOT_PUBLISHED)


@pytest.mark.parametrize("companion", ["absent", "present", "partly", "forbidden"])
def test_a_turn_makes_at_most_six_requests_for_each_company(sim: Running, companion: str) -> None:
    sim.set_profile(bc_companion=companion)
    for turn in range(4):
        sim.call("DELETE", "requests")
        read_turn(sim, turn, *BOTH, journal_templates=("GENERAL", "SALES", "PURCHASES", "FOURTH"))
        log = [one for one in sim.requests() if "/oauth2/" not in one["path"]]
        for company in ("(11111111-2222-3333-4444-555555555555)/", IEOP_PATH):
            assert 1 <= len([one for one in log if company in one["path"]]) <= 6
        # The list of companies, and the companion's service document.
        assert len([one for one in log if "companies(" not in one["path"]]) <= 2


def test_a_company_that_fails_alone_is_a_gap_and_a_refused_one_is_not_readable(sim: Running) -> None:
    sim.fault("status", match=f"{IEOP_PATH}purchaseInvoices?", status=500)
    result = read_turn(sim, DOCUMENTS, *BOTH)
    assert {(gap.entity, gap.part) for gap in result.gaps} == {(2, "vendor_invoices"), (2, "")}
    assert {gap.kind for gap in result.gaps if not gap.part} == {
        BlockerKind.LATE_INVOICES,
        BlockerKind.APPROVALS_WAITING,  # their days are those of the documents
    }
    assert all(gap.words.startswith("IEOP: ") for gap in result.gaps)
    other = fact(result, BlockerKind.UNPOSTED_DOCUMENTS, "vendor_invoices", code="ESIB")
    assert other.count == 0
    sim.call("DELETE", "faults")
    sim.fault("forbidden", match=IEOP_PATH)
    refused = read_turn(sim, DOCUMENTS, *BOTH)
    assert refused.gaps == ()
    assert {(one.count, one.doubt) for one in refused.facts if one.entity == 2} == {(None, Doubt.REFUSED)}


def test_an_environment_that_fails_for_every_company_raises(sim: Running) -> None:
    sim.fault("status", match="/intercompanyInboxTransactions", status=500)
    with pytest.raises(ServerUnavailable):
        read_turn(sim, PARTNERS, *BOTH)


def test_a_company_that_is_not_listed_is_a_gap_of_every_part(sim: Running) -> None:
    sim.fault("entity_missing", company="IEOP")
    result = read_turn(sim, DOCUMENTS, *BOTH)
    assert {gap.entity for gap in result.gaps} == {2}
    assert len(result.gaps) == 6
    assert {one.entity for one in result.facts} == {1}


def test_a_company_under_another_id_than_the_pinned_one_is_a_gap(sim: Running) -> None:
    [ref] = work_refs(BC, "IEOP")
    pinned = replace(ref, identity="22222222-3333-4444-5555-666666666666")
    source = work_source(BC, sim.url)
    assert source.read_work([pinned], SPRING, NOON, turn=DOCUMENTS).gaps == ()
    sim.fault("identity_changed", company="IEOP")
    [gap, *_] = source.read_work([pinned], SPRING, NOON, turn=DOCUMENTS).gaps
    assert gap.words.startswith("IEOP: A company of this name exists, but it is another one")


def test_a_link_leads_to_the_page_of_the_set_at_microsoft_only() -> None:
    at_microsoft = settings(BC, "https://api.businesscentral.dynamics.com")
    assert work_link(at_microsoft, "Ibérica SL", "purchaseInvoices") == (
        "https://businesscentral.dynamics.com/meridian.example/production?company=Ib%C3%A9rica%20SL&page=9308"
    )
    assert work_link(at_microsoft, "Ibérica SL", "fixedAssets") is None
    for elsewhere in (
        "http://api.businesscentral.dynamics.com",
        "https://erp.example",
        "https://dynamics.com.evil",
    ):
        assert work_link(settings(BC, elsewhere), "X", "purchaseInvoices") is None
