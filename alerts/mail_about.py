"""What mails say of entities and people besides the board's rows, looked up for many mails at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from alerts.routing.alert_policy import escalations
from closing.judging.notices import ESCALATE_AFTER
from entities.models import LegalEntity, Membership


class Looked(NamedTuple):
    """An entity's owner, the path of its group, the owner's deputy, and the days late of each escalation step."""

    owner: int | None
    owner_name: str
    owner_email: str
    path: str
    deputy: int | None = None
    steps: tuple[int, ...] = ESCALATE_AFTER


class Held(NamedTuple):
    """A role that somebody has, of an entity or of a group and all below it."""

    role: str
    entity: int | None
    entity_name: str
    path: str
    group_name: str


@dataclass(frozen=True, slots=True)
class About:
    """Entities by id, and what each person holds, by person."""

    entities: Mapping[int, Looked]
    held: Mapping[int, list[Held]]

    def covers(self, entity_ids: Collection[int], person: int) -> bool:
        return person in self.held and self.entities.keys() >= set(entity_ids)


def about(entity_ids: Collection[int], people: Collection[int]) -> About:
    """Look up these entities and what these people hold; at most four queries whatever their number."""
    rows = list(
        LegalEntity.objects.filter(pk__in=entity_ids).values_list(
            "pk", "owner", "owner__name", "owner__email", "group__path", "deputy"
        )
    )
    steps = escalations((pk, path) for pk, *_, path, _ in rows)
    entities = {
        pk: Looked(owner, name or "", email or "", path, deputy, steps[pk])
        for pk, owner, name, email, path, deputy in rows
    }
    held: dict[int, list[Held]] = {person: [] for person in people}
    memberships = Membership.objects.filter(person__in=people).order_by("pk")
    for person, role, entity, *names in memberships.values_list(
        "person", "role", "entity", "entity__name", "group__path", "group__name"
    ):
        held[person].append(Held(role, entity, *(name or "" for name in names)))
    return About(entities, held)
