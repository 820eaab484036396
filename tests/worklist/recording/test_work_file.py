"""Counts of unfinished work by file: which rows are taken, what they replace, and what an ERP replaces again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person
from tests.worklist.work_files import WORK, csv_file, work, workbook_file
from tests.worklist.work_reads import lines_read
from worklist.models import BlockerReading
from worklist.recording.file_scope import FileEffect
from worklist.recording.work_file import (
    ImportPlan,
    ImportResult,
    SentFile,
    WorkFileRefused,
    import_work,
    plan_import,
    read_sent_file,
    result_from_json,
)

pytestmark = pytest.mark.django_db
AT = utc("2026-06-12 12:00")


def plan(by: Person, *rows: dict[str, object]) -> ImportPlan:
    return plan_import(by, read_sent_file(csv_file(WORK, *rows)), AT)


def save(by: Person, *rows: dict[str, object], good_rows: bool = False) -> ImportResult:
    return import_work(by, csv_file(WORK, *rows), AT, good_rows=good_rows)


def in_force(code: str = "NLDT") -> list[tuple[str, str, int | None]]:
    rows = BlockerReading.objects.filter(entity__code=code, superseded_at=None).order_by("kind", "part")
    return list(rows.values_list("kind", "part", "count"))


def shown(code: str = "NLDT") -> DatedBlocker:
    board = take_snapshot(LegalEntity.objects.filter(code=code), MAY, AT)
    value = board.rows[0].get(BLOCKERS)
    assert value is not None
    [dated] = value.blockers
    return dated


def test_a_count_stands_with_its_source_and_day(ann: Person) -> None:
    assert save(ann, work(), work("UKRT", 0)).changes == 2
    dated = shown()
    assert dated.blocker.because == "61 lines not posted, above 50"
    assert dated.source == "by file, Ann Controller, 12 Jun"
    row = BlockerReading.objects.get(count=61)
    assert (row.attempt, row.source) == (None, "by file, Ann Controller")
    assert row.source_as_of == utc("2026-06-12 06:00")  # 8 o'clock in Amsterdam


def test_a_workbook_gives_the_same_facts_as_a_csv(ann: Person) -> None:
    rows = [work(count=61, Period=date(2026, 5, 1), Amount=1234.5, Currency="EUR", Note="Rents")]
    import_work(ann, workbook_file({WORK: rows}), AT, good_rows=False)
    again = work(count="61", Amount="1234.50", Currency="EUR", Note="Rents")
    assert [line.effect for line in plan(ann, again).lines] == [FileEffect.UNCHANGED]
    item = BlockerReading.objects.get().body["items"][0]
    assert (item["number"], Decimal(item["amount"]), item["currency"]) == ("Rents", Decimal("1234.5"), "EUR")


def test_a_bad_row_changes_nothing_unless_the_good_rows_are_wanted(ann: Person) -> None:
    rows = [work(), work("UKRT", "many"), work("NOPE", 1), work("UKHC", 1, Period="2031-12")]
    with pytest.raises(WorkFileRefused, match="3 rows cannot be taken"):
        save(ann, *rows)
    assert not BlockerReading.objects.exists()
    assert not AuditEvent.objects.filter(verb="work.by_file").exists()
    result = save(ann, *rows, good_rows=True)
    assert (result.rows, result.changes) == (1, 1)
    assert [(problem.line, problem.column) for problem in result.problems] == [
        *((3, "Count"), (4, "Entity"), (5, "Period")),
    ]
    assert result_from_json(result.to_json()) == result


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        (
            {"Entity": "NOPE"},
            "Entity",
            "You see no entity with the code “NOPE”. The template lists the codes.",
        ),
        (
            {"Period": "2031-12"},
            "Period",
            "EU DTC BV has no period 2031-12: its periods end from 2026-01-31 to 2026-07-31.",
        ),
        ({"Period": "2026-05-30"}, "Period", "EU DTC BV has no period 2026-05-30:"),
        ({"As of": "2026-06-13"}, "As of", "As of has not come yet. Write a moment of the past."),
        ({"As of": "2026-06-12 14:30"}, "As of", "As of has not come yet."),
    ],
)
def test_a_row_that_fits_nothing_is_refused(
    ann: Person, cells: dict[str, Any], column: str, words: str
) -> None:
    [problem] = plan(ann, work(**cells)).problems
    assert (problem.line, problem.column) == (2, column)
    assert problem.words.startswith(words)


def test_the_same_work_twice_is_refused_however_the_period_is_written(ann: Person) -> None:
    [problem] = plan(ann, work(), work(Period="2026-05-31")).problems
    assert problem.line == 3
    assert problem.words.startswith("Row 2 states the same entity, period, kind and part.")


def test_a_day_without_a_time_is_its_end_or_now(ann: Person) -> None:
    save(ann, work(As_of="2026-06-11"), work("UKRT", As_of="2026-06-12"))
    ages = BlockerReading.objects.order_by("source_as_of").values_list("source_as_of", flat=True)
    assert list(ages) == [utc("2026-06-11 22:00"), AT]


def test_an_owner_writes_on_own_entities_and_a_reader_on_none(ann: Person) -> None:
    owner = person("Olga Owner", "owner", LegalEntity.objects.get(code="NLDT"))
    assert plan(owner, work()).problems == []
    [unseen] = plan(owner, work("UKRT")).problems
    [unknown] = plan(owner, work("NOPE")).problems
    assert unseen.words.replace("UKRT", "NOPE") == unknown.words
    auditor = person("Aud Itor", "auditor")
    [problem] = plan(auditor, work()).problems
    assert problem.words.startswith("You may read EU DTC BV, not write on it.")
    with pytest.raises(WorkFileRefused, match="1 row cannot be taken"):
        save(auditor, work())
    with pytest.raises(WorkFileRefused, match="no row that can be taken"):
        save(auditor, work(), good_rows=True)


def test_a_file_never_replaces_a_newer_reading(source: Connection, ann: Person) -> None:
    lines_read(source, "2026-06-12 06:30", NLDT=5)
    [line] = plan(ann, work()).lines
    assert (line.effect, line.note) == (FileEffect.OUTDATED, "newer: read from Finance & Operations")
    assert save(ann, work()).changes == 0
    assert in_force() == [("unposted_journals", "", 5)]


def test_a_confirmed_reading_is_as_new_as_its_last_confirmation(source: Connection, ann: Person) -> None:
    lines_read(source, "2026-06-12 05:00", NLDT=5)
    lines_read(source, "2026-06-12 06:30", NLDT=5)
    assert [line.effect for line in plan(ann, work()).lines] == [FileEffect.OUTDATED]


def test_a_file_replaces_an_older_reading_and_the_next_read_replaces_the_file(
    source: Connection, ann: Person
) -> None:
    lines_read(source, "2026-06-12 05:00", NLDT=5)
    [line] = plan(ann, work()).lines
    assert (line.before, line.after, line.effect) == ("5 lines", "61 lines", FileEffect.CHANGED)
    save(ann, work())
    assert in_force() == [("unposted_journals", "", 61)]
    lines_read(source, "2026-06-12 12:30", NLDT=12)
    assert in_force() == [("unposted_journals", "", 12)]


def test_an_erp_that_does_not_show_the_work_neither_stops_a_file_nor_replaces_it(
    source: Connection, ann: Person
) -> None:
    lines_read(source, "2026-06-12 11:00", NLDT=None)
    save(ann, work())
    lines_read(source, "2026-06-12 12:30", NLDT=None)
    assert in_force() == [("unposted_journals", "", 61)]


def test_an_older_file_does_not_replace_a_newer_one(ann: Person) -> None:
    save(ann, work())
    [line] = plan(ann, work(count=7, As_of="2026-06-11")).lines
    assert (line.effect, line.note) == (FileEffect.OUTDATED, "newer: by file, Ann Controller, 12 Jun")
    save(ann, work(count=7))
    assert in_force() == [("unposted_journals", "", 7)]


def test_work_that_is_not_readable_is_never_zero(ann: Person) -> None:
    save(ann, work(count="not readable"))
    assert shown().blocker.because == "The file does not show unposted journal lines"
    save(ann, work(count="0", Kind="unposted_documents", Part="vendor_invoices"))
    assert in_force() == [("unposted_documents", "vendor_invoices", 0), ("unposted_journals", "", None)]


def test_each_entity_has_an_audit_event_with_the_file_and_its_digest(ann: Person) -> None:
    file = csv_file(WORK, work(), work(Kind="approvals_waiting"), work("UKRT"), name="may.csv")
    import_work(ann, file, AT, good_rows=False)
    events = AuditEvent.objects.filter(verb="work.by_file").order_by("object_id")
    assert [(event.object_id, event.after) for event in events] == [
        (code, {"file": "may.csv", "sha256": file.digest, "rows": rows, "stated by": "ann@meridian.example"})
        for code, rows in (("NLDT", 2), ("UKRT", 1))
    ]


def test_the_past_is_as_it_was_known_then(ann: Person) -> None:
    save(ann, work(As_of="2026-06-10"))
    board = take_snapshot(LegalEntity.objects.filter(code="NLDT"), MAY, utc("2026-06-12 11:59"))
    assert board.rows[0].get(BLOCKERS) is None


def test_a_file_without_rows_or_that_is_none_is_refused(ann: Person) -> None:
    with pytest.raises(WorkFileRefused, match="no row that can be taken"):
        save(ann)
    with pytest.raises(WorkFileRefused, match="of before 2007"):
        read_sent_file(SentFile("old.xls", b"\xd0\xcf\x11\xe0" + bytes(10)))


def test_the_kinds_of_other_sheets_are_not_counted_here(ann: Person) -> None:
    for kind in (
        BlockerKind.INVENTORY_NOT_CLOSED,
        BlockerKind.INTERCOMPANY_IMBALANCE,
        BlockerKind.OPEN_TASKS,
    ):
        [problem] = plan(ann, work(Kind=kind.value)).problems
        assert problem.column == "Kind"
