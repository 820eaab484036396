"""The layout around every screen: navigation and the person's menu."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from board.web.readers import person_menu
from closing.judging.standing import Level
from closing.scoreboard.board import Scoreboard
from entities.models import Person

# key: (label, URL name)
SCREENS = {
    "board": ("Board", "scoreboard"),
    "matrix": ("Matrix", "matrix"),
    "calendar": ("Calendar", "calendar"),
    "past_deadline": ("Past deadline", "past_deadline"),
    "alerts": ("Alerts", "alerts"),
}


@dataclass(frozen=True, slots=True)
class NavItem:
    """One screen in the navigation; `count` is the number of open items there, None for no count."""

    key: str
    label: str
    url: str
    here: bool
    count: int | None = None


def count_alerting(board: Scoreboard) -> int:
    """The number of entities over the alert line in the month shown or in a month of their track record."""
    return sum(row.standing.alerting or Level.ALERTING in row.track_record for row in board.rows)


def layout_context(person: Person, here: str, board: Scoreboard | None = None) -> dict[str, object]:
    """The template variables `person` and `nav` of a screen; `board` is the person's, for the counts."""
    counts = {"past_deadline": count_alerting(board)} if board is not None else {}
    nav = [
        NavItem(key, label, reverse(name), key == here, counts.get(key))
        for key, (label, name) in SCREENS.items()
    ]
    return {"person": person_menu(person), "nav": nav}
