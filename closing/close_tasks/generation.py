"""Which close tasks a period of an entity, or a month of a group, has (08-blockers-and-tasks 9.1).

Generation is pure and has one outcome: the same templates, holder and period give drafts with the same keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.close_tasks.due_offsets import due_of
from closing.close_tasks.task_templates import (
    DependsOn,
    Reach,
    TaskLevel,
    TaskSpec,
    TemplateSet,
    VersionedSpec,
    title_for,
)

FIRST_ROUND = 1


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Identifies a close task: level, code of its entity or group, period, round and code.

    `period` is the caller's key of an entity's period, or of a group's month.
    """

    level: TaskLevel
    holder: str
    period: str
    round: int
    code: str

    def __str__(self) -> str:
        return f"{self.level}/{self.holder}/{self.period}/{self.round}/{self.code}"


@dataclass(frozen=True, slots=True)
class ClosingEntity:
    """An entity as generation needs it: kind of ERP ("" without), role and profile, calendar, zone and counting.

    `groups` are the codes of the groups above it, the nearest first. `close_group` is the group whose tasks it waits
    for and whose members "of all" means; "" where no group above it has tasks.
    """

    code: str
    name: str
    erp: str
    calendar: WorkdayCalendar
    zone: str
    role: str = "operating"
    has: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    close_group: str = ""
    first_is: int = 1


@dataclass(frozen=True, slots=True)
class ClosingGroup:
    """A group that has tasks of its own, with the calendar and zone of their due dates."""

    code: str
    name: str
    calendar: WorkdayCalendar
    zone: str
    first_is: int = 1


@dataclass(frozen=True, slots=True)
class ClosePeriod:
    """A period of an entity, or a month of a group: key, days, reporting month, and which ends it is."""

    key: str
    span: DateSpan
    month: date
    quarter_end: bool = False
    year_end: bool = False


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task to be generated: its row as it holds for its holder, and the version of the template it comes from.

    The dependencies of `spec` are those that remain once rows that do not apply have passed theirs on. `due` is None
    where the calendar does not cover it; `problem` says so.
    """

    key: TaskKey
    holder_name: str
    title: str
    spec: TaskSpec
    template: str
    version: int
    due: Deadline | None
    problem: str = ""


def tasks_for_entity(
    templates: TemplateSet, entity: ClosingEntity, period: ClosePeriod
) -> tuple[TaskDraft, ...]:
    """The first round of tasks of an entity's period, in the order of the templates.

    Raises ValueError for a row that waits for a code that no template has.
    """
    rows = templates.rows(quarter_end=period.quarter_end, year_end=period.year_end)
    chosen = {code: row for code, row in rows.items() if _applies(row.spec, entity)}
    return tuple(
        _draft(
            row,
            TaskKey(TaskLevel.ENTITY, entity.code, period.key, FIRST_ROUND, row.spec.code),
            entity,
            period,
            remaining_dependencies(row.spec, chosen, rows, templates, close_group=entity.close_group),
            title_for(row.spec.title, entity.erp),
        )
        for row in chosen.values()
    )


def tasks_for_group(templates: TemplateSet, group: ClosingGroup, month: ClosePeriod) -> tuple[TaskDraft, ...]:
    """The first round of tasks of a group's month, in the order of the templates. Raises as `tasks_for_entity`."""
    rows = templates.rows(quarter_end=month.quarter_end, year_end=month.year_end)
    chosen = {code: row for code, row in rows.items() if _is_of_group(row.spec, group.code)}
    return tuple(
        _draft(
            row,
            TaskKey(TaskLevel.GROUP, group.code, month.key, FIRST_ROUND, row.spec.code),
            group,
            month,
            remaining_dependencies(row.spec, chosen, rows, templates),
            title_for(row.spec.title, ""),
        )
        for row in chosen.values()
    )


def not_yet_generated(drafts: Sequence[TaskDraft], existing: Collection[TaskKey]) -> tuple[TaskDraft, ...]:
    """The drafts whose holder and period have no task yet; tasks are generated once, whatever templates say later."""
    done = {(key.level, key.holder, key.period) for key in existing}
    return tuple(
        draft for draft in drafts if (draft.key.level, draft.key.holder, draft.key.period) not in done
    )


def remaining_dependencies(
    task: TaskSpec,
    chosen: Mapping[str, VersionedSpec],
    rows: Mapping[str, VersionedSpec],
    templates: TemplateSet,
    *,
    close_group: str = "",
) -> tuple[DependsOn, ...]:
    """What a task waits for among the chosen rows: a row that is left out passes on what it waited for.

    "Of partners" and "of all" stay as they are: a member without the task counts as satisfied. A plain code of a
    group's task is a dependency on that of the entity's `close_group`, or passed on as well where that has none.
    Raises ValueError for a code that no template has.
    """
    found: dict[DependsOn, None] = {}
    passed: set[str] = set()

    def collect(dependencies: Iterable[DependsOn]) -> None:
        for each in dependencies:
            if each.reach is not Reach.SAME:
                found[each] = None
                continue
            if each.code in chosen:
                found[each] = None
                continue
            row = rows[each.code].spec if each.code in rows else templates.row_anywhere(each.code)
            if row is None:
                raise ValueError(f"{task.code} waits for {each.code}, and no template has that task")
            if close_group and each.code in rows and _is_of_group(row, close_group):
                found[DependsOn(each.code, Reach.GROUP)] = None
            elif each.code not in passed:
                passed.add(each.code)
                collect(row.depends_on)

    collect(task.depends_on)
    return tuple(found)


def _applies(task: TaskSpec, entity: ClosingEntity) -> bool:
    return (
        task.level is TaskLevel.ENTITY
        and task.erp.admits(entity.erp)
        and task.applies_if.admits(entity.role, entity.has, entity.code, entity.groups)
    )


def _is_of_group(spec: TaskSpec, group: str) -> bool:
    """Whether a group has a task: those of no named group are of every group that has tasks."""
    named = {code.casefold() for code in spec.applies_if.groups}
    return spec.level is TaskLevel.GROUP and (not named or group.casefold() in named)


def _draft(
    row: VersionedSpec,
    key: TaskKey,
    holder: ClosingEntity | ClosingGroup,
    period: ClosePeriod,
    depends_on: tuple[DependsOn, ...],
    title: str,
) -> TaskDraft:
    due, problem = None, ""
    try:
        due = due_of(row.spec.due, period.span, holder.calendar, holder.zone, first_is=holder.first_is)
    except CalendarUncovered as error:
        problem = f"no due date: {error}"
    spec = replace(row.spec, depends_on=depends_on)
    return TaskDraft(key, holder.name, title, spec, row.template, row.version, due, problem)
