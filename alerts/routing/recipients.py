"""Who is told: who answers for an entity, finance, and whom an escalation reaches, each only of what they may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime

from alerts.models import Destination
from alerts.routing.alert_policy import DEFAULT_STEPS, EscalationStepRule
from closing.calendar.instants import local_date
from closing.judging.notice_rules import NoticeKind
from closing.phrasing import reader_zone
from entities.models import LegalEntity, Membership, Person, ancestor_paths

Role = Membership.Role
GROUP_CLOSE_ROLES = (Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER)


@dataclass(frozen=True, slots=True)
class ResponsiblePerson:
    """Somebody who may see an entity and answers for it, and when they are away, by the dates of their own zone."""

    person: int
    zone: str = "UTC"
    away_from: date | None = None
    away_until: date | None = None

    def is_away(self, as_of: datetime) -> bool:
        """Whether they are away at a moment; both dates are included, and without an end it lasts."""
        if self.away_from is None:
            return False
        today = local_date(as_of, reader_zone(self.zone)[0])
        return self.away_from <= today and (self.away_until is None or today <= self.away_until)


@dataclass
class EntityAudience:
    """The people who may see an entity, by what they hold of it; its owner and their deputy if they may see it.

    `everywhere` are superusers, who see all and hold nothing.
    """

    path: str = ""  # of its group
    responsible_owner: ResponsiblePerson | None = None
    deputy: ResponsiblePerson | None = None
    members_by_role: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    superusers: Set[int] = frozenset()

    @property
    def members(self) -> set[int]:
        return {person for people in self.members_by_role.values() for person in people}

    @property
    def owner(self) -> int | None:
        return self.responsible_owner.person if self.responsible_owner is not None else None

    def may_see(self, person: int) -> bool:
        return person in self.superusers or any(person in people for people in self.members_by_role.values())

    def responsible_person(self, as_of: datetime) -> int | None:
        """Who answers for it at a moment: the owner; while they are away, or where they may not see it, the deputy.

        Where both are away the owner is told all the same: a mail that waits is better than none.
        """
        owner, deputy = self.responsible_owner, self.deputy
        if deputy is not None and (owner is None or (owner.is_away(as_of) and not deputy.is_away(as_of))):
            return deputy.person
        return owner.person if owner is not None else None


def load_audiences(entity_ids: Collection[int]) -> dict[int, EntityAudience]:
    """Who holds what of each entity, directly or through a group above, as `LegalEntity.visible_to` judges it.

    Four queries whatever the number of entities.
    """
    everywhere = installation_administrators()
    held_of_entity: dict[int, list[tuple[int, str]]] = defaultdict(list)
    held_of_group: dict[str, list[tuple[int, str]]] = defaultdict(list)
    memberships = Membership.objects.filter(person__is_active=True)
    for person, role, entity in memberships.filter(group=None).values_list("person", "role", "entity"):
        held_of_entity[entity].append((person, role))
    for person, role, path in memberships.filter(entity=None).values_list("person", "role", "group__path"):
        held_of_group[path].append((person, role))
    found: dict[int, EntityAudience] = {}
    for pk, path, owner, deputy in _answering(entity_ids):
        found[pk] = around = EntityAudience(path, superusers=everywhere)
        held = list(held_of_entity[pk])
        for above in ancestor_paths(path):
            held += held_of_group.get(above, ())
        for person, role in held:
            around.members_by_role[role].add(person)
        around.responsible_owner = owner if owner is not None and around.may_see(owner.person) else None
        around.deputy = deputy if deputy is not None and around.may_see(deputy.person) else None
    return found


def _answering(
    entity_ids: Collection[int],
) -> list[tuple[int, str, ResponsiblePerson | None, ResponsiblePerson | None]]:
    """Each entity with the path of its group, its owner and the deputy, whether or not they may see it."""
    fields = ("", "__zone", "__habits__away_from", "__habits__away_until")
    rows = LegalEntity.objects.filter(pk__in=entity_ids).values_list(
        "pk",
        "group__path",
        *(f"{who}{field}" for who in ("owner", "deputy") for field in fields),
    )
    return [
        (
            pk,
            path,
            ResponsiblePerson(*both[:4]) if both[0] is not None else None,
            ResponsiblePerson(*both[4:]) if both[4] is not None else None,
        )
        for pk, path, *both in rows
    ]


def recipients(
    kind: NoticeKind,
    step: int,
    around: EntityAudience,
    as_of: datetime,
    *,
    told_before: Collection[int] = (),
    steps: Sequence[EscalationStepRule] = DEFAULT_STEPS,
) -> set[int]:
    """Who is told of one notice of an entity, whatever they have chosen.

    An alert goes to finance and to who answers for the entity. A step of the escalation also goes to whom this step
    and those before it name (`steps` are those of the entity's group). Good news goes to whoever heard the bad. Of a
    connection hear its administrators, and finance where nothing is read; of a missing deadline also those who can
    set one.
    """
    if kind is NoticeKind.CLEARED:
        return set(told_before) & around.members
    if kind is NoticeKind.REFUSED:
        return set(around.members_by_role[Role.ADMINISTRATOR])
    found = set(around.members_by_role[Role.FINANCE])
    if kind is NoticeKind.STALE:
        return found | around.members_by_role[Role.ADMINISTRATOR]
    answering = around.responsible_person(as_of)
    if answering is not None:
        found.add(answering)
    if kind is NoticeKind.NO_DEADLINE:
        found |= around.members_by_role[Role.ADMINISTRATOR]
    if kind is NoticeKind.ESCALATION:
        for each in steps[: max(step, 1)]:
            found |= step_recipients(each, around)
    return found or set(around.members_by_role[Role.ADMINISTRATOR])


def step_recipients(step: EscalationStepRule, around: EntityAudience) -> set[int]:
    """Whom one step of an escalation reaches, of those who may see the entity."""
    found = {person for role in step.roles for person in around.members_by_role.get(role, ())}
    return found | {person for person in step.people if around.may_see(person)}


def group_close_recipients(groups: Collection[int]) -> dict[int, set[int]]:
    """Who hears that a group has closed, by group: those who work for exactly this one, and whoever owns it."""
    found: dict[int, set[int]] = {group: set() for group in groups}
    held = Membership.objects.filter(group__in=groups, role__in=GROUP_CLOSE_ROLES, person__is_active=True)
    for group, person in held.values_list("group", "person"):
        if group is not None:
            found[group].add(person)
    return found


def installation_administrators() -> set[int]:
    """Who is told where nobody else is left: everybody who administers the whole installation."""
    return set(Person.objects.filter(is_superuser=True, is_active=True).values_list("pk", flat=True))


def destination_administrators(place: Destination) -> list[Person]:
    """Who administers a destination's group, directly or through a group above; superusers where nobody does."""
    held = Membership.objects.filter(
        role=Membership.Role.ADMINISTRATOR,
        group__path__in=ancestor_paths(place.group.path),
        person__is_active=True,
    )
    found = list(Person.objects.filter(pk__in=held.values("person")).order_by("pk"))
    return found or list(Person.objects.filter(is_superuser=True, is_active=True).order_by("pk"))


def can_see(reader: Person | Destination, around: EntityAudience) -> bool:
    """Whether a person may see an entity, or a destination hears of it."""
    if isinstance(reader, Destination):
        return reader.enabled and around.path.startswith(reader.group.path)
    return reader.is_active and (reader.is_superuser or reader.pk in around.members)
