"""What the signed-in person gets, how soon, and at what hours: the page on which they say so."""

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
from board.notifications.subscriptions_page import PreferencesForm, calendars_of, form_of, subscriptions_page
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.layout import layout_context
from board.web.redirects import SeeOther
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence, allowed_cadences
from entities.models import WorkCalendar

_CLOCKS = {"digest_at": "08:00", "quiet_from": "22:00", "quiet_until": "07:00"}


@require_http_methods(["GET", "HEAD", "POST"])
@board_view
def subscriptions(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Show what the person has arranged, and keep what they change."""
    asked = resolve_request(asked.person, {}, asked.now)  # a question of a board means nothing here
    now = load_preferences(asked.person)
    calendars = calendars_of(asked, now)
    if request.method != "POST":
        return _page(request, asked, form_of(now, calendars), now, calendars)
    typed = request.POST.dict()
    wanted, problems = _read(typed, now, calendars)
    if wanted is None:
        return _page(request, asked, PreferencesForm(typed, problems), now, calendars, status=422)
    _arrange(request, asked, wanted, "It is kept.")
    return SeeOther(reverse("subscriptions"))


@require_POST
@board_view
def subscriptions_reset(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """Let everything be as usual again."""
    _arrange(request, asked, NotificationPreferences(), "Everything is as usual again.")
    return SeeOther(reverse("subscriptions"))


@require_POST
@board_view
def subscriptions_undo(request: HttpRequest, asked: BoardRequest, token: str) -> HttpResponse:
    """Let everything be as it was before the last change."""
    try:
        before = NotificationPreferences.from_token(token, asked.person)
    except signing.BadSignature:
        raise Http404 from None
    _arrange(request, asked, before, "It is as it was before.")
    return SeeOther(reverse("subscriptions"))


def _arrange(request: HttpRequest, asked: BoardRequest, wanted: NotificationPreferences, done: str) -> None:
    before = update_preferences(asked.person, wanted, asked.now)
    if load_preferences(asked.person) == before:
        messages.info(request, "Nothing has changed.")
        return
    back = reverse("subscriptions_back", args=[before.token(asked.person)])
    messages.success(request, done, extra_tags=back)


def _read(
    typed: Mapping[str, str], now: NotificationPreferences, calendars: Sequence[WorkCalendar]
) -> tuple[NotificationPreferences | None, dict[str, str]]:
    """What the form says, or what is wrong with it by field."""
    problems: dict[str, str] = {}
    rhythms = dict(now.cadences)
    for kind in NoticeKind:
        text = typed.get(f"kind-{kind.value}")
        if text is None:
            continue  # it is locked, and so is what was chosen before
        try:
            rhythm = Cadence(text)
        except ValueError:
            problems[f"kind-{kind.value}"] = "Choose one of these."
            continue
        if rhythm not in allowed_cadences(kind, in_digest=True):
            problems[f"kind-{kind.value}"] = "That cannot be chosen for these."
        rhythms[kind] = rhythm
    clocks = {name: _clock(typed, name, problems) for name in _CLOCKS}
    days = {name: _day(typed, name, problems) for name in ("away_from", "away_until")}
    if not clocks["digest_at"]:
        problems.setdefault("digest_at", "Digests need a time, such as 08:00.")
    weekday, calendar = typed.get("digest_weekday", "0"), typed.get("calendar", "")
    if weekday not in {str(each) for each in range(7)}:
        problems["digest_weekday"] = "Choose a day of the week."
    known = {each.code: each.pk for each in calendars}
    if calendar and calendar not in known:
        problems["calendar"] = "Choose one of these calendars."
    if problems:
        return None, problems
    try:
        wanted = NotificationPreferences(
            rhythms,
            digest_at=clocks["digest_at"] or now.digest_at,
            digest_weekday=int(weekday),
            quiet_from=clocks["quiet_from"],
            quiet_until=clocks["quiet_until"],
            calendar=known.get(calendar),
            rests_on_days_off=bool(typed.get("rests_on_days_off")),
            away_from=days["away_from"],
            away_until=days["away_until"],
        )
    except InvalidPreferences as refused:
        return None, {refused.field: str(refused)}
    return wanted, {}


def _clock(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> time | None:
    text = typed.get(name, "").strip()
    if not text:
        return None
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        problems[name] = f"“{text[:20]}” is no time. Write it like {_CLOCKS[name]}."
        return None


def _day(typed: Mapping[str, str], name: str, problems: dict[str, str]) -> date | None:
    text = typed.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems[name] = f"“{text[:20]}” is no day. Write it like 2026-08-03."
        return None


def _page(
    request: HttpRequest,
    asked: BoardRequest,
    form: PreferencesForm,
    now: NotificationPreferences,
    calendars: Sequence[WorkCalendar],
    *,
    status: int = 200,
) -> HttpResponse:
    page = subscriptions_page(asked, form, now, calendars)
    told = {**layout_context(asked.person, "alerts", asked.board()), "page": page}
    return render(request, "board/notifications/subscriptions.html", told, status=status)
