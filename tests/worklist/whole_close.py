"""A close of seven tasks, from the recurring journals of EU DTC BV to the financial statements of the group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from closing.close_tasks.task_templates import DependsOn, Reach, TemplateSet
from entities.models import Group, Person, WorkCalendar
from tests.worklist.few_close_tasks import task_uid
from worklist.models import CloseTask
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.role_holders import give_task_role
from worklist.template_store.templates_store import adopt_tasks, standard_templates

PREPARER, REVIEWER, CONTROLLER = "Preparer", "Reviewer", "Group controller"
# code: what it waits for, its owner's role, the role that signs it off
CHAIN: Mapping[str, tuple[tuple[DependsOn, ...], str, str]] = {
    "rec": ((), PREPARER, ""),
    "gl-post": ((DependsOn("rec"),), PREPARER, ""),
    "bs-rec": ((DependsOn("gl-post"),), PREPARER, REVIEWER),
    "sign": ((DependsOn("bs-rec"),), CONTROLLER, REVIEWER),
    "hold": ((DependsOn("sign"),), CONTROLLER, ""),
    "cons": ((DependsOn("hold", Reach.ALL),), CONTROLLER, REVIEWER),
    "fs": ((DependsOn("cons"),), CONTROLLER, REVIEWER),
}


def save_whole_close(
    group: Group, people: Mapping[str, Person], at: datetime, *, holder: str = "NLDT"
) -> None:
    """Give a group this close; all tasks of other entities than the holder are not needed."""
    month = standard_templates().month
    tasks = tuple(
        replace(
            task,
            depends_on=CHAIN[task.code][0],
            owner_role=CHAIN[task.code][1],
            reviewer_role=CHAIN[task.code][2],
            sign_off=bool(CHAIN[task.code][2]),
        )
        for task in month.tasks
        if task.code in CHAIN
    )
    calendar = WorkCalendar.objects.order_by("code")[0]
    adopt_tasks(group, calendar, "Europe/London", at, templates=TemplateSet(replace(month, tasks=tasks)))
    for role, person in people.items():
        give_task_role(group, role, person, at)
    generate_tasks(at)
    for task in CloseTask.objects.select_related("entity", "group"):
        other = task.entity is not None and task.entity.code != holder
        task.uid = task_uid(task.holder.code, task.code, task.month.isoformat())
        task.status = "not_needed" if other else task.status
        task.save(update_fields=["uid", "status"])
