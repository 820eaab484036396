"""Exports the rows of a screen, same order, month and moment: CSV for programs, Excel for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from board.reports.download import about_sheet, csv_file, xlsx_file
from board.reports.overdue_queue import OverdueQueue, obstacles, overdue_queue, queue_details
from board.reports.spreadsheet import SheetColumn, Value, Worksheet
from board.scoreboard.serializers import board_csv_lines, counts_line, csv_lines
from board.scoreboard.table_sections import sections
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.filters import filter_board
from board.web.query_phrasing import describe_order
from closing.blockers.row_blockers import blockers_phrase
from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.row_tasks import tasks_phrase
from closing.phrasing import in_the_way
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row

RowColumn = tuple[SheetColumn, Callable[[Row], Value]]  # a column, and its value in the line of a row

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
    columns = [*entity_columns(unfiltered), *standing_columns(board_request), *_REMARK_COLUMNS]
    sheet = row_sheet("Board", board_request, ((shown.month, row) for row in shown.rows), columns)
    subject = "Board of", month_and_year(board_request.month)
    details = [
        ("Order", describe_order(board_request.query)),
        ("Headline, of all that you see", headline(unfiltered)),
        ("In this file", counts_line(shown) if shown.rows else "no entity"),
    ]
    about = about_sheet(board_request, unfiltered, shown.rows, subject, details)
    return xlsx_file(request, board_request, "board", [sheet, about])


def _displayed(board: Scoreboard, query: BoardQuery) -> Scoreboard:
    """The board with the rows that pass the filters, in the order of the screen."""
    shown = filter_board(board, query)
    return replace(shown, rows=[row for section in sections(shown, query.by) for row in section.rows])


def row_sheet(
    name: str, board_request: BoardRequest, rows: Iterable[tuple[date, Row]], columns: Sequence[RowColumn]
) -> Worksheet:
    """A sheet with a line for each row, which begins with the row's month and the moment of the request."""
    stamp = [SheetColumn("Month", 9), moment_column(board_request)]
    values = (
        [f"{month:%Y-%m}", board_request.as_of, *(value(row) for _, value in columns)] for month, row in rows
    )
    return Worksheet(name, [*stamp, *(column for column, _ in columns)], values)


def moment_column(board_request: BoardRequest) -> SheetColumn:
    """The column of a line's moment."""
    return SheetColumn(f"As of ({board_request.reader.zone_name} time)", 22)


def entity_columns(board: Scoreboard) -> list[RowColumn]:
    """The columns of an entity's attributes, with the names of the board's groups."""
    groups = {node.code: node.name for node in board.groups}
    return [
        (SheetColumn("Code", 10), lambda row: row.code),
        (SheetColumn("Entity", 28), lambda row: row.name),
        (SheetColumn("Group", 22), lambda row: groups.get(row.group, row.group)),
        (SheetColumn("Country", 8), lambda row: row.country),
        (SheetColumn("ERP", 18), lambda row: row.connection),
        (SheetColumn("Owner", 20), lambda row: row.owner),
    ]


def read_column(board_request: BoardRequest) -> RowColumn:
    """The column of the moment when a row was last read."""
    return SheetColumn(f"Last read ({board_request.reader.zone_name} time)", 22), lambda row: row.read_at


def standing_columns(board_request: BoardRequest) -> list[RowColumn]:
    """The columns of state, deadline and lateness; the text of a stale state ends in "(as last read)"."""
    as_of, zone = board_request.as_of, board_request.reader.zone

    def when(moment: datetime) -> str:
        return labels.clock(moment, zone, as_of)

    return [
        (SheetColumn("State", 22), state_in_words),
        (SheetColumn("Confirmed", 10), labels.is_confirmed),
        read_column(board_request),
        (SheetColumn("Because", 44), in_the_way),
        (SheetColumn("Unfinished work", 60), lambda row: blockers_phrase(row, when)),
        (SheetColumn("Close tasks", 26), tasks_phrase),
        (SheetColumn("Trouble", 30), lambda row: row.read_error),
        (SheetColumn("Deadline", 17), lambda row: row.deadline.due_on if row.deadline is not None else None),
        (SheetColumn("Rule", 8), lambda row: row.deadline.label if row.deadline is not None else ""),
        (SheetColumn("Against deadline", 20), lambda row: labels.deadline_status(row, as_of).text),
        (SheetColumn("Days late", 9), lambda row: row.standing.days_late),
        (SheetColumn("Days are", 14), lambda row: labels.unit_in_words(2, row.standing.unit)),
        (SheetColumn("Alert line, days", 10), lambda row: row.alert_after_days),
        (SheetColumn("First closed", 17), lambda row: row.standing.first_closed_on),
        (SheetColumn("Last closed", 17), lambda row: row.standing.last_closed_on),
        (SheetColumn("Reopened", 10), lambda row: row.standing.reopened),
        (
            SheetColumn("Reopened after a permanent close, times", 14),
            lambda row: row.standing.permanent_reopenings,
        ),
        (SheetColumn("Silenced", 30), lambda row: labels.silenced(row.silence) if row.silence else ""),
    ]


def state_in_words(row: Row) -> str:
    """ "Closed", or "Closed (as last read)"."""
    state = labels.state_label(row)
    return state if row.fresh or row.read_at is None else f"{state} (as last read)"


_REMARK_COLUMNS: tuple[RowColumn, ...] = (
    (SheetColumn("Expected close", 17), lambda row: row.remarks.expected_on),
    (SheetColumn("Overdue reason", 26), lambda row: row.remarks.reason),
    (SheetColumn("Reason in words", 32), lambda row: row.remarks.reason_text),
    (SheetColumn("Taken over by", 20), lambda row: row.remarks.acknowledged_by),
    (SheetColumn("Taken over at", 22), lambda row: row.remarks.acknowledged_at),
    (SheetColumn("What happens next", 32), lambda row: row.remarks.acknowledged_text),
)


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
    info = queue_details(board_request, queue.entities, of_a_file=True)

    def in_the_way_texts(row: Row) -> str:
        return "; ".join(text for _, text in obstacles(row, board_request.reader, board_request.as_of))

    columns: list[RowColumn] = [
        *entity_columns(queue.board),
        (SheetColumn("Owner's e-mail", 30), info.owner_email),
        *standing_columns(board_request),
        (SheetColumn("Alerting since", 17), info.since),
        (SheetColumn("In the way", 60), in_the_way_texts),
        *_REMARK_COLUMNS,
    ]
    sheet = row_sheet("Overdue", board_request, _queue_months(queue), columns)
    subject = "Overdue", f"{month_and_year(board_request.month)} and before"
    details = [
        ("Order", "Alerting, then watch, each furthest behind first"),
        ("In this file", f"{len(queue.entities)} of {len(queue.unfiltered)} overdue entities"),
    ]
    rows = [row for _, row in _queue_months(queue)]
    about = about_sheet(board_request, queue.board, rows, subject, details)
    return xlsx_file(request, board_request, "past-deadline", [sheet, about])


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
            *(row.owner, info.owner_email(row)),
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
