"""Marks many tasks done at once, and lists those that are skipped with the reason (08-blockers-and-tasks 9.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from closing.close_tasks.erp_checks import CheckResult, CheckVerdict
from closing.close_tasks.generation import TaskKey
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_acts import TaskAct, TaskPeople, act_on, refusal
from closing.close_tasks.task_record import TaskChange, TaskRecord


@dataclass(frozen=True, slots=True)
class SkippedTask:
    """A task that was not marked done, with the sentence why."""

    task: TaskRecord
    words: str


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The tasks marked done with their events, in the order in which they were, and those skipped."""

    done: tuple[TaskRecord, ...]
    events: tuple[TaskChange, ...]
    skipped: tuple[SkippedTask, ...]

    def __str__(self) -> str:
        count = len(self.done)
        words = f"{count:,} {'task' if count == 1 else 'tasks'} marked done"
        return f"{words}, {len(self.skipped):,} skipped" if self.skipped else words


def mark_done(
    keys: Iterable[TaskKey],
    person: int,
    index: TaskIndex,
    at: datetime,
    *,
    people_of: Callable[[TaskRecord], TaskPeople],
    check_of: Callable[[TaskRecord], CheckResult],
) -> BulkResult:
    """Mark tasks done as one person, those first that others of them wait for; raises KeyError for an unknown key.

    Skips tasks with sign-off, tasks whose ERP check still shows work, and whatever the person may not do now. The
    given index stays as it is.
    """
    work = index.copy()
    waiting = list(dict.fromkeys(keys))
    done: list[TaskRecord] = []
    events: list[TaskChange] = []
    skipped: dict[TaskKey, str] = {}
    progress = True
    while progress:
        progress = False
        for key in waiting:
            task = work[key]
            people, check = people_of(task), check_of(task)
            words = _skip_words(task, check) or refusal(TaskAct.DO, task, person, people, work, check=check)
            skipped[key] = words
            if not words:
                task, event = act_on(TaskAct.DO, task, person, people, at, work, check=check)
                work.replace(task)
                done.append(task)
                events.append(event)
                progress = True
        waiting = [key for key in waiting if skipped[key]]
    return BulkResult(
        tuple(done), tuple(events), tuple(SkippedTask(work[key], skipped[key]) for key in waiting)
    )


def _skip_words(task: TaskRecord, check: CheckResult) -> str:
    if task.sign_off:
        return "This task is signed off by a second person: mark it done by itself."
    if check.verdict is CheckVerdict.SHOWS_WORK:
        return f"{check.words}."
    return ""
