"""Who is told: the owner, finance, and whoever a step of the escalation reaches, each only of what they may see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from closing.notices import Kind
from entities.models import LegalEntity, Membership, Person, from_root

Role = Membership.Role
HEAR_OF_THEIR_GROUP = (Role.FINANCE, Role.ADMINISTRATOR, Role.OWNER)


@dataclass
class Around:
    """The people who may see an entity, by what they hold of it, and its owner if they may see it."""

    owner: int | None = None
    holding: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def everybody(self) -> set[int]:
        return {person for people in self.holding.values() for person in people}


def people_around(entity_ids: Collection[int]) -> dict[int, Around]:
    """Who holds what of each entity, directly or through a group above, as `LegalEntity.visible_to` judges it.

    Four queries whatever the number of entities. Superusers are found by `administrators`, not here.
    """
    held_of_entity: dict[int, list[tuple[int, str]]] = defaultdict(list)
    held_of_group: dict[str, list[tuple[int, str]]] = defaultdict(list)
    memberships = Membership.objects.filter(person__is_active=True)
    for person, role, entity in memberships.filter(group=None).values_list("person", "role", "entity"):
        held_of_entity[entity].append((person, role))
    for person, role, path in memberships.filter(entity=None).values_list("person", "role", "group__path"):
        held_of_group[path].append((person, role))
    found: dict[int, Around] = {}
    entities = LegalEntity.objects.filter(pk__in=entity_ids)
    for pk, owner, path in entities.values_list("pk", "owner", "group__path"):
        found[pk] = around = Around()
        held = list(held_of_entity[pk])
        for above in from_root(path):
            held += held_of_group.get(above, ())
        for person, role in held:
            around.holding[role].add(person)
        if owner in around.everybody:
            around.owner = owner
    return found


def recipients(kind: Kind, step: int, around: Around, told_before: Collection[int] = ()) -> set[int]:
    """Who is told of one notice.

    An alert goes to the owner and to finance. The first step of an escalation goes to administrators of the groups
    above as well, the second to whoever owns them. Good news goes to whoever heard the bad. Of a connection hear its
    administrators, and finance where nothing is read; of a missing deadline also those who can set one.
    """
    if kind is Kind.CLEARED:
        return set(told_before) & around.everybody
    if kind is Kind.REFUSED:
        return set(around.holding[Role.ADMINISTRATOR])
    found = set(around.holding[Role.FINANCE])
    if kind is Kind.STALE:
        return found | around.holding[Role.ADMINISTRATOR]
    if around.owner is not None:
        found.add(around.owner)
    if kind is Kind.NO_DEADLINE:
        found |= around.holding[Role.ADMINISTRATOR]
    if kind is Kind.ESCALATION:
        found |= around.holding[Role.ADMINISTRATOR]
        if step > 1:
            found |= around.holding[Role.OWNER]
    return found or set(around.holding[Role.ADMINISTRATOR])


def members_of(group: int) -> set[int]:
    """Who hears that a group has closed: those who work for exactly this group, and whoever owns it."""
    held = Membership.objects.filter(group=group, role__in=HEAR_OF_THEIR_GROUP, person__is_active=True)
    return set(held.values_list("person", flat=True))


def administrators() -> set[int]:
    """Who is told where nobody else is left: everybody who administers the whole installation."""
    return set(Person.objects.filter(is_superuser=True, is_active=True).values_list("pk", flat=True))


def by_person(told: Mapping[int, Collection[int]]) -> dict[int, list[int]]:
    """From people by notice to notices by person, in order."""
    found: dict[int, list[int]] = defaultdict(list)
    for notice, people in told.items():
        for person in sorted(people):
            found[person].append(notice)
    return dict(sorted(found.items()))
