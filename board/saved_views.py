"""Views that a person has named: the menu on the screens, the page that keeps them, and the page to start with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import cast
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import F
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from board.alerts import Sought
from board.asked import Asked
from board.controls import Pairs, address
from board.matrix import Window
from board.people import signed_in
from board.question import GROUPINGS, ORDERS, BadQuestion, Question, parse_question
from board.question_words import filters_in_words
from board.rows import Reader
from board.shell import SCREENS, shell
from board.words import short_day
from closing.calendar.days import month_and_year
from entities import services
from entities.models import Person, SavedView
from entities.services import MAX_VIEW_NAME_LENGTH, InvalidSavedView, ViewNameTaken

_SAVED_WITH = (
    "screen",
    "query",
    "back",
    "keep_month",
    "keep_moment",
    "start",
)  # what the form has besides the name


@dataclass(frozen=True, slots=True)
class Line:
    """One saved view as it is listed; `words` says what it asks for, `screen` is the screen's label."""

    id: int
    name: str
    screen: str
    url: str
    words: str
    start: bool
    here: bool = False


@dataclass(frozen=True, slots=True)
class Menu:
    """What the views menu of a screen shows: the person's views, and how to save the one they look at.

    `here` is the name of the view they look at, if it has one. `month` and `moment` are what the question pins, in
    words; a saved view drops both unless they are ticked.
    """

    screen: str
    url: str
    here: str
    lines: Sequence[Line]
    month: str
    moment: str
    longest_name: int = MAX_VIEW_NAME_LENGTH


@dataclass(frozen=True, slots=True)
class Refused:
    """What could not be done and what had been typed, to be shown again where it was typed.

    `view_id` is the view that was to be renamed, 0 where a new one was to be saved; `taken`: another has the name.
    `fields` are the rest of the form; none where no name can help.
    """

    problem: str
    name: str
    view_id: int = 0
    taken: bool = False
    fields: Sequence[tuple[str, str]] = ()


class SeeOther(HttpResponseRedirect):
    """After a form: look at another page."""

    status_code = 303


def views_menu(asked: Asked, screen: str, own: Pairs = ()) -> dict[str, object]:
    """The template variables `views` and `here_query` of `board/_views_menu.html` on a screen, in one query.

    `own` are the screen's own parameters beside the question, as `_own` knows them.
    """
    question, zone, views = asked.question, asked.reader.zone, _views_of(asked.person)
    asking_so = [
        _query(question.but(month=month, at=at), own)
        for month in (question.month, None)
        for at in (question.at, None)
    ]
    here = next(
        (view for query in asking_so for view in views if (view.screen, view.query) == (screen, query)), None
    )
    menu = Menu(
        screen=screen,
        url=address(reverse(SCREENS[screen][1]), question, own),
        here=here.name if here else "",
        lines=[_line(view, zone, here=view is here) for view in views],
        month=month_and_year(question.month) if question.month else "",
        moment=_moment(question.at, zone) if question.at else "",
    )
    return {"views": menu, "here_query": _query(question, own)}


# --- pages ----------------------------------------------------------------------------------------------------------


@require_safe
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """The page that a person starts with: the view they chose for it, else the board."""
    person = cast("Person", request.user)
    view = SavedView.objects.filter(person=person, is_start=True, deleted_at=None).first()
    if view is None or view.screen not in SCREENS:
        return redirect("scoreboard")
    try:
        return redirect(_url(view, Reader.in_zone(person.zone).zone))
    except BadQuestion:
        messages.warning(
            request, f"Your start page “{view.name}” asks for something that is no more: here is the board."
        )
        return redirect("scoreboard")


@require_safe
@signed_in
def saved_views(request: HttpRequest) -> HttpResponse:
    """All views of a person, to be opened, renamed, deleted and chosen as start page."""
    return _page(request, cast("Person", request.user))


def _page(request: HttpRequest, person: Person, refused: Refused | None = None) -> HttpResponse:
    zone = Reader.in_zone(person.zone).zone
    told = {
        "lines": [_line(view, zone) for view in _views_of(person)],
        "refused": refused,
        "longest_name": MAX_VIEW_NAME_LENGTH,
        "back": reverse("saved_views"),
        **shell(person, ""),
    }
    return render(request, "board/saved_views.html", told, status=400 if refused else 200)


# --- what a person does with them -----------------------------------------------------------------------------------


@require_POST
@signed_in
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep a view of a screen under a name; what is wrong is said beside the name that was typed."""
    person = cast("Person", request.user)
    zone, posted = Reader.in_zone(person.zone).zone, request.POST
    name, screen = posted.get("name", ""), posted.get("screen", "")
    if screen not in SCREENS:
        raise Http404
    try:
        query = posted.get("query", "")
        question, own = _question(query, zone), _own(screen, query)
        kept = question.but(
            month=question.month if "keep_month" in posted else None,
            at=question.at if "keep_moment" in posted else None,
        )
        view = services.save_view(
            person, name, screen, _query(kept, own), as_start="start" in posted, replace="replace" in posted
        )
    except BadQuestion as why:
        return _page(request, person, Refused(str(why), name))
    except InvalidSavedView as why:
        fields = [(each, posted[each]) for each in _SAVED_WITH if each in posted]
        taken = isinstance(why, ViewNameTaken)
        return _page(request, person, Refused(str(why), name, taken=taken, fields=fields))
    done = "Replaced" if "replace" in posted else "Saved"
    messages.success(request, f"{done} “{view.name}”{'. It is your start page' if view.is_start else ''}.")
    return _back(request, _url(view, zone))


def _of_mine(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A POST of a signed-in person about one of their views; any other view is not there."""

    @require_POST
    @signed_in
    @wraps(view)
    def door(request: HttpRequest, view_id: int) -> HttpResponse:
        try:
            return view(request, cast("Person", request.user), view_id)
        except SavedView.DoesNotExist:
            raise Http404 from None

    return door


