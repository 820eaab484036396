"""The views of a person's notification preferences: cadences, hours, absence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from alerts.routing.preference_updates import update_preferences
from alerts.routing.preferences import InvalidPreferences, NotificationPreferences, load_preferences
from board.notifications.subscriptions_page import (
    PreferencesForm,
    calendars_of,
    preferences_form,
    subscriptions_page,
)
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence, allowed_cadences
from entities.models import WorkCalendar

_EXAMPLE_TIMES = {"digest_at": "08:00", "quiet_from": "22:00", "quiet_until": "07:00"}


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def subscriptions(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """Shows the person's preferences; a POST saves changes."""
    # The query of a board does not apply here.
    board_request = resolve_request(board_request.person, {}, board_request.now)
    current = load_preferences(board_request.person)
    calendars = calendars_of(board_request, current)
    if request.method != "POST":
        return _page(request, board_request, preferences_form(current, calendars), current, calendars)
    typed = request.POST.dict()
    preferences, problems = _parse_preferences(typed, current, calendars)
    if preferences is None:
        return _page(request, board_request, PreferencesForm(typed, problems), current, calendars, status=422)
    _save(request, board_request, preferences, "Your notifications are saved.")
    return SeeOther(reverse("subscriptions"))


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


def _parse_preferences(
    typed: Mapping[str, str], current: NotificationPreferences, calendars: Sequence[WorkCalendar]
) -> tuple[NotificationPreferences | None, dict[str, str]]:
    """The preferences of the form, or its problems by field."""
    problems: dict[str, str] = {}
    cadences = dict(current.cadences)
    for kind in NoticeKind:
        text = typed.get(f"kind-{kind.value}")
        if text is None:
            continue  # a locked kind keeps its earlier choice
        try:
            cadence = Cadence(text)
        except ValueError:
            problems[f"kind-{kind.value}"] = "Choose one of these."
            continue
        if cadence not in allowed_cadences(kind, in_digest=True):
            problems[f"kind-{kind.value}"] = "That cannot be chosen for these."
        cadences[kind] = cadence
    clocks = {name: _parse_time(typed, name, problems) for name in _EXAMPLE_TIMES}
    days = {name: _parse_day(typed, name, problems) for name in ("away_from", "away_until")}
    if not clocks["digest_at"]:
        problems.setdefault("digest_at", "Digests need a time, such as 08:00.")
    weekday, calendar = typed.get("digest_weekday", "0"), typed.get("calendar", "")
    if weekday not in {str(number) for number in range(7)}:
        problems["digest_weekday"] = "Choose a day of the week."
    calendar_ids = {calendar.code: calendar.pk for calendar in calendars}
    if calendar and calendar not in calendar_ids:
        problems["calendar"] = "Choose one of these calendars."
    if problems:
        return None, problems
    try:
        preferences = NotificationPreferences(
            cadences,
            digest_at=clocks["digest_at"] or current.digest_at,
            digest_weekday=int(weekday),
            quiet_from=clocks["quiet_from"],
            quiet_until=clocks["quiet_until"],
            calendar=calendar_ids.get(calendar),
            rests_on_days_off=bool(typed.get("rests_on_days_off")),
            away_from=days["away_from"],
            away_until=days["away_until"],
        )
    except InvalidPreferences as error:
        return None, {error.field: str(error)}
    return preferences, {}


def _parse_time(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> time | None:
    text = typed.get(name, "").strip()
    if not text:
        return None
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        problems[name] = f"“{text[:20]}” is not a time. Write it like {_EXAMPLE_TIMES[name]}."
        return None


def _parse_day(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> date | None:
    text = typed.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems[name] = f"“{text[:20]}” is not a date. Write it like 2026-08-03."
        return None


def _page(
    request: HttpRequest,
    board_request: BoardRequest,
    form: PreferencesForm,
    preferences: NotificationPreferences,
    calendars: Sequence[WorkCalendar],
    *,
    status: int = 200,
) -> HttpResponse:
    page = subscriptions_page(board_request, form, preferences, calendars)
    context = {**layout_context(board_request.person, "alerts", board_request.board()), "page": page}
    return render(request, "board/notifications/subscriptions.html", context, status=status)
