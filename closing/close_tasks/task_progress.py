"""How far the tasks are: progress, due dates that have come, whose turn it is, and the line of a digest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.erp_checks import CheckResult, contradiction
from closing.close_tasks.task_record import TaskRecord, TaskStatus


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """Tasks done (signed off where asked for), all without those not needed, and those."""

    done: int
    total: int
    not_needed: int = 0

    @property
    def share(self) -> float:
        """The part that is done, 1.0 where nothing is to be done."""
        return self.done / self.total if self.total else 1.0

    def __str__(self) -> str:
        if not self.total:
            return f"{self.not_needed} not needed" if self.not_needed else "no tasks"
        beside = f", {self.not_needed} not needed" if self.not_needed else ""
        return f"{self.done} of {self.total}{beside}"


class NextActor(StrEnum):
    """Whose turn it is with a task."""

    OWNER = "owner"
    REVIEWER = "reviewer"
    NOBODY = "nobody"


def progress_of(tasks: Iterable[TaskRecord]) -> TaskProgress:
    """The progress of some tasks, of which only the newest round may be given (`TaskIndex.newest`)."""
    done = total = not_needed = 0
    for task in tasks:
        if task.status is TaskStatus.NOT_NEEDED:
            not_needed += 1
        else:
            total += 1
            done += task.finished
    return TaskProgress(done, total, not_needed)


def least_progress(by_holder: Mapping[str, TaskProgress]) -> tuple[str, TaskProgress] | None:
    """The member with the least progress, which a group shows; None where no member has anything to do.

    Of equal shares the one with more to do, then the first by code.
    """
    with_tasks = [(holder, each) for holder, each in by_holder.items() if each.total]
    if not with_tasks:
        return None
    return min(with_tasks, key=lambda item: (item[1].share, item[1].done - item[1].total, item[0]))


def next_actor(task: TaskRecord) -> NextActor:
    """Whose turn it is: the owner's until it is done, then the reviewer's where a sign-off is asked for."""
    if task.finished or task.lapsed_on is not None:
        return NextActor.NOBODY
    return NextActor.REVIEWER if task.status is TaskStatus.DONE else NextActor.OWNER


def is_overdue(task: TaskRecord, as_of: datetime) -> bool:
    """Whether it is not finished and its due date and time have passed."""
    return not task.finished and task.due is not None and task.due.passed(as_of)


def is_due_today(task: TaskRecord, as_of: datetime) -> bool:
    """Whether it is not finished and due on the day that it is at its holder, and not overdue yet."""
    if task.finished or task.due is None or task.due.passed(as_of):
        return False
    return local_date(as_of, zone_named(task.due.zone)) == task.due.due_on


def makes_due(task: TaskRecord, kind: str, part: str, as_of: datetime) -> bool:
    """Whether its ERP check names this kind and part, and it is due today or past due, whatever its status.

    This is the "due" of the rules that weigh a blocker (08-blockers-and-tasks 4).
    """
    if task.due is None or not task.check.names(kind, part):
        return False
    return local_date(as_of, zone_named(task.due.zone)) >= task.due.due_on


def check_words(task: TaskRecord, result: CheckResult) -> str:
    """The label of a task marked done whose check shows otherwise now; "" for any other."""
    done = task.status in (TaskStatus.DONE, TaskStatus.SIGNED_OFF) and task.lapsed_on is None
    return contradiction(result) if done else ""


def digest_line(tasks: Iterable[TaskRecord], as_of: datetime) -> str:
    """The tasks of one person that are due today or overdue: "3 tasks due today, 1 overdue"; "" for none."""
    tasks = list(tasks)
    today = sum(is_due_today(task, as_of) for task in tasks)
    overdue = sum(is_overdue(task, as_of) for task in tasks)
    if not today:
        return f"{_tasks(overdue)} overdue" if overdue else ""
    return f"{_tasks(today)} due today" + (f", {overdue} overdue" if overdue else "")


def tasks_of_person(
    tasks: Iterable[TaskRecord],
    person: int,
    *,
    stands_in_for: Collection[int] = (),
    reviews: Collection[str] = (),
) -> list[TaskRecord]:
    """The tasks that wait for a person: as owner, in the place of an absent owner, or to be signed off.

    `reviews` are the reviewing roles that they have or stand in for. A task that they did, undid, confirmed or own
    never waits for their review.
    """
    owners = {person, *stands_in_for}
    return [
        task
        for task in tasks
        if (next_actor(task) is NextActor.OWNER and task.owner in owners)
        or (
            next_actor(task) is NextActor.REVIEWER
            and task.reviewer_role in reviews
            and task.owner != person
            and person not in task.touched_by
        )
    ]


def _tasks(count: int) -> str:
    return f"{count:,} {'task' if count == 1 else 'tasks'}"
