"""The close tasks of an entity's period, as the row of a board carries them."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from closing.close_tasks.task_progress import TaskProgress
from closing.scoreboard.row import AnnotationKey, Row


@dataclass(frozen=True, slots=True)
class RowTasks:
    """How far the tasks are, and how many of those not finished are overdue and due today."""

    progress: TaskProgress
    overdue: int = 0
    due_today: int = 0

    @property
    def phrase(self) -> str:
        """ "28 of 30, 2 not needed; 1 overdue, 2 due today"."""
        counts = [(self.overdue, "overdue"), (self.due_today, "due today")]
        waiting = ", ".join(f"{count} {name}" for count, name in counts if count)
        return "; ".join(filter(None, [str(self.progress), waiting]))


TASKS: AnnotationKey[RowTasks] = AnnotationKey("tasks", astuple)


def tasks_phrase(row: Row) -> str:
    """How far the tasks of a row are, in words; empty for a period without tasks."""
    tasks = row.get(TASKS)
    return "" if tasks is None else tasks.phrase


def tasks_json(row: Row) -> dict[str, int] | None:
    """How far the tasks of a row are, for programs; None for a period without tasks.

    `total` is without those not needed, and a task that needs a sign-off is done when it has one.
    """
    tasks = row.get(TASKS)
    if tasks is None:
        return None
    progress = tasks.progress
    return {
        "done": progress.done,
        "total": progress.total,
        "not_needed": progress.not_needed,
        "overdue": tasks.overdue,
        "due_today": tasks.due_today,
    }
