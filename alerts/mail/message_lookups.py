"""What mails say of entities and people besides the board's rows, looked up for many mails at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from alerts.mail.cases import DeliverableNotice
from alerts.mail.rows import MessageContext, OwnerContact
from alerts.routing.alert_policy import effective_step_days
from alerts.sanitize import one_line
from closing.judging.notice_rules import ESCALATE_AFTER
from closing.phrasing import reader_zone
from entities.models import LegalEntity, Membership
from periods.models import StateChange


class EntityLookup(NamedTuple):
    """An entity's owner, the path of its group, the owner's deputy, and the days late of each escalation step."""

    owner: int | None
    owner_name: str
    owner_email: str
    path: str
    deputy: int | None = None
    steps: tuple[int, ...] = ESCALATE_AFTER


class HeldRole(NamedTuple):
    """A role that somebody has, of an entity or of a group and all below it."""

    role: str
    entity: int | None
    entity_name: str
    path: str
    group_name: str


@dataclass(frozen=True, slots=True)
class MessageLookups:
    """Entities by id, and what each person holds, by person."""

    entities: Mapping[int, EntityLookup]
    roles_by_person: Mapping[int, list[HeldRole]]

    def covers(self, entity_ids: Collection[int], person: int) -> bool:
        return person in self.roles_by_person and self.entities.keys() >= set(entity_ids)


def load_lookups(entity_ids: Collection[int], people: Collection[int]) -> MessageLookups:
    """Look up these entities and what these people hold; at most four queries whatever their number."""
    rows = list(
        LegalEntity.objects.filter(pk__in=entity_ids).values_list(
            "pk", "owner", "owner__name", "owner__email", "group__path", "deputy"
        )
    )
    steps = effective_step_days((pk, path) for pk, *_, path, _ in rows)
    entities = {
        pk: EntityLookup(owner, name or "", email or "", path, deputy, steps[pk])
        for pk, owner, name, email, path, deputy in rows
    }
    held: dict[int, list[HeldRole]] = {person: [] for person in people}
    memberships = Membership.objects.filter(person__in=people).order_by("pk")
    for person, role, entity, *names in memberships.values_list(
        "person", "role", "entity", "entity__name", "group__path", "group__name"
    ):
        held[person].append(HeldRole(role, entity, *(name or "" for name in names)))
    return MessageLookups(entities, held)


_MOST_REASONS = 3  # why somebody is told of it, in so many places at most


_ROLES = (
    Membership.Role.FINANCE,
    Membership.Role.ADMINISTRATOR,
    Membership.Role.OWNER,
    Membership.Role.AUDITOR,
)


def reopening_changes(items: Sequence[DeliverableNotice]) -> dict[int, StateChange]:
    """The changes that undid a close, by id."""
    wanted = {each.notice.change_id for each in items if each.notice.change_id is not None}
    return StateChange.objects.in_bulk(wanted) if wanted else {}


def message_context(
    items: Sequence[DeliverableNotice],
    changes: Mapping[int, StateChange],
    as_of: datetime,
    known: MessageLookups,
    *,
    zone: str,
    why: str,
) -> MessageContext:
    """What the words of a message need; `known` covers its entities."""
    there, zone_name = reader_zone(zone)
    entities = {pk: known.entities[pk] for pk in {row.entity_id for each in items for row in each.rows}}
    return MessageContext(
        as_of=as_of,
        zone=there,
        zone_name=zone_name,
        base_url=settings.PUBLIC_BASE_URL,
        why=why,
        owners={pk: OwnerContact(each.owner_name, each.owner_email) for pk, each in entities.items()},
        groups={pk: each.path.strip("/").split("/") for pk, each in entities.items()},
        steps={pk: each.steps for pk, each in entities.items()},
        reopened_at={
            each.notice.pk: change.seen_at
            for each in items
            if (change := changes.get(each.notice.change_id or 0)) is not None
        },
    )


def why_received(
    items: Sequence[DeliverableNotice],
    owned: set[int],
    deputised: set[int],
    paths: Mapping[int, str],
    memberships: Sequence[HeldRole],
) -> str:
    """Why this person is told: as owner, as finance, as deputy, or by the role that reaches what those do not."""
    names = {row.entity_id: one_line(row.name) or row.code for each in items for row in each.rows}
    reasons, reached = [], set(owned)
    if owned:
        reasons.append(f"as owner of {_of_which(owned, names)}")
    held: dict[str, list[tuple[str, set[int]]]] = {role.value: [] for role in _ROLES}
    for each in memberships:
        told = {
            pk for pk, own in paths.items() if pk == each.entity or (each.path and own.startswith(each.path))
        }
        held[each.role].append((one_line(each.entity_name or each.group_name), told))
    for role in _ROLES:
        for place, told in sorted(held[role.value], key=lambda each: (-len(each[1]), each[0])):
            if told - reached or (told and role is Membership.Role.FINANCE):
                reasons.append(f"as {role.label.lower()} of {place}")
                reached |= told
        if role is Membership.Role.FINANCE and deputised - reached:
            reasons.append(f"as deputy of the owner of {_of_which(deputised - reached, names)}")
            reached |= deputised
    reasons = reasons or ["as administrator of Closeboard"]
    more = len(reasons) - _MOST_REASONS
    if more > 0:
        reasons = [*reasons[:_MOST_REASONS], f"for {more} more {'reason' if more == 1 else 'reasons'}"]
    return f"You get this {' and '.join(filter(None, [', '.join(reasons[:-1]), reasons[-1]]))}."


def _of_which(entity_ids: Set[int], names: Mapping[int, str]) -> str:
    return names[next(iter(entity_ids))] if len(entity_ids) == 1 else f"{len(entity_ids)} of these entities"
