"""Templates go out as CSV, Excel and rows of the workspace and come back unchanged, or with their problems."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import time
from html import unescape
from io import BytesIO

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from closing.close_tasks.task_templates import TaskSpec, TemplateKind, TemplateVersion
from closing.close_tasks.template_export import template_csv
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.board.tasks.conftest import NOON
from tests.builders import utc
from tests.closing.close_tasks.template_strategies import tasks
from tests.hypothesis_profiles import examples
from tests.periods.model_builders import top_group
from tests.worklist.close_task_builders import person
from worklist.models import TaskTemplate, TaskTemplateDraft
from worklist.template_store.template_drafts import draft_tasks, tasks_of_text

pytestmark = pytest.mark.django_db
MONTH = ["MERIDIAN", "month"]
FORMS = ("csv", "xlsx", "workspace")
TEMPLATES = st.lists(
    tasks(("NLDT", "UKRT")).filter(lambda task: task.due.at != time(0)),  # the workspace has no midnight
    min_size=1,
    max_size=4,
    unique_by=(lambda task: task.code, lambda task: task.title.casefold()),
)


def exported(client: Client, form: str, query: str = "") -> bytes:
    response = client.get(reverse("template_export", args=MONTH) + f"?as={form}{query}")
    assert response.status_code == 200
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def imported(client: Client, content: bytes, **values: str) -> tuple[int, str]:
    url = reverse("template_import", args=MONTH)
    data = {"file": SimpleUploadedFile("file", content), **values}
    response = client.post(url, data, follow=True)
    return response.status_code, unescape(response.content.decode())


def draft() -> TaskTemplateDraft:
    return TaskTemplateDraft.objects.get(withdrawn_at=None, published_at=None)


def csv_of(*lines: str) -> bytes:
    return "\r\n".join(["Template,Task,TargetDaysFromProjectComplete,Code,DependsOn", *lines]).encode()


@pytest.mark.parametrize("form", FORMS)
def test_the_standard_template_goes_out_and_comes_back_unchanged(admin_client: Client, form: str) -> None:
    status, html = imported(admin_client, exported(admin_client, form))
    assert (status, "52 tasks imported into the draft." in html) == (200, True)
    assert "Nothing differs from version 1" in html
    published = TaskTemplate.objects.get(kind="month")
    assert draft().rows == published.rows


@examples(60)
@given(rows=TEMPLATES, form=st.sampled_from(FORMS))
def test_any_template_goes_out_and_comes_back_unchanged(
    admin_client: Client, rows: list[TaskSpec], form: str
) -> None:
    with transaction.atomic():
        template = TemplateVersion("Ours", TemplateKind.MONTH, 2, tuple(rows))
        TaskTemplate.objects.create(
            group=top_group(),
            kind="month",
            version=2,
            name="Ours",
            rows=template_csv(template),
            published_at=utc("2026-06-01 08:00"),
        )
        imported(admin_client, exported(admin_client, form))
        assert draft_tasks(draft()) == tuple(rows)
        transaction.set_rollback(True)


def test_an_older_version_is_still_there(admin_client: Client) -> None:
    published = TaskTemplate.objects.get(kind="month")
    content = exported(admin_client, "csv", "&version=1").decode("utf-8-sig")
    assert content == published.rows
    for query in ("&version=2", "&version=x", f"&version={'9' * 30}"):
        assert admin_client.get(reverse("template_export", args=MONTH) + f"?as=csv{query}").status_code == 404
    assert admin_client.get(reverse("template_export", args=MONTH) + "?as=pdf").status_code == 404


def test_rows_that_cannot_be_taken_are_listed_and_the_good_ones_imported(admin_client: Client) -> None:
    content = csv_of(
        "Ours,Post the rent,1,rent,", "Ours,,2,none,", "Ours,Close,soon,close,", "Ours,Look,3,look,nowhere"
    )
    status, html = imported(admin_client, content)
    assert (status, "3 rows cannot be taken" in html) == (422, True)
    lines = re.findall(r'<th scope="row">(\d+)</th><td>(\w+)</td><td>(.*?)</td>', html)
    assert lines == [
        ("3", "Task", "Write what is to be done."),
        ("4", "TargetDaysFromProjectComplete",
         'Write days from period end as a whole number like 3, 0 or -2, not "soon".'),
        ("5", "DependsOn", "It waits for nowhere, and no row with that code can be taken."),
    ]  # fmt: skip
    assert not TaskTemplateDraft.objects.exists()
    status, html = imported(admin_client, content, good_ones="yes")
    assert (
        status,
        "1 task imported into the draft." in html,
        "3 rows of the file were not taken." in html,
    ) == (
        200,
        True,
        True,
    )
    assert [task.code for task in draft_tasks(draft())] == ["rent"]
    event = AuditEvent.objects.get(verb="task_template.draft_changed")
    assert event.after == {"draft": "imported", "template": "Ours", "kind": "month", "tasks": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b"a,b\r\n1,2\r\n", 'There is no column "a"'),
        (b"Task\r\nx\r\n", "The first row names no column TargetDaysFromProjectComplete."),
        (csv_of(), "The file has no rows beneath its heading."),
        (csv_of(*["Ours,x,1,,"] * 501), "A template has at most 500 rows, not 501 or more."),
        (csv_of("A,x,1,,", "B,y,1,,"), "The file has 2 templates: choose one."),
        (b"\xff\xfe", "is not text in UTF-8"),
        (b"PK\x03\x04 broken", "The workbook is damaged or is none."),
        (b"x" * (2 * 1024 * 1024 + 1), "The file is larger than 2 MB"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_template_is_refused(admin_client: Client, content: bytes, words: str) -> None:
    status, html = imported(admin_client, content)
    assert (status, words in html) == (422, True)
    assert not TaskTemplateDraft.objects.exists()


def test_one_of_several_templates_is_chosen(admin_client: Client) -> None:
    status, _ = imported(admin_client, csv_of("A,x,1,,", "B,y,1,,"), template="B")
    assert status == 200
    assert [task.title for task in draft_tasks(draft())] == ["y"]


def test_the_rows_of_the_workspace_keep_what_it_does_not_know(admin_client: Client) -> None:
    before = {task.code: task for task in tasks_of_text(TaskTemplate.objects.get(kind="month").rows)}
    content = exported(admin_client, "workspace").decode("utf-8-sig").splitlines()
    moved = [line.replace(",5,", ",4,") if "Review the movements" in line else line for line in content]
    imported(admin_client, "\r\n".join(moved).encode())
    after = {task.code: task for task in draft_tasks(draft())}
    assert after["flux"] == replace(before["flux"], due=replace(before["flux"].due, days=4))
    assert after | {"flux": before["flux"]} == before


def test_a_time_typed_in_excel_says_how_to_write_it(admin_client: Client) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Task", "TargetDaysFromProjectComplete", "DueTime"])
    sheet.append(["Close", 3, time(12)])
    file = BytesIO()
    book.save(file)
    status, html = imported(admin_client, file.getvalue())
    assert (status, "Write the time as text like 12:00, in a cell that is formatted as text." in html) == (
        422,
        True,
    )


def test_an_import_puts_the_draft_away_and_undo_brings_it_back(admin_client: Client) -> None:
    admin_client.post(reverse("template_draft", args=MONTH))
    earlier = draft()
    _, html = imported(admin_client, csv_of("Ours,x,1,,"))
    undo = reverse("restore_draft", args=[*MONTH, NOON.isoformat()])
    assert undo in html
    admin_client.post(undo)
    assert draft() == earlier


def test_companies_of_another_group_are_unknown(admin_client: Client) -> None:
    header = "Template,Task,TargetDaysFromProjectComplete,CompanySelection"
    _, html = imported(admin_client, f"{header}\r\nOurs,x,1,ELSEWHERE\r\n".encode())
    assert "No entity has the company ELSEWHERE." in html


def test_who_sees_the_group_exports_and_others_do_not(owner_client: Client, admin_client: Client) -> None:
    assert exported(owner_client, "csv")
    nobody = signed_in(person("Sven Single", where=top_group().children.all()[0]))
    assert nobody.get(reverse("template_export", args=MONTH)).status_code == 404
