"""The links around a board."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.scoreboard.summary import BoardSummary
from board.web.board_query import BoardQuery
from board.web.controls import BOARD_PATH, LIVE_PATH, Moments, moments
from board.web.readers import Reader


@dataclass(frozen=True, slots=True)
class BoardLinks:
    """Where each control leads; empty where it leads nowhere."""

    here: str
    now: str
    stream: str
    stream_id: str
    previous: str
    next: str
    latest: str
    moments: Moments
    exports: Sequence[tuple[str, str]]


def board_links(
    page: BoardSummary,
    question: BoardQuery,
    reader: Reader,
    now: datetime,
    exports: Sequence[tuple[str, str]],
) -> BoardLinks:
    """The links of a board; `now` is the moment of asking, whatever moment is shown."""
    months = {"previous": page.previous, "next": page.next}
    turned = {
        name: question.url(BOARD_PATH, month=datetime.fromisoformat(f"{link[0]}-01").date()) if link else ""
        for name, link in months.items()
    }
    return BoardLinks(
        here=question.url(BOARD_PATH),
        now=question.url(BOARD_PATH, at=None),
        stream=question.url(LIVE_PATH),
        stream_id=f"{zlib.crc32(question.querystring().encode()):x}",
        previous=turned["previous"],
        next=turned["next"],
        latest=question.url(BOARD_PATH, month=None),
        moments=moments(BOARD_PATH, question, reader, now),
        exports=exports,
    )


def board_exports(question: BoardQuery) -> list[tuple[str, str]]:
    """The files of what a board shows: (label, address)."""
    return [("CSV", question.url("/export/board.csv")), ("Excel", question.url("/export/board.xlsx"))]
