"""The optional companion of Business Central: what it shows in full, in part, or not (contracts of the companion)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from closing.blockers.work_readings import WorkReadResult
from connectors.work_source import Coverage
from simulator.run import Running
from tests.connectors.business_central.central_reads import (
    APRIL,
    BC,
    JOURNALS,
    JUNE,
    PARTNERS,
    RUNS,
    fact,
    read_turn,
    read_turns,
)
from tests.connectors.work_reads import work_source

LINES = BlockerKind.UNPOSTED_JOURNALS
RECURRING = BlockerKind.RECURRING_DUE
INVENTORY = BlockerKind.INVENTORY_NOT_CLOSED
PENDING = BlockerKind.INTERCOMPANY_PENDING
COSTS = BlockerKind.COSTS_NOT_ADJUSTED
REVALUATION = BlockerKind.REVALUATION_NOT_RUN


def read(sim: Running, turn: int, *situations: str, **step: Any) -> WorkReadResult:
    sim.set_work("IEOP", month="2026-05", situation=list(situations), **step)
    return read_turn(sim, turn)


@pytest.mark.parametrize("options", ["encoded", "plain"])
def test_the_sample_rows_of_the_contract(companion_sim: Running, options: str) -> None:
    companion_sim.set_profile(bc_options=options)
    result = read(companion_sim, JOURNALS, "seven_lines", "recurring")
    lines, recurring = fact(result, LINES), fact(result, RECURRING)
    assert (lines.count, lines.at_least, lines.doubt) == (7, False, None)
    assert (recurring.count, recurring.at_least) == (6, False)
    assert recurring.left_out == {"empty": 3, "expired": 2, "template": 5}
    assert [(item.number, item.on) for item in recurring.items] == [
        ("ACCRUALS", date(2026, 5, 31)),
        ("RENT", date(2026, 5, 31)),
    ]
    june = fact(result, RECURRING, month=JUNE)
    assert (june.count, june.left_out) == (5, {})
    companion_sim.set_work("IEOP", finish="RENT")  # posting moves its lines on by a month
    posted = fact(read_turn(companion_sim, JOURNALS), RECURRING)
    assert (posted.count, posted.left_out) == (2, {"empty": 3, "expired": 2, "template": 9})


def test_lines_on_vendors_and_customers_are_counted(companion_sim: Running) -> None:
    assert fact(read(companion_sim, JOURNALS, "hidden_lines"), LINES).count == 7


def test_items_keep_their_ids_although_the_rows_get_new_ones(companion_sim: Running) -> None:
    first = read(companion_sim, JOURNALS, "seven_lines", "recurring")
    assert first.facts == read_turn(companion_sim, JOURNALS).facts


def test_lines_that_the_job_queue_is_to_post_are_named_apart(companion_sim: Running) -> None:
    lines = [{"count": 2, "debit": 5, "queued": True}, {"count": 3, "debit": 5}]
    journal = {"kind": "journal", "number": "DEFAULT", "name": "GENERAL", "lines": lines}
    shown = fact(read(companion_sim, JOURNALS, work=[journal]), LINES)
    assert (shown.count, shown.apart, len(shown.ids)) == (5, {"in_job_queue": 1}, 2)


def test_an_unknown_recurring_method_is_a_gap(companion_sim: Running) -> None:
    companion_sim.fault("unknown_enum", match="unpostedJournalLines", field="recurringMethod", rows=9)
    result = read(companion_sim, JOURNALS, "seven_lines", "recurring")
    assert {gap.kind for gap in result.gaps} == {LINES, RECURRING}
    assert not [one for one in result.facts if one.kind in {LINES, RECURRING}]


def test_costs_inventory_and_bank(companion_sim: Running) -> None:
    result = read(companion_sim, RUNS, "inventory_open", "bank_reconciliation_open")
    costs = fact(result, COSTS)
    assert (costs.count, costs.at_least, costs.unit) == (12, False, CountedUnit.ENTRIES)
    transfers = fact(result, BlockerKind.SUBLEDGER_NOT_TRANSFERRED)
    assert (transfers.count, transfers.at_least, transfers.unit) == (37, False, CountedUnit.ENTRIES)
    inventory = fact(result, INVENTORY)
    assert (inventory.count, [item.on for item in inventory.items]) == (1, [date(2026, 4, 30)])
    assert fact(result, INVENTORY, month=APRIL).count == 0
    bank = fact(result, BlockerKind.BANK_NOT_RECONCILED)
    # A reconciliation that nobody has begun is not there.
    assert (bank.count, bank.at_least, bank.unit) == (1, True, CountedUnit.STATEMENTS)
    companion_sim.set_work("IEOP", finish="*")
    done = read_turn(companion_sim, RUNS)
    assert [fact(done, kind).count for kind in (COSTS, INVENTORY, BlockerKind.BANK_NOT_RECONCILED)] == [0] * 3


def test_a_registered_adjustment_shows_that_rates_were_adjusted_by_hand(companion_sim: Running) -> None:
    run = {"kind": "revaluation", "number": "1", "day": "end"}
    assert fact(read(companion_sim, RUNS, work=[run]), REVALUATION).count == 0
    assert fact(read(companion_sim, RUNS, work=[run | {"day": "end - 9"}]), REVALUATION).count == 1
    # The log has a good run and then a bad one; the register has the good one too.
    good = {"kind": "job", "number": "1", "report": 596, "started": "next start 01:00"}
    bad = good | {"number": "2", "started": "next start + 1 01:00", "status": "Error"}
    assert fact(read(companion_sim, RUNS, work=[run, good, bad]), REVALUATION).count == 1
    assert fact(read(companion_sim, RUNS, work=[run, bad]), REVALUATION).count == 0


def test_both_directions_of_pending_documents(companion_sim: Running) -> None:
    pending = fact(read(companion_sim, PARTNERS, "intercompany"), PENDING)
    assert (pending.count, pending.at_least) == (2, False)
    assert [item.number for item in pending.items] == ["SI-2188", "PO-0077"]


def test_a_part_of_the_companion_is_used_and_the_rest_stays_as_without_it(sim: Running) -> None:
    sim.set_profile(bc_companion="partly")
    results = read_turns(sim)
    assert [result.gaps for result in results] == [()] * 4
    assert fact(results, RECURRING).count == 6
    assert fact(results, INVENTORY).count == 1
    assert (fact(results, COSTS).count, fact(results, COSTS).at_least) == (1, True)  # from the log
    assert fact(results, BlockerKind.BANK_NOT_RECONCILED).doubt is Doubt.NOT_SHOWN
    assert fact(results, PENDING).coverage == ("intercompanyInboxTransactions",)
    coverage = work_source(BC, sim.url).coverage()
    assert coverage[RECURRING, ""].coverage is Coverage.COMPLETE
    assert coverage[BlockerKind.BANK_NOT_RECONCILED, ""].coverage is Coverage.NOT_READABLE


def test_a_companion_that_is_refused_leaves_the_standard_api(sim: Running) -> None:
    standard = read_turns(sim)
    sim.set_profile(bc_companion="forbidden")
    results = read_turns(sim)
    for kind in (LINES, COSTS, REVALUATION, PENDING):
        assert fact(results, kind) == fact(standard, kind)
    for kind in (RECURRING, INVENTORY, BlockerKind.BANK_NOT_RECONCILED):
        assert (fact(results, kind).count, fact(results, kind).doubt) == (None, Doubt.REFUSED)


def test_a_companion_that_fails_for_the_moment_is_a_gap_and_no_lower_bound(companion_sim: Running) -> None:
    companion_sim.fault("status", match="/unpostedJournalLines", status=500)
    result = read_turn(companion_sim, JOURNALS)
    assert {gap.kind for gap in result.gaps} == {LINES, RECURRING}
    assert not companion_sim.requests("/journals?")


def test_a_close_through_a_later_day_covers_the_period(companion_sim: Running) -> None:
    work = [
        {"kind": "inventory", "number": "previous", "ending": "previous end", "closed": True},
        {"kind": "inventory", "number": "next", "ending": "next end", "closed": True},
    ]
    companion_sim.set_work("IEOP", month="2026-05", situation=[], work=work)
    result = read_turn(companion_sim, RUNS, at=datetime(2026, 7, 2, tzinfo=UTC))
    assert [fact(result, INVENTORY, month=month).count for month in (APRIL, 5, JUNE)] == [0, 0, 0]
