"""The differences between two versions of a template, for people who publish the later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closing.close_tasks.due_offsets import offset_label
from closing.close_tasks.task_templates import TaskSpec
from closing.close_tasks.template_cells import applies_if_cell, check_cell, depends_on_cell, erp_cell


@dataclass(frozen=True, slots=True)
class TaskDifference:
    """One task that was added, removed, changed or moved; `words` has a phrase for each thing that changed."""

    code: str
    title: str
    how: str
    words: tuple[str, ...] = ()


def template_differences(before: Sequence[TaskSpec], after: Sequence[TaskSpec]) -> list[TaskDifference]:
    """The differences by code: those of the later version in its order, then those that it has no more.

    A task is moved where the tasks that both versions have come in another order.
    """
    earlier = {task.code: task for task in before}
    later = {task.code for task in after}
    moved = _moved(
        [task.code for task in before if task.code in later],
        [task.code for task in after if task.code in earlier],
    )
    found = []
    for task in after:
        old = earlier.get(task.code)
        if old is None:
            found.append(TaskDifference(task.code, task.title, "added"))
        elif words := _changed(old, task):
            found.append(TaskDifference(task.code, task.title, "changed", words))
        elif task.code in moved:
            found.append(TaskDifference(task.code, task.title, "moved"))
    return found + [
        TaskDifference(task.code, task.title, "removed") for task in before if task.code not in later
    ]


def _changed(old: TaskSpec, new: TaskSpec) -> tuple[str, ...]:
    was, now = _values(old), _values(new)
    return tuple(
        f"{name}: {was[name] or 'nothing'} → {now[name] or 'nothing'}"
        for name in now
        if was[name] != now[name]
    )


def _values(task: TaskSpec) -> dict[str, str]:
    """What a person reads of a task, by name."""
    link = f"{task.link.kind} {task.link.target}" if task.link else ""
    return {
        "title": task.title,
        "due": offset_label(task.due),
        "waits for": depends_on_cell(task.depends_on),
        "role": task.owner_role,
        "sign-off": (task.reviewer_role or "yes") if task.sign_off else "",
        "area": ", ".join(task.areas),
        "level": task.level.value,
        "ERP": erp_cell(task.erp),
        "applies if": applies_if_cell(task.applies_if),
        "ERP check": check_cell(task.check),
        "link": link,
        "hint": task.hint,
        "reviewer": "" if task.sign_off else task.reviewer_role,
    }


def _moved(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The fewest codes whose move makes one order of the other: all but a longest common run of both."""
    place = {code: index for index, code in enumerate(before)}
    kept: list[list[str]] = []  # kept[n]: the run of n + 1 codes with the smallest last place
    for code in after:
        length = sum(place[run[-1]] < place[code] for run in kept)
        run = [*(kept[length - 1] if length else []), code]
        kept[length : length + 1] = [run]
    return set(after) - set(kept[-1] if kept else [])
