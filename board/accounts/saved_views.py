"""Views that a person has named: the menu on the screens, the page that keeps them, and the page to start with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from board.accounts.saved_views_menu import (
    own_parameters,
    view_line,
    view_query,
    view_querystring,
    view_url,
    views_of,
)
from board.web.board_query import InvalidQuery
from board.web.layout import SCREENS, layout_context
from board.web.readers import Reader, signed_in
from board.web.redirects import SeeOther
from entities import view_store
from entities.models import Person, SavedView
from entities.view_store import MAX_VIEW_NAME_LENGTH, InvalidSavedView, ViewNameTaken

_SAVED_WITH = (
    "screen",
    "query",
    "back",
    "keep_month",
    "keep_moment",
    "start",
)  # what the form has besides the name


@dataclass(frozen=True, slots=True)
class RejectedView:
    """What could not be done and what had been typed, to be shown again where it was typed.

    `view_id` is the view that was to be renamed, 0 where a new one was to be saved; `taken`: another has the name.
    `fields` are the rest of the form; none where no name can help.
    """

    problem: str
    name: str
    view_id: int = 0
    taken: bool = False
    fields: Sequence[tuple[str, str]] = ()


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
        return redirect(view_url(view, Reader.in_zone(person.zone).zone))
    except InvalidQuery:
        messages.warning(
            request, f"Your start page “{view.name}” asks for something that is no more: here is the board."
        )
        return redirect("scoreboard")


@require_safe
@signed_in
def saved_views(request: HttpRequest) -> HttpResponse:
    """All views of a person, to be opened, renamed, deleted and chosen as start page."""
    return _page(request, cast("Person", request.user))


def _page(request: HttpRequest, person: Person, refused: RejectedView | None = None) -> HttpResponse:
    zone = Reader.in_zone(person.zone).zone
    told = {
        "lines": [view_line(view, zone) for view in views_of(person)],
        "refused": refused,
        "longest_name": MAX_VIEW_NAME_LENGTH,
        "back": reverse("saved_views"),
        **layout_context(person, ""),
    }
    return render(request, "board/accounts/saved_views.html", told, status=400 if refused else 200)


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
        question, own = view_query(query, zone), own_parameters(screen, query)
        kept = question.replace(
            month=question.month if "keep_month" in posted else None,
            at=question.at if "keep_moment" in posted else None,
        )
        view = view_store.save_view(
            person,
            name,
            screen,
            view_querystring(kept, own),
            as_start="start" in posted,
            replace="replace" in posted,
        )
    except InvalidQuery as why:
        return _page(request, person, RejectedView(str(why), name))
    except InvalidSavedView as why:
        fields = [(each, posted[each]) for each in _SAVED_WITH if each in posted]
        taken = isinstance(why, ViewNameTaken)
        return _page(request, person, RejectedView(str(why), name, taken=taken, fields=fields))
    done = "Replaced" if "replace" in posted else "Saved"
    messages.success(request, f"{done} “{view.name}”{'. It is your start page' if view.is_start else ''}.")
    return _back(request, view_url(view, zone))


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
        view = view_store.rename_view(person, view_id, name)
    except InvalidSavedView as why:
        return _page(request, person, RejectedView(str(why), name, view_id))
    messages.success(request, f"It is called “{view.name}” now.")
    return _back(request)


@_of_mine
def delete_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Delete a view; the message that says so can undo it."""
    view = view_store.delete_view(person, view_id, now())
    messages.success(request, f"Deleted “{view.name}”.", extra_tags=reverse("restore_view", args=[view_id]))
    return _back(request)


@_of_mine
def restore_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Bring back a view that was just deleted."""
    try:
        view = view_store.restore_view(person, view_id)
    except InvalidSavedView as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"“{view.name}” is back{', as your start page' if view.is_start else ''}.")
    return _back(request)


@_of_mine
def start_with_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Make a view the start page (`start=yes`), or no longer."""
    view = view_store.set_start_view(person, view_id, chosen=request.POST.get("start") == "yes")
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
