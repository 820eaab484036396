"""The cells of a table that a person sent as a file, as its reader found them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """A cell whose value cannot be taken, with the reason and the remedy as a sentence."""

    words: str


# A text of a workbook or a CSV; numbers, days and moments only where the workbook itself types the cell as such.
TableCell = str | Decimal | date | datetime | bool | RefusedCell | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row with the number that the person sees beside it."""

    line: int
    cells: Sequence[TableCell]


@dataclass(frozen=True, slots=True)
class FileTable:
    """A sheet of a workbook, or the one table of a CSV file, which has no name; rows are read one by one, once.

    Iterating may raise the reader's error for a file that cannot be read.
    """

    name: str
    rows: Iterable[TableRow]
