"""Gives the four entities close tasks, and people with their roles."""

from __future__ import annotations

from collections.abc import Iterable

from closing.close_tasks.task_record import TaskRecord
from closing.close_tasks.template_rows import rows_of_csv
from entities.models import Group, LegalEntity, Membership, Person, WorkCalendar
from tests.builders import utc
from tests.periods.model_builders import LONG_AGO, top_group
from worklist.models import CloseTask, TaskTemplate
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.role_holders import give_task_role
from worklist.task_store.task_rows import record_of
from worklist.template_store.templates_store import adopt_tasks

ADOPTED_AT = "2026-05-01 08:00"
GENERATED_AT = "2026-06-01 07:30"


def person(name: str, role: str = "finance", where: Group | LegalEntity | None = None) -> Person:
    """A person who may write on the whole group, or where named."""
    made, _ = Person.objects.get_or_create(
        email=f"{name.split(maxsplit=1)[0].lower()}@meridian.example", defaults={"name": name}
    )
    scope = where or top_group()
    held = {"group": scope} if isinstance(scope, Group) else {"entity": scope}
    Membership.objects.get_or_create(person=made, role=role, **held)
    return made


def adopt(at: str = ADOPTED_AT) -> None:
    """The group at the top has close tasks, by the English calendar."""
    england = WorkCalendar.objects.get(code="ENGLAND")
    adopt_tasks(top_group(), england, "Europe/London", utc(at))


def give_roles(owner: Person, reviewer: Person, roles: Iterable[str] | None = None) -> None:
    """One person owns all tasks of the group's templates, another reviews them."""
    named = set(roles or _roles("ClosingRole")), _roles("ReviewerRole")
    for role in sorted(named[0] - named[1]):
        give_task_role(top_group(), role, owner, LONG_AGO)
    for role in sorted(named[1]):
        give_task_role(top_group(), role, reviewer, LONG_AGO)


def generate(at: str = GENERATED_AT) -> None:
    """Generate the tasks whose time has come."""
    generate_tasks(utc(at))


def task_of(code: str, holder: str = "NLDT", round_: int = 1) -> CloseTask:
    """A task of an entity's May, or of a group's."""
    tasks = CloseTask.objects.select_related("entity", "group").filter(month="2026-05-01")
    found = tasks.filter(entity__code=holder) | tasks.filter(group__code=holder)
    return found.get(code=code, round=round_)


def record(code: str, holder: str = "NLDT", round_: int = 1) -> TaskRecord:
    """The record of a task as it is stored now."""
    return record_of(task_of(code, holder, round_))


def _roles(column: str) -> set[str]:
    return {
        row.cell(column)
        for template in TaskTemplate.objects.all()
        for row in rows_of_csv(template.rows)
        if row.cell(column)
    }
