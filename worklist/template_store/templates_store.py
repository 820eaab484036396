"""Publishes the templates of a group's close tasks, and reads the set of a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from django.db import transaction

from closing.close_tasks.task_templates import TaskSpec, TemplateKind, TemplateSet, TemplateVersion
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


@dataclass(frozen=True, slots=True)
class AdoptionChoices:
    """The calendar and zone of a group's own tasks, the number of the first working day, and the first month."""

    calendar: WorkCalendar
    zone: str
    first_is: int = 1
    from_month: date | None = None

    def words(self) -> dict[str, str]:
        """The choices as people read them, each by its key in the group file."""
        return {
            "calendar": self.calendar.code,
            "zone": self.zone,
            "first_working_day_is": str(self.first_is),
            "from_month": f"{self.from_month:%Y-%m}" if self.from_month is not None else "nothing",
        }


def adoption_choices(adoption: TaskAdoption) -> AdoptionChoices:
    """The choices of a group that has tasks; `calendar` should be selected with it."""
    return AdoptionChoices(adoption.calendar, adoption.zone, adoption.first_is, adoption.from_month)


def standard_templates(kinds: Collection[TemplateKind] = tuple(TemplateKind)) -> TemplateSet:
    """The templates that ship with the program, as version 1: the month's, and of the others those of these kinds.

    A task that waits for one of a template left out does not wait for it.
    """
    texts = {kind: (STANDARD_FOLDER / f"{kind}.csv").read_text(encoding="utf-8") for kind in TemplateKind}
    codes = [row.cell("Code") for text in texts.values() for row in rows_of_csv(text)]
    versions = {}
    for kind, text in texts.items():
        (read,) = templates_of_rows(rows_of_csv(text), default_name=f"Standard {kind}", other_codes=codes)
        versions[kind] = read.as_template(kind, 1)
    chosen = {kind: versions[kind] for kind in TemplateKind if kind in {TemplateKind.MONTH, *kinds}}
    there = {task.code for version in chosen.values() for task in version.tasks}
    return template_set(
        {
            kind: replace(version, tasks=tuple(_waiting_within(task, there) for task in version.tasks))
            for kind, version in chosen.items()
        }
    )


def template_set(versions: Mapping[TemplateKind, TemplateVersion]) -> TemplateSet:
    """The set of these templates; raises KeyError without one for a month."""
    month, others = versions[TemplateKind.MONTH], (TemplateKind.QUARTER, TemplateKind.YEAR)
    return TemplateSet(month, *(versions.get(kind) for kind in others))


def _waiting_within(task: TaskSpec, codes: Collection[str]) -> TaskSpec:
    kept = tuple(each for each in task.depends_on if each.code in codes)
    return task if len(kept) == len(task.depends_on) else replace(task, depends_on=kept)


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
def change_adoption(
    adoption: TaskAdoption, choices: AdoptionChoices, at: datetime, *, by: Person | None = None
) -> None:
    """Change how a group has tasks; it holds for closes not yet generated. Equal choices write nothing."""
    before = adoption_choices(adoption)
    if before == choices:
        return
    adoption.calendar, adoption.zone = choices.calendar, choices.zone
    adoption.first_is, adoption.from_month = choices.first_is, choices.from_month
    adoption.save(update_fields=["calendar", "zone", "first_is", "from_month"])
    record_act(
        Verb.TASKS_ADOPTED,
        group_object(adoption.group),
        at=at,
        by=by,
        before=before.words(),
        after=choices.words(),
    )


def publish_standard(
    group: Group, kind: TemplateKind, at: datetime, *, by: Person | None = None
) -> list[TaskTemplate]:
    """Publish the standard template of a quarter or a year beside those of a group; raises TemplatesRefused.

    Those of the group that are still the standard ones wait for the tasks of the new one, too.
    """
    held = _by_kind(published_templates(group.pk).templates)
    before, after = _by_kind(standard_templates(held)), _by_kind(standard_templates([*held, kind]))
    edited = {
        name: version for name, version in held.items() if template_csv(version) != template_csv(before[name])
    }
    return publish_templates(group, template_set({**after, **edited}), at, by=by)


def _by_kind(templates: TemplateSet) -> dict[TemplateKind, TemplateVersion]:
    versions = (templates.month, templates.quarter, templates.year)
    return {version.kind: version for version in versions if version is not None}


def published_kinds(group: Group) -> frozenset[TemplateKind]:
    """The kinds of period ends for which a group has templates."""
    return frozenset(newest_rows(group.pk))


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
    return template_set(versions)


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
