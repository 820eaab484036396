"""Determines the recipients of a notice: responsible people, finance and escalation, of entities they may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Q

from alerts.models import Destination
from alerts.notices.notice_specs import spec_of
from alerts.routing.alert_policy import DEFAULT_STEPS, EscalationStepRule
from closing.calendar.instants import local_date
from closing.phrasing import reader_zone
from entities.models import LegalEntity, Membership, Person, ancestor_paths

Role = Membership.Role
GROUP_CLOSE_ROLES = (Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER)


@dataclass(frozen=True, slots=True)
class ResponsiblePerson:
    """A person who may see an entity and answers for it, and when they are away, by the dates of their own zone."""

    person: int
    zone: str = "UTC"
    away_from: date | None = None
    away_until: date | None = None

    def is_away(self, as_of: datetime) -> bool:
        """Whether they are away at a moment; both dates are included, and an absence without an end goes on."""
        if self.away_from is None:
            return False
        today = local_date(as_of, reader_zone(self.zone)[0])
        return self.away_from <= today and (self.away_until is None or today <= self.away_until)


@dataclass
class EntityAudience:
    """The people who may see an entity, by role; its owner and their deputy if they may see it.

    `superusers` see every entity and need no role.
    """

    path: str = ""  # of its group
    responsible_owner: ResponsiblePerson | None = None
    deputy: ResponsiblePerson | None = None
    members_by_role: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    superusers: Set[int] = frozenset()

    @property
    def members(self) -> set[int]:
        return {person for people in self.members_by_role.values() for person in people}

    def may_see(self, person: int) -> bool:
        return person in self.superusers or any(person in people for people in self.members_by_role.values())

    def responsible_person(self, as_of: datetime) -> int | None:
        """The owner; while they are away, or where they may not see the entity, the deputy.

        Where both are away it is the owner: a mail that waits is better than none.
        """
        owner, deputy = self.responsible_owner, self.deputy
        if deputy is not None and (owner is None or (owner.is_away(as_of) and not deputy.is_away(as_of))):
            return deputy.person
        return owner.person if owner is not None else None


@dataclass(frozen=True, slots=True)
class RoleHolders:
    """The active people with a role, by entity and by the path of a group, and those who administer everything."""

    superusers: frozenset[int]
    by_entity: Mapping[int, Sequence[tuple[int, str]]]
    by_path: Mapping[str, Sequence[tuple[int, str]]]

    def of_group_close(self, path: str) -> set[int]:
        """The recipients of a group's close: finance, administrators and owners of exactly this group."""
        return {person for person, role in self.by_path.get(path, ()) if role in GROUP_CLOSE_ROLES}


def load_role_holders() -> RoleHolders:
    """The people with a role for any entity or group, in one query."""
    superusers: set[int] = set()
    by_entity: dict[int, list[tuple[int, str]]] = defaultdict(list)
    by_path: dict[str, list[tuple[int, str]]] = defaultdict(list)
    people = Person.objects.filter(Q(is_superuser=True) | Q(memberships__isnull=False), is_active=True)
    for person, is_superuser, role, entity, path in people.order_by().values_list(
        "pk", "is_superuser", "memberships__role", "memberships__entity", "memberships__group__path"
    ):
        if is_superuser:
            superusers.add(person)
        if path:
            by_path[path].append((person, role))
        if entity:
            by_entity[entity].append((person, role))
    return RoleHolders(frozenset(superusers), by_entity, by_path)


def load_audiences(
    entity_ids: Collection[int], holders: RoleHolders | None = None
) -> dict[int, EntityAudience]:
    """The audience of each entity, directly or through a group above, by the rule of `LegalEntity.visible_to`.

    Two queries whatever the number of entities, one where the `holders` of roles are given.
    """
    holders = holders or load_role_holders()
    audiences: dict[int, EntityAudience] = {}
    fields = ("", "__zone", "__habits__away_from", "__habits__away_until")
    rows = LegalEntity.objects.filter(pk__in=entity_ids).values_list(
        "pk", "group__path", *(f"{who}{field}" for who in ("owner", "deputy") for field in fields)
    )
    for pk, path, *people in rows:
        audiences[pk] = audience = EntityAudience(path, superusers=holders.superusers)
        roles = list(holders.by_entity.get(pk, ()))
        for ancestor in ancestor_paths(path):
            roles += holders.by_path.get(ancestor, ())
        for person, role in roles:
            audience.members_by_role[role].add(person)
        audience.responsible_owner, audience.deputy = (
            ResponsiblePerson(*person) if person[0] is not None and audience.may_see(person[0]) else None
            for person in (people[:4], people[4:])
        )
    return audiences


def recipients(
    kind: str,
    step: int,
    audience: EntityAudience,
    as_of: datetime,
    *,
    informed: Collection[int] = (),
    steps: Sequence[EscalationStepRule] = DEFAULT_STEPS,
) -> set[int]:
    """The recipients of one notice of an entity, whatever their preferences.

    They are those of the kind's audience; `informed` received the problem that it ends. An escalation step also goes
    to the people whom this step and those before it name (`steps` are those of the entity's group).
    """
    spec = spec_of(kind)
    if spec.audience.informed:
        return set(informed) & audience.members
    people = {person for role in spec.audience.roles for person in audience.members_by_role[role]}
    responsible = audience.responsible_person(as_of) if spec.audience.responsible else None
    if responsible is not None:
        people.add(responsible)
    for rule in steps[: max(step, 1)] if spec.escalates else ():
        people |= {person for role in rule.roles for person in audience.members_by_role[role]}
        people |= {person for person in rule.people if audience.may_see(person)}
    return people or set(audience.members_by_role[spec.audience.otherwise])


def destination_administrators(destination: Destination) -> list[Person]:
    """The administrators of a destination's group or of a group above it; superusers where there are none."""
    members = Membership.objects.filter(
        role=Membership.Role.ADMINISTRATOR,
        group__path__in=ancestor_paths(destination.group.path),
        person__is_active=True,
    )
    people = list(Person.objects.filter(pk__in=members.values("person")).order_by("pk"))
    return people or list(Person.objects.filter(is_superuser=True, is_active=True).order_by("pk"))


def can_see(reader: Person | Destination, audience: EntityAudience) -> bool:
    """Whether a person may see an entity, or a destination receives its notices."""
    if isinstance(reader, Destination):
        return reader.enabled and audience.path.startswith(reader.group.path)
    return reader.is_active and (reader.is_superuser or reader.pk in audience.members)
