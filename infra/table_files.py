"""Reads a file that a person sends, a workbook or a CSV, as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from closing.tables import FileTable, TableRow
from infra.workbook_reader import UnreadableFile, read_workbook

MOST_BYTES = 10 * 1024 * 1024
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_DELIMITERS = ",;\t"


def read_tables(content: bytes) -> Iterator[FileTable]:
    """The tables of a file, by its first bytes, not by its name; raises UnreadableFile, also while rows are read.

    Each table has to be read before the next one. A CSV is UTF-8, separated by commas, semicolons or tabs: the one
    that its first line holds most of.
    """
    if len(content) > MOST_BYTES:
        raise UnreadableFile(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB. Divide it.")
    if not content.strip():
        raise UnreadableFile("The file is empty. Start from the template.")
    if content.startswith(_OLE):
        raise UnreadableFile(
            "This is an Excel file of before 2007, or one with a password. Save it as .xlsx without a password."
        )
    if content.startswith(_ZIP):
        yield from read_workbook(content)
    else:
        yield FileTable("", _csv_rows(content))


def _csv_rows(content: bytes) -> Iterator[TableRow]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"Line {line} is not text in UTF-8. Save the file as “CSV UTF-8”, or as .xlsx."
        ) from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cells):
                yield TableRow(line, [cell or None for cell in cells])
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(
            f"Line {line} cannot be read as CSV: {error}. Save the file as “CSV UTF-8”."
        ) from None
