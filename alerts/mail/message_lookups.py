"""Loads the data of entities and people that mails need besides the board's rows, for many mails at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from django.conf import settings

from alerts.mail.rows import EntityLookup, MessageContext
from alerts.notices.entries import DeliverableNotice
from alerts.routing.alert_policy import load_alert_policies
from alerts.sanitize import one_line
from closing.phrasing import reader_zone
from entities.models import LegalEntity, Membership
from periods.models import StateChange


class HeldRole(NamedTuple):
    """A person's role for an entity, or for a group and all below it."""

    role: str
    name: str
    entity: int | None
    path: str


@dataclass(frozen=True, slots=True)
class MessageLookups:
    """Entities by id, and the roles of each person, by person."""

    entities: Mapping[int, EntityLookup]
    roles_by_person: Mapping[int, list[HeldRole]]

    def covers(self, entity_ids: Collection[int], person: int) -> bool:
        return person in self.roles_by_person and self.entities.keys() >= set(entity_ids)


def load_lookups(entity_ids: Collection[int], people: Collection[int]) -> MessageLookups:
    """Load these entities and the roles of these people; three queries whatever their number."""
    rows = LegalEntity.objects.filter(pk__in=entity_ids).values_list(
        "pk", "owner", "owner__name", "owner__email", "group__path", "deputy"
    )
    steps = cache(load_alert_policies().step_days_of)
    entities = {
        pk: EntityLookup(owner, name or "", email or "", path, deputy, steps(path))
        for pk, owner, name, email, path, deputy in rows
    }
    roles: dict[int, list[HeldRole]] = {person: [] for person in people}
    memberships = Membership.objects.filter(person__in=people).order_by("pk")
    for person, role, entity, entity_name, path, group_name in memberships.values_list(
        "person", "role", "entity", "entity__name", "group__path", "group__name"
    ):
        roles[person].append(HeldRole(role, entity_name or group_name or "", entity, path or ""))
    return MessageLookups(entities, roles)


_MOST_REASONS = 3  # listed by name in why_received
Role = Membership.Role
_ROLES = (Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER, Role.AUDITOR)


def reopening_moments(items: Sequence[DeliverableNotice]) -> dict[int, datetime]:
    """When each reopening was seen, by the id of its notice."""
    notice_of = {item.notice.change_id: item.notice.pk for item in items if item.notice.change_id is not None}
    seen = StateChange.objects.filter(pk__in=notice_of).values_list("pk", "seen_at")
    return {notice_of[change]: seen_at for change, seen_at in seen}


def message_context(
    as_of: datetime,
    zone: str,
    why: str,
    entities: Mapping[int, EntityLookup] | None = None,
    reopened_at: Mapping[int, datetime] | None = None,
) -> MessageContext:
    """The context of a message's text, with its entities and reopenings where it has any; `zone` is the reader's."""
    base_url = settings.PUBLIC_BASE_URL
    return MessageContext(as_of, *reader_zone(zone), base_url, why, entities or {}, reopened_at or {})


def why_received(items: Sequence[DeliverableNotice], person: int, lookups: MessageLookups) -> str:
    """Why a person receives a message: as owner, finance or deputy, or by a role that covers the other entities."""
    names = {row.entity_id: one_line(row.name) or row.code for item in items for row in item.rows}
    owned = {pk for pk in names if lookups.entities[pk].owner == person}
    deputised = {pk for pk in names if lookups.entities[pk].deputy == person} - owned
    reasons, reached = [], set(owned)
    if owned:
        reasons.append(f"as owner of {_of_which(owned, names)}")
    by_role: dict[str, list[tuple[str, set[int]]]] = {role.value: [] for role in _ROLES}
    for held in lookups.roles_by_person[person]:
        covered = {
            pk
            for pk in names
            if pk == held.entity or (held.path and lookups.entities[pk].path.startswith(held.path))
        }
        by_role[held.role].append((one_line(held.name), covered))
    for role in _ROLES:
        for name, covered in sorted(by_role[role.value], key=lambda scope: (-len(scope[1]), scope[0])):
            if covered - reached or (covered and role is Role.FINANCE):
                reasons.append(f"as {role.label.lower()} of {name}")
                reached |= covered
        if role is Role.FINANCE and deputised - reached:
            reasons.append(f"as deputy of the owner of {_of_which(deputised - reached, names)}")
            reached |= deputised
    reasons = reasons or ["as administrator of Closeboard"]
    more = len(reasons) - _MOST_REASONS
    if more > 0:
        reasons = [*reasons[:_MOST_REASONS], f"for {more} more {'reason' if more == 1 else 'reasons'}"]
    return f"You get this {' and '.join(filter(None, [', '.join(reasons[:-1]), reasons[-1]]))}."


def _of_which(entity_ids: Set[int], names: Mapping[int, str]) -> str:
    return names[next(iter(entity_ids))] if len(entity_ids) == 1 else f"{len(entity_ids)} of these entities"
