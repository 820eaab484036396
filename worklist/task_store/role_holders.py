"""Who has which role of close tasks, and who stands in for an absent person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from closing.calendar.date_phrases import weekday_and_date
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

    def roles_of(self, people: Collection[int]) -> frozenset[str]:
        """The roles that one of these people has anywhere."""
        held = [*self.of_entity.items(), *self.of_group.items()]
        return frozenset(role for (_, role), person in held if person in people)


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
) -> bool:
    """Give a role of close tasks to a person, or take it away; tasks that exist keep their owner.

    Returns whether that changed who has the role. Raises ValidationError for a person who cannot sign in any more.
    """
    scope = {"group": where} if isinstance(where, Group) else {"entity": where}
    earlier = TaskRoleHolder.objects.filter(**scope, role=role).order_by("-set_at").first()
    if (earlier.person if earlier else None) == person:
        return False
    if person is not None and not person.is_active:
        raise ValidationError({"person": f"{_name(person)} cannot sign in any more: choose somebody else."})
    TaskRoleHolder.objects.create(**scope, role=role, person=person, set_at=at, set_by=by)
    record_act(
        Verb.TASK_ROLE_GIVEN,
        group_object(where) if isinstance(where, Group) else entity_object(where),
        at=at,
        by=by,
        before={"person": _name(earlier.person) if earlier else ""},
        after={"role": role, "person": _name(person)},
    )
    return True


@transaction.atomic
def set_absence(
    person: Person, deputy: Person, first: date, last: date, at: datetime, *, by: Person | None = None
) -> TaskAbsence:
    """Let a deputy stand in for a person from a day to a day; the same absence again changes nothing.

    Raises ValidationError for days in the wrong order, a deputy who is the person, cannot sign in or is absent on one
    of these days, and for days that another absence of the person has.
    """
    Person.objects.select_for_update().get(pk=person.pk)  # one absence at a time
    overlapping = TaskAbsence.objects.filter(first_day__lte=last, last_day__gte=first, ended_at=None)
    own = overlapping.filter(person=person).select_related("deputy").first()
    if own is not None and (own.deputy_id, own.first_day, own.last_day) == (deputy.pk, first, last):
        return own
    if deputy == person:
        raise ValidationError({"deputy": "Choose somebody else: nobody stands in for themself."})
    if not deputy.is_active:
        raise ValidationError({"deputy": f"{_name(deputy)} cannot sign in any more: choose somebody else."})
    if last < first:
        raise ValidationError({"last_day": "The last day is before the first day."})
    if own is not None:
        raise ValidationError(
            {"first_day": f"{_name(person)} is away {_span(own)} already: end that absence first."}
        )
    away = overlapping.filter(person=deputy).first()
    if away is not None:
        raise ValidationError({"deputy": f"{_name(deputy)} is away {_span(away)}: choose another deputy."})
    row = TaskAbsence.objects.create(
        person=person, deputy=deputy, first_day=first, last_day=last, set_at=at, set_by=by
    )
    record_act(Verb.TASK_DEPUTY_SET, person_object(person), at=at, by=by, after=_absence_values(row))
    return row


@transaction.atomic
def end_absence(absence: TaskAbsence, at: datetime, *, by: Person | None = None) -> bool:
    """End an absence before its last day; False where it has ended already."""
    ended = TaskAbsence.objects.filter(pk=absence.pk, ended_at=None).update(ended_at=at)
    if not ended:
        return False
    record_act(
        Verb.TASK_DEPUTY_ENDED,
        person_object(absence.person),
        at=at,
        by=by,
        before=_absence_values(absence),
    )
    return True


def deputies_on(day: date, people: Collection[int] | None = None) -> dict[int, frozenset[int]]:
    """The deputies of the people (None: of all) who are absent on a day; one query."""
    rows = TaskAbsence.objects.filter(first_day__lte=day, last_day__gte=day, ended_at=None)
    if people is not None:
        rows = rows.filter(person__in=people)
    found: dict[int, set[int]] = defaultdict(set)
    for person_id, deputy_id in rows.values_list("person_id", "deputy_id"):
        found[person_id].add(deputy_id)
    return {person_id: frozenset(deputies) for person_id, deputies in found.items()}


def deputies_between(first: date, last: date, people: Collection[int]) -> set[int]:
    """The deputies of these people on any of these days; one query."""
    rows = TaskAbsence.objects.filter(first_day__lte=last, last_day__gte=first, ended_at=None)
    return set(rows.filter(person__in=people).values_list("deputy_id", flat=True))


def _absence_values(absence: TaskAbsence) -> dict[str, object]:
    return {
        "deputy": _name(absence.deputy),
        "from": absence.first_day.isoformat(),
        "to": absence.last_day.isoformat(),
    }


def _span(absence: TaskAbsence) -> str:
    return f"from {weekday_and_date(absence.first_day)} to {weekday_and_date(absence.last_day)}"


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""
