"""Files from strangers as tables: values keep their types, and what is hostile or damaged gets a sentence."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter
from openpyxl import Workbook

from closing.tables import RefusedCell, TableCell
from infra.table_files import MOST_BYTES, read_tables
from infra.workbook_reader import MOST_COLUMNS, MOST_UNPACKED, UnreadableFile

MAY_31 = datetime.fromisoformat("2026-05-31")
JUNE_3 = datetime.fromisoformat("2026-06-03 18:05")
Rows = list[tuple[int, list[TableCell]]]


def tables_of(content: bytes) -> dict[str, Rows]:
    return {table.name: [(row.line, list(row.cells)) for row in table.rows] for table in read_tables(content)}


def workbook(write: Callable[[Any, Any], None]) -> bytes:
    """A workbook of one sheet by XlsxWriter."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        write(book, book.add_worksheet("Sheet"))
    return file.getvalue()


def with_part(content: bytes, name: str, body: bytes) -> bytes:
    """A workbook with one part added or replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, body)
    return file.getvalue()


def sheet_of(rows: bytes) -> bytes:
    """The part of a sheet with these rows."""
    start = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return start + rows + b"</sheetData></worksheet>"


def plain() -> bytes:
    return workbook(lambda _, sheet: sheet.write_string(0, 0, "a"))


def refusal(content: bytes) -> str:
    with pytest.raises(UnreadableFile) as refused:
        tables_of(content)
    return str(refused.value)


def test_values_of_a_workbook_keep_their_types() -> None:
    def write(book: Any, sheet: Any) -> None:
        sheet.write_string(0, 0, "Ibérica")
        sheet.write_number(0, 1, 640.1)
        sheet.write_number(0, 2, 61)
        sheet.write_datetime(0, 3, MAY_31, book.add_format({"num_format": "d mmm yyyy"}))
        sheet.write_datetime(0, 4, JUNE_3, book.add_format({"num_format": "hh:mm"}))
        sheet.write_boolean(0, 5, True)
        sheet.write_rich_string(2, 1, "half ", book.add_format({"bold": True}), "bold")

    assert tables_of(workbook(write)) == {
        "Sheet": [
            (
                1,
                [
                    *(
                        "Ibérica",
                        Decimal("640.1"),
                        Decimal(61),
                        date(2026, 5, 31),
                        JUNE_3,
                    ),
                    True,
                ],
            ),
            (3, [None, "half bold"]),
        ]
    }


def test_a_workbook_of_another_program_is_read_alike() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Entity", "Through"])
    sheet.append(["NLDT", date(2026, 5, 31)])
    book.create_sheet("Second").append([1.5])
    file = io.BytesIO()
    book.save(file)
    read = tables_of(file.getvalue())
    assert read["Second"] == [(1, [Decimal("1.5")])]
    name, through = read["Sheet"][1][1]
    assert (name, f"{through:%Y-%m-%d}") == ("NLDT", "2026-05-31")


@pytest.mark.parametrize("style", ["General", '0 "days"', "[Red]0.00", "#,##0"])
def test_a_number_is_no_day_whatever_its_format_says(style: str) -> None:
    content = workbook(
        lambda book, sheet: sheet.write_number(0, 0, 46000, book.add_format({"num_format": style}))
    )
    assert tables_of(content)["Sheet"] == [(1, [Decimal(46000)])]


def test_formulas_and_errors_are_refused_cell_by_cell() -> None:
    def write(_: Any, sheet: Any) -> None:
        sheet.write_formula(0, 0, "=1+1", value=2)
        sheet.write_string(0, 1, "kept")

    [(_, (formula, kept))] = tables_of(workbook(write))["Sheet"]
    assert isinstance(formula, RefusedCell)
    assert formula.words == "This cell holds a formula. Copy it and paste its value."
    assert kept == "kept"


def bomb(megabytes: int) -> bytes:
    """A small workbook whose sheet unpacks to more than so much."""
    row = b'<row><c t="inlineStr"><is><t>a</t></is></c></row>'
    count = megabytes * 1024 * 1024 // len(row) + 1000
    return with_part(plain(), "xl/worksheets/sheet1.xml", b"<worksheet><sheetData>" + row * count)


def test_a_zip_bomb_stops_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.workbook_reader.MOST_UNPACKED", 1024 * 1024)
    content = bomb(1)
    assert len(content) < 20_000
    assert refusal(content).startswith("The workbook unpacks to more than 1 MB.")


@pytest.mark.slow
def test_a_zip_bomb_costs_no_memory() -> None:
    content = bomb(MOST_UNPACKED // 1024 // 1024)

    def read_all() -> int:
        return sum(1 for table in read_tables(content) for _ in table.rows)

    tracemalloc.start()
    try:
        with pytest.raises(UnreadableFile, match="unpacks to more than 64 MB"):
            read_all()
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_xml_entities_links_macros_and_passwords_are_refused() -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>'
    assert "declares XML entities" in refusal(with_part(plain(), "xl/worksheets/sheet1.xml", entities))
    in_utf_16 = '<?xml version="1.0" encoding="UTF-16"?>' + entities.decode()
    assert "declares XML entities" in refusal(
        with_part(plain(), "xl/worksheets/sheet1.xml", in_utf_16.encode("utf-16"))
    )
    assert "Break the links" in refusal(with_part(plain(), "xl/externalLinks/externalLink1.xml", b"<x/>"))
    assert "macros" in refusal(with_part(plain(), "xl/vbaProject.bin", b"x"))
    assert "password" in refusal(b"\xd0\xcf\x11\xe0" + bytes(600))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: with_part(content, "xl/worksheets/sheet1.xml", b"<worksheet><row"),
        lambda content: with_part(content, "xl/worksheets/sheet1.xml", sheet_of(b'<row r="x"></row>')),
        lambda content: with_part(content, "xl/workbook.xml", b"\xff\xfe\x00"),
        lambda content: with_part(content, "[Content_Types].xml", b"<Types/>"),
        lambda content: with_part(
            content, "xl/worksheets/sheet1.xml", sheet_of(b'<row><c t="s"><v>99</v></c></row>')
        ),
    ],
)
def test_a_damaged_workbook_gets_a_sentence(damage: Callable[[bytes], bytes]) -> None:
    assert "Open it in Excel and save it as .xlsx once more." in refusal(damage(plain()))


def test_limits_of_size_and_columns() -> None:
    assert "10 MB" in refusal(b"x" * (MOST_BYTES + 1))
    assert "empty" in refusal(b" \n")
    wide = workbook(lambda _, sheet: sheet.write_string(0, MOST_COLUMNS, "far"))
    assert f"more than {MOST_COLUMNS} columns" in refusal(wide)
    endless = sheet_of(b"<row>" + b'<c t="n"><v>1</v></c>' * 110_000 + b"</row>")
    assert "A row of the workbook is too large" in refusal(
        with_part(plain(), "xl/worksheets/sheet1.xml", endless)
    )


def test_a_row_far_down_costs_no_rows_before_it() -> None:
    far = sheet_of(b'<row r="900000000000"><c t="n"><v>1</v></c></row>')
    assert tables_of(with_part(plain(), "xl/worksheets/sheet1.xml", far)) == {"Sheet": []}


def test_a_csv_is_read_by_its_own_separator_with_its_lines() -> None:
    for separator in ",;\t":
        text = f'Entity{separator}Note\r\n\r\nNLDT{separator}"two\nlines"\r\nUKRT{separator}\r\n'
        assert tables_of(text.encode("utf-8-sig")) == {
            "": [(1, ["Entity", "Note"]), (3, ["NLDT", "two\nlines"]), (5, ["UKRT", None])]
        }


def test_a_csv_in_another_encoding_or_broken_gets_a_sentence() -> None:
    assert refusal("Entity\nIbérica".encode("cp1252")).startswith("Line 2 is not text in UTF-8.")
    assert refusal(b'Entity,Note\nNLDT,"open').startswith("Line 2 cannot be read as CSV")
