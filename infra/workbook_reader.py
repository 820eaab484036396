"""Reads the sheets of an Excel workbook (.xlsx) within limits, without formulas, links or XML entities.

openpyxl reads the cells. What a hostile file could make it spend is limited before, by unpacking each part once:
the bytes in all, those of one row, and those of the parts that it reads whole.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook

from closing.tables import FileTable, RefusedCell, TableCell, TableRow

MOST_UNPACKED = 64 * 1024 * 1024  # bytes of all parts
MOST_COLUMNS = 60
_MOST_PARTS = 1_000
_LAST_ROW = 1_048_576  # of Excel
_MOST_OF_PART = 4 * 1024 * 1024  # bytes of a part other than a sheet and the shared texts
_MOST_OF_ROW = 2 * 1024 * 1024  # bytes
_CHUNK = 64 * 1024
_TYPED_DIGITS = 1e15  # numbers from here on have lost digits

_FORMULA = RefusedCell("This cell holds a formula. Copy it and paste its value.")
_ERROR = RefusedCell("This cell holds an error of the spreadsheet. Type the value.")
_NO_DAY = RefusedCell("This cell is formatted as a date and holds none. Write the day like 2026-05-31.")


class UnreadableFile(ValueError):
    """A file that cannot be read as tables; the message is a sentence with the remedy."""


_LOCKED = "The workbook is protected by a password. Save it without one."
_TOO_LARGE = "Remove sheets and empty formatted rows, or divide it."
BROKEN = "The workbook is damaged or is none. Open it in Excel and save it as .xlsx once more."


@contextmanager
def _as_unreadable() -> Iterator[None]:
    """Turn whatever a damaged or hostile workbook raises into UnreadableFile."""
    try:
        yield
    except UnreadableFile:
        raise
    except (RuntimeError, NotImplementedError) as error:
        raise UnreadableFile(_LOCKED) from error
    except (
        *(zipfile.BadZipFile, zlib.error, ParseError, LookupError, EOFError, OSError, ValueError),
        *(TypeError, AttributeError, RecursionError, OverflowError),
    ) as error:
        raise UnreadableFile(BROKEN) from error


def read_workbook(content: bytes) -> Iterator[FileTable]:
    """The sheets of a workbook in their order; raises UnreadableFile, also while rows are read."""
    with _as_unreadable():
        with zipfile.ZipFile(BytesIO(content)) as file:
            _check_parts(file)
            for part in file.infolist():
                _check_part(file, part)
        book = load_workbook(BytesIO(content), read_only=True, keep_links=False)
        try:
            if not book.worksheets:
                raise UnreadableFile(BROKEN)
            for sheet in book.worksheets:
                yield FileTable(sheet.title, _rows(sheet))
        finally:
            book.close()


def _check_parts(file: zipfile.ZipFile) -> None:
    parts = file.infolist()
    if len(parts) > _MOST_PARTS:
        raise UnreadableFile("The workbook has too many parts. Copy the sheets into a new workbook.")
    if any(part.flag_bits & 1 for part in parts):
        raise UnreadableFile(_LOCKED)
    # A part never unpacks to more than it declares.
    if sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise UnreadableFile(
            f"The workbook unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB. {_TOO_LARGE}"
        )
    names = [part.filename.lower() for part in parts]
    if any("/externallinks/" in f"/{name}" for name in names):
        raise UnreadableFile(
            "The workbook links to other workbooks. Break the links (Data > Edit Links) and save it again."
        )
    if any(name.endswith("vbaproject.bin") for name in names):
        raise UnreadableFile("The workbook holds macros. Save it as .xlsx, without macros.")


def _check_part(file: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a part with XML entities, with a row of endless cells, or too large to be read whole."""
    name = part.filename.lower()
    by_rows = "worksheets/" in name or name.endswith("sharedstrings.xml")
    if part.file_size > _MOST_OF_PART and not by_rows:
        raise UnreadableFile(f"A part of the workbook is too large: {part.filename}. {_TOO_LARGE}")
    end = b"</row" if "worksheets/" in name else b"</si"
    since_end, tail = 0, b""
    with file.open(part) as unpacked:
        while piece := unpacked.read(_CHUNK):
            text = tail + piece.replace(b"\0", b"")  # as text of two bytes a letter has them
            if b"<!DOCTYPE" in text:
                raise UnreadableFile(
                    "The workbook declares XML entities, which Excel never writes. Save it in Excel once more."
                )
            since_end = 0 if end in text else since_end + len(piece)
            if by_rows and since_end > _MOST_OF_ROW:
                raise UnreadableFile(f"A row of the workbook is too large: {part.filename}. {_TOO_LARGE}")
            tail = text[-16:]


def _rows(sheet: Any) -> Iterator[TableRow]:
    """The rows of a sheet that hold anything; its own claim of how large it is counts for nothing."""
    with _as_unreadable():
        sheet.reset_dimensions()
        for line, row in enumerate(sheet.iter_rows(max_row=_LAST_ROW), start=1):
            cells = [_value(cell) for cell in row]
            while cells and (cells[-1] is None or cells[-1] == ""):
                cells.pop()
            if len(cells) > MOST_COLUMNS:
                raise UnreadableFile(f"A sheet has more than {MOST_COLUMNS} columns. Use the template.")
            if cells:
                yield TableRow(line, cells)


def _value(cell: Any) -> TableCell:
    """The value of a cell as it is typed."""
    value = cell.value
    if cell.data_type == "f":
        return _FORMULA
    if cell.data_type == "e":
        return _ERROR
    if isinstance(value, bool | str | None):
        return value or None if not isinstance(value, bool) else value
    if isinstance(value, datetime):
        return value if value.time() != value.min.time() else value.date()
    if isinstance(value, int | float):
        # Excel stores 640.1 as 640.10000000000002 at times: the shortest text with the same value is what was typed.
        return Decimal(repr(value)).normalize() + 0 if abs(value) < _TYPED_DIGITS else _ERROR
    return _NO_DAY
