"""Files to download: their details, their names, and the response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import SEEK_END
from tempfile import TemporaryFile
from typing import IO
from zoneinfo import ZoneInfo

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
_BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads a CSV as Windows-1252 and shows "Ibérica" as "IbÃ©rica"
_CHUNK = 64 * 1024


def about_sheet(
    board_request: BoardRequest,
    board: Scoreboard,
    rows: Sequence[Row],
    subject: tuple[str, str],
    details: Sequence[tuple[str, str]],
) -> Worksheet:
    """The sheet that describes the others: their subject, moment and filters, details, notes on the rows, and origin.

    `board` is the one that the filters choose from.
    """
    person, reader = board_request.person, board_request.reader
    moment = f"{labels.moment_in_full(board_request.as_of, reader.zone)} {reader.zone_name}"
    filters = describe_filters(board_request.query, board.groups)
    name = f"{person.name} ({person.email})" if person.name else person.email
    created = f"{labels.moment_in_full(board_request.now, reader.zone)} {reader.zone_name}"
    lines = [
        subject,
        ("As known at", f"{moment} ({labels.iso(board_request.as_of)})"),
        ("Filters", "; ".join(filters) if filters else "none: everything that you may see"),
        *details,
        *_notes(rows),
        ("Asked for by", name),
        ("Made", f"{created}, by Closeboard"),
    ]
    return Worksheet("About", [SheetColumn("About this file", 32), SheetColumn("", 100)], lines)


def _notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The notes that a reader of these rows needs."""
    unsure = sum(not row.fresh or row.standing.unconfirmed for row in rows)
    notes = [labels.on_hold_note(rows), *labels.extended_deadlines(rows)]
    never = sum(row.read_at is None and row.deadline is not None for row in rows)
    unread = f", {never} never read" if never else ""
    notes += [f"{unsure} of {len(rows)} not read: as when last read{unread}"] if unsure else []
    return [("Note", note) for note in notes if note]


# --- sending ------------------------------------------------------------------------------------------------------


def csv_file(
    request: HttpRequest, board_request: BoardRequest, what: str, lines: Iterable[str]
) -> HttpResponse:
    """Lines as a CSV file of the month to download."""
    return csv_named(request, _file_name(board_request, what, "csv"), lines)


def csv_named(request: HttpRequest, name: str, lines: Iterable[str]) -> HttpResponse:
    """Lines as a CSV file of a name to download."""

    def write(file: IO[bytes]) -> None:
        file.write(_BYTE_ORDER_MARK.encode())
        file.writelines(line.encode() for line in lines)

    return _file_response(request, name, CSV_TYPE, write)


def xlsx_file(
    request: HttpRequest, board_request: BoardRequest, what: str, sheets: Sequence[Worksheet]
) -> HttpResponse:
    """Sheets as a workbook of the month to download."""
    name = _file_name(board_request, what, "xlsx")
    return xlsx_named(request, name, sheets, board_request.reader.zone, board_request.now)


def xlsx_named(
    request: HttpRequest, name: str, sheets: Sequence[Worksheet], zone: ZoneInfo, made_at: datetime
) -> HttpResponse:
    """Sheets as a workbook of a name to download, made at a moment."""

    def write(file: IO[bytes]) -> None:
        write_workbook(file, sheets, zone, made_at)

    return _file_response(request, name, CONTENT_TYPE, write)


def _file_name(board_request: BoardRequest, what: str, ending: str) -> str:
    """A file name without any text from an ERP or a reader."""
    moment = board_request.as_of.astimezone(UTC)
    return f"closeboard-{board_request.month:%Y-%m}-{what}-{moment:%Y%m%dT%H%MZ}.{ending}"


def _file_response(
    request: HttpRequest, name: str, content_type: str, write: Callable[[IO[bytes]], None]
) -> HttpResponse:
    """A download, written to disk first, so that an error gives an error page and never half a file."""
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
    response = StreamingHttpResponse(parts, content_type=content_type)
    response["Content-Length"] = str(size)
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    return response  # type: ignore[return-value]  # `board_view` accepts both


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while part := file.read(_CHUNK):
            yield part


async def _parts_async(file: IO[bytes]) -> AsyncIterator[bytes]:
    for part in _parts(file):
        yield part
