"""The board's page and fragment."""

from __future__ import annotations

import zlib

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotModified,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.views.decorators.http import require_safe

from board.accounts.saved_views_menu import views_menu
from board.scoreboard.screen import BoardScreen, board_changes, board_screen, reading_times
from board.scoreboard.table_sections import Folds
from board.web.board_request import BoardRequest, board_view
from board.web.controls import (
    BOARD_PATH,
    LIVE_PATH,
    WALL_PATH,
    moments,
    month_links,
    no_match_message,
)
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from board.web.toolbar import no_entities_message

FOLDS_COOKIE = "cb_folds"
_YEAR_IN_SECONDS = 365 * 24 * 3600


@require_safe
@board_view
def scoreboard(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The board of one month: a page, a fragment for htmx, or 304 or 204 if nothing has changed.

    Folded and opened headings are kept in a cookie; nothing is written to the database.
    """
    if "kiosk" in request.GET:
        return HttpResponseRedirect(board_request.query.url("/wall/"))
    folds = Folds.from_text(request.COOKIES.get(FOLDS_COOKIE, ""))
    new_folds = folds
    for verb in ("fold", "open"):
        if key := request.GET.get(verb):
            new_folds = new_folds.toggled(key, fold=verb == "fold")
    fragment = wants_fragment(request)
    screen = board_screen(board_request)
    if new_folds != folds and not fragment:
        response: HttpResponse = HttpResponseRedirect(board_request.query.url(request.path))
    elif not board_request.past and new_folds == folds and (unchanged := _unchanged(request, screen)):
        response = unchanged
    else:
        response = _render_board(request, board_request, screen, new_folds, fragment=fragment)
    if new_folds != folds:
        response.set_cookie(
            FOLDS_COOKIE,
            new_folds.text,
            max_age=_YEAR_IN_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=settings.SECURE,
        )
    return response


def _unchanged(request: HttpRequest, screen: BoardScreen) -> HttpResponse | None:
    """304 if the client has this response cached, 204 if the page already shows this version, else None."""
    if request.GET.get("seen") == screen.version:
        return HttpResponse(status=204)
    tag = f'"{screen.etag}"'
    if tag in request.headers.get("If-None-Match", ""):
        return HttpResponseNotModified(headers={"ETag": tag})
    return None


def _render_board(
    request: HttpRequest, board_request: BoardRequest, screen: BoardScreen, folds: Folds, *, fragment: bool
) -> HttpResponse:
    query, unfiltered = board_request.query, screen.unfiltered
    empty = None if unfiltered.rows else no_entities_message(board_request, span="month")
    context = {
        "title": empty[0] if empty else screen.page.title,
        "screen": screen,
        "page": screen.page,
        "question": query,
        "links": _links(board_request),
        "filters": screen.filters,
        "chip_row": screen.chip_row(),
        "none": no_match_message(unfiltered, query),
        "readings": reading_times(unfiltered.rows),
        "tracked": any(row.track_record for row in unfiltered.rows),
        "past": board_request.past,
        "since": board_changes(board_request, screen) if board_request.past else None,
        "live": not board_request.past,
        "empty": empty,
        "htmx": fragment,
        **views_menu(board_request, "board"),
    }
    if fragment:
        response = render(request, "board/scoreboard/_scoreboard.html", context)
        response["HX-Replace-Url"] = query.url(request.path)
    else:
        nav_board = unfiltered if not board_request.past else None
        response = render(
            request,
            "board/scoreboard/scoreboard.html",
            {**context, **layout_context(board_request.person, "board", nav_board)},
        )
    response.content = screen.with_rows(response.content, folds)
    if not board_request.past:
        response["ETag"] = f'"{screen.etag}"'
    return response


def _links(board_request: BoardRequest) -> dict[str, object]:
    query = board_request.query
    return {
        **month_links(board_request, lambda month: query.url(BOARD_PATH, month=month)),
        "here": query.url(BOARD_PATH),
        "now": query.url(BOARD_PATH, at=None),
        "stream": query.url(LIVE_PATH),
        "stream_id": f"{zlib.crc32(query.querystring().encode()):x}",
        "moments": moments(BOARD_PATH, query, board_request.reader, board_request.now),
        "exports": [("CSV", query.url("/export/board.csv")), ("Excel", query.url("/export/board.xlsx"))],
        "wall": query.url(WALL_PATH),
    }
