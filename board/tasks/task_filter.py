"""The filters of the tasks of a group, as they stand in the URL, with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from board.web.board_query import InvalidQuery, checked_text
from board.web.controls import ALL, SelectField, select_field
from closing.close_tasks.task_templates import AREAS
from worklist.task_store.task_listing import TaskChoices, TaskCounts

WHICH = {
    "": "All",
    "mine": "Mine",
    "today": "Due today",
    "overdue": "Overdue",
    "blocked": "Blocked",
}
ROWS = {"": "Entities", "task": "Tasks"}


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks are shown: a member of WHICH, an area, the code of a holder, the name of an owner, a title.

    `rows` says what the rows of the progress are, and leaves nothing out.
    """

    which: str = ""
    area: str = ""
    entity: str = ""
    owner: str = ""
    q: str = ""
    rows: str = ""

    @classmethod
    def of(cls, params: Mapping[str, str]) -> TaskFilter:
        """The filter of a URL's parameters; raises InvalidQuery."""
        which = params.get("which", "").strip()
        if which not in WHICH:
            raise InvalidQuery(
                f"There are no tasks “{which[:40]}”; there are {', '.join(filter(None, WHICH))}."
            )
        rows = params.get("rows", "").strip()
        if rows not in ROWS:
            raise InvalidQuery(f"There are no rows “{rows[:40]}”; there are {', '.join(filter(None, ROWS))}.")
        names = ("area", "entity", "owner", "q")
        texts = {name: checked_text(name, params.get(name, "").strip()) for name in names}
        return cls(which=which, rows=rows, **texts)

    @property
    def is_set(self) -> bool:
        """Whether it leaves anything out."""
        return replace(self, rows="") != TaskFilter()

    def pairs(self, **changes: str) -> list[tuple[str, str]]:
        """The parameters as (name, text), without empty ones."""
        changed = replace(self, **changes) if changes else self
        names = ("which", "area", "entity", "owner", "q", "rows")
        return [(name, getattr(changed, name)) for name in names if getattr(changed, name)]


@dataclass(frozen=True, slots=True)
class TaskChip:
    """One of WHICH with the number of tasks that it would show."""

    key: str
    label: str
    count: int
    chosen: bool
    pairs: Sequence[tuple[str, str]]


def task_chips(counts: Sequence[TaskCounts], wanted: TaskFilter) -> list[TaskChip]:
    """The chips, each with the number of tasks that pass all other filters."""
    return [
        TaskChip(key or "all", label, count_of(counts, key), key == wanted.which, wanted.pairs(which=key))
        for key, label in WHICH.items()
    ]


def count_of(counts: Sequence[TaskCounts], which: str) -> int:
    """The tasks of one of WHICH."""
    if not which:
        return sum(each.total + each.not_needed for each in counts)
    return sum(getattr(each, which) for each in counts)


@dataclass(frozen=True, slots=True)
class TaskSelects:
    """The choices beside the chips: the area, and in a menu more, of which `used` are set."""

    first: Sequence[SelectField]
    more: Sequence[SelectField]
    used: int


def task_selects(choices: TaskChoices, wanted: TaskFilter, areas: Sequence[str]) -> TaskSelects:
    """The choices of area, entity and owner, offering only values that some task has."""
    holders = sorted(choices.holders, key=lambda each: (each[1].casefold(), each[0]))
    owners = sorted(choices.owners, key=str.casefold)
    return TaskSelects(
        [
            select_field("rows", "Rows", ROWS.items(), wanted.rows),
            select_field("area", "Area", [ALL, *((name, name) for name in areas)], wanted.area),
        ],
        [
            select_field("entity", "Entity", [ALL, *holders], wanted.entity),
            select_field("owner", "Owner", [ALL, *((name, name) for name in owners)], wanted.owner),
        ],
        bool(wanted.entity) + bool(wanted.owner),
    )


def areas_of(choices: TaskChoices) -> list[str]:
    """The areas of a month's tasks, those of the standard templates first."""
    return [area for area in AREAS.values() if area in choices.areas] + sorted(
        choices.areas - set(AREAS.values())
    )
