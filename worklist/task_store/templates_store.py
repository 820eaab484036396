"""Publishes the templates of a group's close tasks, and reads the set of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from django.db import transaction

from closing.close_tasks.task_templates import TemplateKind, TemplateSet, TemplateVersion
from closing.close_tasks.template_export import template_csv
from closing.close_tasks.template_findings import due_before_prerequisite, mistakes
from closing.close_tasks.template_rows import rows_of_csv, templates_of_rows
from entities.audit_trail import Verb, group_object, record_act
from entities.models import Group, Person, WorkCalendar
from worklist.models import TaskAdoption, TaskTemplate

STANDARD_FOLDER = Path(__file__).parents[1] / "standard_templates"


class TemplatesRefused(ValueError):
    """Templates cannot be published like this; the message has a sentence for each mistake."""


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """The templates of a group, and the row of each."""

    templates: TemplateSet
    rows: Mapping[TemplateKind, TaskTemplate]

    def row_of(self, name: str) -> TaskTemplate:
        """The row of the template with this name."""
        return next(row for row in self.rows.values() if row.name == name)


def standard_templates() -> TemplateSet:
    """The templates that ship with the program, as version 1."""
    texts = {kind: (STANDARD_FOLDER / f"{kind}.csv").read_text(encoding="utf-8") for kind in TemplateKind}
    codes = [row.cell("Code") for text in texts.values() for row in rows_of_csv(text)]
    versions = {}
    for kind, text in texts.items():
        (read,) = templates_of_rows(rows_of_csv(text), default_name=f"Standard {kind}", other_codes=codes)
        versions[kind] = read.as_template(kind, 1)
    return TemplateSet(
        versions[TemplateKind.MONTH], versions[TemplateKind.QUARTER], versions[TemplateKind.YEAR]
    )


@transaction.atomic
def adopt_tasks(
    group: Group,
    calendar: WorkCalendar,
    zone: str,
    at: datetime,
    *,
    by: Person | None = None,
    first_is: int = 1,
    templates: TemplateSet | None = None,
    from_month: date | None = None,
) -> TaskAdoption:
    """Give a group close tasks: the standard templates, or others, as version 1. A second call changes nothing.

    Months before `from_month` get no tasks; without it those get them that ended less than a month ago.

    Raises TemplatesRefused.
    """
    adoption, new = TaskAdoption.objects.get_or_create(
        group=group,
        defaults={
            "calendar": calendar,
            "zone": zone,
            "first_is": first_is,
            "from_month": from_month,
            "adopted_at": at,
            "adopted_by": by,
        },
    )
    if new:
        record_act(
            Verb.TASKS_ADOPTED,
            group_object(group),
            at=at,
            by=by,
            after={
                "calendar": calendar.code,
                "zone": zone,
                "from": from_month.isoformat() if from_month is not None else "",
            },
        )
        publish_templates(group, templates or standard_templates(), at, by=by)
    return adoption


@transaction.atomic
def publish_templates(
    group: Group, templates: TemplateSet, at: datetime, *, by: Person | None = None
) -> list[TaskTemplate]:
    """Publish those templates that differ from the newest versions; they hold for closes not yet generated.

    Raises TemplatesRefused where no period end could work with them.
    """
    found = [*mistakes(templates), *due_before_prerequisite(templates)]
    if found:
        raise TemplatesRefused("; ".join(found))
    TaskAdoption.objects.select_for_update().get(group=group)  # one publication at a time
    newest = newest_rows(group.pk)
    published = []
    for template in (templates.month, templates.quarter, templates.year):
        if template is None:
            continue
        rows, before = template_csv(template), newest.get(template.kind)
        if before is not None and (before.rows, before.name) == (rows, template.name):
            continue
        row = TaskTemplate.objects.create(
            group=group,
            kind=template.kind.value,
            version=before.version + 1 if before else 1,
            name=template.name,
            rows=rows,
            published_at=at,
            published_by=by,
        )
        record_act(
            Verb.TASK_TEMPLATE_PUBLISHED,
            group_object(group),
            at=at,
            by=by,
            before={"version": before.version, "tasks": _count(before)} if before else None,
            after={"template": row.name, "version": row.version, "tasks": len(template.tasks)},
        )
        published.append(row)
    return published


def published_templates(group_id: int) -> PublishedSet:
    """The newest templates of a group that has tasks; raises KeyError where it has none for a month."""
    rows = newest_rows(group_id)
    read = _read_set(tuple((row.kind, row.version, row.name, row.rows) for row in rows.values()))
    return PublishedSet(read, rows)


@lru_cache(maxsize=64)
def _read_set(rows: tuple[tuple[str, int, str, str], ...]) -> TemplateSet:
    codes = [row.cell("Code") for _, _, _, text in rows for row in rows_of_csv(text)]
    versions: dict[TemplateKind, TemplateVersion] = {}
    for word, version, name, text in rows:
        (read,) = templates_of_rows(rows_of_csv(text), default_name=name, other_codes=codes)
        versions[TemplateKind(word)] = read.as_template(TemplateKind(word), version)
    return TemplateSet(
        versions[TemplateKind.MONTH], versions.get(TemplateKind.QUARTER), versions.get(TemplateKind.YEAR)
    )


def newest_rows(group_id: int) -> dict[TemplateKind, TaskTemplate]:
    """The newest version of each template of a group; one query."""
    rows = (
        TaskTemplate.objects.filter(group=group_id)
        .select_related("published_by")
        .order_by("kind", "-version")
        .distinct("kind")
    )
    return {TemplateKind(row.kind): row for row in rows}


def _count(row: TaskTemplate) -> int:
    return len(rows_of_csv(row.rows))
