"""The template of files of unfinished work: sheets with what files state now, and the valid values beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from board.reports.spreadsheet import SheetColumn, Value, Worksheet
from board.scoreboard.serializers import could_be_formula
from closing.blockers.blocker_kinds import DocumentPart, shown_as
from closing.blockers.intercompany import PositionSide
from closing.blockers.inventory_runs import RunKind, RunStatus
from closing.blockers.work_cells import NOT_READABLE
from closing.blockers.work_rows import FILE_KINDS, AmountBasis, units_of
from closing.blockers.work_sheets import HELP_SHEETS, SHEETS, SheetSpec
from entities.access import administered_groups, writable_entities
from entities.models import LegalEntity, Person
from worklist.recording.file_export import exported_rows

_READ_ME = (
    ("What this is", "Work that no ERP shows. Fill in the sheets, keep their headings, and send the file."),
    (
        "Rows",
        "They are what files state now. Change them, add to them, or remove those that stay as they are.",
    ),
    (
        "Dates",
        "Write days like 2026-05-31, months like 2026-05, moments like 2026-06-12 18:05, or use date cells.",
    ),
    ("Moments", "They are in the zone of the entity, unless they end in one, like 2026-06-12 18:05+02:00."),
    ("Amounts", "Write 1234.56: a point, no separators of thousands."),
    ("Count", f"A whole number. “{NOT_READABLE}” where nobody can tell: a blank cell is refused."),
    (
        "Period",
        "The month that the entity closes, or the last day of the period where it closes a month twice.",
    ),
    ("As of", "When this was true. What an ERP shows of a later moment stands."),
    (
        "Executed at",
        "When the run was made. It tells two runs through the same day apart, and so does the voucher.",
    ),
    ("Reverses", "Of a reversal: the day through which the close ran. Only the last close can be reversed."),
    (
        "Basis",
        "transaction: the amount is in the currency of the transactions. ledger: in that of the ledger.",
    ),
    ("Positions", "Of an entity, partner and month all balances: one that is missing is taken away."),
    ("Rates", "1 of “Currency” is “Rate” of “In” at the end of the month."),
)


def template_sheets(person: Person) -> list[Worksheet]:
    """The sheets to fill in, then those that explain them."""
    rows = exported_rows(person)
    sheets = [
        Worksheet(spec.name, [SheetColumn(column, 20) for column in spec.columns], rows[spec.name])
        for spec in SHEETS
    ]
    read_me, entities, values = HELP_SHEETS
    return [
        *sheets,
        Worksheet(read_me, [SheetColumn("About", 16), SheetColumn("", 100)], _READ_ME),
        Worksheet(
            entities,
            [SheetColumn("Code", 16), SheetColumn("Name", 40), SheetColumn("You may", 24)],
            _entities(person),
        ),
        Worksheet(
            values,
            [SheetColumn("Column", 16), SheetColumn("Value", 28), SheetColumn("Meaning", 60)],
            _valid_values(),
        ),
    ]


def _entities(person: Person) -> list[tuple[Value, ...]]:
    writable = set(writable_entities(person).values_list("pk", flat=True))
    visible = LegalEntity.objects.visible_to(person).order_by("code").values_list("pk", "code", "name")
    rows: list[tuple[Value, ...]] = [
        (code, name, "state its work" if pk in writable else "name it as a partner")
        for pk, code, name in visible
    ]
    return rows + [(group.code, group.name, "state its rates") for group in administered_groups(person)]


def _valid_values() -> Iterator[tuple[Value, ...]]:
    for kind in FILE_KINDS:
        units = " or ".join(unit.value for unit in units_of(kind))
        yield "Kind", kind.value, f"{shown_as(kind)}, counted in {units}"
    for part in DocumentPart:
        yield "Part", part.value, "of the kind unposted_documents"
    yield "At least", "yes", "there may be more than the count"
    for run_kind in RunKind:
        yield "Kind of run", run_kind.value, ""
    for status in RunStatus:
        yield (
            "Status",
            status.value,
            "counts as a close" if status is RunStatus.DONE else "counts as no close",
        )
    for side in PositionSide:
        yield "Side", side.value, ""
    for basis in AmountBasis:
        yield "Basis", basis.value, ""


def template_csv(person: Person, spec: SheetSpec) -> Iterator[str]:
    """The lines of one sheet as CSV, with what files state now."""
    yield _csv_line(list(spec.columns))
    for row in exported_rows(person)[spec.name]:
        yield _csv_line(["" if cell is None else str(cell) for cell in row])


def _csv_line(cells: list[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([f"'{cell}" if could_be_formula(cell) else cell for cell in cells])
    return line.getvalue()
