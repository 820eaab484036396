"""A few close tasks with addresses that are the same in every run."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from closing.close_tasks.task_templates import DependsOn, Reach, TemplateSet
from entities.models import Group, Person, WorkCalendar
from worklist.models import CloseTask, TaskSupport
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.role_holders import give_task_role
from worklist.template_store.templates_store import adopt_tasks, standard_templates

CODES = ("rec", "lease", "flux", "hold", "cons")


def few_templates() -> TemplateSet:
    """Five tasks of the standard month: consolidation waits for the periods of all entities, nothing else waits."""
    month = standard_templates().month
    tasks = tuple(
        replace(
            task,
            depends_on=(DependsOn("hold", Reach.ALL),) if task.code == "cons" else (),
        )
        for task in month.tasks
        if task.code in CODES
    )
    return TemplateSet(replace(month, tasks=tasks))


def task_uid(holder: str, code: str, month: str = "2026-05-01") -> UUID:
    """The address of a task."""
    return uuid5(NAMESPACE_URL, f"task/{holder}/{month}/{code}")


def support_uid(holder: str, code: str = "lease") -> UUID:
    """The address of the file that supports a task of May."""
    return uuid5(NAMESPACE_URL, f"support/{holder}/{code}")


def save_support(holder: str, by: Person, at: datetime, code: str = "lease") -> TaskSupport:
    """Support a task of an entity's May with a file."""
    content = f"balance of {holder}".encode()
    digest = hashlib.sha256(content).hexdigest()
    return TaskSupport.objects.create(
        uid=support_uid(holder, code),
        task=CloseTask.objects.get(uid=task_uid(holder, code)),
        label="balance.pdf",
        stored_as=default_storage.save(f"task-support/{digest}", ContentFile(content)),
        size=len(content),
        sha256=digest,
        by=by,
        at=at,
    )


def keep_support_files() -> None:
    """Store the files of `save_support` in this process, where another one has saved their rows."""
    for support in TaskSupport.objects.exclude(stored_as="").select_related("task__entity"):
        if not default_storage.exists(support.stored_as):
            assert support.task.entity is not None
            content = ContentFile(f"balance of {support.task.entity.code}".encode())
            assert default_storage.save(support.stored_as, content) == support.stored_as


class FileSentAgain(ContentFile):  # type: ignore[type-arg]
    """A file that a form may send more than once."""

    def read(self, *args: int) -> bytes:
        self.seek(0)
        content: bytes = super().read(*args)
        return content


def some_file(name: str = "balance.pdf", content: bytes = b"%PDF") -> FileSentAgain:
    """A file for a form."""
    return FileSentAgain(content, name)


def save_few_tasks(group: Group, owner: Person, reviewer: Person, where: Group, at: datetime) -> None:
    """Give a group these tasks; one person owns those below a group, another signs them off."""
    calendar = WorkCalendar.objects.order_by("code")[0]
    adopt_tasks(group, calendar, "Europe/London", at, templates=few_templates())
    templates = few_templates().month.tasks
    reviewing = {task.reviewer_role for task in templates if task.reviewer_role}
    for role in sorted({task.owner_role for task in templates} - reviewing):
        give_task_role(where, role, owner, at)
    for role in sorted(reviewing):
        give_task_role(where, role, reviewer, at)
    generate_tasks(at)
    for task in CloseTask.objects.select_related("entity", "group"):
        holder = task.entity or task.group
        assert holder is not None
        task.uid = task_uid(holder.code, task.code, task.month.isoformat())
        task.save(update_fields=["uid"])
