"""The mistakes of a set of templates, to be corrected before it is published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import time

from closing.calendar.deadlines import join_with_and
from closing.close_tasks.due_offsets import offset_label
from closing.close_tasks.task_templates import AppliesIf, Reach, TaskLevel, TaskSpec, TemplateSet


def mistakes(templates: TemplateSet) -> list[str]:
    """Sentences about rows that no period end could work with: unknown codes, circles, reaches that do not fit."""
    found: dict[str, None] = {}
    for quarter_end, year_end in ((False, False), (True, False), (True, True)):
        rows = {
            code: row.spec for code, row in templates.rows(quarter_end=quarter_end, year_end=year_end).items()
        }
        for task in rows.values():
            for words in _mistakes_of(task, rows, templates):
                found[words] = None
        for codes in _circles(rows):
            found[f"{', '.join(codes)} wait for each other in a circle"] = None
    return list(found)


def due_before_prerequisite(templates: TemplateSet) -> list[str]:
    """Sentences about tasks that are due before what they wait for on any calendar, so that all are late.

    Offsets in working days are compared, the time of day between tasks of one entity; calendar days are not.
    """
    found: dict[str, None] = {}
    rows = templates.rows(year_end=True)
    for task in (row.spec for row in rows.values()):
        for each in task.depends_on:
            row = rows.get(each.code)
            if row is not None and _is_before(task, row.spec, same_day_counts=each.reach is Reach.SAME):
                found[
                    f"{task.code} is due {offset_label(task.due)}, before {each.code}, which it waits for"
                    f" and which is due {offset_label(row.spec.due)}"
                ] = None
    return list(found)


def doubts(templates: TemplateSet, held_roles: Collection[str]) -> list[str]:
    """Sentences about rows that work but need somebody: no role, a role that nobody has, one role twice."""
    found: dict[str, None] = {}
    missing: set[str] = set()
    for row in templates.rows(year_end=True).values():
        task = row.spec
        if not task.owner_role:
            found[f"{task.code} has no role: its tasks belong to nobody until somebody takes them over"] = (
                None
            )
        elif task.sign_off and task.owner_role == task.reviewer_role:
            found[
                f"{task.code} is done and signed off by the role {task.owner_role}: it takes two people"
            ] = None
        missing |= {task.owner_role, task.reviewer_role if task.sign_off else ""} - {"", *held_roles}
    if missing:
        roles = join_with_and(sorted(missing))
        found[f"Nobody has the {'role' if len(missing) == 1 else 'roles'} {roles}"] = None
    return list(found)


def _is_before(task: TaskSpec, other: TaskSpec, *, same_day_counts: bool) -> bool:
    if task.due.calendar_days or other.due.calendar_days:
        return False
    if task.due.days != other.due.days:
        return task.due.days < other.due.days
    end = time.max
    same_holder = same_day_counts and task.level is other.level
    return same_holder and (task.due.at or end) < (other.due.at or end)


def _mistakes_of(task: TaskSpec, rows: Mapping[str, TaskSpec], templates: TemplateSet) -> Iterable[str]:
    if task.level is TaskLevel.GROUP and (task.erp.only or task.erp.excluded):
        yield f"{task.code} is a task of the group, which has no ERP: leave the ERP blank"
    if task.level is TaskLevel.GROUP and task.applies_if != AppliesIf(groups=task.applies_if.groups):
        yield f'{task.code} is a task of the group, which has no profile: it applies to all groups, or "group ..."'
    if task.sign_off and not task.reviewer_role:
        yield f"{task.code} is signed off by a second person: give the role that signs it off"
    for each in task.depends_on:
        other = rows.get(each.code) or templates.row_anywhere(each.code)
        if other is None:
            yield f"{task.code} waits for {each.code}, and no template has that task"
        elif each.reach is Reach.SAME:
            if task.level is TaskLevel.GROUP and other.level is TaskLevel.ENTITY:
                yield f'{task.code} is a task of the group: write "{each.code} of all"'
        elif other.level is TaskLevel.GROUP:
            yield f'{each.code} is a task of the group: write "{each.code}" without "of {each.reach}"'
        elif task.level is TaskLevel.GROUP and each.reach is Reach.PARTNERS:
            yield f'{task.code} is a task of the group, which has no counterparties: write "{each.code} of all"'


def _circles(rows: Mapping[str, TaskSpec]) -> list[list[str]]:
    """Codes that wait for themselves through others, whosever tasks these are; each circle once."""
    reached = {code: _reached(code, rows) for code in rows}
    circles = {
        tuple(sorted(other for other in reached[code] if code in reached.get(other, ())))
        for code in rows
        if code in reached[code]
    }
    return [list(codes) for codes in sorted(circles)]


def _reached(start: str, rows: Mapping[str, TaskSpec]) -> set[str]:
    seen: set[str] = set()
    ahead = [each.code for each in rows[start].depends_on]
    while ahead:
        code = ahead.pop()
        if code not in seen:
            seen.add(code)
            ahead += [each.code for each in rows[code].depends_on] if code in rows else []
    return seen
