"""Close tasks as lines of a list: title, holder, due date, stage and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from django.urls import reverse

from closing.calendar.date_phrases import weekday_and_day
from closing.close_tasks.erp_checks import CheckResult
from closing.close_tasks.prerequisites import TaskIndex, TaskStage
from closing.close_tasks.task_progress import check_words, is_due_today, is_overdue
from closing.close_tasks.task_record import TaskRecord
from entities.models import Person
from worklist.models import CloseTask
from worklist.task_store.task_index import close_groups, index_of, tasks_of_month
from worklist.task_store.task_rows import key_of

_TONES = {
    TaskStage.BLOCKED: "blocked",
    TaskStage.READY: "ready",
    TaskStage.RETURNED: "returned",
    TaskStage.TO_SIGN_OFF: "ready",
}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One task in a list. `lateness` is "overdue", "due today" or ""."""

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


@dataclass(frozen=True, slots=True)
class MonthTasks:
    """The tasks of a month that a person sees, and the index of all of them."""

    tasks: list[CloseTask]
    records: Mapping[int, TaskRecord]
    index: TaskIndex
    people: Mapping[int, str] = field(default_factory=dict)

    def newest(self) -> list[CloseTask]:
        """The tasks without those that have a newer round."""
        return [task for task in self.tasks if not self.index.superseded(self.records[task.pk])]


def month_tasks(person: Person, month: date) -> MonthTasks:
    """The tasks of a reporting month that a person sees; the same statements whatever their number."""
    everything = tasks_of_month(month)
    index = index_of(everything, close_groups(), person)
    ids = set(CloseTask.objects.visible_to(person).filter(month=month).values_list("pk", flat=True))
    tasks = [task for task in everything if task.pk in ids]
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
) -> TaskLine:
    """One task as a line at a moment."""
    stage = index.stage(record)
    lateness = "overdue" if is_overdue(record, as_of) else ""
    if not lateness and is_due_today(record, as_of):
        lateness = "due today"
    holder = task.holder
    return TaskLine(
        uid=str(task.uid),
        url=reverse("task", args=[task.uid]),
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
        against_erp=check_words(record, check) if check is not None else "",
    )


def due_label(task: CloseTask) -> str:
    """ "Fri 5 Jun 12:00"; "no due date" where the calendar gives none."""
    if task.due_on is None:
        return "no due date"
    at = f" {task.due_at:%H:%M}" if task.due_at is not None else ""
    return f"{weekday_and_day(task.due_on)}{at}"
