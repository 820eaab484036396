"""Who is at the door and what is new: the one statement that every signed-in request runs besides its session."""

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

_TEXTS = ArrayField(TextField())
_SEEN, _WHO = "what was seen", -1  # stand in the statement for what differs from one request to the next


class DoorBackend(ModelBackend):
    """Django's own, but a person comes with their memberships and the process hears what is new, in one statement."""

    def get_user(self, user_id: int) -> Person | None:
        seen = BOARD_CACHE.snapshot_token
        person = _asked(user_id, seen)
        if person is None or not self.user_can_authenticate(person):
            return None
        BOARD_CACHE.apply_changes(person.snapshot, parse_events(person.news), seen)  # type: ignore[attr-defined]
        return person


def _asked(user_id: int, seen: str | None) -> Person | None:
    statement, given = _statement()
    values = [{_SEEN: seen, _WHO: user_id}.get(value, value) for value in given]
    return next(iter(Person.objects.raw(statement, values)), None)


@cache
def _statement() -> tuple[str, tuple[object, ...]]:
    """The SQL of `_at_the_door` for one person; to build it for every request would take longer than to run it."""
    statement, given = _at_the_door(_SEEN).filter(pk=_WHO).query.sql_with_params()
    assert given.count(_SEEN) == 2
    assert given.count(_WHO) == 1
    return statement, given


def _at_the_door(seen: str | None) -> QuerySet[Person]:
    text = Concat(
        F("role"),
        Value(":"),
        Coalesce(F("group__path"), Value("")),
        Value(":"),
        Coalesce(Cast("entity_id", CharField()), Value("")),
        output_field=TextField(),
    )
    held = Membership.objects.filter(person=OuterRef("pk")).annotate(text=text).order_by("text")
    return Person.objects.annotate(
        held=ArraySubquery(held.values("text")),
        snapshot=RawSQL(SNAPSHOT_SQL, []),  # noqa: S611 - texts of our own
        news=RawSQL(UNSEEN_EVENTS_SQL, [seen, seen], output_field=_TEXTS),  # noqa: S611
    )


def memberships_of(person: Person) -> list[str]:
    """A person's memberships as texts "role:path of the group:entity id", sorted; asked for when not yet known."""
    # `request.user` is a proxy: no look into its __dict__.
    held: list[str] | None = getattr(person, "held", None)
    if held is None:
        held = _at_the_door(None).get(pk=person.pk).held  # type: ignore[attr-defined]
    return held


def visible_ids(person: Person) -> frozenset[int] | None:
    """The entities that a person may see, None for all; looked up only when their memberships or a place are new."""
    if person.is_superuser:
        return None
    return BOARD_CACHE.visible_entities(
        "|".join(memberships_of(person)),
        lambda: LegalEntity.objects.visible_to(person).values_list("pk", flat=True),
    )


def visible_board_of(person: Person, month: date, as_of: datetime) -> VisibleBoard:
    """The board of now as a person sees it, up to date with all that was committed before they were at the door."""
    if not hasattr(person, "news"):
        BOARD_CACHE.apply_changes(*changes_since(BOARD_CACHE.snapshot_token))
    ids = visible_ids(person)
    return BOARD_CACHE.board(month, as_of).visible_board(ids)
