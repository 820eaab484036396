"""Close tasks as lines of a list: title, holder, due date, stage and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

from django.urls import reverse

from board.web.board_query import BoardQuery
from closing.calendar.date_phrases import weekday_and_day
from closing.calendar.deadlines import city
from closing.calendar.instants import zone_named
from closing.close_tasks.erp_checks import CheckResult
from closing.close_tasks.prerequisites import TaskIndex, TaskStage
from closing.close_tasks.task_progress import check_words, is_due_today, is_overdue
from closing.close_tasks.task_record import TaskRecord
from entities.models import Person
from worklist.models import CloseTask
from worklist.task_store.past_tasks import tasks_as_known
from worklist.task_store.task_index import CloseGroups, index_of, tasks_with_awaited
from worklist.task_store.task_rows import key_of

_TONES = {
    TaskStage.BLOCKED: "blocked",
    TaskStage.READY: "ready",
    TaskStage.RETURNED: "returned",
    TaskStage.TO_SIGN_OFF: "ready",
    TaskStage.SIGNED_BEFORE_REOPENING: "lapsed",
    TaskStage.DONE_BEFORE_REOPENING: "lapsed",
}


_NOW = BoardQuery()


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task in a list.

    `lateness` is "overdue", "due today" or "", `finished` when it was done or signed off, in the time of `city`.
    `round` is named where there are more, and `early` says that it was done before a task that it waits for.
    """

    uid: str
    url: str
    title: str
    holder: str
    code: str
    areas: str
    due: str
    lateness: str
    stage: str
    tone: str
    owner: str
    waits: str
    against_erp: str = ""
    finished: str = ""
    city: str = ""
    round: str = ""
    early: str = ""


@dataclass(frozen=True, slots=True)
class MonthTasks:
    """Some tasks of a month, and the index of these and of all that they wait for."""

    tasks: list[CloseTask]
    records: Mapping[int, TaskRecord]
    index: TaskIndex
    people: Mapping[int, str] = field(default_factory=dict)

    def newest(self) -> list[CloseTask]:
        """The tasks without those that have a newer round."""
        return [task for task in self.tasks if not self.index.superseded(self.records[task.pk])]


def month_tasks(
    person: Person, tasks: Sequence[CloseTask], groups: CloseGroups, past: datetime | None = None
) -> MonthTasks:
    """Tasks of one month that a person sees, now or as known at a past moment.

    The same statements whatever their number.
    """
    everything = tasks_with_awaited(tasks, groups)
    if past is not None:
        everything = tasks_as_known(everything, past)
    index = index_of(everything, groups, person)
    known = {task.pk: task for task in everything}
    tasks = [known[task.pk] for task in tasks if task.pk in known]
    owners = {task.owner_id for task in tasks}
    return MonthTasks(tasks, {task.pk: index[key_of(task)] for task in tasks}, index, names_of(owners))


def names_of(people: set[int | None]) -> dict[int, str]:
    """The names of people by id; one query."""
    rows = Person.objects.filter(pk__in={pk for pk in people if pk is not None})
    return {pk: name or email for pk, name, email in rows.values_list("pk", "name", "email")}


def task_line(
    task: CloseTask,
    record: TaskRecord,
    index: TaskIndex,
    people: Mapping[int, str],
    as_of: datetime,
    check: CheckResult | None = None,
    query: BoardQuery = _NOW,
) -> TaskLine:
    """One task as a line at a moment, whose address keeps the query of a past moment."""
    stage = index.stage(record)
    lateness = "overdue" if is_overdue(record, as_of) else ""
    if not lateness and is_due_today(record, as_of):
        lateness = "due today"
    finished, where = _finished(record)
    superseded = index.superseded(record)
    early = index.done_before_its_dependency(record)
    holder = task.holder
    return TaskLine(
        uid=str(task.uid),
        url=query.url(reverse("task", args=[task.uid])),
        title=task.title,
        holder=holder.name,
        code=holder.code,
        areas=", ".join(task.areas),
        due=due_label(task),
        lateness=lateness,
        stage=stage.value,
        tone=_TONES.get(stage, "finished"),
        owner=people.get(task.owner_id or 0, ""),
        waits=index.waits_in_words(record) if stage is TaskStage.BLOCKED else "",
        against_erp=check_words(record, check) if check is not None and not superseded else "",
        finished=finished,
        city=where,
        round=f"round {record.key.round}" if record.key.round > 1 or superseded else "",
        early=f"done before its dependency: {index.waits_in_words(record)}" if early else "",
    )


def _finished(record: TaskRecord) -> tuple[str, str]:
    """ "signed off Fri 5 Jun 11:02, late" in the zone of the due date, and "Amsterdam time"; "" while it is not."""
    at = record.finished_at
    if at is None:
        return "", ""
    zone = record.due.zone if record.due else "UTC"
    local = at.astimezone(zone_named(zone))
    words = "signed off" if record.sign_off else "done"
    late = ", late" if record.due is not None and record.due.passed(at) else ""
    beside = f"{city(zone)} time" if "/" in zone else zone
    return f"{words} {due_words(local.date(), local.time())}{late}", beside


def due_label(task: CloseTask) -> str:
    """ "Fri 5 Jun 12:00"; "no due date" where the calendar gives none."""
    return "no due date" if task.due_on is None else due_words(task.due_on, task.due_at)


def due_words(day: date, at: time | None) -> str:
    """ "Fri 5 Jun 12:00"; without a time at the end of the day."""
    return f"{weekday_and_day(day)} {at:%H:%M}" if at is not None else weekday_and_day(day)
