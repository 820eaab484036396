"""The pages of close tasks: lists with filters, one task with its acts, and who sees and does what."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from entities.models import Connection, LegalEntity, Person
from tests.board.page_client import signed_in
from tests.builders import MAY
from tests.worklist.close_task_builders import person, task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask

pytestmark = pytest.mark.django_db
IN_MAY = "?month=2026-05"


def page(client: Client, name: str, *args: object, query: str = IN_MAY) -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def act(client: Client, code: str, what: str, reason: str = "") -> tuple[int, str]:
    url = reverse("task_act", args=[task_of(code).uid])
    response = client.post(url, {"act": what, "reason": reason}, follow=True)
    return response.status_code, response.content.decode()


def finish_but(*left: str) -> None:
    CloseTask.objects.filter(entity__code="NLDT").exclude(code__in=left).update(status="signed_off")


def test_the_whole_group_shows_progress_by_entity_and_area(owner_client: Client) -> None:
    html = page(owner_client, "tasks")
    total = CloseTask.objects.filter(entity__code="NLDT", month=MAY).count()
    assert "EU DTC BV" in html
    assert f"0 of {total}" in html
    assert "Meridian Group" in html
    assert re.findall(r'<th scope="col">(.*?)</th>', html)[3:6] == [
        "General ledger",
        "Receivables",
        "Payables",
    ]
    assert ">Tasks</a>" in page(owner_client, "scoreboard")


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("&which=overdue", "Run the recurring journals", "Controller signs off"),
        ("&which=blocked", "Controller signs off", "Run the recurring journals"),
        ("&which=today", "Post leases", "Run the recurring journals"),
        ("&area=General+ledger", "Post leases", "Prepare the VAT return"),
        ("&area=Tax", "Prepare the VAT return", "Post leases"),
        ("&entity=NLDT", "Post leases", "UK Retail Ltd ·"),
        ("&owner=0", "No task matches these filters.", "Post leases"),
    ],
)
def test_filters_are_in_the_url(owner_client: Client, query: str, shown: str, hidden: str) -> None:
    html = page(owner_client, "tasks", query=IN_MAY + query)
    assert f">{shown}" in html
    assert f">{hidden}" not in html


def test_a_task_is_done_returned_and_signed_off_by_a_second_person(
    owner_client: Client, reviewer_client: Client
) -> None:
    finish_but("flux")
    status, html = act(owner_client, "flux", "do")
    assert (status, "The task is done." in html) == (200, True)
    assert "Sign off</button>" not in html
    status, html = act(owner_client, "flux", "sign_off")
    assert (status, "signs this task off" in html) == (422, True)
    status, html = act(reviewer_client, "flux", "return")
    assert (status, "Give a reason" in html) == (422, True)
    act(reviewer_client, "flux", "return", "freight is missing")
    assert "because: freight is missing" in page(owner_client, "task", task_of("flux").uid)
    act(owner_client, "flux", "do")
    status, html = act(reviewer_client, "flux", "sign_off")
    assert "Signed off" in html
    assert task_of("flux").status == "signed_off"


def test_a_check_that_shows_work_asks_for_a_reason(owner_client: Client, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:56", NLDT=61)
    finish_but("gl-post")
    status, html = act(owner_client, "gl-post", "do")
    assert (status, "61 lines are still not posted. Give a reason" in html) == (422, True)
    status, html = act(owner_client, "gl-post", "do", "they are of June")
    assert "marked done, ERP still shows 61 lines" in html
    assert "marked done, ERP still shows 61 lines" in page(owner_client, "entity_tasks", "NLDT")


def test_a_blocked_task_says_what_it_waits_for(owner_client: Client) -> None:
    html = page(owner_client, "task", task_of("ar-batch").uid, query="")
    assert "This task waits for “Post all customer and free text invoices”." in html
    assert "Mark done" not in html


def test_my_tasks_are_grouped_and_marked_done_at_once(owner_client: Client, source: Connection) -> None:
    lines_read(source, "2026-06-03 11:56", NLDT=61)
    CloseTask.objects.exclude(code__in=["gl-post", "lease"]).update(status="signed_off")
    html = page(owner_client, "my_tasks")
    assert html.count("Post leases</h2>") == 1
    ticked = [str(task_of(code).uid) for code in ("gl-post", "lease")]
    response = owner_client.post(reverse("my_tasks") + IN_MAY, {"task": ticked})
    html = response.content.decode()
    assert "1 task marked done, 1 skipped." in html
    assert "Post all open journals in every module, EU DTC BV: 61 lines are still not posted." in html
    assert task_of("lease").status == "done"


def test_comments_links_and_a_new_owner(owner_client: Client, settings: Settings) -> None:
    uid, rita = task_of("rec").uid, Person.objects.get(name="Rita Reviewer")
    owner_client.post(reverse("task_comment", args=[uid]), {"text": "<b>two</b> are left"})
    bad = owner_client.post(reverse("task_support", args=[uid]), {"url": "javascript:alert(1)"})
    assert bad.status_code == 422
    settings.ERP_ALLOWED_HOSTS = ()
    foreign = owner_client.post(reverse("task_support", args=[uid]), {"url": "https://evil.example/"})
    assert foreign.status_code == 422
    assert "Links to evil.example are not allowed" in foreign.content.decode()
    owner_client.post(reverse("task_owner", args=[uid]), {"owner": rita.email})
    html = page(owner_client, "task", uid, query="")
    assert "&lt;b&gt;two&lt;/b&gt; are left" in html
    assert "given to Rita Reviewer" in html
    assert task_of("rec").owner == rita


def test_templates_name_no_role_that_somebody_has(owner_client: Client) -> None:
    html = page(owner_client, "task_templates")
    assert "Standard month" in html
    assert "Nobody has the role" not in html


def test_who_sees_one_entity_sees_its_tasks_and_no_name_of_another(anna: Person) -> None:
    client = signed_in(person("Sven Single", where=LegalEntity.objects.get(code="NLDT")))
    assert "UK Retail" not in page(client, "tasks")
    assert "UK Retail" not in page(client, "tasks", query=IN_MAY + "&which=blocked")
    assert client.get(reverse("task", args=[task_of("rec", "UKRT").uid])).status_code == 404
    assert client.get(reverse("entity_tasks", args=["UKRT"])).status_code == 404
    for name in ("task_act", "task_owner", "task_comment", "task_support"):
        data = {"act": "do", "text": "x", "url": "https://x.example/"}
        for uid in (task_of("rec", "UKRT").uid, uuid4()):
            assert client.post(reverse(name, args=[uid]), data).status_code == 404
    assert task_of("rec", "UKRT").status == "open"


def test_an_auditor_reads_and_does_not_write(anna: Person) -> None:
    client = signed_in(person("Audrey Auditor", role="auditor"))
    uid = task_of("rec").uid
    assert "Save the comment" not in page(client, "task", uid, query="")
    assert client.post(reverse("task_comment", args=[uid]), {"text": "x"}).status_code == 403
    assert client.post(reverse("task_act", args=[uid]), {"act": "do"}).status_code == 422
    assert client.post(reverse("task_owner", args=[uid]), {}).status_code == 422


@pytest.mark.parametrize("name", ["tasks", "my_tasks"])
def test_a_list_costs_the_same_statements_at_any_size(owner_client: Client, name: str) -> None:
    costs = []
    for _ in range(2):
        page(owner_client, name)
        with CaptureQueriesContext(connection) as statements:
            page(owner_client, name, query=IN_MAY + "&which=blocked")
        costs.append(len(statements))
        CloseTask.objects.filter(entity__code__in=["USRT", "UKHC"]).delete()
    assert costs[0] == costs[1] <= 36


def test_the_rows_may_be_tasks(owner_client: Client) -> None:
    CloseTask.objects.filter(code="lease", entity__code="NLDT").update(status="done")
    html = page(owner_client, "tasks", query=f"{IN_MAY}&rows=task")
    assert '<option value="task" selected>Tasks</option>' in html
    row = re.findall(r'<tr><th scope="row"><a href="([^"]*)">Post leases</a>.*?</tr>', html)
    assert row == ["/tasks/?month=2026-05&amp;q=Post+leases&amp;rows=task"]
    assert re.search(r">Post leases</a></th><td>Wed 3 June</td><td>1 of 4 <", html)
    assert page(owner_client, "tasks", query="?month=2026-05&q=Post+leases").count(">Post leases<") == 4
    assert owner_client.get(reverse("tasks") + "?rows=nonsense").status_code == 400


def test_chips_count_what_they_would_show(owner_client: Client) -> None:
    html = page(owner_client, "tasks", query=f"{IN_MAY}&entity=NLDT")
    for key in ("mine", "today", "overdue", "blocked"):
        (count,) = re.findall(rf'id="chip-{key}" href="[^"]*">[^<]* <b>(\d+)</b>', html)
        assert f"{count} task" in page(owner_client, "tasks", query=f"{IN_MAY}&entity=NLDT&which={key}")
    assert page(owner_client, "tasks", query=f"{IN_MAY}&q=leases").count(">Post leases<") == 4
    assert owner_client.get(reverse("tasks") + "?which=nonsense").status_code == 400


@pytest.mark.parametrize(
    ("kind", "target", "link"),
    [
        ("", "", "https://meridian.operations.dynamics.com/?cmp=nldt&amp;mi=LedgerFiscalCalendar"),
        (
            "MenuItem",
            "LedgerJournalTable",
            "https://meridian.operations.dynamics.com/?cmp=nldt&amp;mi=LedgerJournalTable",
        ),
        ("Url", "https://meridian.operations.dynamics.com/x", "https://meridian.operations.dynamics.com/x"),
        ("Url", "https://evil.example/x", ""),
    ],
)
def test_a_task_links_to_its_page_of_the_erp(
    owner_client: Client, settings: Settings, kind: str, target: str, link: str
) -> None:
    settings.ERP_ALLOWED_HOSTS = ("*.dynamics.com",)
    Connection.objects.update(base_url="https://meridian.operations.dynamics.com")
    CloseTask.objects.update(link_kind=kind, link_target=target)
    html = page(owner_client, "task", task_of("rec").uid, query="")
    assert (f'href="{link}" rel="noopener noreferrer"' in html) == bool(link)
    assert "evil.example" not in html


def test_a_task_whose_prerequisite_was_undone_says_so(owner_client: Client) -> None:
    CloseTask.objects.filter(code="ar-batch").update(status="done")
    html = page(owner_client, "task", task_of("ar-batch").uid, query="")
    words = "done before its dependency: waits for “Post all customer and free text invoices”"
    assert words in html
    assert words in page(owner_client, "entity_tasks", "NLDT")


def test_completed_time_stands_beside_due_time(owner_client: Client) -> None:
    CloseTask.objects.filter(code="rec").update(status="done", done_at="2026-06-03T09:00Z")
    html = page(owner_client, "entity_tasks", "NLDT")
    assert "<small>done Wed 3 June 11:00, late</small>" in html
    assert "done Wed 3 June 11:00, late, Amsterdam time" in page(owner_client, "task", task_of("rec").uid)
