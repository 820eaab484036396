"""The wall screen: the answer in large type without any control, turning its pages by itself, without scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from board.scoreboard.row_cells import RowCells, row_cells
from board.scoreboard.summary import board_summary
from board.scoreboard.table_sections import BoardSection, sections
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.filters import filter_board
from board.web.query_phrasing import describe_filters, labelled_filters
from board.web.readers import Reader
from board.web.toolbar import no_entities_message
from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.headline import headline_parts
from closing.scoreboard.row import Row

WALL_PATH = "/wall/"
REFRESH_SECONDS = 20  # until the next screen, or the same one with newer figures
ROWS_PER_SCREEN = (
    8  # rows and headings that fit on one screen: the style sheet gives each an eighth of the height it has
)
MAX_SCREENS = 12  # screens in a round of four minutes; what finds no place in it is counted


@dataclass(slots=True)
class Block:
    """A heading and the rows below it; on the first screen, and where all rows fit, there is no section."""

    section: BoardSection | None
    lines: list[RowCells]
    continued: bool = False


@dataclass(slots=True)
class WallScreen:
    """What fits on one screen."""

    title: str
    blocks: list[Block] = field(default_factory=list)
    taken: int = 0


@require_safe
@board_view
def wall(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """One screen of the round; the answer names the next one in a Refresh header, with all filters kept."""
    question = asked.query
    whole = asked.board()
    scope = filter_board(whole, _who(question))  # a filter on states must not make a verdict of its own
    shown = filter_board(scope, question)
    answer = board_summary(scope, asked.reader, past=asked.past)
    only = describe_filters(question, whole.groups)
    round_, left = _round(shown, question, asked.reader)
    number = _number(request.GET.get("screen", ""), len(round_))
    empty = _empty(asked, whole, shown)
    there = asked.as_of.astimezone(asked.reader.zone)
    told = {
        "page": answer,
        "verdict": _verdict(scope, question, whole.groups),
        "closed": scope.closed is True and not empty,
        "scope": "" if only else answer.scope,
        "only": only,
        "clock": f"{there:%H:%M}",
        "day": weekday_and_date(there.date()),
        "screen": round_[number - 1],
        "number": number,
        "screens": len(round_),
        "left": left,
        "seconds": REFRESH_SECONDS,
        "past": asked.past,
        "empty": empty,
    }
    response = render(request, "board/scoreboard/wall.html", told)
    next_ = number % len(round_) + 1
    url = question.url(WALL_PATH)
    to = url if next_ == 1 else f"{url}{'&' if '?' in url else '?'}screen={next_}"
    response["Refresh"] = f"{REFRESH_SECONDS}; url={to}"
    return response


def _who(question: BoardQuery) -> BoardQuery:
    """Only the filters on who is meant."""
    return replace(question, show="all", state="", level="", sort="behind")


def _number(text: str, screens: int) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 1
    return number if 1 <= number <= screens else 1


def _empty(asked: BoardRequest, whole: Scoreboard, shown: Scoreboard) -> tuple[str, str] | None:
    if not whole.rows:
        return no_entities_message(asked.person, asked.entities().count(), month_and_year(asked.month))
    if not shown.rows:
        return "Nobody to show", "No entity passes these filters."
    return None


def _verdict(scope: Scoreboard, question: BoardQuery, groups: Sequence[GroupNode]) -> str:
    """The verdict; where only a part of what the reader may see is asked for, no group is said to be closed."""
    answer, chosen = headline_parts(scope), labelled_filters(_who(question), groups)
    if not chosen or not answer.closed_phrase:
        return answer.verdict
    who = ", ".join(value if label == "Group" else f"{label}: {value}" for label, value in chosen)
    return f"{who}: {answer.closed_phrase}"


# --- the round ----------------------------------------------------------------------------------------------------


def _round(board: Scoreboard, question: BoardQuery, reader: Reader) -> tuple[list[WallScreen], int]:
    """The screens, at least one, and how many rows found no place.

    Where not all rows fit on one, those furthest behind come first, then each heading with whoever is not closed and
    confirmed: the others are in its fraction.
    """

    def told(rows: Sequence[Row]) -> list[RowCells]:
        return [row_cells(row, board.as_of, reader, "") for row in rows]

    if len(board.rows) <= ROWS_PER_SCREEN:
        return [WallScreen("", [Block(None, told(board.rows))], len(board.rows))], 0
    behind = [row for row in board.rows if _waited_for(row)][:ROWS_PER_SCREEN]
    screens = [WallScreen("Furthest behind", [Block(None, told(behind))], ROWS_PER_SCREEN)] if behind else []
    left = 0
    for section, rows, continued in _parts(sections(board, question.by)):
        if not screens or screens[-1].taken + 1 + len(rows) > ROWS_PER_SCREEN:
            if len(screens) == MAX_SCREENS:
                left += len(rows)
                continue
            screens.append(WallScreen(""))
        screens[-1].blocks.append(Block(section, told(rows), continued))
        screens[-1].taken += 1 + len(rows)
    return screens, left


def _parts(found: Sequence[BoardSection]) -> Iterator[tuple[BoardSection, Sequence[Row], bool]]:
    """Each section with the rows to show below it, in parts that fit under a heading on one screen."""
    for section in found:
        rows = [row for row in section.rows if _waited_for(row)]
        if section.rows:
            yield section, rows[: ROWS_PER_SCREEN - 1], False
        for at in range(ROWS_PER_SCREEN - 1, len(rows), ROWS_PER_SCREEN - 1):
            yield section, rows[at : at + ROWS_PER_SCREEN - 1], True


def _waited_for(row: Row) -> bool:
    return not (row.fresh and row.counts_as_closed)
