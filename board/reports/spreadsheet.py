"""Writes tables as an Excel workbook: text stays text, dates are dates, memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

import xlsxwriter

from board.scoreboard.serializers import could_be_formula

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Value = str | int | date | datetime | bool | None
_MAX_CELL_LENGTH = 32_767  # characters in a cell
# XML cannot hold these, and some programs read their escapes in a workbook as plain text.
_INVALID_CHARACTERS = dict.fromkeys({*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)} - {9, 10}, "\ufffd")


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A heading and the width of its column, in characters."""

    heading: str
    width: int = 12


@dataclass(frozen=True, slots=True)
class Worksheet:
    """One table: rows are consumed one by one, each with a value for every column.

    The rows of the last sheet are consumed first, so that a sheet may sum up those behind it.
    """

    name: str
    columns: Sequence[SheetColumn]
    rows: Iterable[Sequence[Value]]


def write_workbook(file: IO[bytes], sheets: Sequence[Worksheet], zone: ZoneInfo, made_at: datetime) -> None:
    """Writes the sheets, each with a frozen, filterable heading row.

    Excel knows no time zones: a moment is written as its wall time in `zone`, which the heading should name. The same
    rows with the same `made_at` give the same bytes.
    """
    # Each row is written to a temporary file when the next one begins (XlsxWriter, "Working with Memory").
    with xlsxwriter.Workbook(file, {"constant_memory": True}) as book:
        book.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
        formats = {
            "heading": book.add_format({"bold": True, "bottom": 1, "valign": "top", "text_wrap": True}),
            "date": book.add_format({"num_format": "ddd d mmm yyyy", "align": "left"}),
            "moment": book.add_format({"num_format": "ddd d mmm yyyy hh:mm", "align": "left"}),
            # Otherwise Excel would run such a text as soon as somebody edits its cell.
            "risky": book.add_format({"quote_prefix": True}),
        }
        pages = [book.add_worksheet(sheet.name) for sheet in sheets]
        for page, sheet in reversed(list(zip(pages, sheets, strict=True))):
            _write_sheet(page, sheet, zone, formats)


def _write_sheet(page: Any, sheet: Worksheet, zone: ZoneInfo, formats: dict[str, Any]) -> None:
    last = len(sheet.columns) - 1
    page.freeze_panes(1, 0)
    page.set_landscape()
    page.set_paper(9)  # A4
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    for index, column in enumerate(sheet.columns):
        page.set_column(index, index, column.width)
        page.write_string(0, index, column.heading, formats["heading"])
    row = 0
    for row, values in enumerate(sheet.rows, start=1):
        for index, value in enumerate(values):
            _write(page, row, index, value, zone, formats)
    page.autofilter(0, 0, row, last)


def _write(page: Any, row: int, index: int, value: Value, zone: ZoneInfo, formats: dict[str, Any]) -> None:
    match value:
        case None | "":
            return
        case bool():
            page.write_string(row, index, "yes" if value else "no")
        case int():
            page.write_number(row, index, value)
        case datetime():
            page.write_datetime(row, index, value.astimezone(zone).replace(tzinfo=None), formats["moment"])
        case date():
            page.write_datetime(row, index, value, formats["date"])
        case _:
            text = (
                value.replace("\r\n", "\n")
                .replace("\r", "\n")
                .translate(_INVALID_CHARACTERS)[:_MAX_CELL_LENGTH]
            )
            page.write_string(row, index, text, formats["risky"] if could_be_formula(text) else None)
