"""What is in the way of a row's close, as the cells of pages show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.web.labels import clock
from board.web.readers import Reader
from closing.blockers.rollup import SHOWN_ON_BOARD
from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from closing.blockers.weighing import BlockerLevel
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class BlockerLine:
    """One blocker: in short, in full, its tone (warning, note, unsure) and since when it was not read again."""

    short: str
    because: str
    tone: str
    aged: str


@dataclass(frozen=True, slots=True)
class BlockersCell:
    """The blockers of a row: the first two, how many follow, and those that are not readable in full."""

    shown: Sequence[BlockerLine]
    more: int
    unsure: Sequence[BlockerLine]
    lines: Sequence[BlockerLine]


def blockers_cell(row: Row, as_of: datetime, reader: Reader) -> BlockersCell | None:
    """The cell of a row; None where nothing is in the way and nothing is unsure."""
    value = row.get(BLOCKERS)
    if value is None:
        return None
    lines, unsure = ([_line(dated, as_of, reader) for dated in found] for found in value.on_board)
    if not lines and not unsure:
        return None
    shown = lines[:SHOWN_ON_BOARD]
    return BlockersCell(shown, len(lines) - len(shown), unsure, lines)


def _line(dated: DatedBlocker, as_of: datetime, reader: Reader) -> BlockerLine:
    blocker = dated.blocker
    aged = "" if dated.fresh else f"not read since {clock(dated.read_at, reader.zone, as_of)}"
    tone = "warning" if blocker.level is BlockerLevel.WARNING else "note"
    if blocker.level is BlockerLevel.NOT_READABLE or blocker.partly_covered:
        tone = "unsure"
    return BlockerLine(blocker.short, blocker.because, tone, aged)
