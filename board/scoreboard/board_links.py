"""The links around a board."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from board.scoreboard.summary import Page
from board.web.board_query import Question
from board.web.controls import LIVE, PATH, Moments, moments
from board.web.readers import Reader


@dataclass(frozen=True, slots=True)
class Links:
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


def links(
    page: Page, question: Question, reader: Reader, now: datetime, exports: Sequence[tuple[str, str]]
) -> Links:
    """The links of a board; `now` is the moment of asking, whatever moment is shown."""
    months = {"previous": page.previous, "next": page.next}
    turned = {
        name: question.url(PATH, month=datetime.fromisoformat(f"{link[0]}-01").date()) if link else ""
        for name, link in months.items()
    }
    return Links(
        here=question.url(PATH),
        now=question.url(PATH, at=None),
        stream=question.url(LIVE),
        stream_id=f"{zlib.crc32(question.query().encode()):x}",
        previous=turned["previous"],
        next=turned["next"],
        latest=question.url(PATH, month=None),
        moments=moments(PATH, question, reader, now),
        exports=exports,
    )


def board_exports(question: Question) -> list[tuple[str, str]]:
    """The files of what a board shows: (label, address)."""
    return [("CSV", question.url("/export/board.csv")), ("Excel", question.url("/export/board.xlsx"))]
