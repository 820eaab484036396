"""The links around a board."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.scoreboard.summary import BoardSummary
from board.web.board_query import BoardQuery
from board.web.controls import BOARD_PATH, LIVE_PATH, WALL_PATH, Moments, moments
from board.web.readers import Reader


@dataclass(frozen=True, slots=True)
class BoardLinks:
    """The URL of each control; empty where a control has no target."""

    here: str
    now: str
    stream: str
    stream_id: str
    previous: str
    next: str
    latest: str
    moments: Moments
    exports: Sequence[tuple[str, str]]
    wall: str


def board_links(
    page: BoardSummary,
    query: BoardQuery,
    reader: Reader,
    now: datetime,
    exports: Sequence[tuple[str, str]],
) -> BoardLinks:
    """The links of a board; `now` is the moment of the request, whatever moment is shown."""
    months = {"previous": page.previous, "next": page.next}
    month_urls = {
        name: query.url(BOARD_PATH, month=datetime.fromisoformat(f"{link[0]}-01").date()) if link else ""
        for name, link in months.items()
    }
    return BoardLinks(
        here=query.url(BOARD_PATH),
        now=query.url(BOARD_PATH, at=None),
        stream=query.url(LIVE_PATH),
        stream_id=f"{zlib.crc32(query.querystring().encode()):x}",
        previous=month_urls["previous"],
        next=month_urls["next"],
        latest=query.url(BOARD_PATH, month=None),
        moments=moments(BOARD_PATH, query, reader, now),
        exports=exports,
        wall=query.url(WALL_PATH),
    )


def board_exports(query: BoardQuery) -> list[tuple[str, str]]:
    """The files to download for a board: (label, URL)."""
    return [("CSV", query.url("/export/board.csv")), ("Excel", query.url("/export/board.xlsx"))]