@_of_mine
def rename_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Give a view another name."""
    name = request.POST.get("name", "")
    try:
        view = services.rename_view(person, view_id, name)
    except InvalidSavedView as why:
        return _page(request, person, Refused(str(why), name, view_id))
    messages.success(request, f"It is called “{view.name}” now.")
    return _back(request)


@_of_mine
def delete_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Delete a view; the message that says so can undo it."""
    view = services.delete_view(person, view_id, now())
    messages.success(request, f"Deleted “{view.name}”.", extra_tags=reverse("restore_view", args=[view_id]))
    return _back(request)


@_of_mine
def restore_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Bring back a view that was just deleted."""
    try:
        view = services.restore_view(person, view_id)
    except InvalidSavedView as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"“{view.name}” is back{', as your start page' if view.is_start else ''}.")
    return _back(request)


@_of_mine
def start_with_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Make a view the start page (`start=yes`), or no longer."""
    view = services.set_start_view(person, view_id, chosen=request.POST.get("start") == "yes")
    told = f"You start with “{view.name}” now." if view.is_start else "You start with the board now."
    messages.success(request, told)
    return _back(request)


def _back(request: HttpRequest, otherwise: str = "") -> HttpResponse:
    """To the page that the form stood on, if it is one of ours that can be looked at; `otherwise` to another."""
    told = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(told, allowed_hosts=None):
        parts = urlsplit(told)
        ours = {"saved_views", *(name for _, name in SCREENS.values())}
        try:
            if resolve(parts.path).url_name in ours:
                return SeeOther(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        except Resolver404:
            pass
    return SeeOther(otherwise or reverse("saved_views"))


# --- their words ----------------------------------------------------------------------------------------------------


def _views_of(person: Person) -> list[SavedView]:
    views = SavedView.objects.filter(person=person, deleted_at=None)
    return [view for view in views.order_by(Lower("name"), F("pk")) if view.screen in SCREENS]


def _question(query: str, zone: ZoneInfo) -> Question:
    """The question of a query string, the last of repeated parameters, as for an address; raises BadQuestion."""
    try:
        told = {name: values[-1] for name, values in parse_qs(query, max_num_fields=100).items()}
    except ValueError:
        raise BadQuestion("This view asks for more than can be understood.") from None
    return parse_question(told, zone)


def _own(screen: str, query: str) -> Pairs:
    """The parameters of a query string that only this screen has, without defaults; raises BadQuestion."""
    if screen == "alerts":
        return Sought.of(QueryDict(query), Question()).pairs()
    if screen != "matrix":
        return []
    months = Window.of(QueryDict(query)).months
    return [("months", str(months))] if months != Window().months else []


def _query(question: Question, own: Pairs) -> str:
    return urlencode([*question.pairs(), *own])


def _url(view: SavedView, zone: ZoneInfo) -> str:
    path = reverse(SCREENS[view.screen][1])
    return address(path, _question(view.query, zone), _own(view.screen, view.query))


def _line(view: SavedView, zone: ZoneInfo, *, here: bool = False) -> Line:
    label, name = SCREENS[view.screen]
    try:
        words, url = (
            in_words(_question(view.query, zone), _own(view.screen, view.query), zone),
            _url(view, zone),
        )
    except BadQuestion as why:
        words, url = str(why), reverse(name)
    return Line(view.pk, view.name, label, url, words, view.is_start, here)


def in_words(question: Question, own: Pairs, zone: ZoneInfo) -> str:
    """What a view asks for: "Show: Late · Country: NL · by ERP · April 2026"; "everything" when for nothing."""
    parts = [
        *filters_in_words(question, ()),
        f"by {_lower(GROUPINGS[question.by])}" if question.by != "group" else "",
        f"in the order of {_lower(ORDERS[question.sort])}" if question.sort != "behind" else "",
        month_and_year(question.month) if question.month else "",
        f"as of {_moment(question.at, zone)}" if question.at else "",
        *(f"{value} months" if name == "months" else f"{name}: {value}" for name, value in own),
    ]
    return " · ".join(part for part in parts if part) or "everything"


def _lower(label: str) -> str:
    return label if label.isupper() else label.lower()


def _moment(at: date | datetime, zone: ZoneInfo) -> str:
    """ "Tue 9 Jun 2026" for the end of a day, "Tue 9 Jun 2026, 14:30" for an instant, in the reader's zone."""
    if not isinstance(at, datetime):
        return f"{short_day(at)} {at.year}"
    local = at.astimezone(zone)
    return f"{short_day(local.date())} {local.year}, {local:%H:%M}"
