"""Reads the sheets of an Excel workbook (.xlsx) within limits, without formulas, links or XML entities.

A workbook is a zip file of XML parts (ECMA-376). Parts are parsed as they are unpacked, and the bytes that come out
are counted, so that a small file cannot grow beyond the limit.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from xml.parsers import expat

from closing.tables import FileTable, RefusedCell, TableCell, TableRow

MOST_UNPACKED = 64 * 1024 * 1024  # bytes of all parts that are read
MOST_COLUMNS = 60
_MOST_PARTS = 1_000
_CHUNK = 64 * 1024
# Built-in formats that show a day or a moment (ECMA-376 18.8.30).
_DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_NOT_DATE_TOKENS = re.compile(
    r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.'
)  # texts, colours, escapes, fillers of a format
_CELL_NAME = re.compile(r"([A-Z]{1,3})[0-9]+\Z")
_FIRST_SERIAL = 61  # 1 March 1900: Excel believes in 29 February 1900

_FORMULA = RefusedCell("This cell holds a formula. Copy it and paste its value.")
_ERROR = RefusedCell("This cell holds an error of the spreadsheet. Type the value.")
_NO_DAY = RefusedCell("This cell is formatted as a date and holds none. Write the day like 2026-05-31.")


class UnreadableFile(ValueError):
    """A file that cannot be read as tables; the message is a sentence with the remedy."""


_LOCKED = "The workbook is protected by a password. Save it without one."
BROKEN = "The workbook is damaged or is none. Open it in Excel and save it as .xlsx once more."


@dataclass(slots=True)
class _Package:
    """The zip file, and how many bytes may still be unpacked."""

    file: zipfile.ZipFile
    left: int

    def parse(
        self,
        name: str,
        start: Callable[[str, Mapping[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        """Parse a part whole; see `steps`."""
        for _ in self.steps(name, start, end, text):
            pass

    def steps(
        self,
        name: str,
        start: Callable[[str, Mapping[str, str]], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> Iterator[None]:
        """Parse a part piece by piece; elements and attributes come without their prefixes."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_doctype
        parser.StartElementHandler = lambda tag, attributes: start(
            _local(tag), {_local(key): value for key, value in attributes.items()}
        )
        if end is not None:
            parser.EndElementHandler = lambda tag: end(_local(tag))
        if text is not None:
            parser.CharacterDataHandler = text
        with self.file.open(name) as part:
            while piece := part.read(_CHUNK):
                self.left -= len(piece)
                if self.left < 0:
                    raise UnreadableFile(
                        f"The workbook unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB."
                        " Remove sheets and empty formatted rows, or divide it."
                    )
                parser.Parse(piece, False)
                yield
        parser.Parse(b"", True)
        yield


def _refuse_doctype(*_: object) -> None:
    raise UnreadableFile(
        "The workbook declares XML entities, which Excel never writes. Save it in Excel once more."
    )


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


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
        zipfile.BadZipFile,
        zlib.error,
        expat.ExpatError,
        LookupError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise UnreadableFile(BROKEN) from error


def read_workbook(content: bytes) -> Iterator[FileTable]:
    """The sheets of a workbook in their order; raises UnreadableFile, also while rows are read."""
    with _as_unreadable(), zipfile.ZipFile(BytesIO(content)) as file:
        package = _Package(file, MOST_UNPACKED)
        _check_parts(file)
        book = _read_book(package)
        for name, part in book.sheets:
            yield FileTable(name, _rows(package, part, book))


def _check_parts(file: zipfile.ZipFile) -> None:
    parts = file.infolist()
    if len(parts) > _MOST_PARTS:
        raise UnreadableFile("The workbook has too many parts. Copy the sheets into a new workbook.")
    names = [part.filename.lower() for part in parts]
    if any(part.flag_bits & 1 for part in parts):
        raise UnreadableFile(_LOCKED)
    if any("/externallinks/" in f"/{name}" for name in names):
        raise UnreadableFile(
            "The workbook links to other workbooks. Break the links (Data > Edit Links) and save it again."
        )
    if any(name.endswith("vbaproject.bin") for name in names):
        raise UnreadableFile("The workbook holds macros. Save it as .xlsx, without macros.")


