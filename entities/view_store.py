"""Saves, renames, deletes and restores the saved views of a person, within limits."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from entities.audit_trail import Verb, record_act
from entities.models import Person, SavedView
from infra.audit.recording import AuditedObject

MAX_SAVED_VIEWS = 50
MAX_VIEW_NAME_LENGTH = 60
MAX_VIEW_QUERY_LENGTH = 4000
_MAX_DELETED_VIEWS = 10  # of one person, that can still be restored


# --- each function changes views of `person` only, and raises SavedView.DoesNotExist for any other ------------------


@transaction.atomic
def save_view(
    person: Person, name: str, screen: str, query: str, *, as_start: bool = False, replace: bool = False
) -> SavedView:
    """Save a view under a name; with `replace` it overwrites the one that has the name already.

    `query` is canonical. Raises ValidationError (code "taken" where another view has the name), and changes nothing.
    """
    views = _locked_views(person)
    if len(query) > MAX_VIEW_QUERY_LENGTH:
        raise ValidationError("This view asks for too much to be saved. Shorten its search text and filters.")
    view = _named(views, name)
    if view is None:
        _require_room(views)
        view = SavedView(person=person)
    elif not replace:
        raise _taken(f"You already have a view called “{view.name}”.")
    view.name, view.screen, view.query = name, screen, query
    if as_start and not view.is_start:
        views.update(is_start=False)
        view.is_start = True
    view.save()
    record_act(Verb.VIEW_SAVED, _view_object(view), by=person, after={"screen": screen, "query": query})
    return view


@transaction.atomic
def rename_view(person: Person, view_id: int, name: str) -> SavedView:
    """Give a view another name; raises ValidationError, and changes nothing."""
    views = _locked_views(person)
    view = views.get(pk=view_id)
    before, view.name = view.name, name
    if other := _named(views.exclude(pk=view_id), view.name):
        raise _taken(f"You already have a view called “{other.name}”.")
    view.save(update_fields=["name"])
    record_act(
        Verb.VIEW_RENAMED, _view_object(view), by=person, before={"name": before}, after={"name": view.name}
    )
    return view


@transaction.atomic
def delete_view(person: Person, view_id: int, as_of: datetime) -> SavedView:
    """Delete a view; `restore_view` brings it back while it is among the _MAX_DELETED_VIEWS newest deleted ones."""
    view = _locked_views(person).get(pk=view_id)
    view.deleted_at = as_of
    view.save(update_fields=["deleted_at"])
    record_act(Verb.VIEW_DELETED, _view_object(view), by=person, at=as_of)
    deleted = SavedView.objects.filter(person=person, deleted_at__isnull=False)
    newest = deleted.order_by("-deleted_at", "-pk").values("pk")[:_MAX_DELETED_VIEWS]
    deleted.exclude(pk__in=newest).delete()
    return view


@transaction.atomic
def restore_view(person: Person, view_id: int) -> SavedView:
    """Restore a deleted view, as the start page if it was and no other is now; raises ValidationError."""
    views = _locked_views(person)
    view = SavedView.objects.get(person=person, pk=view_id)
    if view.deleted_at is None:
        return view
    _require_room(views)
    if other := _named(views, view.name):
        raise _taken(f"You already have a view called “{other.name}” again. Rename that one first.")
    view.is_start = view.is_start and not views.filter(is_start=True).exists()
    view.deleted_at = None
    view.save(update_fields=["deleted_at", "is_start"])
    record_act(Verb.VIEW_RESTORED, _view_object(view), by=person)
    return view


@transaction.atomic
def set_start_view(person: Person, view_id: int, *, chosen: bool) -> SavedView:
    """Make a view the person's start page, or no longer."""
    views = _locked_views(person)
    view = views.get(pk=view_id)
    if chosen:
        views.filter(is_start=True).update(is_start=False)
    view.is_start = chosen
    view.save(update_fields=["is_start"])
    record_act(Verb.START_VIEW_SET, _view_object(view), by=person, after={"start": chosen})
    return view


def _view_object(view: SavedView) -> AuditedObject:
    return AuditedObject("view", str(view.pk), view.name)


def _locked_views(person: Person) -> QuerySet[SavedView]:
    """The person's views, locked until the transaction ends: two clicks at once must not break a rule."""
    Person.objects.select_for_update(no_key=True).values("pk").get(pk=person.pk)
    return SavedView.objects.filter(person=person, deleted_at=None)


def _require_room(views: QuerySet[SavedView]) -> None:
    if views.count() >= MAX_SAVED_VIEWS:
        raise ValidationError(f"You have {MAX_SAVED_VIEWS} saved views, which is the most. Delete one first.")


def _named(views: QuerySet[SavedView], name: str) -> SavedView | None:
    """The view of that name, compared as in the unique constraint."""
    return views.alias(lower=Lower("name")).filter(lower=Lower(Value(name))).first()


def _taken(message: str) -> ValidationError:
    return ValidationError({"name": ValidationError(message, code="taken")})
