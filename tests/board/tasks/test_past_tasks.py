"""Tasks at a past moment, as known then: the lists, one task, and no acts."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from closing.close_tasks.task_acts import TaskAct
from entities.models import Connection, Person
from tests.board.tasks.conftest import NOON
from tests.worklist.close_task_builders import task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import act_on_task

pytestmark = pytest.mark.django_db
BEFORE = NOON - timedelta(hours=2)
AT = f"at={quote((NOON - timedelta(hours=1)).isoformat())}"


def shown(client: Client, name: str, *args: object, query: str = "month=2026-05") -> str:
    response = client.get(f"{reverse(name, args=args)}?{query}")
    assert response.status_code == 200
    return response.content.decode()


def test_a_past_list_shows_status_and_owner_of_then(owner_client: Client, done_late: CloseTask) -> None:
    query = "month=2026-05&q=recurring&entity=NLDT"
    now, then = (shown(owner_client, "tasks", query=f"{query}{more}") for more in ("", f"&{AT}"))
    assert "This is the past" in then
    assert "Olaf Other" in now
    assert "Olaf Other" not in then
    assert "Anna Owner" in then
    assert f'href="/tasks/{done_late.uid}/?at=' in then
    assert "hx-sse:connect" in now
    assert "hx-sse:connect" not in then
    assert ">Run the recurring journals<" in shown(owner_client, "entity_tasks", "NLDT", query=AT)


def test_my_tasks_of_then_offer_no_act(owner_client: Client, done_late: CloseTask) -> None:
    line = f'id="to-{done_late.uid}"'
    assert line not in shown(owner_client, "my_tasks")
    then = shown(owner_client, "my_tasks", query=f"month=2026-05&{AT}")
    assert line in then
    assert "checkbox" not in then
    assert "Mark the ticked tasks done" not in then


def test_a_past_task_has_its_history_of_then_and_no_form(owner_client: Client, done_late: CloseTask) -> None:
    uid = done_late.uid
    now, then = (shown(owner_client, "task", uid, query=query) for query in ("", AT))
    assert "all of them" in now
    assert "(due Mon 1 June, late)" in now
    for words in ("all of them", "given to Olaf Other", "Mark done", "Take over", "Save the comment"):
        assert words not in then
    assert "Nothing has happened yet." in then


def test_a_task_of_before_its_time_is_said_not_to_be_generated(owner_client: Client) -> None:
    html = shown(owner_client, "task", task_of("rec").uid, query="at=2026-05-20")
    assert "This task had not been generated at that moment." in html
    assert "There were no tasks in May 2026 at that moment." in shown(
        owner_client, "tasks", query="month=2026-05&at=2026-05-20"
    )


def test_the_check_of_then_is_shown(owner_client: Client, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:56", NLDT=61)
    lines_read(source, "2026-06-03 11:58", NLDT=0)
    uid = task_of("gl-post").uid
    assert "61 lines" in shown(owner_client, "task", uid, query="at=2026-06-03T12:57")
    assert "61 lines" not in shown(owner_client, "task", uid)


def test_the_past_costs_the_same_statements_at_any_number_of_changes(
    owner_client: Client, anna: Person, done_late: CloseTask
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as statements:
            shown(owner_client, "tasks", query=f"month=2026-05&{AT}")
        return len(statements)

    cost()
    one = cost()
    for holder in ("UKRT", "UKHC"):
        act_on_task(anna, task_of("rec", holder).uid, TaskAct.DO, NOON - timedelta(minutes=5))
    assert cost() == one <= 40
