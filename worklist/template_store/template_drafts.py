"""The next version of a group's template while administrators work on it: started, changed, withdrawn, published.

Each writer is given the revision of the draft that the person saw, so that nothing that somebody else did meanwhile
is overwritten. Writers of one group wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from closing.close_tasks.task_templates import TaskSpec, TemplateKind, TemplateSet, TemplateVersion
from closing.close_tasks.template_changes import TaskDifference, template_differences
from closing.close_tasks.template_export import template_csv
from closing.close_tasks.template_rows import read_tasks, rows_of_csv
from entities.audit_trail import Verb, group_object, record_act
from entities.models import Group, Person
from worklist.models import TaskAdoption, TaskTemplate, TaskTemplateDraft
from worklist.template_store.templates_store import (
    TemplatesRefused,
    newest_rows,
    publish_templates,
)


class DraftChanged(Exception):
    """Somebody else changed, published or withdrew the draft after the person saw it; the message says who."""


def open_draft(group: Group, kind: TemplateKind) -> TaskTemplateDraft | None:
    """The draft of a group's template that is neither withdrawn nor published."""
    drafts = TaskTemplateDraft.objects.select_related("changed_by")
    return drafts.filter(group=group, kind=kind.value, withdrawn_at=None, published_at=None).first()


def draft_tasks(draft: TaskTemplateDraft) -> tuple[TaskSpec, ...]:
    """The tasks of a draft, whatever they wait for."""
    return tasks_of_text(draft.rows)


def tasks_of_text(rows: str) -> tuple[TaskSpec, ...]:
    """The tasks of stored rows, whatever they wait for."""
    read, _ = read_tasks(rows_of_csv(rows))
    return tuple(task for _, task in read)


def draft_set(group: Group, draft: TaskTemplateDraft) -> TemplateSet | None:
    """The group's templates with the draft in its place; None where that leaves no template for a month."""
    published: Mapping[TemplateKind, TaskTemplate] = newest_rows(group.pk)
    versions: dict[TemplateKind, TemplateVersion] = {}
    for kind, row in published.items():
        versions[kind] = TemplateVersion(row.name, kind, row.version, tasks_of_text(row.rows))
    kind = TemplateKind(draft.kind)
    earlier = versions.get(kind)
    versions[kind] = TemplateVersion(
        draft.name, kind, (earlier.version if earlier else 0) + 1, draft_tasks(draft)
    )
    if TemplateKind.MONTH not in versions:
        return None
    return TemplateSet(
        versions[TemplateKind.MONTH], versions.get(TemplateKind.QUARTER), versions.get(TemplateKind.YEAR)
    )


@transaction.atomic
def start_draft(group: Group, kind: TemplateKind, at: datetime, by: Person) -> TaskTemplateDraft:
    """The open draft of a template, or a new one from the newest version; empty where there is none."""
    _lock(group)
    draft = open_draft(group, kind)
    if draft is not None:
        return draft
    row = newest_rows(group.pk).get(kind)
    empty = template_csv(TemplateVersion(f"{group.name} {kind}"[:100], kind, 1, ()))
    draft = TaskTemplateDraft.objects.create(
        group=group,
        kind=kind.value,
        name=row.name if row is not None else f"{group.name} {kind}"[:100],
        rows=row.rows if row is not None else empty,
        base_version=row.version if row is not None else 0,
        changed_at=at,
        changed_by=by,
    )
    _record(draft, "started", at, by)
    return draft


@transaction.atomic
def import_draft(
    group: Group, kind: TemplateKind, name: str, tasks: Sequence[TaskSpec], at: datetime, by: Person
) -> TaskTemplateDraft:
    """A new draft of the tasks of a file; an open one is withdrawn and can be restored."""
    _lock(group)
    earlier = open_draft(group, kind)
    if earlier is not None:
        TaskTemplateDraft.objects.filter(pk=earlier.pk).update(withdrawn_at=at)
    row = newest_rows(group.pk).get(kind)
    draft = TaskTemplateDraft.objects.create(
        group=group,
        kind=kind.value,
        name=name,
        rows=template_csv(TemplateVersion(name, kind, 1, tuple(tasks))),
        base_version=row.version if row is not None else 0,
        changed_at=at,
        changed_by=by,
    )
    _record(draft, "imported", at, by, {"tasks": len(tasks)})
    return draft


