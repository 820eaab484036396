"""Builds templates, entities and tasks for the tests of close tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from closing.calendar.days import DateSpan
from closing.calendar.months import month_of
from closing.calendar.workdays import WorkdayCalendar
from closing.close_tasks.due_offsets import DueOffset, due_of
from closing.close_tasks.generation import (
    ClosePeriod,
    ClosingEntity,
    ClosingGroup,
    TaskKey,
    tasks_for_entity,
    tasks_for_group,
)
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_record import TaskRecord, task_of_draft
from closing.close_tasks.task_templates import (
    PROFILE_FLAGS,
    TaskLevel,
    TaskSpec,
    TemplateKind,
    TemplateSet,
    TemplateVersion,
)
from closing.close_tasks.template_cells import parse_depends_on
from closing.close_tasks.template_rows import rows_of_csv, templates_of_rows
from tests.closing.core_builders import ENGLAND

FOLDER = Path(__file__).parents[3] / "worklist" / "standard_templates"
WEEKDAYS = WorkdayCalendar("Monday to Friday")
ENGLAND_TO_2027 = WorkdayCalendar(
    "England",
    days_off={**ENGLAND.days_off, date(2027, 1, 1): "New Year's Day"},
    covered_years=frozenset({2026, 2027}),
)
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
ALICE, BOB, CARA, DAN = 1, 2, 3, 4


def standard_codes() -> set[str]:
    return {
        row.cell("Code")
        for kind in TemplateKind
        for row in rows_of_csv((FOLDER / f"{kind}.csv").read_text(encoding="utf-8"))
    }


@cache
def standard_templates() -> TemplateSet:
    """The templates that ship, read as an installation reads them."""
    codes = standard_codes()
    templates = {}
    for kind in TemplateKind:
        rows = rows_of_csv((FOLDER / f"{kind}.csv").read_text(encoding="utf-8"))
        (read,) = templates_of_rows(rows, default_name=f"Standard {kind}", other_codes=codes)
        templates[kind] = read.as_template(kind, 1)
    return TemplateSet(
        templates[TemplateKind.MONTH], templates[TemplateKind.QUARTER], templates[TemplateKind.YEAR]
    )


def entity(code: str = "UKRT", **changes: Any) -> ClosingEntity:
    """An operating entity on Finance & Operations in London that has everything, below the group EMEA."""
    known: dict[str, Any] = {
        "name": f"{code} Ltd",
        "erp": "finops",
        "calendar": ENGLAND_TO_2027,
        "zone": "Europe/London",
        "has": PROFILE_FLAGS,
        "groups": ("EMEA", "GROUP"),
        "close_group": "EMEA",
    }
    return ClosingEntity(code, **{**known, **changes})


EMEA = ClosingGroup("EMEA", "EMEA", ENGLAND_TO_2027, "Europe/London")


def period(last: str = "2026-05-31", **changes: Any) -> ClosePeriod:
    """The month that ends on a day, or with a period of the days given."""
    day = date.fromisoformat(last)
    known: dict[str, Any] = {"span": DateSpan(month_of(day), day), "month": month_of(day)}
    return ClosePeriod(f"{day:%Y-%m}", **{**known, **changes})


def drafted(**changes: Any) -> dict[str, TaskRecord]:
    """The open tasks of an entity for May 2026 by code, Alice's."""
    return {
        draft.key.code: task_of_draft(draft, ALICE)
        for draft in tasks_for_entity(standard_templates(), entity(**changes), period())
    }


def group_tasks(month: ClosePeriod | None = None) -> list[TaskRecord]:
    """The open tasks of the group, Cara's."""
    return [
        task_of_draft(draft, CARA) for draft in tasks_for_group(standard_templates(), EMEA, month or period())
    ]


def row(code: str, after: str = "", due: int = 1, **changes: Any) -> TaskSpec:
    """A row of a template titled by its code."""
    return TaskSpec(code, code.title(), DueOffset(due), depends_on=parse_depends_on(after), **changes)


def template(*rows: TaskSpec, kind: TemplateKind = TemplateKind.MONTH, version: int = 1) -> TemplateVersion:
    return TemplateVersion(kind.title(), kind, version, rows)


def task(code: str, after: str = "", *, holder: str = "UKRT", round_: int = 1, **changes: Any) -> TaskRecord:
    """An open task of an entity for May 2026, due on the third working day, Alice's."""
    known: dict[str, Any] = {
        "holder_name": f"{holder} Ltd",
        "title": code.title(),
        "areas": (),
        "due": due_of(DueOffset(3), period().span, ENGLAND, "Europe/London"),
        "depends_on": parse_depends_on(after),
        "owner": ALICE,
    }
    level = changes.pop("level", TaskLevel.ENTITY)
    month = changes.pop("period", "2026-05")
    return TaskRecord(TaskKey(level, holder, month, round_, code), **{**known, **changes})


def index(
    *tasks: TaskRecord | Iterable[TaskRecord],
    partners: Mapping[str, Collection[str]] | None = None,
    members: Mapping[str, Collection[str]] | None = None,
) -> TaskIndex:
    """An index of tasks; every entity waits for the group EMEA."""
    flat: list[TaskRecord] = []
    for each in tasks:
        flat += [each] if isinstance(each, TaskRecord) else list(each)
    holders = {each.key.holder for each in flat if each.key.level is TaskLevel.ENTITY}
    return TaskIndex(
        flat,
        partners=partners,
        members=members or {"EMEA": holders},
        close_groups=dict.fromkeys(holders, "EMEA"),
    )
