"""Files of unfinished work as people send them, and the periods that they are about."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import xlsxwriter

from closing.blockers.work_sheets import SHEETS
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.readings import ReadResult
from entities.models import Connection, Person
from tests.builders import OPEN
from tests.periods.recorded_reads import read, reading
from worklist.models import WorkUpload
from worklist.recording.work_file import SentFile

CellMap = Mapping[str, object]
WORK, RUNS, POSITIONS, RATES = (spec.name for spec in SHEETS)


def months_read(
    source: Connection, at: str = "2026-06-01 07:00", codes: Iterable[str] = ("NLDT", "UKRT")
) -> None:
    """These companies list their months from January to July 2026."""
    months = [date(2026, number, 1) for number in range(1, 8)]
    readings = tuple(
        reading(code, OPEN, DateSpan(month, month_end(month))) for code in codes for month in months
    )
    read(source, at, ReadResult(readings, (), pages=1, rows=len(readings)))


def csv_file(sheet: str, *rows: CellMap, name: str = "work.csv") -> SentFile:
    """Rows of one sheet as a CSV file; columns that no row has are left out."""
    columns = _columns(sheet, rows)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return SentFile(name, text.getvalue().encode())


def workbook_file(sheets: Mapping[str, Sequence[CellMap]], name: str = "work.xlsx") -> SentFile:
    """Rows of sheets as a workbook; days stand in date cells, all else as it is."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for sheet, rows in sheets.items():
            page: Any = book.add_worksheet(sheet)
            columns = _columns(sheet, rows)
            page.write_row(0, 0, columns)
            for line, row in enumerate(rows, start=1):
                for index, column in enumerate(columns):
                    value = row.get(column)
                    if isinstance(value, date):
                        page.write_datetime(line, index, value, day)
                    elif isinstance(value, str):
                        page.write_string(line, index, value)
                    elif value is not None:
                        page.write(line, index, value)
    return SentFile(name, file.getvalue())


def _columns(sheet: str, rows: Iterable[CellMap]) -> list[str]:
    spec = next(spec for spec in SHEETS if spec.name == sheet)
    used = {column for row in rows for column in row}
    return [column for column in spec.columns if column in used | spec.required]


def work(code: str = "NLDT", count: object = 61, **cells: object) -> dict[str, object]:
    """A row of unposted lines of May as of 12 June, 8 o'clock of the entity."""
    row: dict[str, object] = {
        "Entity": code,
        "Period": "2026-05",
        "Kind": "unposted_journals",
        "Count": count,
        "As of": "2026-06-12 08:00",
    }
    return row | {key.replace("_", " "): value for key, value in cells.items()}


def run(through: str, executed: str, kind: str = "closing", **cells: object) -> dict[str, object]:
    """A run of EU DTC BV that is done."""
    row: dict[str, object] = {
        "Entity": "NLDT",
        "Through": through,
        "Kind": kind,
        "Status": "done",
        "Executed at": executed,
    }
    return row | {key.replace("_", " "): value for key, value in cells.items()}


def reversal(through: str, executed: str, **cells: object) -> dict[str, object]:
    """The reversal of the close of EU DTC BV through a day."""
    return run(through, executed, "reversal", Reverses=through, **cells)


def position(entity: str, partner: str, amount: str, **cells: object) -> dict[str, object]:
    """A row of what a partner owes at the end of May, in EUR."""
    row: dict[str, object] = {
        "Entity": entity,
        "Partner": partner,
        "Month": "2026-05",
        "Side": "due_from",
        "Amount": amount,
        "Currency": "EUR",
        "As of": "2026-06-12 08:00",
    }
    return row | {key.replace("_", " "): value for key, value in cells.items()}


def rate(base: str = "GBP", quote: str = "EUR", value: str = "1.17", **cells: object) -> dict[str, object]:
    """A row of a closing rate of May."""
    row: dict[str, object] = {
        "Group": "MERIDIAN",
        "Month": "2026-05",
        "Currency": base,
        "In": quote,
        "Rate": value,
    }
    return row | cells


def save_file(by: Person, uid: UUID, at: datetime, *rows: CellMap) -> WorkUpload:
    """A file of counts that a person sent and did not save yet."""
    file = csv_file(WORK, *rows)
    return WorkUpload.objects.create(
        uid=uid, name=file.name, sha256=file.digest, content=file.content, by=by, at=at
    )
