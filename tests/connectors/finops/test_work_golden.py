"""The golden cases of 08-blockers-and-tasks 5, from the simulator through `sync_work` to the words on a row."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import Blocker, BlockerLevel
from connectors.registry import work_turns
from connectors.sync import READ_BUDGET, sync_connection
from connectors.work_sync import sync_work
from entities.models import Connection, LegalEntity
from periods.snapshot.builder import take_snapshot
from simulator.run import Running
from tests.builders import MAY, utc
from tests.db_builders import SampleGroup
from worklist.models import BlockerReading, WorkAttempt

pytestmark = pytest.mark.django_db

FIRST_OF_JUNE, LATE = utc("2026-06-01 12:00"), utc("2026-06-12 12:00")
LINES = BlockerKind.UNPOSTED_JOURNALS


BRIEF = timedelta(seconds=0.6)  # a budget that own retries soon use up


def sync(
    source: Connection, sim: Running, at: datetime, *, turns: int = 1, budget: timedelta = READ_BUDGET
) -> list[WorkAttempt]:
    """Read the states and then the work as the worker does, with the ERP's clock at that moment."""
    sim.set_clock(at)
    assert sync_connection(source, at).changes >= 0
    attempts = [sync_work(source, at, budget=budget).attempt for _ in range(turns)]
    return [attempt for attempt in attempts if attempt is not None]


def blockers(code: str, at: datetime) -> dict[tuple[BlockerKind, str], Blocker]:
    board = take_snapshot(LegalEntity.objects.all(), MAY, at)
    row = next(row for row in board.rows if row.code == code)
    found = row.get(BLOCKERS)
    return {(one.blocker.kind, one.blocker.part): one.blocker for one in (found.blockers if found else ())}


def lines(code: str, at: datetime) -> tuple[BlockerLevel, str]:
    blocker = blockers(code, at)[LINES, ""]
    return blocker.level, blocker.because


def test_61_lines_after_the_deadline_warn(group: SampleGroup, sim: Running) -> None:
    sync(group.connection, sim, LATE)
    assert lines("NLDT", LATE) == (
        BlockerLevel.WARNING,
        "61 lines not posted, above 50; 2 approved, waiting to be posted",
    )
    stored = BlockerReading.objects.get(
        entity__code="NLDT", period__reporting_month=MAY, kind=LINES.value, superseded_at=None
    )
    assert stored.body["left_out"] == {"template": 14}


def test_the_same_61_lines_are_a_note_six_working_days_before_the_deadline(
    group: SampleGroup, sim: Running
) -> None:
    sync(group.connection, sim, FIRST_OF_JUNE)
    assert lines("NLDT", FIRST_OF_JUNE) == (
        BlockerLevel.NOTE,
        "61 lines not posted, above 50; 2 approved, waiting to be posted",
    )


def test_exactly_50_lines_are_a_note(group: SampleGroup, sim: Running) -> None:
    sim.set_work("NLDT", month="2026-05", situation="unposted_50")
    sync(group.connection, sim, LATE)
    assert lines("NLDT", LATE) == (BlockerLevel.NOTE, "50 lines not posted")


def test_61_lines_are_left_behind_in_a_held_period(group: SampleGroup, sim: Running) -> None:
    sim.set_state("NLDT", period="2026-05", status="OnHold")
    sync(group.connection, sim, LATE)
    assert lines("NLDT", LATE) == (
        BlockerLevel.WARNING,
        "61 lines left behind in a held period; re-date or reopen (above 50)",
    )


def test_an_allocation_counts_a_budget_does_not_and_a_line_of_2031_is_undated(
    group: SampleGroup, sim: Running
) -> None:
    sim.set_work("NLDT", month="2026-05", situation="other_journals")
    sync(group.connection, sim, LATE)
    assert lines("NLDT", LATE) == (BlockerLevel.NOTE, "12 lines not posted")
    facts = {
        row.period and row.period.reporting_month: row
        for row in BlockerReading.objects.filter(
            entity__code="NLDT", kind=LINES.value, superseded_at=None
        ).exclude(count=0)
    }
    assert facts[MAY].body["left_out"] == {"not_ledger_work": 5}
    assert facts[None].count == 1


def test_all_turns_bring_documents_reversals_and_what_is_not_shown(group: SampleGroup, sim: Running) -> None:
    sim.set_work(
        "NLDT", month="2026-05", situation=["documents", "accruals_8", "accruals_6_more", "bank_open"]
    )
    attempts = sync(group.connection, sim, LATE, turns=work_turns()["finops"])
    assert [(attempt.turn, attempt.outcome, attempt.words) for attempt in attempts] == [
        (turn, "ok", "") for turn in range(4)
    ]
    found = blockers("NLDT", LATE)
    words = {(kind.value, part): (one.level.value, one.because) for (kind, part), one in found.items()}
    assert words["unposted_documents", "vendor_invoices"] == (
        "warning",
        "3 vendor invoices not posted, due Tue 9 Jun",
    )
    assert words["late_invoices", ""] == (
        "note",
        "at least 1 invoice dated in May, to post in June: accrue",
    )
    assert words["accrual_reversals", ""] == ("note", "14 accrual journals reversed: unusually many")
    assert words["bank_not_reconciled", ""] == ("note", "2 bank statements not reconciled")
    assert words["recurring_due", ""] == (
        "not_readable",
        "Finance & Operations does not show recurring journals",
    )
    assert ("approvals_waiting", "") not in words  # none waits anywhere, so none in May


def test_a_company_hidden_by_row_security_is_not_readable(group: SampleGroup, sim: Running) -> None:
    sim.set_profile(row_security="nldt")
    sync(group.connection, sim, LATE)
    assert lines("NLDT", LATE) == (
        BlockerLevel.NOT_READABLE,
        "Finance & Operations refused access to unposted journal lines",
    )


def test_a_turn_that_fails_stores_nothing_and_is_read_again_after_the_others(
    group: SampleGroup, sim: Running
) -> None:
    sim.fault("status", match="FreeTextInvoiceHeaders", status=503)  # the last list of the turn
    [attempt] = sync(group.connection, sim, LATE, budget=BRIEF)
    assert (attempt.outcome, attempt.turn) == ("unavailable", 0)
    assert not BlockerReading.objects.exists()
    sim.clear()
    attempts = sync(group.connection, sim, utc("2026-06-12 12:20"), turns=4)
    assert [(one.outcome, one.turn) for one in attempts] == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 0)]
    assert BlockerReading.objects.filter(kind=LINES.value, count=61).count() == 1


def test_a_row_that_cannot_be_read_stores_no_fact_of_its_company_and_part(
    group: SampleGroup, sim: Running
) -> None:
    sim.fault("wrong_type", match="LedgerJournalHeaders", company="NLDT", field="TransDate", value="soon")
    [attempt] = sync(group.connection, sim, LATE)
    assert attempt.outcome == "partial"
    assert attempt.words == (
        "nldt: A row of Finance & Operations cannot be read: TransDate is not a date: 'soon'."
    )
    stored = BlockerReading.objects.filter(kind=LINES.value).values_list("entity__code", flat=True)
    assert set(stored) == {"UKHC", "UKRT", "USRT"}
    assert BlockerReading.objects.filter(entity__code="NLDT", part="vendor_invoices").exists()
