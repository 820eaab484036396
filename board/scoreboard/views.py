"""The screens and the way in and out; each shows one thing and writes nothing of the domain."""

from __future__ import annotations

from datetime import date

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
from board.scoreboard.board_links import board_exports, board_links
from board.scoreboard.screen import BoardScreen, board_changes, board_screen, reading_times
from board.scoreboard.table_sections import Folds
from board.web.board_request import BoardRequest, board_view
from board.web.controls import filter_form, no_match_message
from board.web.layout import layout_context
from board.web.readers import wants_fragment
from closing.calendar.date_phrases import month_and_year
from entities.models import Person

FOLDS_COOKIE = "cb_folds"
_A_YEAR = 365 * 24 * 3600


@require_safe
@board_view
def scoreboard(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """The board of one month: a page, the fragment that htmx swaps in, or nothing where nothing has changed.

    A heading that is folded or opened is remembered in a cookie of the browser; nothing is written.
    """
    if "kiosk" in request.GET:
        return HttpResponseRedirect(asked.query.url("/wall/"))
    folds = Folds.from_text(request.COOKIES.get(FOLDS_COOKIE, ""))
    turned = folds
    for verb in ("fold", "open"):
        if key := request.GET.get(verb):
            turned = turned.toggled(key, fold=verb == "fold")
    fragment = wants_fragment(request)
    screen = board_screen(asked)
    if turned != folds and not fragment:
        answer: HttpResponse = HttpResponseRedirect(asked.query.url(request.path))
    elif not asked.past and turned == folds and (unchanged := _unchanged(request, screen)):
        answer = unchanged
    else:
        answer = _shown(request, asked, screen, turned, fragment=fragment)
    if turned != folds:
        answer.set_cookie(
            FOLDS_COOKIE, turned.text, max_age=_A_YEAR, httponly=True, samesite="Lax", secure=settings.SECURE
        )
    return answer


def _unchanged(request: HttpRequest, screen: BoardScreen) -> HttpResponse | None:
    """304 for who shows the same already, and 204 for a browser that asks with the version on its page."""
    if request.GET.get("seen") == screen.version:
        return HttpResponse(status=204)
    tag = f'"{screen.etag}"'
    if tag in request.headers.get("If-None-Match", ""):
        return HttpResponseNotModified(headers={"ETag": tag})
    return None


def _shown(
    request: HttpRequest, asked: BoardRequest, screen: BoardScreen, folds: Folds, *, fragment: bool
) -> HttpResponse:
    question, whole = asked.query, screen.unfiltered
    empty = None if whole.rows else _nothing(asked.person, asked.entities().count(), asked.month)
    told = {
        "title": empty[0] if empty else screen.page.title,
        "screen": screen,
        "page": screen.page,
        "question": question,
        "links": board_links(screen.page, question, asked.reader, asked.now, board_exports(question)),
        "filters": filter_form(whole, question),
        "chip_row": screen.chip_row(),
        "none": no_match_message(whole, question),
        "readings": reading_times(whole.rows),
        "tracked": any(row.track_record for row in whole.rows),
        "past": asked.past,
        "since": board_changes(asked, screen) if asked.past else None,
        "live": not asked.past,
        "empty": empty,
        "htmx": fragment,
        **views_menu(asked, "board"),
    }
    if fragment:
        answer = render(request, "board/scoreboard/_scoreboard.html", told)
        answer["HX-Replace-Url"] = question.url(request.path)
    else:
        own = whole if not asked.past else None
        answer = render(
            request,
            "board/scoreboard/scoreboard.html",
            {**told, **layout_context(asked.person, "board", own)},
        )
    answer.content = screen.with_rows(answer.content, folds)
    if not asked.past:
        answer["ETag"] = f'"{screen.etag}"'
    return answer


def _nothing(person: Person, visible: int, month: date) -> tuple[str, str]:
    """Why there is no row, and the next step."""
    if visible:
        active = f"None of your {visible} entities was" if visible > 1 else "Your entity was not"
        return f"Nobody closes {month_and_year(month)}", f"{active} active in that month."
    if person.is_superuser:
        return (
            "There are no entities yet",
            "Describe your group in a file and load it: manage.py load_group FILE.yaml",
        )
    return "You have no entities yet", "Ask an administrator to give you a role for a group or an entity."
