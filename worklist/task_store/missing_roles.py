"""Finds roles of close tasks that nobody has: tasks of such a role have no owner, and no one to sign them off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from closing.close_tasks.task_templates import TaskLevel, TaskSpec, TemplateSet
from entities.models import LegalEntity
from worklist.models import TaskAdoption, TaskRoleHolder
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.task_store.role_holders import role_holders
from worklist.template_store.templates_store import published_templates, standard_templates

_NAMED = 4  # entities that a sentence names


@dataclass(frozen=True, slots=True)
class MissingRole:
    """A role that nobody has in an entity or a group, though its templates name it."""

    role: str
    code: str
    name: str
    entity_id: int | None = None
    group_id: int | None = None


def known_task_roles() -> set[str]:
    """The roles that the standard templates and all published ones name, and those that somebody has."""
    sets = [standard_templates()]
    sets += [
        published_templates(pk).templates for pk in TaskAdoption.objects.values_list("group_id", flat=True)
    ]
    named = {role for templates in sets for role in _roles(_tasks(templates))}
    return named | set(TaskRoleHolder.objects.values_list("role", flat=True))


def missing_roles(entities: Collection[int] | None = None) -> list[MissingRole]:
    """The missing roles of these entities (None: of all) and of the groups with tasks; by role, then by code.

    A task that the profile or the ERP of an entity leaves out is counted as well: its role should be held anyway.
    """
    holders = role_holders()
    adoptions = TaskAdoption.objects.select_related("group").order_by("group__code")
    groups = {adoption.group_id: adoption.group for adoption in adoptions}
    roles = {pk: _by_level(published_templates(pk).templates) for pk in groups}
    missing = [
        MissingRole(role, group.code, group.name, group_id=pk)
        for pk, group in groups.items()
        for role in roles[pk][TaskLevel.GROUP]
        if holders.holder(role, group.path) is None
    ]
    members = members_of_adoptions()
    rows = LegalEntity.objects.filter(pk__in=members).select_related("group")
    for entity in rows if entities is None else rows.filter(pk__in=entities):
        missing += [
            MissingRole(role, entity.code, entity.name, entity_id=entity.pk)
            for role in roles[members[entity.pk]][TaskLevel.ENTITY]
            if holders.holder(role, entity.group.path, entity.pk) is None
        ]
    return sorted(missing, key=lambda each: (each.role, each.code))


def missing_roles_phrases(missing: Iterable[MissingRole]) -> list[str]:
    """One sentence for each role: "Nobody has the role Controller in NLDT and UKRT: ...", the most places first."""
    places: dict[str, list[str]] = {}
    for each in missing:
        places.setdefault(each.role, []).append(each.code)
    ordered = sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
    return [
        f"Nobody has the role {role} in {_listed(codes)}: its tasks there have no owner."
        for role, codes in ordered
    ]


def _listed(codes: list[str]) -> str:
    named, more = codes[:_NAMED], len(codes) - _NAMED
    if more > 0:
        return f"{', '.join(named)} and {more} more"
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))


def _tasks(templates: TemplateSet) -> list[TaskSpec]:
    versions = (templates.month, templates.quarter, templates.year)
    return [task for version in versions if version is not None for task in version.tasks]


def _roles(tasks: Iterable[TaskSpec]) -> list[str]:
    return sorted({role for task in tasks for role in (task.owner_role, task.reviewer_role) if role})


def _by_level(templates: TemplateSet) -> Mapping[TaskLevel, list[str]]:
    tasks = _tasks(templates)
    return {level: _roles(task for task in tasks if task.level is level) for level in TaskLevel}
