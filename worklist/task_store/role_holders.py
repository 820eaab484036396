"""Who has which role of close tasks, and who stands in for an absent person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from entities.audit_trail import Verb, entity_object, group_object, person_object, record_act
from entities.models import Group, LegalEntity, Person, ancestor_paths
from worklist.models import TaskAbsence, TaskRoleHolder


@dataclass(frozen=True, slots=True)
class TaskRoleHolders:
    """The person of each role, by entity and by the path of a group."""

    of_entity: Mapping[tuple[int, str], int]
    of_group: Mapping[tuple[str, str], int]

    def holder(self, role: str, path: str, entity_id: int | None = None) -> int | None:
        """Who has a role in an entity, or in a group; None while nobody has it."""
        if entity_id is not None and (entity_id, role) in self.of_entity:
            return self.of_entity[entity_id, role]
        found = (self.of_group.get((above, role)) for above in reversed(ancestor_paths(path)))
        return next((person for person in found if person is not None), None)


def role_holders() -> TaskRoleHolders:
    """Who has which role now; one query."""
    key = ("group_id", "entity_id", "role")
    rows = TaskRoleHolder.objects.order_by(*key, "-set_at").distinct(*key)
    of_entity: dict[tuple[int, str], int] = {}
    of_group: dict[tuple[str, str], int] = {}
    columns = ("entity_id", "group__path", "role", "person_id")
    newest: Iterable[tuple[int | None, str, str, int | None]] = rows.values_list(*columns)
    for entity_id, path, role, person_id in newest:
        if person_id is None:
            continue
        if entity_id is not None:
            of_entity[entity_id, role] = person_id
        else:
            of_group[path, role] = person_id
    return TaskRoleHolders(of_entity, of_group)


@transaction.atomic
def give_task_role(
    where: Group | LegalEntity, role: str, person: Person | None, at: datetime, *, by: Person | None = None
) -> TaskRoleHolder:
    """Give a role of close tasks to a person, or take it away; tasks that exist keep their owner."""
    scope = {"group": where} if isinstance(where, Group) else {"entity": where}
    earlier = TaskRoleHolder.objects.filter(**scope, role=role).order_by("-set_at").first()
    row = TaskRoleHolder.objects.create(**scope, role=role, person=person, set_at=at, set_by=by)
    record_act(
        Verb.TASK_ROLE_GIVEN,
        group_object(where) if isinstance(where, Group) else entity_object(where),
        at=at,
        by=by,
        before={"role": role, "person": _name(earlier.person) if earlier else ""},
        after={"role": role, "person": _name(person)},
    )
    return row


@transaction.atomic
def set_absence(
    person: Person, deputy: Person, first: date, last: date, at: datetime, *, by: Person | None = None
) -> TaskAbsence:
    """Let a deputy stand in for a person from a day to a day. Raises ValueError for days in the wrong order."""
    if last < first:
        raise ValueError("The last day of the absence is before its first.")
    row = TaskAbsence.objects.create(
        person=person, deputy=deputy, first_day=first, last_day=last, set_at=at, set_by=by
    )
    record_act(
        Verb.TASK_DEPUTY_SET,
        person_object(person),
        at=at,
        by=by,
        after={"deputy": _name(deputy), "from": first.isoformat(), "to": last.isoformat()},
    )
    return row


def deputies_on(day: date, people: Collection[int] | None = None) -> dict[int, frozenset[int]]:
    """The deputies of the people (None: of all) who are absent on a day; one query."""
    rows = TaskAbsence.objects.filter(first_day__lte=day, last_day__gte=day, ended_at=None)
    if people is not None:
        rows = rows.filter(person__in=people)
    found: dict[int, set[int]] = defaultdict(set)
    for person_id, deputy_id in rows.values_list("person_id", "deputy_id"):
        found[person_id].add(deputy_id)
    return {person_id: frozenset(deputies) for person_id, deputies in found.items()}


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""
