"""What threads share of a board: parts that one thread puts away while another one makes or reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any

import pytest

from board.scoreboard.screen import _SHARED, BoardScreen, _rendered_once
from board.web.board_query import BoardQuery
from board.web.readers import Reader
from tests.builders import scoreboard_of
from tests.threads import PATIENCE, at_once, eager_threads

LONDON = Reader.in_zone("Europe/London")
THREADS = 8


class Interrupted(BoardQuery):
    """A question whose every look-up in a dict is preceded by the work of another thread."""

    meanwhile: Callable[[], object]

    def __hash__(self) -> int:
        other = Thread(target=self.meanwhile)
        other.start()
        other.join(PATIENCE)
        return hash(BoardQuery)


def screen(question: BoardQuery, shared: dict[object, Any]) -> BoardScreen:
    return BoardScreen(scoreboard_of([]), question, LONDON, render_cache=shared)


def test_a_part_is_returned_though_another_thread_puts_all_parts_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared: dict[object, Any] = {}

    def overflow() -> None:
        for number in range(_SHARED + 1):
            screen(BoardQuery(q=str(number)), shared).shared_part("other", lambda: "another part")

    monkeypatch.setattr(Interrupted, "meanwhile", staticmethod(overflow), raising=False)
    asked = Interrupted()
    for _ in range(2):  # the part is made, or it was put away before it is looked for
        assert screen(asked, shared).shared_part("part", lambda: "the part") == "the part"


def test_many_threads_share_more_parts_than_are_kept() -> None:
    shared: dict[object, Any] = {}
    questions = [BoardQuery(q=str(number)) for number in range(_SHARED + 8)]

    def ask() -> None:
        for _ in range(20):
            for question in questions:
                made = screen(question, shared).shared_part("address", partial(question.url, "/"))
                assert made == question.url("/")

    with eager_threads():
        at_once(*[ask] * THREADS)
    assert len(shared) <= _SHARED + THREADS


def test_many_threads_share_more_rendered_parts_than_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: dict[Any, Any] = {}
    monkeypatch.setattr("board.scoreboard.screen._RENDERED", rendered)
    monkeypatch.setattr("board.scoreboard.screen._PARTS", 16)

    def ask() -> None:
        for _ in range(4):
            for count in range(1, 24):
                told = {"key": "past_deadline", "count": count, "tone": ""}
                assert f">{count}<" in _rendered_once("board/web/_nav_count.html", (count,), told).replace(
                    "\n", ""
                )

    with eager_threads():
        at_once(*[ask] * THREADS)
    assert 0 < len(rendered) <= 16 + THREADS
