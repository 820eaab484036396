"""What is on a screen as a file: CSV for programs, Excel for people; the same rows, order, month and moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from io import SEEK_END
from tempfile import TemporaryFile
from typing import IO

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from board import words
from board.asked import Asked, asking
from board.escalation import Queue, known_of, queue_of
from board.narrow import narrowed
from board.past_deadline import in_the_way
from board.presenters import board_csv_lines, counts_line, csv_lines
from board.question import Question
from board.question_words import filters_in_words, order_in_words
from board.sections import sections
from board.spreadsheet import CONTENT_TYPE, Column, Sheet, Value, write_workbook
from closing.days import month_and_year
from closing.scoreboard import Row, Scoreboard, headline

CSV_TYPE = "text/csv; charset=utf-8"
_MARK = "\ufeff"  # without it Excel takes a CSV for one in the Windows alphabet and "Ibérica" for "IbÃ©rica"
_CHUNK = 64 * 1024


def board_exports(question: Question) -> list[tuple[str, str]]:
    """The files of what a board shows: (label, address)."""
    return [("CSV", question.url("/export/board.csv")), ("Excel", question.url("/export/board.xlsx"))]


# --- the board ----------------------------------------------------------------------------------------------------


@require_safe
@asking
def board_csv(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The rows of the board from top to bottom, one line each."""
    return _csv(request, asked, "board", board_csv_lines(_as_shown(asked.board(), asked.question)))


