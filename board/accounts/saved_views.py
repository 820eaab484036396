"""The views of saved views: their page, their forms, and the start page."""

from __future__ import annotations

from functools import wraps
from typing import cast
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve, reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST, require_safe

from board.accounts.forms import RenameViewForm, SaveViewForm
from board.accounts.saved_views_menu import (
    view_line,
    view_url,
    views_of,
)
from board.web.board_query import InvalidQuery
from board.web.forms import ReturnForm, SeeOther, SwitchForm, bind_errors
from board.web.layout import SCREENS, layout_context
from board.web.readers import Reader, View, signed_in
from entities import view_store
from entities.models import Person, SavedView
from entities.view_store import MAX_VIEW_NAME_LENGTH

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


def _page(request: HttpRequest, person: Person, refused: RenameViewForm | None = None) -> HttpResponse:
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
    zone = Reader.in_zone(person.zone).zone
    form = SaveViewForm(request.POST, zone)
    if form.is_valid():
        with bind_errors(form):
            view = view_store.save_view(
                person,
                form.cleaned_data["name"],
                form.cleaned_data["screen"],
                form.cleaned_data["query"],
                as_start=form.cleaned_data["start"],
                replace=form.cleaned_data["replace"],
            )
            verb = "Replaced" if form.cleaned_data["replace"] else "Saved"
            ending = ". It is your start page" if view.is_start else ""
            messages.success(request, f"{verb} “{view.name}”{ending}.")
            return _back(request, view_url(view, zone))
    if form.has_error("screen"):
        raise Http404
    return _page(request, person, form)


def _own_view(view: View) -> View:
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
    form = RenameViewForm(request.POST, view_id)
    if form.is_valid():
        with bind_errors(form):
            view = view_store.rename_view(person, view_id, form.cleaned_data["name"])
            messages.success(request, f"It is called “{view.name}” now.")
            return _back(request)
    else:
        SavedView.objects.get(person=person, deleted_at=None, pk=view_id)
    return _page(request, person, form)


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
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"“{view.name}” is back{', as your start page' if view.is_start else ''}.")
    return _back(request)


@_own_view
def start_with_view(request: HttpRequest, person: Person, view_id: int) -> HttpResponse:
    """Makes a view the start page (`start=yes`), or the board again."""
    view = view_store.set_start_view(person, view_id, chosen=SwitchForm(request.POST).says_yes())
    message = f"You start with “{view.name}” now." if view.is_start else "You start with the board now."
    messages.success(request, message)
    return _back(request)


def _back(request: HttpRequest, default: str = "") -> HttpResponse:
    """A redirect to the page of the form, if it is one of our screens, else to `default`."""
    parts = urlsplit(ReturnForm(request.POST).path(""))
    own_pages = {"saved_views", *(name for _, name in SCREENS.values())}
    try:
        if resolve(parts.path).url_name in own_pages:
            return SeeOther(parts._replace(fragment="").geturl())
    except Resolver404:
        pass
    return SeeOther(default or reverse("saved_views"))
