"""The mistakes of a set of templates, to be corrected before it is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def _mistakes_of(task: TaskSpec, rows: Mapping[str, TaskSpec], templates: TemplateSet) -> Iterable[str]:
    if task.level is TaskLevel.GROUP and (task.erp.only or task.erp.excluded):
        yield f"{task.code} is a task of the group, which has no ERP: leave the ERP blank"
    if task.level is TaskLevel.GROUP and task.applies_if != AppliesIf(groups=task.applies_if.groups):
        yield f'{task.code} is a task of the group, which has no profile: it applies to all groups, or "group ..."'
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
