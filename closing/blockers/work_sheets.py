"""Files of unfinished work: sheets found by their names, a CSV by its headings, columns by their headings.

Sheets: "Unfinished work", "Inventory runs", "Intercompany positions" and "Closing rates"; all may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from closing.blockers import work_cells as cells
from closing.blockers.work_cells import CellRefused
from closing.blockers.work_rows import (
    CellProblem,
    PositionRow,
    RateRow,
    RowReader,
    RunRow,
    WorkRow,
    position_row,
    rate_row,
    run_row,
    work_row,
)
from closing.tables import FileTable, TableCell, TableRow

WORK_SHEET = "Unfinished work"
RUNS_SHEET = "Inventory runs"
POSITIONS_SHEET = "Intercompany positions"
RATES_SHEET = "Closing rates"
HELP_SHEETS = ("Read me", "Entities", "Valid values")  # of the template: not read
MOST_ROWS = 50_000
MOST_PROBLEMS = 1_000


@dataclass(frozen=True, slots=True)
class WorkFile:
    """The rows of a file that can be read, and the problems of the others."""

    work: Sequence[WorkRow] = ()
    runs: Sequence[RunRow] = ()
    positions: Sequence[PositionRow] = ()
    rates: Sequence[RateRow] = ()
    problems: Sequence[CellProblem] = ()

    @property
    def rows(self) -> int:
        """How many rows can be read."""
        return len(self.work) + len(self.runs) + len(self.positions) + len(self.rates)


@dataclass(frozen=True, slots=True)
class SheetSpec:
    """A sheet: its headings in order, those that must be there, and the reader of a row."""

    name: str
    columns: tuple[str, ...]
    required: frozenset[str]
    read: Callable[[RowReader], WorkRow | RunRow | PositionRow | RateRow]


def _sheet(name: str, columns: str, optional: str, read: Callable[[RowReader], object]) -> SheetSpec:
    headings = tuple(columns.split(", "))
    return SheetSpec(name, headings, frozenset(headings) - set(optional.split(", ")), read)  # type: ignore[arg-type]


SHEETS = (
    _sheet(
        WORK_SHEET,
        "Entity, Period, Kind, Part, Count, Unit, At least, Amount, Currency, As of, Note",
        "Part, Unit, At least, Amount, Currency, Note",
        work_row,
    ),
    _sheet(
        RUNS_SHEET,
        "Entity, Through, Kind, Status, Executed at, Reverses, Warnings, Voucher",
        "Executed at, Reverses, Warnings, Voucher",
        run_row,
    ),
    _sheet(
        POSITIONS_SHEET, "Entity, Partner, Month, Side, Amount, Currency, Basis, As of", "Basis", position_row
    ),
    _sheet(RATES_SHEET, "Group, Month, Currency, In, Rate", "", rate_row),
)
_BY_NAME = {spec.name.casefold(): spec for spec in SHEETS}


@dataclass(slots=True)
class _Found:
    """The rows and problems found so far."""

    rows: list[WorkRow | RunRow | PositionRow | RateRow] = field(default_factory=list)
    problems: list[CellProblem] = field(default_factory=list)
    count: int = 0


class TooManyRows(ValueError):
    """A file has more rows, or more problems, than are read; the message is a sentence."""


def read_work_file(tables: Iterable[FileTable]) -> WorkFile:
    """Read the rows of a file's tables, one table after the other.

    Raises TooManyRows, and what the reader of the file raises.
    """
    found = _Found()
    for table in tables:
        rows = iter(table.rows)
        header = next(rows, None)
        if header is None or table.name.strip().casefold() in {name.casefold() for name in HELP_SHEETS}:
            continue
        headings = [_heading(cell) for cell in header.cells]
        spec = _spec_of(table.name, headings)
        if spec is None:
            found.problems.append(_unknown(table.name, header.line))
            continue
        refused = _header_problems(spec, headings, header.line)
        found.problems += refused
        if refused:
            continue
        names = {name.casefold(): name for name in spec.columns}
        columns = {names[heading]: index for index, heading in enumerate(headings) if heading}
        for row in rows:
            _read_row(found, spec, row, columns)
    return WorkFile(
        tuple(row for row in found.rows if isinstance(row, WorkRow)),
        tuple(row for row in found.rows if isinstance(row, RunRow)),
        tuple(row for row in found.rows if isinstance(row, PositionRow)),
        tuple(row for row in found.rows if isinstance(row, RateRow)),
        tuple(found.problems),
    )


def _read_row(found: _Found, spec: SheetSpec, row: TableRow, columns: Mapping[str, int]) -> None:
    found.count += 1
    if found.count > MOST_ROWS:
        raise TooManyRows(f"The file has more than {MOST_ROWS:,} rows. Divide it.")
    reader = RowReader(spec.name, row, columns)
    value = spec.read(reader)
    found.problems += reader.problems
    if len(found.problems) > MOST_PROBLEMS:
        raise TooManyRows(
            f"More than {MOST_PROBLEMS:,} cells cannot be read. Compare the columns with the template first."
        )
    if not reader.problems:
        found.rows.append(value)


def _heading(cell: TableCell) -> str:
    try:
        return cells.cell_text(cell).casefold()
    except CellRefused:
        return "?"


def _spec_of(name: str, headings: Sequence[str]) -> SheetSpec | None:
    """The sheet of a name; of a CSV, which has none, the one whose required headings are there."""
    if name:
        return _BY_NAME.get(name.strip().casefold())
    fitting = [spec for spec in SHEETS if {column.casefold() for column in spec.required} <= set(headings)]
    return fitting[0] if len(fitting) == 1 else None


def _unknown(name: str, line: int) -> CellProblem:
    sheets = ", ".join(spec.name for spec in SHEETS)
    if name:
        words = f"There is no sheet of this name. Rename it to one of these, or remove it: {sheets}."
    else:
        words = f"The headings of this file are of no sheet. Use those of the template: {sheets}."
    return CellProblem(name or "File", line, "", words)


def _header_problems(spec: SheetSpec, headings: Sequence[str], line: int) -> list[CellProblem]:
    known = {column.casefold() for column in spec.columns}
    missing = [
        column for column in spec.columns if column in spec.required and column.casefold() not in headings
    ]
    strange = [heading for heading in headings if heading and heading not in known]
    twice = sorted({heading for heading in headings if heading and headings.count(heading) > 1})
    found = (
        (missing, "This column is missing. Add it, with this heading."),
        (strange, "No column of the sheet has this heading. Correct it or remove the column."),
        (twice, "This heading is there twice. Remove one column."),
    )
    return [CellProblem(spec.name, line, heading, words) for headings, words in found for heading in headings]