@require_safe
@asking
def board_xlsx(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The rows of the board from top to bottom, and a sheet that says what they are."""
    whole = asked.board()
    shown = _as_shown(whole, asked.question)
    names = {node.code: node.name for node in whole.groups}
    rows = ([*_entity(row, names), *_standing(row, shown.as_of), *_said(row)] for row in shown.rows)
    stamp = ([f"{shown.month:%Y-%m}", shown.as_of, *values] for values in rows)
    columns = [*_stamp(asked), *_ENTITY, *_standing_columns(asked), *_SAID]
    told = [
        ("Board of", month_and_year(asked.month)),
        *_asked_for(asked, whole),
        ("Order", order_in_words(asked.question)),
        ("Headline, of all that you see", headline(whole)),
        ("In this file", counts_line(shown) if shown.rows else "no entity"),
        *_notes(shown.rows),
        *_asker(asked),
    ]
    return _xlsx(request, asked, "board", [Sheet("Board", columns, stamp), _about(told)])


def _as_shown(board: Scoreboard, question: Question) -> Scoreboard:
    """The board with the rows that pass the filters, in the order in which they stand on the screen."""
    shown = narrowed(board, question)
    rows = [row for section in sections(shown, question.by) for row in section.rows]
    return Scoreboard(shown.month, shown.as_of, rows, shown.groups, shown.warnings)


def _stamp(asked: Asked) -> list[Column]:
    return [Column("Month", 9), Column(f"As of ({asked.reader.zone_name} time)", 22)]


_ENTITY = (
    Column("Code", 10),
    Column("Entity", 28),
    Column("Group", 22),
    Column("Country", 8),
    Column("ERP", 18),
    Column("Owner", 20),
)


def _entity(row: Row, groups: dict[str, str]) -> list[Value]:
    return [row.code, row.name, groups.get(row.group, row.group), row.country, row.connection, row.owner]


def _standing_columns(asked: Asked) -> list[Column]:
    return [
        Column("State", 22),
        Column("Confirmed", 10),
        Column(f"Last read ({asked.reader.zone_name} time)", 22),
        Column("Because", 44),
        Column("Trouble", 30),
        Column("Deadline", 17),
        Column("Rule", 8),
        Column("Against deadline", 20),
        Column("Days late", 9),
        Column("Days are", 14),
        Column("Alert line, days", 10),
        Column("First closed", 17),
        Column("Last closed", 17),
        Column("Reopened", 10),
    ]


def _standing(row: Row, as_of: datetime) -> list[Value]:
    standing, deadline = row.standing, row.deadline
    confirmed = row.fresh and not standing.unconfirmed
    state = words.STATES[row.state]
    return [
        state if row.fresh or row.read_at is None else f"{state} (not confirmed)",
        confirmed,
        row.read_at,
        row.because,
        row.trouble,
        deadline.due_on if deadline is not None else None,
        deadline.label if deadline is not None else "",
        words.against(row, as_of).text,
        standing.days_late,
        words.days_in_words(2, standing.unit).removeprefix("2 "),
        row.alert_after_days,
        standing.first_closed_on,
        standing.last_closed_on,
        standing.reopened,
    ]


_SAID = (
    Column("Expected close", 17),
    Column("Overdue reason", 26),
    Column("In their words", 32),
    Column("Acknowledged by", 20),
    Column("Acknowledged at", 22),
    Column("Acknowledgement", 32),
)


def _said(row: Row) -> list[Value]:
    remarks = row.remarks
    return [
        remarks.expected_on,
        remarks.reason,
        remarks.reason_text,
        remarks.acknowledged_by,
        remarks.acknowledged_at,
        remarks.acknowledged_text,
    ]


# --- the escalation queue -----------------------------------------------------------------------------------------


@require_safe
@asking
def past_deadline_csv(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Who is over the alert line, one line for each month of an entity."""
    queue = queue_of(asked)
    return _csv(request, asked, "past-deadline", csv_lines(_QUEUE_NAMES, _queue_rows(queue)))


@require_safe
@asking
def past_deadline_xlsx(request: HttpRequest, asked: Asked) -> HttpResponse:
    """Who is over the alert line, and a sheet that says what they are."""
    queue = queue_of(asked)
    names = {node.code: node.name for node in queue.board.groups}
    known = known_of(asked, queue.entities)

    def rows() -> Iterator[list[Value]]:
        for month, row in _queued(queue):
            yield [
                f"{month:%Y-%m}",
                asked.as_of,
                *_entity(row, names),
                known.owners[row.code].email if row.code in known.owners else "",
                *_standing(row, asked.as_of),
                known.since(row),
                "; ".join(text for _, text in in_the_way(row, asked.reader, asked.as_of)),
                *_said(row),
            ]

    columns = [
        *_stamp(asked),
        *_ENTITY,
        Column("Owner's e-mail", 30),
        *_standing_columns(asked),
        Column("Over the line since", 17),
        Column("In the way", 60),
        *_SAID,
    ]
    told = [
        ("Past deadline", f"{month_and_year(asked.month)} and before"),
        *_asked_for(asked, queue.board),
        ("Order", "Furthest behind first"),
        ("In this file", f"{len(queue.entities)} of {len(queue.everyone)} entities past the alert line"),
        *_notes([row for _, row in _queued(queue)]),
        *_asker(asked),
    ]
    return _xlsx(request, asked, "past-deadline", [Sheet("Past deadline", columns, rows()), _about(told)])


_QUEUE_NAMES = (
    *("month", "as_of", "code", "name", "group", "country", "connection", "owner", "owner_email"),
    *("state", "because", "trouble", "fresh", "read_at", "due_on", "days_late", "lateness_unit", "level"),
    *("over_line_since", "reopened", "unconfirmed", "expected_on", "overdue_reason", "overdue_reason_text"),
    *("acknowledged_by", "acknowledged_at", "acknowledgement"),
)


def _queue_rows(queue: Queue) -> Iterator[list[object]]:
    known = known_of(queue.asked, queue.entities)
    for month, row in _queued(queue):
        yield [
            *(
                f"{month:%Y-%m}",
                queue.asked.as_of,
                row.code,
                row.name,
                row.group,
                row.country,
                row.connection,
            ),
            *(row.owner, known.owners[row.code].email if row.code in known.owners else ""),
            *(row.state.value, row.because, row.trouble, row.fresh, row.read_at),
            *(row.deadline.due_on if row.deadline is not None else None, row.standing.days_late),
            *(row.standing.unit.value, row.standing.level.value, known.since(row), row.standing.reopened),
            *(row.standing.unconfirmed, row.remarks.expected_on, row.remarks.reason_code or None),
            *(row.remarks.reason_text, row.remarks.acknowledged_by, row.remarks.acknowledged_at),
            row.remarks.acknowledged_text,
        ]


def _queued(queue: Queue) -> Iterator[tuple[date, Row]]:
    for each in queue.entities:
        yield from each.months


# --- what a file is about -----------------------------------------------------------------------------------------


def _about(told: Sequence[tuple[str, str]]) -> Sheet:
    return Sheet("About", [Column("About this file", 32), Column("", 100)], told)


def _asked_for(asked: Asked, board: Scoreboard) -> list[tuple[str, str]]:
    moment = f"{words.moment_in_full(asked.as_of, asked.reader.zone)} {asked.reader.zone_name}"
    filters = filters_in_words(asked.question, board.groups)
    return [
        ("As known at", f"{moment} ({words.iso(asked.as_of)})"),
        ("Filters", "; ".join(filters) if filters else "none: everything that you may see"),
    ]


def _notes(rows: Sequence[Row]) -> list[tuple[str, str]]:
    unsure = sum(not row.fresh or row.standing.unconfirmed for row in rows)
    notes = [words.on_hold_note(list(rows))]
    notes += [f"{unsure} of {len(rows)} not confirmed: as when last read"] if unsure else []
    return [("Note", note) for note in notes if note]


def _asker(asked: Asked) -> list[tuple[str, str]]:
    person = asked.person
    made = f"{words.moment_in_full(asked.now, asked.reader.zone)} {asked.reader.zone_name}"
    name = f"{person.name} ({person.email})" if person.name else person.email
    return [("Asked for by", name), ("Made", f"{made}, by Closeboard")]


# --- sending ------------------------------------------------------------------------------------------------------


def _csv(request: HttpRequest, asked: Asked, what: str, lines: Iterable[str]) -> HttpResponse:
    def write(file: IO[bytes]) -> None:
        file.write(_MARK.encode())
        file.writelines(line.encode() for line in lines)

    return _file(request, _named(asked, what, "csv"), CSV_TYPE, write)


def _xlsx(request: HttpRequest, asked: Asked, what: str, sheets: Sequence[Sheet]) -> HttpResponse:
    def write(file: IO[bytes]) -> None:
        write_workbook(file, sheets, asked.reader.zone, asked.now)

    return _file(request, _named(asked, what, "xlsx"), CONTENT_TYPE, write)


def _named(asked: Asked, what: str, ending: str) -> str:
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
