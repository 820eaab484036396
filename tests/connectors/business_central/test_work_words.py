"""From the ERP to the words on a row: the golden cases of Business Central (08-blockers-and-tasks 5)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import Blocker, BlockerLevel
from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.models import Connection, LegalEntity
from periods.snapshot.builder import take_snapshot
from simulator.run import Running
from tests.builders import utc
from worklist.models import BlockerReading, WorkAttempt

pytestmark = pytest.mark.django_db

MAY = date(2026, 5, 1)
LINES = BlockerKind.UNPOSTED_JOURNALS
DOCUMENTS = BlockerKind.UNPOSTED_DOCUMENTS
WARNING, NOTE, NOT_READABLE = BlockerLevel.WARNING, BlockerLevel.NOTE, BlockerLevel.NOT_READABLE


def read(
    connection: Connection, sim: Running, at: str, *situations: str, turns: int | None = None
) -> datetime:
    """Read the periods and every turn of work at a moment, with these situations of Ireland Operations."""
    moment = utc(at)
    sim.set_clock(moment)
    if situations:
        sim.set_work("IEOP", month="2026-05", situation=list(situations))
    sync_connection(connection, moment)
    for _ in range(work_turns()["business_central"] if turns is None else turns):
        moment += timedelta(seconds=20)
        assert sync_work(connection, moment).attempt is not None
    return moment + timedelta(seconds=20)


def blockers(code: str, as_of: datetime) -> dict[tuple[BlockerKind, str], Blocker]:
    board = take_snapshot(LegalEntity.objects.all(), MAY, as_of)
    row = next(row for row in board.rows if row.code == code)
    shown = row.get(BLOCKERS)
    return (
        {} if shown is None else {(one.blocker.kind, one.blocker.part): one.blocker for one in shown.blockers}
    )


def words(
    shown: dict[tuple[BlockerKind, str], Blocker], kind: BlockerKind, part: str = ""
) -> tuple[BlockerLevel, str]:
    blocker = shown[kind, part]
    return blocker.level, blocker.because


def test_the_work_that_the_standard_api_shows(central: Connection, sim: Running) -> None:
    shown = blockers(
        "IEOP",
        read(
            central, sim, "2026-06-03 12:00", "seven_lines", "purchase_invoices_4", "sales_invoices_3_and_2"
        ),
    )
    assert words(shown, LINES) == (NOTE, "at least 7 lines not posted")
    assert words(shown, DOCUMENTS, DocumentPart.VENDOR_INVOICES) == (
        NOTE,
        "4 vendor invoices not posted, due Mon 8 Jun",
    )
    assert words(shown, DOCUMENTS, DocumentPart.CUSTOMER_INVOICES) == (
        NOTE,
        "at least 3 customer invoices not posted, due Mon 8 Jun",
    )
    assert words(shown, DOCUMENTS, DocumentPart.CUSTOMER_MEMOS) == (
        NOTE,
        "none seen; released but unposted ones look posted",
    )
    assert words(shown, BlockerKind.RECURRING_DUE) == (
        NOT_READABLE,
        "Business Central does not show recurring journals",
    )
    assert words(shown, BlockerKind.APPROVALS_WAITING) == (NOTE, "1 item waiting for approval")
    assert words(shown, BlockerKind.REVALUATION_NOT_RUN) == (
        NOT_READABLE,
        "Business Central shows no rows for exchange rate revaluations",
    )


def test_two_working_days_before_the_deadline_the_same_invoices_warn(
    central: Connection, sim: Running
) -> None:
    shown = blockers("IEOP", read(central, sim, "2026-06-04 12:00", "purchase_invoices_4", turns=2))
    assert words(shown, DOCUMENTS, DocumentPart.VENDOR_INVOICES) == (
        WARNING,
        "4 vendor invoices not posted, due Mon 8 Jun",
    )


def test_the_companion_shows_what_recurs_and_what_is_left_to_run(central: Connection, sim: Running) -> None:
    sim.set_profile(bc_companion="present")
    situations = (
        "seven_lines",
        "recurring",
        "inventory_open",
        "bank_reconciliation_open",
        "late_invoices_12",
    )
    shown = blockers("IEOP", read(central, sim, "2026-06-12 12:00", *situations))
    assert words(shown, LINES) == (NOTE, "7 lines not posted")
    assert words(shown, BlockerKind.RECURRING_DUE) == (WARNING, "6 recurring lines not posted, due Mon 8 Jun")
    assert words(shown, BlockerKind.LATE_INVOICES) == (
        NOTE,
        "12 invoices dated in May, to post in June: accrue",
    )
    assert words(shown, BlockerKind.COSTS_NOT_ADJUSTED) == (NOTE, "12 cost entries not adjusted")
    assert words(shown, BlockerKind.SUBLEDGER_NOT_TRANSFERRED) == (
        NOTE,
        "37 entries not transferred to the ledger",
    )
    assert words(shown, BlockerKind.BANK_NOT_RECONCILED) == (
        NOTE,
        "at least 1 bank statement not reconciled",
    )


def test_finished_work_leaves_the_row(central: Connection, sim: Running) -> None:
    before = read(central, sim, "2026-06-12 12:00", "seven_lines", "purchase_invoices_4", turns=2)
    assert (DOCUMENTS, DocumentPart.VENDOR_INVOICES) in blockers("IEOP", before)
    sim.set_work("IEOP", finish="*")
    after = read(central, sim, "2026-06-12 12:30", turns=5)
    shown = blockers("IEOP", after)
    assert (DOCUMENTS, DocumentPart.VENDOR_INVOICES) not in shown
    assert words(shown, LINES) == (NOTE, "none seen; customer and vendor lines are hidden")
    assert (DOCUMENTS, DocumentPart.VENDOR_INVOICES) in blockers("IEOP", before)  # as known then


def test_work_in_a_closed_period_is_left_behind(central: Connection, sim: Running) -> None:
    at = "2026-06-12 12:00"
    sim.set_clock(utc(at))
    sim.set_state("IEOP", allow_posting_from="2026-06-01")
    shown = blockers("IEOP", read(central, sim, at, "purchase_invoices_4", turns=2))
    assert words(shown, DOCUMENTS, DocumentPart.VENDOR_INVOICES) == (
        WARNING,
        "4 vendor invoices left behind in a closed period; re-date or reopen",
    )


def test_an_environment_that_goes_away_in_the_middle_leaves_nothing_half_written(
    central: Connection, sim: Running
) -> None:
    before = read(central, sim, "2026-06-12 12:00", turns=2)
    stored = set(BlockerReading.objects.values_list("pk", "superseded_at"))
    sim.set_work("IEOP", finish="*")
    sim.fault("throttled", match="/jobQueueLogEntries", after=1, retry_after=600)
    sim.fault("throttled", match="/intercompanyInboxTransactions", after=1, retry_after=600)
    for minute in (1, 2):
        result = sync_work(central, before + timedelta(minutes=minute))
        assert result.attempt is not None
        assert (result.attempt.outcome, result.attempt.turn) == ("unavailable", minute + 1)
        assert result.attempt.retry_at is not None
    assert set(BlockerReading.objects.values_list("pk", "superseded_at")) == stored


def test_a_turn_that_fails_holds_up_no_other(central: Connection, sim: Running) -> None:
    before = read(central, sim, "2026-06-12 12:00", turns=0)
    sim.fault("throttled", match="/jobQueueLogEntries", retry_after=600)
    for minute in range(1, 7):
        sync_work(central, before + timedelta(minutes=minute))
    attempts = WorkAttempt.objects.order_by("started_at").values_list("turn", "outcome")
    assert [turn for turn, _ in attempts] == [0, 1, 2, 3, 4, 0]
    assert {outcome for turn, outcome in attempts if turn == 2} == {"unavailable"}
