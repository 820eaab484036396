"""Inventory runs by file: the golden cases of 08-blockers-and-tasks 8, at the command that saves a file."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from alerts.management.demo_runs import send_demo_runs
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS
from closing.close_tasks.erp_checks import CheckVerdict
from entities.models import Connection, LegalEntity, Person
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import adopt, generate, task_of
from tests.worklist.work_files import RUNS, csv_file, reversal, run, work, workbook_file
from tests.worklist.work_reads import begin_work, fact, record_facts
from worklist.models import BlockerPolicyVersion, BlockerReading, InventoryRunFact
from worklist.recording.work_file import SentFile
from worklist.task_store.task_checks import check_results

pytestmark = pytest.mark.django_db
MARCH, APRIL = run("2026-03-31", "2026-04-03 18:05"), run("2026-04-30", "2026-05-05 18:05")
MAY_CLOSE = run("2026-05-31", "2026-06-03 18:05")
REVERSED_MAY = reversal("2026-05-31", "2026-06-04 09:00")


def save(folder: Path, *rows: dict[str, object], more: tuple[str, ...] = ()) -> str:
    return command(folder, csv_file(RUNS, *rows), *more)


def command(folder: Path, file: SentFile, *more: str) -> str:
    path = folder / file.name
    path.write_bytes(file.content)
    out = StringIO()
    call_command("import_work", str(path), "--by", "ann@meridian.example", *more, stdout=out)
    return out.getvalue()


def open_months(code: str = "NLDT") -> list[int]:
    """The months of 2026 for which an inventory close is missing."""
    rows = BlockerReading.objects.filter(
        entity__code=code, kind=BlockerKind.INVENTORY_NOT_CLOSED, superseded_at=None, count=1
    )
    return sorted(row.period.reporting_month.month for row in rows.select_related("period") if row.period)


def test_a_reversal_of_the_last_close_brings_its_blocker_back(ann: Person, folder: Path) -> None:
    save(folder, MARCH, APRIL, MAY_CLOSE)
    assert open_months() == [6, 7]
    out = save(folder, REVERSED_MAY)
    assert open_months() == [5, 6, 7]
    assert "EU DTC BV: Inventory closed through: 31 May 2026 > 30 April 2026: changed" in out


def test_a_reversal_of_an_earlier_close_is_refused_with_the_chain(ann: Person, folder: Path) -> None:
    save(folder, MARCH, APRIL, MAY_CLOSE)
    with pytest.raises(CommandError, match=r"1 row cannot be taken.* Nothing was saved."):
        save(folder, reversal("2026-03-31", "2026-06-04 09:00"))
    out = save_in_part(folder, reversal("2026-03-31", "2026-06-04 09:00"), REVERSED_MAY)
    assert (
        "Inventory runs, row 2, Reverses: Only the last close can be reversed; to reverse March: May, April, March."
        in out
    )
    assert open_months() == [5, 6, 7]


def save_in_part(folder: Path, *rows: dict[str, object]) -> str:
    return save(folder, *rows, more=("--good-rows",))


def test_the_chain_in_one_file_is_taken_in_the_order_of_the_runs(ann: Person, folder: Path) -> None:
    chain = [
        reversal("2026-03-31", "2026-06-04 11:00"),
        reversal("2026-05-31", "2026-06-04 09:00"),
        reversal("2026-04-30", "2026-06-04 10:00"),
    ]
    save(folder, *chain, MAY_CLOSE, APRIL, MARCH)
    assert open_months() == [1, 2, 3, 4, 5, 6, 7]


def test_a_reversal_of_an_unknown_run_is_refused(ann: Person, folder: Path) -> None:
    out = save_in_part(folder, MARCH, REVERSED_MAY)
    assert "row 3, Reverses: No inventory close through 31 May 2026 is on record." in out
    assert InventoryRunFact.objects.count() == 1


def test_a_recalculation_and_a_run_that_is_not_done_are_no_close(ann: Person, folder: Path) -> None:
    save(folder, APRIL, run("2026-05-31", "2026-06-03 18:05", "recalculation"))
    assert open_months() == [5, 6, 7]
    save(folder, run("2026-05-31", "2026-06-04 18:05", Status="running"))
    assert open_months() == [5, 6, 7]
    save(folder, run("2026-05-31", "2026-06-04 18:05"))
    assert open_months() == [6, 7]
    with pytest.raises(CommandError):
        save(folder, run("2026-05-31", "2026-06-04 18:05", Status="stopped"))


def test_one_close_covers_the_months_before_it(ann: Person, folder: Path) -> None:
    save(folder, APRIL, run("2026-06-30", "2026-06-12 08:00"))
    assert open_months() == [7]


def test_a_close_that_is_reported_as_reversed_has_to_be_the_last(ann: Person, folder: Path) -> None:
    save(folder, APRIL, MAY_CLOSE)
    out = save_in_part(folder, APRIL | {"Status": "reversed"}, MAY_CLOSE)
    assert "row 2, Status: Only the last close can be reversed; to reverse April: May, April." in out
    save(folder, MAY_CLOSE | {"Status": "reversed"})
    assert open_months() == [5, 6, 7]


def test_business_central_reopens_later_periods_and_the_preview_says_so(
    source: Connection, ann: Person, folder: Path
) -> None:
    Connection.objects.update(kind="business_central")
    save(folder, MARCH, APRIL, MAY_CLOSE)
    out = save(folder, reversal("2026-03-31", "2026-06-04 09:00"))
    assert "added (reopening March reopens April and May as well)" in out
    assert open_months() == [1, 2, 3, 4, 5, 6, 7]


def test_the_same_file_again_stores_no_run(ann: Person, folder: Path) -> None:
    save(folder, MARCH, APRIL, MAY_CLOSE)
    out = save(folder, MARCH, APRIL, MAY_CLOSE)
    assert out.count(": done: unchanged") == 3
    assert InventoryRunFact.objects.count() == 3


def test_a_file_changes_nothing_when_it_is_only_tried(ann: Person, folder: Path) -> None:
    out = save(folder, MARCH, more=("--dry-run",))
    assert "closing through 31 March 2026: done: added" in out
    assert out.endswith("Dry run: nothing was saved.\n")
    assert not InventoryRunFact.objects.exists()
    assert not BlockerReading.objects.exists()


def test_an_erp_that_shows_no_runs_leaves_the_file_and_one_that_does_stands(
    source: Connection, ann: Person, folder: Path
) -> None:
    kind = BlockerKind.INVENTORY_NOT_CLOSED
    attempt = begin_work(source, "2026-06-12 11:00")
    record_facts(attempt, [fact("NLDT", kind, None, attempt.started_at)])
    save(folder, APRIL)
    attempt = begin_work(source, "2026-06-12 12:30")
    record_facts(attempt, [fact("NLDT", kind, None, attempt.started_at)])
    assert open_months() == [5, 6, 7]
    attempt = begin_work(source, "2026-06-12 12:40")
    record_facts(attempt, [fact("NLDT", kind, 0, attempt.started_at)])
    assert open_months() == [6, 7]


def test_the_board_warns_near_the_deadline_and_names_the_remedies_of_a_log(ann: Person, folder: Path) -> None:
    needs_inventory_close()
    save(folder, APRIL)
    assert blocker() == ("warning", "no inventory close through 31 May 2026, closed through 30 Apr")
    save(folder, MAY_CLOSE | {"Warnings": "3"})
    assert blocker() == (
        "note",
        (
            "3 warnings in the log of the inventory close: update receipts financially, advance the date"
            " or revise the procedure"
        ),
    )


def needs_inventory_close() -> None:
    BlockerPolicyVersion.objects.create(
        entity=LegalEntity.objects.get(code="NLDT"),
        body={"inventory_close_needed": "yes"},
        set_at=utc("2026-01-01 00:00"),
    )


def blocker() -> tuple[str, str]:
    board = take_snapshot(LegalEntity.objects.filter(code="NLDT"), MAY, utc("2026-06-12 12:05"))
    value = board.rows[0].get(BLOCKERS)
    assert value is not None
    [dated] = value.blockers
    return dated.blocker.level.value, dated.blocker.because


def test_the_log_of_a_close_supports_its_task(ann: Person, folder: Path) -> None:
    needs_inventory_close()
    adopt()
    generate("2026-06-12 11:00")
    task = task_of("inv-log")

    def verdict() -> CheckVerdict:
        return check_results([task], utc("2026-06-12 12:05"))[task.pk].verdict

    save(folder, APRIL)
    assert verdict() is CheckVerdict.NOT_READABLE
    save(folder, MAY_CLOSE | {"Warnings": "3"})
    assert verdict() is CheckVerdict.SHOWS_WORK
    save(folder, MAY_CLOSE)
    assert verdict() is CheckVerdict.SUPPORTS


def test_runs_are_never_changed_or_deleted(ann: Person, folder: Path) -> None:
    save(folder, MARCH)
    run_fact = InventoryRunFact.objects.get()
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")
    for statement in (
        f"UPDATE worklist_inventoryrunfact SET warnings = 9 WHERE id = {run_fact.pk}",
        "DELETE FROM worklist_inventoryrunfact",
        "TRUNCATE worklist_inventoryrunfact",
    ):
        with pytest.raises(DatabaseError, match="never updated"), transaction.atomic():
            connection.cursor().execute(statement)


def test_a_workbook_may_hold_runs_beside_counts(ann: Person, folder: Path) -> None:
    through = APRIL | {"Through": date(2026, 4, 30)}
    command(folder, workbook_file({"Inventory runs": [through], "Unfinished work": [work()]}))
    assert open_months() == [5, 6, 7]
    assert BlockerReading.objects.get(kind="unposted_journals").count == 61


def test_the_demo_misses_one_close_and_sends_its_runs_once(ann: Person) -> None:
    Person.objects.update(email="finance@meridian.example")
    now = utc("2026-06-12 12:00")
    sent = send_demo_runs(now)
    assert sent is not None
    assert (sent.rows, sent.problems) == (8, [])
    assert (open_months("NLDT"), open_months("UKRT")) == ([5, 6, 7], [6, 7])
    assert send_demo_runs(now) is None
