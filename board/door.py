"""Authentication backend that loads a person, their memberships and new change events in one statement."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache

from django.contrib.auth.backends import ModelBackend
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, F, QuerySet, TextField, Value
from django.db.models.expressions import OuterRef, RawSQL
from django.db.models.functions import Cast, Coalesce, Concat

from entities.models import LegalEntity, Membership, Person
from periods.board_cache.cache import BOARD_CACHE
from periods.board_cache.cached_board import VisibleBoard
from periods.board_cache.change_feed import SNAPSHOT_SQL, UNSEEN_EVENTS_SQL, changes_since, parse_events

_TOKEN, _PERSON = "what was seen", -1  # placeholders in the cached statement for the values of a request


class DoorBackend(ModelBackend):
    """Django's backend, which also loads memberships and applies new change events to the board cache."""

    def get_user(self, user_id: int) -> Person | None:
        token = BOARD_CACHE.snapshot_token
        person = _load_person(user_id, token)
        if person is None or not self.user_can_authenticate(person):
            return None
        BOARD_CACHE.apply_changes(person.snapshot, parse_events(person.news), token)  # type: ignore[attr-defined]
        return person


def _load_person(user_id: int, token: str | None) -> Person | None:
    statement, params = _statement()
    values = [{_TOKEN: token, _PERSON: user_id}.get(value, value) for value in params]
    return next(iter(Person.objects.raw(statement, values)), None)


@cache
def _statement() -> tuple[str, tuple[object, ...]]:
    """The SQL of `_people` for one person; building it for every request would take longer than running it."""
    statement, params = _people(_TOKEN).filter(pk=_PERSON).query.sql_with_params()
    assert params.count(_TOKEN) == 2
    assert params.count(_PERSON) == 1
    return statement, params


def _people(token: str | None) -> QuerySet[Person]:
    text = Concat(
        F("role"),
        Value(":"),
        Coalesce(F("group__path"), Value("")),
        Value(":"),
        Coalesce(Cast("entity_id", CharField()), Value("")),
        output_field=TextField(),
    )
    memberships = Membership.objects.filter(person=OuterRef("pk")).annotate(text=text).order_by("text")
    return Person.objects.annotate(
        held=ArraySubquery(memberships.values("text")),
        snapshot=RawSQL(SNAPSHOT_SQL, []),  # noqa: S611 - texts of our own
        news=RawSQL(UNSEEN_EVENTS_SQL, [token, token], output_field=ArrayField(TextField())),  # noqa: S611
    )


def memberships_of(person: Person) -> list[str]:
    """A person's memberships as texts "role:path of the group:entity id", sorted; loaded at most once."""
    # `request.user` is a proxy, so its __dict__ cannot be read.
    memberships: list[str] | None = getattr(person, "held", None)
    if memberships is None:
        memberships = _people(None).get(pk=person.pk).held  # type: ignore[attr-defined]
    return memberships


def visible_ids(person: Person) -> frozenset[int] | None:
    """Ids of the entities that a person may see, None for all; cached until memberships change or an entity moves."""
    if person.is_superuser:
        return None
    return BOARD_CACHE.visible_entities(
        "|".join(memberships_of(person)),
        lambda: LegalEntity.objects.visible_to(person).values_list("pk", flat=True),
    )


def visible_board_of(person: Person, month: date, as_of: datetime) -> VisibleBoard:
    """The board of now as a person may see it, up to date with all changes committed before the request began."""
    if not hasattr(person, "news"):
        BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    ids = visible_ids(person)
    return BOARD_CACHE.board(month, as_of).visible_board(ids)
