"""The views of a person's notification preferences: cadences, hours, absence."""

from __future__ import annotations

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from alerts.routing.preference_updates import update_preferences
from alerts.routing.preferences import NotificationPreferences, load_preferences
from board.notifications.forms import PreferencesForm
from board.notifications.subscriptions_page import calendars_of, subscriptions_page
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import SeeOther, bind_errors, form_status, posted
from board.web.layout import layout_context


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def subscriptions(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Shows the person's preferences; a POST saves changes."""
    # The query of a board does not apply here.
    board_request = resolve_request(board_request.person, {}, board_request.now)
    current = load_preferences(board_request.person)
    calendars = calendars_of(board_request, current)
    form = PreferencesForm(current, calendars, posted(request))
    if form.is_valid():
        with bind_errors(form):
            _save(request, board_request, form.preferences(), "Your notifications are saved.")
            return SeeOther(reverse("subscriptions"))
    page = subscriptions_page(board_request, form, current)
    context = {**layout_context(board_request.person, "alerts", board_request.board()), "page": page}
    return render(request, "board/notifications/subscriptions.html", context, status=form_status(form))


@require_POST
@board_view
def subscriptions_reset(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Resets all preferences to their defaults."""
    _save(request, board_request, NotificationPreferences(), "The defaults are restored.")
    return SeeOther(reverse("subscriptions"))


@require_POST
@board_view
def subscriptions_undo(request: HttpRequest, board_request: BoardRequest, token: str) -> HttpResponse:
    """Restores the preferences before the last change, which the token holds."""
    try:
        previous = NotificationPreferences.from_token(token, board_request.person)
    except signing.BadSignature:
        raise Http404 from None
    _save(request, board_request, previous, "The change is undone.")
    return SeeOther(reverse("subscriptions"))


def _save(
    request: HttpRequest, board_request: BoardRequest, preferences: NotificationPreferences, message: str
) -> None:
    previous = update_preferences(board_request.person, preferences, board_request.now)
    if load_preferences(board_request.person) == previous:
        messages.info(request, "Nothing has changed.")
        return
    undo_url = reverse("subscriptions_back", args=[previous.token(board_request.person)])
    messages.success(request, message, extra_tags=undo_url)
