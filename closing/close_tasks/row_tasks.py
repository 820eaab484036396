"""The close tasks of an entity's period, as the row of a board carries them."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from closing.close_tasks.task_progress import TaskProgress
from closing.scoreboard.row import AnnotationKey


@dataclass(frozen=True, slots=True)
class RowTasks:
    """How far the tasks are, and how many of those not finished are overdue and due today."""

    progress: TaskProgress
    overdue: int = 0
    due_today: int = 0


TASKS: AnnotationKey[RowTasks] = AnnotationKey("tasks", astuple)
