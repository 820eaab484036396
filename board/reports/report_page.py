"""What the matrix, the calendar and the overdue page share: a page that htmx reloads without its frame."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from board.accounts.saved_views_menu import views_menu
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


def render_report(
    request: HttpRequest,
    asked: BoardRequest,
    screen: str,
    board: Scoreboard,
    told: dict[str, object],
    *,
    own: Pairs = (),
    kept: Pairs = (),
) -> HttpResponse:
    """The page of a screen, or for htmx only its report and the counts in the navigation.

    `own` are the screen's own parameters in its address, `kept` those of them that a saved view keeps. `board` is
    what the person may see before any filter.
    """
    fragment = wants_fragment(request)
    here = build_url(request.path, asked.query, own)
    known = {
        "frame": "board/reports/_report_fragment.html" if fragment else "board/web/signed_in.html",
        "here": here,
        "past": asked.past,
        **views_menu(asked, screen, kept),
        **layout_context(asked.person, screen, None if asked.past else board),
    }
    # A screen need not have files, links beside its heading, or words for its filters.
    optional = {"exports": (), "links": None, "only": ()}
    answer = render(request, _TEMPLATES[screen], {**optional, **told, **known})
    if fragment:
        answer["HX-Replace-Url"] = here
    return answer
