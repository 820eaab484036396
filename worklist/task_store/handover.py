"""What waits for a person who leaves: open tasks, reviews and roles, and their handover to a successor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from closing.close_tasks.task_acts import TaskActRefused
from closing.close_tasks.task_record import TaskStatus
from entities.access import administered_entities, administered_groups
from entities.audit_trail import Verb, person_object, record_act
from entities.models import Group, LegalEntity, Person
from worklist.models import CloseTask, TaskAbsence, TaskRoleHolder
from worklist.task_store.role_holders import end_absence, give_task_role, role_holders
from worklist.task_store.task_acts_store import TaskNotAllowed, reassign_task
from worklist.task_store.task_people import reviewer_of

_OPEN = [TaskStatus.OPEN.value, TaskStatus.RETURNED.value]


@dataclass(frozen=True, slots=True)
class HeldRoleOfTasks:
    """A role of close tasks that a person has in a group or an entity."""

    role: str
    where: Group | LegalEntity


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What waits for a person: tasks to do, tasks to sign off, roles, and whom they stand in for."""

    tasks: Sequence[CloseTask]
    reviews: Sequence[CloseTask]
    roles: Sequence[HeldRoleOfTasks]
    stands_in: Sequence[TaskAbsence]

    def __bool__(self) -> bool:
        return bool(self.tasks or self.reviews or self.roles or self.stands_in)


@dataclass(slots=True)
class HandedOver:
    """What a successor got, and sentences about what stayed."""

    tasks: int = 0
    roles: int = 0
    stayed: list[str] = field(default_factory=list)


def open_work(person: Person, at: datetime) -> OpenWork:
    """The open work of a person; a few queries whatever its size."""
    tasks = CloseTask.objects.select_related("entity__group", "group").order_by(
        "month", "due_on", "position", "pk"
    )
    own = tasks.filter(owner=person, status__in=_OPEN, lapsed_on=None)
    holders = role_holders()
    done = tasks.filter(status=TaskStatus.DONE.value, sign_off=True, lapsed_on=None)
    reviews = [task for task in done if reviewer_of(task, holders) == person.pk]
    absences = TaskAbsence.objects.filter(deputy=person, last_day__gte=at.date(), ended_at=None)
    return OpenWork(list(own), reviews, _roles(person), list(absences.select_related("person", "deputy")))


@transaction.atomic
def hand_over(person: Person, successor: Person, at: datetime, *, by: Person, reason: str = "") -> HandedOver:
    """Give the open tasks and the roles of a person to a successor, and end the absences that they cover.

    Reviews go with their role. What the one who acts does not administer, or the successor does not see, stays.
    Raises ValidationError for a successor who is the person or cannot sign in.
    """
    if successor == person:
        raise ValidationError({"successor": "Choose somebody else as the successor."})
    if not successor.is_active:
        raise ValidationError(
            {"successor": f"{_name(successor)} cannot sign in any more: choose somebody else."}
        )
    work, result = open_work(person, at), HandedOver()
    for task in work.tasks:
        try:
            reassign_task(by, task.uid, successor, at, reason=reason)
            result.tasks += 1
        except TaskActRefused as error:
            result.stayed.append(f"{task.title}, {task.holder.name}: {error}")
        except (CloseTask.DoesNotExist, TaskNotAllowed):
            result.stayed.append(f"{task.title}: you do not administer it.")
    groups = set(administered_groups(by).values_list("pk", flat=True))
    entities = set(administered_entities(by).values_list("pk", flat=True))
    for held in work.roles:
        if held.where.pk not in (groups if isinstance(held.where, Group) else entities):
            result.stayed.append(f"{held.role} of {held.where.name}: you do not administer it.")
        elif give_task_role(held.where, held.role, successor, at, by=by):
            result.roles += 1
    for absence in work.stands_in:
        end_absence(absence, at, by=by)
        result.stayed.append(f"{_name(absence.person)} needs another deputy.")
    record_act(
        Verb.WORK_HANDED_OVER,
        person_object(person),
        at=at,
        by=by,
        after={"successor": _name(successor), "tasks": result.tasks, "roles": result.roles},
        reason=reason,
    )
    return result


@transaction.atomic
def deactivate_person(person: Person, at: datetime, *, by: Person) -> None:
    """Let a person sign in no more. Raises ValidationError while work waits for them, with what it is."""
    person = Person.objects.select_for_update().get(pk=person.pk)
    if not by.is_superuser:
        raise ValidationError("Only an administrator of this server ends somebody’s access.")
    if person == by:
        raise ValidationError("You cannot end your own access.")
    work = open_work(person, at)
    if work.tasks or work.reviews or work.roles:
        raise ValidationError(
            f"{_name(person)} still has {_counted(len(work.tasks), 'open task')}, "
            f"{_counted(len(work.reviews), 'review')} and {_counted(len(work.roles), 'role')}: "
            "choose a successor for them first."
        )
    if person.is_active:
        Person.objects.filter(pk=person.pk).update(is_active=False)
        record_act(
            Verb.PERSON_CHANGED, person_object(person), at=at, by=by,
            before={"active": True}, after={"active": False},
        )  # fmt: skip


def _roles(person: Person) -> list[HeldRoleOfTasks]:
    key = ("group_id", "entity_id", "role")
    newest = TaskRoleHolder.objects.order_by(*key, "-set_at").distinct(*key)
    rows = newest.select_related("group", "entity")
    return [
        HeldRoleOfTasks(row.role, where)
        for row in rows
        if row.person_id == person.pk and (where := row.entity or row.group) is not None
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _name(person: Person) -> str:
    return person.name or person.email
