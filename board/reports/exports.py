"""Exports the rows of a screen, same order, month and moment: CSV for programs, Excel for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from board.reports.download import (
    about_sheet,
    csv_file,
    export_notes,
    request_details,
    requester_details,
    xlsx_file,
)
from board.reports.overdue_queue import OverdueQueue, obstacles, overdue_queue, queue_details
from board.reports.spreadsheet import SheetColumn, Value, Worksheet
from board.scoreboard.serializers import board_csv_lines, counts_line, csv_lines
from board.scoreboard.table_sections import sections
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.filters import filter_board
from board.web.query_phrasing import describe_order
from closing.calendar.date_phrases import month_and_year
from closing.phrasing import in_the_way
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row

# --- the board ----------------------------------------------------------------------------------------------------


@require_safe
@board_view
def board_csv(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The rows of the board from top to bottom as CSV, one line each."""
    return csv_file(
        request,
        board_request,
        "board",
        board_csv_lines(_displayed(board_request.board(), board_request.query)),
    )


@require_safe
@board_view
def board_xlsx(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The rows of the board from top to bottom as a workbook, with a sheet about them."""
    unfiltered = board_request.board()
    shown = _displayed(unfiltered, board_request.query)
    names = {node.code: node.name for node in unfiltered.groups}
    rows = (
        [*entity_values(row, names), *standing_values(row, shown.as_of), *_remark_values(row)]
        for row in shown.rows
    )
    stamped_rows = ([f"{shown.month:%Y-%m}", shown.as_of, *values] for values in rows)
    columns = [
        *stamp_columns(board_request),
        *ENTITY_COLUMNS,
        *standing_columns(board_request),
        *_REMARK_COLUMNS,
    ]
    details = [
        ("Board of", month_and_year(board_request.month)),
        *request_details(board_request, unfiltered),
        ("Order", describe_order(board_request.query)),
        ("Headline, of all that you see", headline(unfiltered)),
        ("In this file", counts_line(shown) if shown.rows else "no entity"),
        *export_notes(shown.rows),
        *requester_details(board_request),
    ]
    return xlsx_file(
        request, board_request, "board", [Worksheet("Board", columns, stamped_rows), about_sheet(details)]
    )


def _displayed(board: Scoreboard, query: BoardQuery) -> Scoreboard:
    """The board with the rows that pass the filters, in the order of the screen."""
    shown = filter_board(board, query)
    rows = [row for section in sections(shown, query.by) for row in section.rows]
    return Scoreboard(shown.month, shown.as_of, rows, shown.groups, shown.warnings)


def stamp_columns(board_request: BoardRequest) -> list[SheetColumn]:
    """The columns of a row's month and moment."""
    return [SheetColumn("Month", 9), SheetColumn(f"As of ({board_request.reader.zone_name} time)", 22)]


ENTITY_COLUMNS = (
    SheetColumn("Code", 10),
    SheetColumn("Entity", 28),
    SheetColumn("Group", 22),
    SheetColumn("Country", 8),
    SheetColumn("ERP", 18),
    SheetColumn("Owner", 20),
)


def entity_values(row: Row, groups: Mapping[str, str]) -> list[Value]:
    """The values of `ENTITY_COLUMNS`; `groups` are names by code."""
    return [row.code, row.name, groups.get(row.group, row.group), row.country, row.connection, row.owner]


def standing_columns(board_request: BoardRequest) -> list[SheetColumn]:
    """The headings of `standing_values`."""
    return [
        SheetColumn("State", 22),
        SheetColumn("Confirmed", 10),
        SheetColumn(f"Last read ({board_request.reader.zone_name} time)", 22),
        SheetColumn("Because", 44),
        SheetColumn("Trouble", 30),
        SheetColumn("Deadline", 17),
        SheetColumn("Rule", 8),
        SheetColumn("Against deadline", 20),
        SheetColumn("Days late", 9),
        SheetColumn("Days are", 14),
        SheetColumn("Alert line, days", 10),
        SheetColumn("First closed", 17),
        SheetColumn("Last closed", 17),
        SheetColumn("Reopened", 10),
        SheetColumn("Reopened after a permanent close, times", 14),
        SheetColumn("Silenced", 30),
    ]


def standing_values(row: Row, as_of: datetime) -> list[Value]:
    """The values of `standing_columns`; the text of a stale state ends in "(as last read)"."""
    standing, deadline = row.standing, row.deadline
    confirmed = row.fresh and not standing.unconfirmed
    return [
        state_in_words(row),
        confirmed,
        row.read_at,
        in_the_way(row),
        row.read_error,
        deadline.due_on if deadline is not None else None,
        deadline.label if deadline is not None else "",
        labels.deadline_status(row, as_of).text,
        standing.days_late,
        labels.unit_in_words(2, standing.unit),
        row.alert_after_days,
        standing.first_closed_on,
        standing.last_closed_on,
        standing.reopened,
        standing.permanent_reopenings,
        labels.silenced(row.silence) if row.silence is not None else "",
    ]


def state_in_words(row: Row) -> str:
    """ "Closed", or "Closed (as last read)"."""
    state = labels.state_label(row)
    return state if row.fresh or row.read_at is None else f"{state} (as last read)"


_REMARK_COLUMNS = (
    SheetColumn("Expected close", 17),
    SheetColumn("Overdue reason", 26),
    SheetColumn("Reason in words", 32),
    SheetColumn("Taken over by", 20),
    SheetColumn("Taken over at", 22),
    SheetColumn("What happens next", 32),
)


def _remark_values(row: Row) -> list[Value]:
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
@board_view
def past_deadline_csv(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The escalation queue as CSV, one line for each month of an entity."""
    queue = overdue_queue(board_request)
    return csv_file(request, board_request, "past-deadline", csv_lines(_QUEUE_NAMES, _queue_rows(queue)))


@require_safe
@board_view
def past_deadline_xlsx(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The escalation queue as a workbook, with a sheet about it."""
    queue = overdue_queue(board_request)
    names = {node.code: node.name for node in queue.board.groups}
    info = queue_details(board_request, queue.entities, of_a_file=True)

    def rows() -> Iterator[list[Value]]:
        for month, row in _queue_months(queue):
            yield [
                f"{month:%Y-%m}",
                board_request.as_of,
                *entity_values(row, names),
                info.owners[row.code].email if row.code in info.owners else "",
                *standing_values(row, board_request.as_of),
                info.since(row),
                "; ".join(text for _, text in obstacles(row, board_request.reader, board_request.as_of)),
                *_remark_values(row),
            ]

    columns = [
        *stamp_columns(board_request),
        *ENTITY_COLUMNS,
        SheetColumn("Owner's e-mail", 30),
        *standing_columns(board_request),
        SheetColumn("Alerting since", 17),
        SheetColumn("In the way", 60),
        *_REMARK_COLUMNS,
    ]
    details = [
        ("Overdue", f"{month_and_year(board_request.month)} and before"),
        *request_details(board_request, queue.board),
        ("Order", "Alerting, then watch, each furthest behind first"),
        ("In this file", f"{len(queue.entities)} of {len(queue.unfiltered)} overdue entities"),
        *export_notes([row for _, row in _queue_months(queue)]),
        *requester_details(board_request),
    ]
    return xlsx_file(
        request,
        board_request,
        "past-deadline",
        [Worksheet("Overdue", columns, rows()), about_sheet(details)],
    )


_QUEUE_NAMES = (
    *("month", "as_of", "code", "name", "group", "country", "connection", "owner", "owner_email"),
    *("state", "because", "trouble", "fresh", "read_at", "due_on", "days_late", "lateness_unit", "level"),
    *("over_line_since", "reopened", "unconfirmed", "expected_on", "overdue_reason", "overdue_reason_text"),
    *("acknowledged_by", "acknowledged_at", "acknowledgement", "permanent_reopenings"),
)


def _queue_rows(queue: OverdueQueue) -> Iterator[list[object]]:
    info = queue_details(queue.board_request, queue.entities, of_a_file=True)
    for month, row in _queue_months(queue):
        yield [
            *(
                f"{month:%Y-%m}",
                queue.board_request.as_of,
                row.code,
                row.name,
                row.group,
                row.country,
                row.connection,
            ),
            *(row.owner, info.owners[row.code].email if row.code in info.owners else ""),
            *(row.state.value, row.because, row.read_error, row.fresh, row.read_at),
            *(row.deadline.due_on if row.deadline is not None else None, row.standing.days_late),
            *(row.standing.unit.value, row.standing.level.value, info.since(row), row.standing.reopened),
            *(row.standing.unconfirmed, row.remarks.expected_on, row.remarks.reason_code or None),
            *(row.remarks.reason_text, row.remarks.acknowledged_by, row.remarks.acknowledged_at),
            *(row.remarks.acknowledged_text, row.standing.permanent_reopenings),
        ]


def _queue_months(queue: OverdueQueue) -> Iterator[tuple[date, Row]]:
    for entity in queue.entities:
        yield from entity.months