@transaction.atomic
def save_draft_task(
    draft: TaskTemplateDraft, revision: int, task: TaskSpec, at: datetime, by: Person, *, replaces: str = ""
) -> TaskTemplateDraft:
    """Put a task in the place of the one with the code `replaces`, or behind all others.

    What waits for a task that gets another code waits for the new one. Raises DraftChanged, and ValidationError for
    the code of another task.
    """
    draft = _locked(draft, revision)
    tasks = list(draft_tasks(draft))
    if task.code != replaces and any(each.code == task.code for each in tasks):
        raise ValidationError({"code": f"Another task has the code {task.code}: choose another one."})
    places = [place for place, each in enumerate(tasks) if each.code == replaces]
    if replaces and not places:
        raise ValidationError({"code": f"The draft has no task {replaces} any more."})
    if places:
        tasks[places[0]] = task
        tasks = [_with_code(each, replaces, task.code) for each in tasks]
    else:
        tasks.append(task)
    return _store(draft, tasks, at, by)


@transaction.atomic
def remove_draft_task(
    draft: TaskTemplateDraft, revision: int, code: str, at: datetime, by: Person
) -> TaskTemplateDraft:
    """Take a task out of a draft; what waited for it is a finding from then on. Raises DraftChanged."""
    draft = _locked(draft, revision)
    return _store(draft, [task for task in draft_tasks(draft) if task.code != code], at, by)


@transaction.atomic
def move_draft_task(
    draft: TaskTemplateDraft, revision: int, code: str, at: datetime, by: Person
) -> TaskTemplateDraft:
    """Put a task one place up; the first stays. Raises DraftChanged."""
    draft = _locked(draft, revision)
    tasks = list(draft_tasks(draft))
    place = next((place for place, task in enumerate(tasks) if task.code == code), 0)
    if place:
        tasks[place - 1], tasks[place] = tasks[place], tasks[place - 1]
    return _store(draft, tasks, at, by)


@transaction.atomic
def rename_draft(
    draft: TaskTemplateDraft, revision: int, name: str, at: datetime, by: Person
) -> TaskTemplateDraft:
    """Give a draft another name. Raises DraftChanged."""
    draft = _locked(draft, revision)
    draft.name = name
    return _store(draft, draft_tasks(draft), at, by)


@transaction.atomic
def withdraw_draft(draft: TaskTemplateDraft, revision: int, at: datetime, by: Person) -> None:
    """Put a draft away; `restore_draft` brings it back. Raises DraftChanged."""
    draft = _locked(draft, revision)
    TaskTemplateDraft.objects.filter(pk=draft.pk).update(withdrawn_at=at)
    _record(draft, "withdrawn", at, by)


@transaction.atomic
def restore_draft(draft: TaskTemplateDraft, at: datetime, by: Person) -> bool:
    """Bring a withdrawn draft back in the place of the open one, which is withdrawn; False for one that is open."""
    _lock(draft.group)
    draft = TaskTemplateDraft.objects.select_related("group").get(pk=draft.pk)
    if draft.withdrawn_at is None:
        return False
    there = open_draft(draft.group, TemplateKind(draft.kind))
    if there is not None:
        TaskTemplateDraft.objects.filter(pk=there.pk).update(withdrawn_at=at)
    TaskTemplateDraft.objects.filter(pk=draft.pk).update(withdrawn_at=None)
    _record(draft, "restored", at, by)
    return True


