"""The requests to the addresses of templates, roles and absences of close tasks, by person (url_cases)."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database

from closing.close_tasks.task_templates import TemplateKind
from entities.models import Group
from tests.guards.full_scenario import FULL_AT, FullScenario
from tests.guards.url_cases import ADMINISTRATOR, FINANCE, OWNER, READERS, Arguments, Form, Look, few_tasks
from worklist.models import TaskAbsence, TaskTemplateDraft
from worklist.task_store.role_holders import set_absence
from worklist.template_store.template_drafts import rename_draft, start_draft, withdraw_draft

OF_A_TEMPLATE = {"code": "MERIDIAN", "kind": "month"}
OF_TEMPLATE: Arguments = OF_A_TEMPLATE
AWAY = {"first_day": "2026-06-22", "last_day": "2026-06-26"}
ADOPTION = {
    "group": "MERIDIAN",
    "source": "standard",
    "calendar": "GB",
    "zone": "Europe/London",
    "first_is": "1",
    "from_month": "2026-06",
}


def sent_template() -> SimpleUploadedFile:
    """A file with one task."""
    return SimpleUploadedFile("t.csv", b"Task,TargetDaysFromProjectComplete\r\nLook,3\r\n")


def task_draft(story: FullScenario) -> None:
    """The template of these tasks has a draft with another name."""
    few_tasks(story)
    draft = start_draft(Group.objects.get(parent=None), TemplateKind.MONTH, FULL_AT, story.administrator)
    rename_draft(draft, 1, "Month end", FULL_AT, story.administrator)


def withdrawn_draft(story: FullScenario) -> None:
    """The draft is withdrawn."""
    task_draft(story)
    withdraw_draft(TaskTemplateDraft.objects.get(), 2, FULL_AT, story.administrator)


def absence(story: FullScenario) -> None:
    """Finance is away."""
    day = FULL_AT.date()
    row = set_absence(story.finance, story.administrator, day, day, FULL_AT)
    TaskAbsence.objects.filter(pk=row.pk).update(id=1)


def count_absences_from_here(story: FullScenario) -> None:
    """The next absence has the same number whatever ran before: its address is in the answer."""
    with database.cursor() as cursor:
        cursor.execute("SELECT setval(pg_get_serial_sequence('worklist_taskabsence', 'id'), 100)")


TASK_LOOKS: dict[str, Sequence[Look]] = {
    "task_template": [Look(who=READERS, arguments=OF_TEMPLATE)],
    "template_export": [Look(who=READERS, arguments=OF_TEMPLATE)],
    "adopt_tasks": [Look(who=(ADMINISTRATOR, *READERS))],
    "task_roles": [Look(who=(ADMINISTRATOR, *READERS))],
    "task_absences": [Look(who=(ADMINISTRATOR, *READERS))],
    "task_handover": [Look(("?person=rosa.bell@meridian.test", "?person=x"), (ADMINISTRATOR, *READERS))],
}
TASK_FORMS: dict[str, Sequence[Form]] = {
    "template_draft": [
        Form({}, (ADMINISTRATOR, FINANCE), OF_TEMPLATE, few_tasks),
        Form({"act": "publish", "revision": "2", "version": "1"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "publish", "revision": "1", "version": "1"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "withdraw", "revision": "2"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "remove", "code": "rec", "revision": "2"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "up", "code": "lease", "revision": "2"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "rename", "name": "", "revision": "2"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
        Form({"act": "publish"}, (ADMINISTRATOR,), OF_TEMPLATE, few_tasks),
    ],
    "restore_draft": [
        Form(
            {},
            (ADMINISTRATOR, FINANCE),
            {**OF_A_TEMPLATE, "moment": FULL_AT.isoformat()},
            withdrawn_draft,
        )
    ],
    "template_import": [
        Form(lambda _: {"file": sent_template()}, (ADMINISTRATOR, FINANCE), OF_TEMPLATE, few_tasks),
        Form({}, (ADMINISTRATOR,), OF_TEMPLATE, few_tasks),
    ],
    "add_draft_task": [
        Form(
            {"title": "Look", "days": "3", "revision": "2"}, (ADMINISTRATOR, FINANCE), OF_TEMPLATE, task_draft
        ),
        Form({"title": "", "days": "x", "revision": "2"}, (ADMINISTRATOR,), OF_TEMPLATE, task_draft),
    ],
    "draft_task": [
        Form(
            {"title": "Rent", "code": "rec", "days": "3", "revision": "2"},
            (ADMINISTRATOR,),
            {**OF_A_TEMPLATE, "task": "rec"},
            task_draft,
        )
    ],
    "adopt_tasks": [
        Form({**ADOPTION, "adopt": "yes"}, (ADMINISTRATOR, FINANCE)),
        Form(ADOPTION, (ADMINISTRATOR,)),
        Form({}, (ADMINISTRATOR,)),
    ],
    "task_roles": [
        Form(
            {"role": "Treasurer", "where": "entity:NLDT", "person": "rosa.bell@meridian.test"},
            (ADMINISTRATOR, FINANCE),
        ),
        Form({"role": "", "where": "x"}, (ADMINISTRATOR,)),
    ],
    "task_absences": [
        Form(
            lambda story: {"person": story.finance.email, "deputy": story.administrator.email, **AWAY},
            prepare=count_absences_from_here,
        ),
        Form({"first_day": "soon"}),
    ],
    "end_absence": [Form({}, (FINANCE, OWNER), {"pk": 1}, absence)],
    "task_handover": [Form({"successor": "x"}, (ADMINISTRATOR,))],
}