@dataclass(slots=True)
class _Book:
    """What the cells of all sheets need: names and parts of sheets, shared texts, date styles, the first day."""

    sheets: list[tuple[str, str]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    date_styles: frozenset[int] = frozenset()
    since: datetime = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel knows no zones


def _read_book(package: _Package) -> _Book:
    book = _Book()
    mains = [target for kind, _, target in _relations(package, "") if kind.endswith("/officeDocument")]
    main = mains[0]
    related = {key: (kind, target) for kind, key, target in _relations(package, main)}

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sheet" and attributes["id"] in related:
            kind, target = related[attributes["id"]]
            if kind.endswith("/worksheet"):
                book.sheets.append((attributes["name"], target))
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            book.since = datetime(1904, 1, 1)  # noqa: DTZ001

    package.parse(main, start)
    for kind, target in related.values():
        if kind.endswith("/sharedStrings"):
            book.texts = _shared_texts(package, target)
        elif kind.endswith("/styles"):
            book.date_styles = _date_styles(package, target)
    return book


def _relations(package: _Package, part: str) -> list[tuple[str, str, str]]:
    """The related parts of a part: type, id and name."""
    folder, name = posixpath.split(part)
    found: list[tuple[str, str, str]] = []

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes["Target"]
            whole = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            found.append((attributes["Type"], attributes["Id"], posixpath.normpath(whole)))

    package.parse(posixpath.join(folder, "_rels", f"{name}.rels"), start)
    return found


def _shared_texts(package: _Package, part: str) -> list[str]:
    texts: list[str] = []
    collector = _TextCollector()

    def end(tag: str) -> None:
        collector.end(tag)
        if tag == "si":
            texts.append(collector.take())

    package.parse(part, lambda tag, _: collector.start(tag), end=end, text=collector.text)
    return texts


class _TextCollector:
    """Collects the texts of `t` elements, without those that only say how to pronounce a word."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._in_text = False
        self._phonetic = False

    def start(self, tag: str) -> None:
        self._phonetic = self._phonetic or tag == "rPh"
        self._in_text = tag == "t" and not self._phonetic

    def end(self, tag: str) -> None:
        self._in_text = False
        if tag == "rPh":
            self._phonetic = False

    def text(self, piece: str) -> None:
        if self._in_text:
            self._pieces.append(piece)

    def take(self) -> str:
        joined = "".join(self._pieces)
        self._pieces.clear()
        return joined


def _date_styles(package: _Package, part: str) -> frozenset[int]:
    """The numbers of the cell styles that show a day or a moment."""
    formats: dict[str, str] = {}
    styles: list[str] = []
    inside: list[str] = []

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "numFmt":
            formats[attributes["numFmtId"]] = attributes["formatCode"]
        elif tag == "xf" and "cellXfs" in inside:
            styles.append(attributes.get("numFmtId", "0"))
        inside.append(tag)

    def end(_: str) -> None:
        inside.pop()

    package.parse(part, start, end=end)
    return frozenset(index for index, number in enumerate(styles) if _shows_a_day(number, formats))


def _shows_a_day(number: str, formats: Mapping[str, str]) -> bool:
    if number in formats:
        code = _NOT_DATE_TOKENS.sub("", formats[number]).lower()
        return code != "general" and any(letter in code for letter in "dmyhs")
    return number.isdigit() and int(number) in _DATE_FORMATS


def _rows(package: _Package, part: str, book: _Book) -> Iterator[TableRow]:
    sheet = _SheetParser(book)
    with _as_unreadable():
        for _ in package.steps(part, sheet.start, end=sheet.end, text=sheet.text):
            yield from sheet.rows
            sheet.rows.clear()


class _SheetParser:
    """Turns the elements of a sheet into rows; empty rows are left out."""

    def __init__(self, book: _Book) -> None:
        self.rows: list[TableRow] = []
        self._book = book
        self._line = 0
        self._cells: list[TableCell] = []
        self._column = 0
        self._kind = ""
        self._style = 0
        self._value: list[str] | None = None
        self._values = ""
        self._formula = False
        self._inline = _TextCollector()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "row":
            self._line = int(attributes.get("r", self._line + 1))
            self._cells = []
        elif tag == "c":
            name = _CELL_NAME.match(attributes.get("r", ""))
            self._column = _column_number(name[1]) if name else len(self._cells)
            self._kind, self._style = attributes.get("t", "n"), int(attributes.get("s", "0"))
            self._values, self._formula = "", False
        elif tag == "v":
            self._value = []
        elif tag == "f":
            self._formula = True
        else:
            self._inline.start(tag)

    def text(self, piece: str) -> None:
        if self._value is not None:
            self._value.append(piece)
        else:
            self._inline.text(piece)

    def end(self, tag: str) -> None:
        if tag == "v":
            self._values, self._value = "".join(self._value or ()), None
        elif tag == "c":
            cell = _FORMULA if self._formula else self._cell(self._inline.take())
            if cell is not None and cell != "":
                self._put(cell)
        elif tag == "row":
            if self._cells:
                self.rows.append(TableRow(self._line, self._cells))
        else:
            self._inline.end(tag)

    def _put(self, cell: TableCell) -> None:
        if self._column >= MOST_COLUMNS:
            raise UnreadableFile(f"A sheet has more than {MOST_COLUMNS} columns. Use the template.")
        self._cells.extend([None] * (self._column + 1 - len(self._cells)))
        self._cells[self._column] = cell

    def _cell(self, inline: str) -> TableCell:
        match self._kind:
            case "s":
                return self._book.texts[int(self._values)] if self._values else None
            case "inlineStr":
                return inline
            case "str":
                return self._values
            case "b":
                return self._values == "1"
            case "e":
                return _ERROR
            case "d":
                return _iso(self._values)
        if not self._values:
            return None
        try:
            number = float(self._values)
        except ValueError:
            return _ERROR
        if self._style in self._book.date_styles:
            return self._day(number)
        # Excel stores 640.1 as 640.10000000000002 at times: the shortest text with the same value is what was typed.
        return Decimal(repr(number)).normalize() + 0 if abs(number) < 1e15 else _ERROR

    def _day(self, serial: float) -> TableCell:
        if not _FIRST_SERIAL <= serial < 2_958_466:  # 31 December 9999
            return _NO_DAY
        moment = self._book.since + timedelta(seconds=round(serial * 86_400))
        return moment if serial % 1 else moment.date()


def _iso(text: str) -> TableCell:
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return _NO_DAY


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
