"""The wall screen: the board in large type without controls or scripts, turning its pages by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from board.scoreboard.row_cells import RowCells, row_cells
from board.scoreboard.summary import board_summary
from board.scoreboard.table_sections import BoardSection, sections
from board.web.blockers_cell import WorkInShort, work_in_short
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import WALL_PATH, build_url
from board.web.filters import filter_board
from board.web.query_phrasing import describe_filters, labelled_filters
from board.web.readers import Reader
from board.web.toolbar import no_entities_message
from closing.calendar.date_phrases import weekday_and_date
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.headline import headline_parts
from closing.scoreboard.row import Row

REFRESH_SECONDS = 20  # until the next screen, or the same one with new figures
ROWS_PER_SCREEN = (
    8  # rows and headings that fit on one screen: the style sheet gives each an eighth of the height
)
MAX_SCREENS = 12  # screens in a round of four minutes; rows beyond them are only counted


@dataclass(slots=True)
class Block:
    """A heading and its rows; the first screen, and a single screen with all rows, has no section."""

    section: BoardSection | None
    lines: list[tuple[RowCells, WorkInShort]]
    continued: bool = False

    @property
    def shows_work(self) -> bool:
        """Whether something is in the way of a line, which then has a column of its own."""
        return any(work.phrase for _, work in self.lines)


@dataclass(slots=True)
class WallScreen:
    """The content of one screen."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    taken: int = 0


@require_safe
@board_view
def wall(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """One screen of the round; a Refresh header leads to the next one with the same filters."""
    query = board_request.query
    unfiltered = board_request.board()
    scope = filter_board(unfiltered, query.of_entities)  # a filter on states must not change the verdict
    shown = filter_board(scope, query)
    summary = board_summary(scope, board_request.reader, past=board_request.past)
    only = describe_filters(query, unfiltered.groups)
    screens, omitted = _wall_screens(shown, unfiltered, query, board_request.reader)
    number = _screen_number(request.GET.get("screen", ""), len(screens))
    empty = _empty_message(board_request, unfiltered, shown)
    local = board_request.as_of.astimezone(board_request.reader.zone)
    context = {
        "page": summary,
        "verdict": _verdict(scope, query, unfiltered.groups),
        "closed": scope.closed is True and not empty,
        "scope": "" if only else summary.scope,
        "only": only,
        "clock": f"{local:%H:%M}",
        "day": weekday_and_date(local.date()),
        "screen": screens[number - 1],
        "number": number,
        "screens": len(screens),
        "left": omitted,
        "seconds": REFRESH_SECONDS,
        "past": board_request.past,
        "empty": empty,
    }
    response = render(request, "board/scoreboard/wall.html", context)
    next_number = number % len(screens) + 1
    next_url = build_url(WALL_PATH, query, [("screen", str(next_number))] if next_number > 1 else ())
    response["Refresh"] = f"{REFRESH_SECONDS}; url={next_url}"
    return response


def _screen_number(text: str, screens: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
    return number if 1 <= number <= screens else 1


def _empty_message(
    board_request: BoardRequest, unfiltered: Scoreboard, shown: Scoreboard
) -> tuple[str, str] | None:
    if not unfiltered.rows:
        return no_entities_message(board_request)
    if not shown.rows:
        return "Nobody to show", "No entity passes these filters."
    return None


def _verdict(scope: Scoreboard, query: BoardQuery, groups: Sequence[GroupNode]) -> str:
    """The verdict; for a filtered board it names the filters, so that no group is said to be closed."""
    parts, chosen = headline_parts(scope), labelled_filters(query.of_entities, groups)
    if not chosen or not parts.closed_phrase:
        return parts.verdict
    scope_name = ", ".join(value if label == "Group" else f"{label}: {value}" for label, value in chosen)
    return f"{scope_name}: {parts.closed_phrase}"


# --- the round ----------------------------------------------------------------------------------------------------


def _wall_screens(
    board: Scoreboard, unfiltered: Scoreboard, query: BoardQuery, reader: Reader
) -> tuple[list[WallScreen], int]:
    """The screens, at least one, and the number of rows that do not fit on them.

    If the rows need several screens, the furthest behind come first, then each heading with its rows that are not
    closed and confirmed: the others are in its fraction.
    """

    def cells(rows: Sequence[Row]) -> list[tuple[RowCells, WorkInShort]]:
        return [(row_cells(row, board.as_of, reader, ""), work_in_short(row)) for row in rows]

    if len(board.rows) <= ROWS_PER_SCREEN:
        return [WallScreen("", [Block(None, cells(board.rows))], len(board.rows))], 0
    behind = [row for row in board.rows if _unfinished(row)][:ROWS_PER_SCREEN]
    screens = [WallScreen("Furthest behind", [Block(None, cells(behind))], ROWS_PER_SCREEN)] if behind else []
    omitted = 0
    for section, rows, continued in _section_parts(sections(board, query.by, unfiltered)):
        if not screens or screens[-1].taken + 1 + len(rows) > ROWS_PER_SCREEN:
            if len(screens) == MAX_SCREENS:
                omitted += len(rows)
                continue
            screens.append(WallScreen(""))
        screens[-1].blocks.append(Block(section, cells(rows), continued))
        screens[-1].taken += 1 + len(rows)
    return screens, omitted


def _section_parts(
    board_sections: Sequence[BoardSection],
) -> Iterator[tuple[BoardSection, Sequence[Row], bool]]:
    """Each section with the rows to show, in parts that fit below a heading on one screen."""
    for section in board_sections:
        rows = [row for row in section.rows if _unfinished(row)]
        if section.rows:
            yield section, rows[: ROWS_PER_SCREEN - 1], False
        for at in range(ROWS_PER_SCREEN - 1, len(rows), ROWS_PER_SCREEN - 1):
            yield section, rows[at : at + ROWS_PER_SCREEN - 1], True


def _unfinished(row: Row) -> bool:
    return not row.not_due and not (row.fresh and row.counts_as_closed)
