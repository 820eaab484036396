"""Tasks that a newer version stored: they are shown as not readable, nobody acts on them, and no page fails."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from entities.models import Connection
from tests.worklist.close_task_builders import record, task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask

pytestmark = pytest.mark.django_db
IN_MAY = "?month=2026-05"
NOT_READ = "This task was stored by a newer Closeboard, and this page cannot read it"


def page(client: Client, name: str, *args: object, query: str = IN_MAY) -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200, name
    return answer.content.decode()


def store_status_of_a_newer_version(task: CloseTask) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE;"
            "ALTER TABLE worklist_closetask DROP CONSTRAINT close_task_status_is_known_word;"
            "UPDATE worklist_closetask SET status = 'on_ice' WHERE id = %s",
            [task.pk],
        )


@pytest.mark.parametrize("what", ["status", "reach", "check at done"])
def test_a_task_in_unknown_words_is_not_readable_and_nobody_acts_on_it(
    owner_client: Client, what: str
) -> None:
    CloseTask.objects.filter(entity__code="NLDT").exclude(code="lease").update(status="signed_off")
    CloseTask.objects.filter(pk=task_of("prov").pk).update(status="open", depends_on=[["lease", "same"]])
    task = task_of("lease")
    match what:
        case "status":
            store_status_of_a_newer_version(task)
        case "reach":
            CloseTask.objects.filter(pk=task.pk).update(depends_on=[["gl-post", "of_auditors"]])
        case _:
            body = {"verdict": "guessed", "words": "", "remaining": "", "work": [], "states": []}
            CloseTask.objects.filter(pk=task.pk).update(status="done", check_at_done=body)
    for name, args in (("tasks", ()), ("my_tasks", ()), ("entity_tasks", ["NLDT"]), ("task", [task.uid])):
        page(owner_client, name, *args)
    assert "Not readable" in page(owner_client, "tasks", query=f"{IN_MAY}&entity=NLDT")
    assert page(owner_client, "scoreboard")
    answer = owner_client.post(reverse("task_act", args=[task.uid]), {"act": "do", "reason": ""}, follow=True)
    assert (answer.status_code, NOT_READ in answer.content.decode()) == (422, True)
    assert "This task waits for “Post leases”." in page(owner_client, "task", task_of("prov").uid)


def test_a_check_with_an_unknown_word_is_never_supported(owner_client: Client, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:56", NLDT=0)
    task = task_of("gl-post")
    CloseTask.objects.filter(pk=task.pk).update(erp_check="unposted_journals, leases run")
    for name, args in (("tasks", ()), ("entity_tasks", ["NLDT"]), ("scoreboard", ())):
        page(owner_client, name, *args)
    assert "“leases run”: not understood by this Closeboard" in page(owner_client, "task", task.uid)
    assert record("gl-post").check.not_understood == ("leases run",)


def test_an_event_with_an_unknown_verb_is_in_the_history(owner_client: Client, source: Connection) -> None:
    task = task_of("lease")
    owner_client.post(reverse("task_act", args=[task.uid]), {"act": "not_needed", "reason": "none"})
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE;"
            "ALTER TABLE worklist_taskevent DISABLE TRIGGER USER;"
            "ALTER TABLE worklist_taskevent DROP CONSTRAINT task_event_verb_is_known_word;"
            "UPDATE worklist_taskevent SET verb = 'put_on_ice' WHERE task_id = %s",
            [task.pk],
        )
    assert "put on ice" in page(owner_client, "task", task.uid)
