"""Exports the matrix: entities by months as on the screen, and each period on a line of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from board.reports.download import about_sheet, csv_file, xlsx_file
from board.reports.exports import (
    RowColumn,
    entity_columns,
    moment_column,
    read_column,
    row_sheet,
    standing_columns,
    state_in_words,
)
from board.reports.headings import headings
from board.reports.matrix import months_until
from board.reports.spreadsheet import SheetColumn, Value, Worksheet
from board.scoreboard.serializers import board_csv_lines
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web import labels
from board.web.board_request import BoardRequest, board_view
from board.web.filters import entity_matches, group_and_descendants, matching_rows
from board.web.params import MatrixWindow
from board.web.query_phrasing import describe_order
from closing.calendar.date_phrases import month_and_year
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from periods.snapshot.builder import take_snapshots


class _Periods:
    """The periods of a matrix by month; above FOLD_THRESHOLD entities, one month is in memory at a time."""

    def __init__(self, board_request: BoardRequest, window: MatrixWindow) -> None:
        self.board_request = board_request
        self.months = months_until(board_request.month, window.months)
        self.last = board_request.board()
        self.entities: dict[str, Row] = {}  # the last row of each entity, for its name and attributes
        self.cells: dict[str, dict[date, str]] = {}
        self.matching = matching_rows(self.last, board_request.query)  # of the last month
        self._order = {row.code: index for index, row in enumerate(self.matching)}

    def boards(self) -> Iterator[Scoreboard]:
        """Each month with the rows of the matrix, oldest first; filters on states apply to the last month."""
        query, as_of = self.board_request.query, self.board_request.as_of
        entities = self.board_request.entities()
        all_at_once = len(self.last.rows) <= FOLD_THRESHOLD
        boards = take_snapshots(entities, self.months, as_of) if all_at_once else {}
        for month in self.months:
            board = boards[month] if all_at_once else take_snapshots(entities, [month], as_of)[month]
            group_codes = group_and_descendants(board.groups, query.group)
            rows = [
                row
                for row in board.rows
                if (
                    row.code in self._order if query.filters_rows else entity_matches(row, query, group_codes)
                )
            ]
            rows.sort(key=self._sort_key)
            for row in rows:
                self.entities[row.code] = row
                self.cells.setdefault(row.code, {})[month] = self._cell(row)
            yield replace(board, rows=rows)

    def lines(self) -> list[Row]:
        """One row per entity, in the order of the screen."""
        rows = sorted(self.entities.values(), key=self._sort_key)
        query = self.board_request.query
        return [row for part in headings(rows, query.by, self.last.groups) for row in part.direct]

    def _sort_key(self, row: Row) -> tuple[int, str]:
        name = row.name.casefold()
        return (
            (0, name)
            if self.board_request.query.sort == "name"
            else (self._order.get(row.code, len(self._order)), name)
        )

    def _cell(self, row: Row) -> str:
        reopened = labels.reopened_label(row)
        suffix = f", {reopened}" if reopened else ""
        return f"{state_in_words(row)}, {labels.deadline_status(row, self.board_request.as_of).text}{suffix}"


@require_safe
@board_view
def matrix_csv(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Every period of the matrix as CSV, one line each, the oldest month first."""
    periods = _Periods(board_request, MatrixWindow.of(request.GET))
    return csv_file(request, board_request, "matrix", _lines(periods))


def _lines(periods: _Periods) -> Iterator[str]:
    for index, board in enumerate(periods.boards()):
        for number, line in enumerate(board_csv_lines(board)):
            if number or not index:
                yield line


@require_safe
@board_view
def matrix_xlsx(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """A workbook with entities by months, a sheet of single periods, and a sheet about both."""
    periods = _Periods(board_request, MatrixWindow.of(request.GET))
    columns: list[RowColumn] = [
        *entity_columns(periods.last),
        (SheetColumn("Confirmed", 10), lambda row: row.fresh),
        read_column(board_request),
    ]

    def entity_rows() -> Iterator[list[Value]]:
        for row in periods.lines():
            cells = periods.cells[row.code]
            yield [
                board_request.as_of,
                *(value(row) for _, value in columns),
                *(cells.get(month) for month in periods.months),
            ]

    first, last = map(month_and_year, (periods.months[0], periods.months[-1]))
    details = [
        ("Filters on states", "look at the last month"),
        ("Order", describe_order(board_request.query)),
    ]
    sheets = [
        Worksheet(
            "Matrix",
            [
                moment_column(board_request),
                *(column for column, _ in columns),
                *(SheetColumn(month_and_year(month), 20) for month in periods.months),
            ],
            entity_rows(),
        ),
        row_sheet(
            "Periods",
            board_request,
            ((board.month, row) for board in periods.boards() for row in board.rows),
            [*entity_columns(periods.last), *standing_columns(board_request)],
        ),
        about_sheet(
            board_request, periods.last, periods.matching, ("Matrix of", f"{first} to {last}"), details
        ),
    ]
    return xlsx_file(request, board_request, "matrix", sheets)
