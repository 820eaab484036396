"""Renders the matrix, calendar, overdue and alerts pages, which htmx reloads without the layout."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from board.accounts.saved_views_menu import views_menu
from board.scoreboard.summary import board_summary
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web.board_request import BoardRequest
from board.web.controls import Pairs, build_url
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from closing.scoreboard.board import Scoreboard

_TEMPLATES = {
    "matrix": "board/reports/matrix.html",
    "calendar": "board/reports/calendar.html",
    "past_deadline": "board/reports/overdue.html",
    "alerts": "board/notifications/alerts.html",
}


def toggled(opened: Sequence[str], key: str) -> tuple[str, ...]:
    """The open headings with one more opened, or folded if it is open."""
    others = tuple(other for other in opened if other != key)
    return others if key in opened else (*others, key)


def omitted_message(count: int) -> str:
    """How many rows under an open heading are not shown, and the next step; "" for none."""
    if not count:
        return ""
    return (
        f"{count:,} more: no more than {FOLD_THRESHOLD} entities are shown at once."
        " Filter, or fold a heading."
    )


def render_report(
    request: HttpRequest,
    board_request: BoardRequest,
    screen: str,
    board: Scoreboard,
    context: dict[str, object],
    *,
    own: Pairs = (),
    kept: Pairs = (),
) -> HttpResponse:
    """The page of a screen, or for htmx only its report and the counts in the navigation.

    `own` are the screen's own parameters in its URL, `kept` those of them that a saved view keeps. `board` holds
    every row that the person may see, before any filter.
    """
    fragment = wants_fragment(request)
    here = build_url(request.path, board_request.query, own)
    shared = {
        "page": board_summary(board, board_request.reader, past=board_request.past),
        "frame": "board/reports/_report_fragment.html" if fragment else "board/web/signed_in.html",
        "here": here,
        "past": board_request.past,
        **views_menu(board_request, screen, kept),
        **layout_context(board_request.person, screen, None if board_request.past else board),
    }
    # A screen may lack files, links beside its heading, or descriptions of its filters.
    optional = {"exports": (), "links": None, "only": ()}
    response = render(request, _TEMPLATES[screen], {**optional, **context, **shared})
    if fragment:
        response["HX-Replace-Url"] = here
    return response