@transaction.atomic
def publish_draft(
    draft: TaskTemplateDraft, revision: int, version: int, at: datetime, by: Person
) -> TaskTemplate:
    """Publish a draft as the version after `version`, the newest that the person saw.

    Raises DraftChanged where either is another by now, and TemplatesRefused where findings stand or nothing differs.
    """
    draft = _locked(draft, revision)
    kind = TemplateKind(draft.kind)
    newest = newest_rows(draft.group_id).get(kind)
    if (newest.version if newest else 0) != version:
        assert newest is not None  # versions are never deleted
        raise DraftChanged(
            f"{_name(newest.published_by)} published version {newest.version} meanwhile. "
            "Look at the changes against it below, then publish."
        )
    if not draft_tasks(draft):
        raise TemplatesRefused("A template has at least one task")
    templates = draft_set(draft.group, draft)
    if templates is None:
        raise TemplatesRefused("Publish the template of the month first: the others add to it")
    same = [other.name for other in newest_rows(draft.group_id).values() if other.kind != draft.kind]
    if draft.name in same:
        raise TemplatesRefused(f"Another template of the group is called {draft.name}: rename this one")
    published = publish_templates(draft.group, templates, at, by=by)
    row = next((row for row in published if row.kind == kind.value), None)
    if row is None:
        raise TemplatesRefused(f"Nothing differs from version {version}")
    TaskTemplateDraft.objects.filter(pk=draft.pk).update(published_at=at)
    return row


def newest_version(group: Group, kind: TemplateKind) -> TaskTemplate | None:
    """The newest published version of a template."""
    return newest_rows(group.pk).get(kind)


def draft_differences(before: TaskTemplate | None, draft: TaskTemplateDraft) -> list[TaskDifference]:
    """What publishing the draft would change."""
    return template_differences(tasks_of_text(before.rows) if before else (), draft_tasks(draft))


def _lock(group: Group) -> None:
    TaskAdoption.objects.select_for_update().get(group=group)


def _locked(draft: TaskTemplateDraft, revision: int) -> TaskTemplateDraft:
    """The draft as it is now, for one writer at a time."""
    _lock(draft.group)
    draft = TaskTemplateDraft.objects.select_related("group", "changed_by").get(pk=draft.pk)
    if draft.published_at is not None:
        raise DraftChanged("This draft has been published meanwhile. Start from the new version.")
    if draft.withdrawn_at is not None:
        raise DraftChanged("This draft has been withdrawn meanwhile. Restore it, or start a new one.")
    if draft.revision != revision:
        raise DraftChanged(
            f"{_name(draft.changed_by)} changed this draft meanwhile. Look at it again; nothing was saved."
        )
    return draft


def _store(
    draft: TaskTemplateDraft, tasks: Iterable[TaskSpec], at: datetime, by: Person
) -> TaskTemplateDraft:
    before = draft_tasks(draft)
    earlier_name = TaskTemplateDraft.objects.values_list("name", flat=True).get(pk=draft.pk)
    tasks = tuple(tasks)
    draft.rows = template_csv(TemplateVersion(draft.name, TemplateKind(draft.kind), 1, tasks))
    draft.revision, draft.changed_at, draft.changed_by = draft.revision + 1, at, by
    draft.save(update_fields=["name", "rows", "revision", "changed_at", "changed_by"])
    found = template_differences(before, tasks)
    changes = {each.how: ", ".join(other.code for other in found if other.how == each.how) for each in found}
    if draft.name != earlier_name:
        changes["name"] = draft.name
    _record(draft, "changed", at, by, changes)
    return draft


def _with_code(task: TaskSpec, old: str, new: str) -> TaskSpec:
    return replace(
        task,
        depends_on=tuple(replace(each, code=new) if each.code == old else each for each in task.depends_on),
    )


def _record(
    draft: TaskTemplateDraft,
    what: str,
    at: datetime,
    by: Person,
    more: Mapping[str, object] | None = None,
) -> None:
    after = {"draft": what, "template": draft.name, "kind": draft.kind, **(more or {})}
    record_act(Verb.TASK_DRAFT_CHANGED, group_object(draft.group), at=at, by=by, after=after)


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else "Somebody"
