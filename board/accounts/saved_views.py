"""The views of saved views: their page, their forms, and the start page."""

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

# The form's fields besides the name.
_FORM_FIELDS = ("screen", "query", "back", "keep_month", "keep_moment", "start")


@dataclass(frozen=True, slots=True)
class RejectedView:
    """A rejected form of a saved view: the problem and the values, shown again beside their input.

    `view_id` is the view to rename, 0 for a new one; `taken` says that another view has the name.
    `fields` are the other inputs of the form; empty if no other name would help.
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
    """Redirects to a person's start page: the view that they chose, else the board."""
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
    """The page with all views of a person, to open, rename, delete and choose as start page."""
    return _page(request, cast("Person", request.user))


def _page(request: HttpRequest, person: Person, refused: RejectedView | None = None) -> HttpResponse:
    zone = Reader.in_zone(person.zone).zone
    context = {
        "lines": [view_line(view, zone) for view in views_of(person)],
        "refused": refused,
        "longest_name": MAX_VIEW_NAME_LENGTH,
        "back": reverse("saved_views"),
        **layout_context(person, ""),
    }
    return render(request, "board/accounts/saved_views.html", context, status=400 if refused else 200)


# --- forms ----------------------------------------------------------------------------------------------------------


@require_POST
@signed_in
def save_view(request: HttpRequest) -> HttpResponse:
    """Saves a view of a screen under a name; errors are shown beside the typed name."""
    person = cast("Person", request.user)
    zone, posted = Reader.in_zone(person.zone).zone, request.POST
    name, screen = posted.get("name", ""), posted.get("screen", "")
    if screen not in SCREENS:
        raise Http404
    try:
        querystring = posted.get("query", "")
        query, own = view_query(querystring, zone), own_parameters(screen, querystring)
        saved_query = query.replace(
            month=query.month if "keep_month" in posted else None,
            at=query.at if "keep_moment" in posted else None,
        )
        view = view_store.save_view(
            person,
            name,
            screen,
            view_querystring(saved_query, own),
            as_start="start" in posted,
            replace="replace" in posted,
        )
    except InvalidQuery as error:
        return _page(request, person, RejectedView(str(error), name))
    except InvalidSavedView as error:
        fields = [(field, posted[field]) for field in _FORM_FIELDS if field in posted]
        taken = isinstance(error, ViewNameTaken)
        return _page(request, person, RejectedView(str(error), name, taken=taken, fields=fields))
    verb = "Replaced" if "replace" in posted else "Saved"
    messages.success(request, f"{verb} “{view.name}”{'. It is your start page' if view.is_start else ''}.")
    return _back(request, view_url(view, zone))


def _own_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Requires a POST by the signed-in owner of a view; 404 for any other view."""

    @require_POST
    @signed_in
    @wraps(view)
    def wrapper(request: HttpRequest, view_id: int) -> HttpResponse:
        try:
            return view(request, cast("Person", request.user), view_id)
        except SavedView.DoesNotExist:
            raise Http404 from None

    return wrapper


@_own_view
def rename_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Renames a view."""
    name = request.POST.get("name", "")
    try:
        view = view_store.rename_view(person, view_id, name)
    except InvalidSavedView as error:
        return _page(request, person, RejectedView(str(error), name, view_id))
    messages.success(request, f"It is called “{view.name}” now.")
    return _back(request)


@_own_view
def delete_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Deletes a view; the success message offers an undo."""
    view = view_store.delete_view(person, view_id, now())
    messages.success(request, f"Deleted “{view.name}”.", extra_tags=reverse("restore_view", args=[view_id]))
    return _back(request)


@_own_view
def restore_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Restores a view that was just deleted."""
    try:
        view = view_store.restore_view(person, view_id)
    except InvalidSavedView as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"“{view.name}” is back{', as your start page' if view.is_start else ''}.")
    return _back(request)


@_own_view
def start_with_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Makes a view the start page (`start=yes`), or the board again."""
    view = view_store.set_start_view(person, view_id, chosen=request.POST.get("start") == "yes")
    message = f"You start with “{view.name}” now." if view.is_start else "You start with the board now."
    messages.success(request, message)
    return _back(request)


def _back(request: HttpRequest, default: str = "") -> HttpResponse:
    """A redirect to the page of the form, if it is one of our screens, else to `default`."""
    url = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(url, allowed_hosts=None):
        parts = urlsplit(url)
        own_pages = {"saved_views", *(name for _, name in SCREENS.values())}
        try:
            if resolve(parts.path).url_name in own_pages:
                return SeeOther(f"{parts.path}?{parts.query}" if parts.query else parts.path)
        except Resolver404:
            pass
    return SeeOther(default or reverse("saved_views"))
