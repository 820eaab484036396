"""The close tasks that wait for people and are due: what their daily digest says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q

from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.task_progress import NextActor, digest_line, is_due_today, is_overdue, next_actor
from closing.close_tasks.task_record import TaskRecord, TaskStatus
from entities.models import Person
from worklist.models import CloseTask
from worklist.models.close_task import CloseTaskQuerySet
from worklist.task_store.role_holders import TaskRoleHolders, deputies_between, deputies_on, role_holders
from worklist.task_store.task_people import reviewer_of
from worklist.task_store.task_rows import record_of

_UNFINISHED = Q(status__in=[TaskStatus.OPEN.value, TaskStatus.RETURNED.value]) | Q(
    status=TaskStatus.DONE.value, sign_off=True
)


@dataclass(frozen=True, slots=True)
class DueTask:
    """One task that is due today or overdue and waits for the person, to be done or to be signed off."""

    uid: UUID
    title: str
    holder: str
    month: date
    due_on: date
    overdue: bool
    to_sign_off: bool


@dataclass(frozen=True, slots=True)
class TaskReminder:
    """What a person's digest says of close tasks: "3 tasks due today, 1 overdue", the tasks, and for whom.

    `stands_in_for` are the absent people in whose place the person acts, by name.
    """

    line: str
    tasks: tuple[DueTask, ...]
    stands_in_for: tuple[str, ...] = ()


def people_with_due_tasks(since: datetime, until: datetime) -> set[int]:
    """The people for whom a task waits that is due by a moment, absent or not, and their deputies of these days."""
    holders = role_holders()
    actors = {_actor(task, record_of(task), holders) for task in _due_tasks(until)}
    people = {actor for actor in actors if actor is not None}
    if not people:
        return people
    return people | deputies_between(since.date() - ONE_DAY, until.date() + ONE_DAY, people)


def task_reminders(
    moments: Mapping[int, datetime], tasks: CloseTaskQuerySet | None = None
) -> dict[int, TaskReminder]:
    """The reminder of each person at a moment, of those who have any; a few queries whatever their number.

    `tasks` are all tasks, or those that the one person sees.

    Who is absent on that day has none: the deputies have the tasks and reviews, but no review of their own work.
    """
    if not moments:
        return {}
    holders = role_holders()
    zones = dict(Person.objects.filter(pk__in=moments, is_active=True).values_list("pk", "zone"))
    days = {person: local_date(moments[person], zone_named(zone)) for person, zone in zones.items()}
    deputies = {day: deputies_on(day) for day in set(days.values())}
    waiting: dict[int, list[tuple[CloseTask, TaskRecord]]] = defaultdict(list)
    for task in _due_tasks(max(moments.values()), tasks):
        record = record_of(task)
        actor = _actor(task, record, holders)
        if actor is not None:
            waiting[actor].append((task, record))
    actors = {}
    for person, day in days.items():
        absent = deputies[day]
        own = [] if person in absent else [person]
        actors[person] = own + sorted(away for away, them in absent.items() if person in them)
    names = _names({actor for them in actors.values() for actor in them})
    found = {}
    for person, them in actors.items():
        mine = [
            (task, record, actor)
            for actor in them
            for task, record in waiting.get(actor, ())
            if not _own_work(record, person)
        ]
        reminder = _reminder(mine, person, moments[person], names)
        if reminder is not None:
            found[person] = reminder
    return found


def task_reminder(person: Person, at: datetime) -> TaskReminder | None:
    """The reminder of one person, with those tasks only that they see."""
    return task_reminders({person.pk: at}, CloseTask.objects.visible_to(person)).get(person.pk)


def _due_tasks(until: datetime, among: CloseTaskQuerySet | None = None) -> list[CloseTask]:
    """The tasks that nobody has finished and that are due by the day after a moment, in any zone."""
    day = until.date() + ONE_DAY
    everything = among if among is not None else CloseTask.objects.all()
    tasks = everything.filter(_UNFINISHED, due_on__lte=day, lapsed_on=None)
    return list(tasks.select_related("entity__group", "group").order_by("due_on", "position", "pk"))


def _actor(task: CloseTask, record: TaskRecord, holders: TaskRoleHolders) -> int | None:
    """Whose turn it is: the owner's, or once it is done the reviewer's."""
    match next_actor(record):
        case NextActor.OWNER:
            return task.owner_id
        case NextActor.REVIEWER:
            return reviewer_of(task, holders)
        case _:
            return None


def _own_work(record: TaskRecord, person: int) -> bool:
    """Whether it waits for a review that the person may not do."""
    reviewed = next_actor(record) is NextActor.REVIEWER
    return reviewed and (person == record.owner or person in record.touched_by)


def _reminder(
    waiting: Collection[tuple[CloseTask, TaskRecord, int]],
    person: int,
    at: datetime,
    names: Mapping[int, str],
) -> TaskReminder | None:
    due = [
        (task, record, actor)
        for task, record, actor in waiting
        if is_due_today(record, at) or is_overdue(record, at)
    ]
    if not due:
        return None
    tasks = tuple(
        DueTask(
            task.uid,
            task.title,
            task.holder.name,
            task.month,
            task.due_on,
            is_overdue(record, at),
            next_actor(record) is NextActor.REVIEWER,
        )
        for task, record, _ in due
        if task.due_on is not None
    )
    line = digest_line([record for _, record, _ in due], at)
    return TaskReminder(line, tasks, tuple(sorted({names[actor] for _, _, actor in due if actor != person})))


def _names(people: Collection[int]) -> dict[int, str]:
    rows = Person.objects.filter(pk__in=people).values_list("pk", "name", "email")
    return {pk: name or email for pk, name, email in rows}
