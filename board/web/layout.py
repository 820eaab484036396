"""The layout around every screen: navigation and the person's menu."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from board.web.readers import audit_access, may_send_work, person_menu
from closing.close_tasks.row_tasks import TASKS
from closing.judging.standing import Level
from closing.scoreboard.board import Scoreboard
from entities.models import Person

# key: (label, URL name)
SCREENS = {
    "board": ("Board", "scoreboard"),
    "matrix": ("Matrix", "matrix"),
    "calendar": ("Calendar", "calendar"),
    "past_deadline": ("Overdue", "past_deadline"),
    "alerts": ("Alerts", "alerts"),
}


@dataclass(frozen=True, slots=True)
class NavItem:
    """One screen in the navigation; `count` is the number of open items there, None for no count.

    `tone` is "watch" where none of them is alerting.
    """

    key: str
    label: str
    url: str
    here: bool
    count: int | None = None
    tone: str = ""


def nav_counts(board: Scoreboard) -> dict[str, tuple[int, str]]:
    """The count and the tone of two screens: entities overdue, and alerting, in the month or their track record."""
    overdue = alerting = 0
    for row in board.rows:
        alerts = row.standing.alerting or Level.ALERTING in row.track_record
        alerting += alerts
        overdue += alerts or row.standing.overdue or Level.LATE in row.track_record
    return {"past_deadline": (overdue, "" if alerting else "watch"), "alerts": (alerting, "")}


def layout_context(person: Person, here: str, board: Scoreboard | None = None) -> dict[str, object]:
    """The template variables of the layout of a screen; `board` is the person's, for the counts.

    The tasks are in the navigation where the person sees any.
    """
    counts = nav_counts(board) if board is not None else {}
    nav = [
        NavItem(key, label, reverse(name), key == here, *counts.get(key, ()))
        for key, (label, name) in SCREENS.items()
    ]
    if here == TASKS.name or (board is not None and any(TASKS in row.annotations for row in board.rows)):
        nav.append(NavItem(TASKS.name, "Tasks", reverse("tasks"), here == TASKS.name))
    links = [NavItem("audit", "Audit log", reverse("audit"), here == "audit")] if audit_access(person) else []
    if may_send_work(person):
        links.append(
            NavItem("work_upload", "Send work by file", reverse("work_upload"), here == "work_upload")
        )
    return {"person": person_menu(person), "nav": nav, "person_links": links}
