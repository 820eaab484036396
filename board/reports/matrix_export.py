"""The matrix as a file: entities by months as on the screen, and every period of it on a line of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property

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
from board.reports.exports import (
    ENTITY_COLUMNS,
    entity_values,
    stamp_columns,
    standing_columns,
    standing_values,
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

    def __init__(self, asked: BoardRequest, window: MatrixWindow) -> None:
        self.asked = asked
        self.months = months_until(asked.month, window.months)
        self.last = asked.board()
        self.entities: dict[str, Row] = {}  # a row of each entity that was met, for what it is called
        self.cells: dict[str, dict[date, str]] = {}

    @cached_property
    def _order(self) -> Mapping[str, int]:
        return {row.code: place for place, row in enumerate(matching_rows(self.last, self.asked.query))}

    def boards(self) -> Iterator[Scoreboard]:
        """Each month with the rows that the matrix is about, oldest first; filters on states look at the last one."""
        question, entities, as_of = self.asked.query, self.asked.entities(), self.asked.as_of
        by_state = question.show != "all" or question.state or question.level
        few = len(self.last.rows) <= FOLD_THRESHOLD
        kept = take_snapshots(entities, self.months, as_of) if few else {}
        for month in self.months:
            board = kept[month] if few else take_snapshots(entities, [month], as_of)[month]
            wanted = group_and_descendants(board.groups, question.group)
            rows = [
                row
                for row in board.rows
                if (row.code in self._order if by_state else entity_matches(row, question, wanted))
            ]
            rows.sort(key=self._place)
            for row in rows:
                self.entities[row.code] = row
                self.cells.setdefault(row.code, {})[month] = self._cell(row)
            yield Scoreboard(month, as_of, rows, board.groups)

    def lines(self) -> list[Row]:
        """A row of each entity, in the order of the screen."""
        rows = sorted(self.entities.values(), key=self._place)
        question = self.asked.query
        return [row for part in headings(rows, question.by, self.last.groups) for row in part.direct]

    def _place(self, row: Row) -> tuple[int, str]:
        name = row.name.casefold()
        return (
            (0, name)
            if self.asked.query.sort == "name"
            else (self._order.get(row.code, len(self._order)), name)
        )

    def _cell(self, row: Row) -> str:
        again = ", reopened" if row.standing.reopened else ""
        return f"{state_in_words(row)}, {labels.deadline_status(row, self.asked.as_of).text}{again}"


@require_safe
@board_view
def matrix_csv(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Every period of the matrix on a line of its own, the oldest month first."""
    periods = _Periods(asked, MatrixWindow.of(request.GET))
    return csv_file(request, asked, "matrix", _lines(periods))


def _lines(periods: _Periods) -> Iterator[str]:
    for at, board in enumerate(periods.boards()):
        for number, line in enumerate(board_csv_lines(board)):
            if number or not at:
                yield line


@require_safe
@board_view
def matrix_xlsx(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Entities by months with a cell for each period, then the periods one by one, then what they are."""
    periods = _Periods(asked, MatrixWindow.of(request.GET))
    names = {node.code: node.name for node in periods.last.groups}

    def each_period() -> Iterator[list[Value]]:
        for board in periods.boards():
            for row in board.rows:
                yield [
                    f"{board.month:%Y-%m}",
                    board.as_of,
                    *entity_values(row, names),
                    *standing_values(row, board.as_of),
                ]

    def each_entity() -> Iterator[list[Value]]:
        for row in periods.lines():
            yield [
                asked.as_of,
                *entity_values(row, names),
                row.fresh,
                row.read_at,
                *(periods.cells[row.code].get(month) for month in periods.months),
            ]

    _, moment = stamp_columns(asked)
    first, last = map(month_and_year, (periods.months[0], periods.months[-1]))
    columns = [
        moment,
        *ENTITY_COLUMNS,
        SheetColumn("Confirmed", 10),
        SheetColumn(f"Last read ({asked.reader.zone_name} time)", 22),
        *(SheetColumn(month_and_year(month), 20) for month in periods.months),
    ]
    told = [
        ("Matrix of", f"{first} to {last}"),
        *request_details(asked, periods.last),
        ("Filters on states", "look at the last month"),
        ("Order", describe_order(asked.query)),
        *export_notes(matching_rows(periods.last, asked.query)),
        *requester_details(asked),
    ]
    sheets = [
        Worksheet("Matrix", columns, each_entity()),
        Worksheet(
            "Periods", [*stamp_columns(asked), *ENTITY_COLUMNS, *standing_columns(asked)], each_period()
        ),
        about_sheet(told),
    ]
    return xlsx_file(request, asked, "matrix", sheets)
