"""The filters of the tasks of a group, as they stand in the URL, with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from board.tasks.task_lines import MonthTasks
from board.web.board_query import InvalidQuery, checked_text
from board.web.board_request import BoardRequest
from board.web.controls import ALL, SelectField, select_field
from closing.close_tasks.prerequisites import TaskStage
from closing.close_tasks.task_progress import is_due_today, is_overdue
from closing.close_tasks.task_templates import AREAS
from worklist.models import CloseTask

WHICH = {
    "": "All",
    "mine": "Mine",
    "today": "Due today",
    "overdue": "Overdue",
    "blocked": "Blocked",
}


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks are shown: a member of WHICH, an area, the code of a holder, the name of an owner, a title."""

    which: str = ""
    area: str = ""
    entity: str = ""
    owner: str = ""
    q: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> TaskFilter:
        """The filter of a URL's parameters; raises InvalidQuery."""
        which = params.get("which", "").strip()
        if which not in WHICH:
            raise InvalidQuery(
                f"There are no tasks “{which[:40]}”; there are {', '.join(filter(None, WHICH))}."
            )
        names = ("area", "entity", "owner", "q")
        return cls(which, *(checked_text(name, params.get(name, "").strip()) for name in names))

    @property
    def is_set(self) -> bool:
        """Whether it leaves anything out."""
        return self != TaskFilter()

    def pairs(self, **changes: str) -> list[tuple[str, str]]:
        """The parameters as (name, text), without empty ones."""
        changed = replace(self, **changes) if changes else self
        names = ("which", "area", "entity", "owner", "q")
        return [(name, getattr(changed, name)) for name in names if getattr(changed, name)]


@dataclass(frozen=True, slots=True)
class TaskChip:
    """One of WHICH with the number of tasks that it would show."""

    key: str
    label: str
    count: int
    chosen: bool
    pairs: Sequence[tuple[str, str]]


def passing(month: MonthTasks, wanted: TaskFilter, board_request: BoardRequest) -> list[CloseTask]:
    """The newest tasks of a month that pass the filter."""
    return [
        task
        for task in month.newest()
        if _is_of(task, month, wanted) and _is_which(task, month, wanted.which, board_request)
    ]


def task_chips(month: MonthTasks, wanted: TaskFilter, board_request: BoardRequest) -> list[TaskChip]:
    """The chips, each counting the tasks that pass all other filters."""
    tasks = [task for task in month.newest() if _is_of(task, month, wanted)]
    return [
        TaskChip(
            key or "all",
            label,
            sum(_is_which(task, month, key, board_request) for task in tasks),
            key == wanted.which,
            wanted.pairs(which=key),
        )
        for key, label in WHICH.items()
    ]


def task_selects(month: MonthTasks, wanted: TaskFilter, areas: Sequence[str]) -> list[SelectField]:
    """The choices of area, entity and owner, offering only values that some task has."""
    holders = {(task.holder.code, task.holder.name) for task in month.tasks}
    owners = sorted(set(month.people.values()), key=str.casefold)
    return [
        select_field("area", "Area", [ALL, *((name, name) for name in areas)], wanted.area),
        select_field(
            "entity", "Entity", [ALL, *sorted(holders, key=lambda each: each[1].casefold())], wanted.entity
        ),
        select_field("owner", "Owner", [ALL, *((name, name) for name in owners)], wanted.owner),
    ]


def areas_of(month: MonthTasks) -> list[str]:
    """The areas of a month's tasks, those of the standard templates first."""
    used = {area for task in month.tasks for area in task.areas}
    return [area for area in AREAS.values() if area in used] + sorted(used - set(AREAS.values()))


def _is_which(task: CloseTask, month: MonthTasks, which: str, board_request: BoardRequest) -> bool:
    record = month.records[task.pk]
    match which:
        case "mine":
            return task.owner_id == board_request.person.pk and not record.finished
        case "today":
            return is_due_today(record, board_request.as_of)
        case "overdue":
            return is_overdue(record, board_request.as_of)
        case "blocked":
            return month.index.stage(record) is TaskStage.BLOCKED
    return True


def _is_of(task: CloseTask, month: MonthTasks, wanted: TaskFilter) -> bool:
    owner = month.people.get(task.owner_id or 0, "")
    texts = (task.title, task.code, task.holder.name, task.holder.code, owner)
    return (
        (not wanted.area or wanted.area in task.areas)
        and (not wanted.entity or wanted.entity == task.holder.code)
        and (not wanted.owner or wanted.owner == owner)
        and (not wanted.q or any(wanted.q.casefold() in text.casefold() for text in texts))
    )
