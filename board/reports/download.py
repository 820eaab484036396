"""A file for somebody to keep: what it is about, how it is called, and how it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC
from io import SEEK_END
from tempfile import TemporaryFile
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from board.reports.spreadsheet import CONTENT_TYPE, SheetColumn, Worksheet, write_workbook
from board.web import labels
from board.web.board_request import BoardRequest
from board.web.query_phrasing import describe_filters
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row

CSV_TYPE = "text/csv; charset=utf-8"
_MARK = "\ufeff"  # without it Excel takes a CSV for one in the Windows alphabet and "Ibérica" for "IbÃ©rica"
_CHUNK = 64 * 1024


def about_sheet(told: Sequence[tuple[str, str]]) -> Worksheet:
    """The sheet that says what the others are."""
    return Worksheet("About", [SheetColumn("About this file", 32), SheetColumn("", 100)], told)


def request_details(asked: BoardRequest, board: Scoreboard) -> list[tuple[str, str]]:
    """The moment and the filters, in words."""
    moment = f"{labels.moment_in_full(asked.as_of, asked.reader.zone)} {asked.reader.zone_name}"
    filters = describe_filters(asked.query, board.groups)
    return [
        ("As known at", f"{moment} ({labels.iso(asked.as_of)})"),
        ("Filters", "; ".join(filters) if filters else "none: everything that you may see"),
    ]


def export_notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """What a reader of these rows must know beside them."""
    unsure = sum(not row.fresh or row.standing.unconfirmed for row in rows)
    said = [labels.on_hold_note(list(rows))]
    said += [f"{unsure} of {len(rows)} not confirmed: as when last read"] if unsure else []
    return [("Note", note) for note in said if note]


def requester_details(asked: BoardRequest) -> list[tuple[str, str]]:
    """Who asked, and when."""
    person = asked.person
    made = f"{labels.moment_in_full(asked.now, asked.reader.zone)} {asked.reader.zone_name}"
    name = f"{person.name} ({person.email})" if person.name else person.email
    return [("Asked for by", name), ("Made", f"{made}, by Closeboard")]


# --- sending ------------------------------------------------------------------------------------------------------


def csv_file(request: HttpRequest, asked: BoardRequest, what: str, lines: Iterable[str]) -> HttpResponse:
    """Lines as a file to be saved."""

    def write(file: IO[bytes]) -> None:
        file.write(_MARK.encode())
        file.writelines(line.encode() for line in lines)

    return _file(request, _named(asked, what, "csv"), CSV_TYPE, write)


def xlsx_file(
    request: HttpRequest, asked: BoardRequest, what: str, sheets: Sequence[Worksheet]
) -> HttpResponse:
    """Sheets as a workbook to be saved."""

    def write(file: IO[bytes]) -> None:
        write_workbook(file, sheets, asked.reader.zone, asked.now)

    return _file(request, _named(asked, what, "xlsx"), CONTENT_TYPE, write)


def _named(asked: BoardRequest, what: str, ending: str) -> str:
    """A file name of our own making: no word of an ERP or a reader is in it."""
    return f"closeboard-{asked.month:%Y-%m}-{what}-{asked.as_of.astimezone(UTC):%Y%m%dT%H%MZ}.{ending}"


def _file(
    request: HttpRequest, name: str, content_type: str, write: Callable[[IO[bytes]], None]
) -> HttpResponse:
    """An answer to be saved. It is written to disk first: a fault then is an error page and never half a file."""
    file = TemporaryFile()  # noqa: SIM115 - closed when it has been sent
    try:
        write(file)
    except BaseException:
        file.close()
        raise
    size = file.seek(0, SEEK_END)
    file.seek(0)
    parts: Iterator[bytes] | AsyncIterator[bytes] = (
        _parts_async(file) if isinstance(request, ASGIRequest) else _parts(file)
    )
    answer = StreamingHttpResponse(parts, content_type=content_type)
    answer["Content-Length"] = str(size)
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return answer  # type: ignore[return-value]  # both are answers to the door


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_CHUNK):
            yield part


async def _parts_async(file: IO[bytes]) -> AsyncIterator[bytes]:
    for part in _parts(file):
        yield part
