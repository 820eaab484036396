"""Templates in the browser: dates of the preview, drafts that nobody overwrites, versions, and what is refused."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import Habits
from entities.models import CalendarDay, LegalEntity, Person, WorkCalendar
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.board.tasks.conftest import NOON
from tests.periods.model_builders import top_group
from tests.worklist.close_task_builders import person, task_of
from worklist.models import CloseTask, TaskAdoption, TaskTemplate, TaskTemplateDraft

pytestmark = pytest.mark.django_db
MONTH = ["MERIDIAN", "month"]
FLUX = {
    "code": "flux",
    "title": "Review the movements of the period",
    "days": "5",
    "day_kind": "working",
    "level": "entity",
    "area": "General ledger",
    "role": "General ledger accountant",
    "sign_off": "yes",
    "reviewer": "Controller",
    "after": "soft",
    "link_kind": "MenuItem",
}


def page(client: Client, name: str, *args: object, query: str = "?month=2026-05", status: int = 200) -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == status
    return unescape(response.content.decode())


def draft() -> TaskTemplateDraft:
    return TaskTemplateDraft.objects.get(withdrawn_at=None, published_at=None)


def begin(client: Client) -> TaskTemplateDraft:
    client.post(reverse("template_draft", args=MONTH))
    return draft()


def act(client: Client, what: str, **values: object) -> tuple[int, str]:
    data = {"act": what, "revision": draft().revision, "version": 1, **values}
    response = client.post(reverse("template_draft", args=MONTH), data, follow=True)
    return response.status_code, unescape(response.content.decode())


def save(client: Client, task: str = "", **values: str) -> tuple[int, str]:
    url = reverse("draft_task", args=[*MONTH, task]) if task else reverse("add_draft_task", args=MONTH)
    data = {**FLUX, "revision": str(draft().revision), **values}
    data = {name: value for name, value in data.items() if value}
    response = client.post(url, data, follow=True)
    return response.status_code, unescape(response.content.decode())


def due_in(html: str, code: str) -> str:
    found = re.search(rf"<small>{code}</small></th><td>(.*?)<small>(.*?)</small>", html)
    assert found is not None, code
    return f"{found[1]}, {found[2]}"


@pytest.mark.parametrize(
    ("month", "dates"),
    [
        ("2026-05", {"open": "Thu 28 May, WD-2", "ic-inv": "Fri 29 May, WD-1", "rec": "Mon 1 June, WD+0",
                     "lease": "Wed 3 June, WD+2", "hold": "Mon 8 June 17:00, WD+5 17:00"}),
        ("2026-06", {"open": "Fri 26 June, WD-2", "ic-inv": "Mon 29 June, WD-1", "rec": "Wed 1 July, WD+0"}),
    ],
)  # fmt: skip
def test_the_preview_has_the_dates_of_the_entitys_calendar(
    owner_client: Client, month: str, dates: dict[str, str]
) -> None:
    """England, May 2026 (08-blockers-and-tasks 9.2), where the first working day is 0."""
    html = page(owner_client, "task_template", *MONTH, query=f"?month={month}&entity=UKRT")
    assert {code: due_in(html, code) for code in dates} == dates


def test_offsets_of_golden_9_2_and_zero_based_counting(admin_client: Client) -> None:
    """-5 Fri 22 May, -4 Tue 26 May (25 May is a holiday), 0 Fri 29 May, +1 is +0 where the first day is 0."""
    begin(admin_client)
    for code, days in (("five", "-5"), ("four", "-4"), ("end", "0"), ("first", "1")):
        assert (
            save(admin_client, code=code, title=code, days=days, after="", sign_off="", reviewer="")[0] == 200
        )
    assert (
        save(
            admin_client,
            code="six-days",
            title="x",
            days="6",
            day_kind="calendar",
            after="",
            sign_off="",
            reviewer="",
        )[0]
        == 200
    )
    entity = page(admin_client, "task_template", *MONTH, query="?month=2026-05&entity=UKRT&version=draft")
    dates = {code: due_in(entity, code) for code in ("five", "four", "end", "first", "six-days")}
    assert dates == {
        "five": "Fri 22 May, WD-5",
        "four": "Tue 26 May, WD-4",
        "end": "Fri 29 May, period end",
        "first": "Mon 1 June, WD+0",
        "six-days": "Fri 5 June, day 6",
    }
    own = page(admin_client, "task_template", *MONTH)
    assert due_in(own, "cons") == "Tue 9 June, WD+7"
    TaskAdoption.objects.update(first_is=0)
    own = page(admin_client, "task_template", *MONTH)
    assert due_in(own, "cons") == "Tue 9 June, WD+6"


def test_a_quarter_is_no_month(owner_client: Client) -> None:
    html = page(owner_client, "task_template", "MERIDIAN", "quarter", query="?month=2026-05&entity=UKRT")
    assert "May 2026 is no quarter end of UK Retail Ltd" in html
    assert "month=2026-06&entity=UKRT" in html
    assert due_in(
        page(owner_client, "task_template", "MERIDIAN", "quarter", query="?month=2026-06&entity=UKRT"), "tax"
    )


def test_the_preview_warns_of_a_holiday_of_the_owner_and_of_calendars_out_of_step(
    anna: Person, owner_client: Client
) -> None:
    Habits.objects.create(person=anna, calendar=WorkCalendar.objects.get(code="ENGLAND"))
    html = page(owner_client, "task_template", *MONTH, query="?month=2026-04&entity=NLDT")
    assert "Mon 4 May is May Day, a day off in the England calendar of the owner" in html
    CloseTask.objects.filter(entity__code="NLDT", code="lease").update(due_on="2026-05-04")
    assert "Mon 4 May is May Day" in page(owner_client, "task", task_of("lease").uid)
    netherlands = LegalEntity.objects.get(code="NLDT").calendar
    for day in ("2026-06-04", "2026-06-05"):
        CalendarDay.objects.create(calendar=netherlands, day=day, working=False)
    html = page(owner_client, "task_template", *MONTH)
    words = "before “Set the period On hold or close it” of EU DTC BV, due Wed 10 June 17:00"
    assert f"Due Tue 9 June, {words}" in html
    single = signed_in(person("Sven Single", where=top_group().children.exclude(entities__code="NLDT")[0]))
    assert single.get(reverse("task_template", args=MONTH)).status_code == 404


def test_a_task_is_added_changed_moved_and_removed_and_a_version_published(admin_client: Client) -> None:
    begin(admin_client)
    assert "Nothing differs from version 1" in page(admin_client, "template_draft", *MONTH)
    status, html = save(admin_client, "flux", days="4", after="bs-rec")
    assert (status, "was saved in the draft" in html) == (200, True)
    assert "flux is due WD+4, before bs-rec, which it waits for and which is due WD+5." in html
    assert "Publish version 2</button>" not in html
    status, html = act(admin_client, "publish")
    assert (status, "flux is due WD+4" in html) == (422, True)
    save(admin_client, "flux", at="16:00")
    save(admin_client, code="snap", title="Take a snapshot", after="flux", days="7", sign_off="", reviewer="")
    _, html = act(admin_client, "remove", code="lease")
    assert "The task lease was removed" in html
    assert "gl-adj waits for lease, and no template has that task." in html
    save(admin_client, "gl-adj", code="gl-adj", after="gl-all", at="12:00", sign_off="", reviewer="")
    _, html = act(admin_client, "up", code="snap")
    assert "due: WD+5 → WD+5 16:00" in html
    assert "from June 2026 on. The tasks of May 2026 are generated already and stay as they are." in html
    status, html = act(admin_client, "publish")
    assert (status, "Version 2 of Standard month is published." in html) == (200, True)
    assert "version 2, published" in page(admin_client, "task_templates").replace("</small>", "")
    assert "by Ada Admin" in html
    assert CloseTask.objects.filter(code="lease").exists()
    assert list(TaskTemplate.objects.filter(kind="month").values_list("version", flat=True)) == [1, 2]
    event = AuditEvent.objects.filter(verb="task_template.published").latest("pk")
    assert (event.actor, event.before, event.after) == (
        "Ada Admin",
        {"version": 1},
        {"template": "Standard month", "version": 2},
    )


def test_two_administrators_at_once_overwrite_nothing(admin_client: Client) -> None:
    other = signed_in(person("Otto Other", role="administrator"))
    begin(admin_client)
    seen = str(draft().revision)
    save(other, "flux", at="16:00")
    status, html = save(admin_client, "flux", days="7", revision=seen)
    assert status == 409
    assert "Otto Other changed this draft meanwhile." in html
    assert 'name="days" value="7"' in html
    status, html = act(admin_client, "publish", revision=seen)
    assert (status, "Otto Other changed this draft meanwhile." in html) == (422, True)
    act(other, "publish")
    begin(admin_client)
    save(admin_client, "flux", at="17:00")
    status, html = act(admin_client, "publish", version=1)
    assert (status, "Otto Other published version 2 meanwhile." in html) == (422, True)
    assert act(admin_client, "publish", version=2)[0] == 200


def test_a_withdrawn_draft_comes_back(admin_client: Client) -> None:
    begin(admin_client)
    save(admin_client, "flux", at="16:00")
    pk = draft().pk
    _, html = act(admin_client, "withdraw")
    undo = reverse("restore_draft", args=[*MONTH, NOON.isoformat()])
    assert ("The draft was withdrawn." in html, undo in html) == (True, True)
    assert not TaskTemplateDraft.objects.filter(withdrawn_at=None).exists()
    response = admin_client.post(undo, follow=True)
    assert "The draft is back." in response.content.decode()
    assert draft().pk == pk
    verbs = AuditEvent.objects.filter(verb="task_template.draft_changed").order_by("pk")
    assert [(event.after or {}).get("draft") for event in verbs] == [
        "started",
        "changed",
        "withdrawn",
        "restored",
    ]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "", "Write what is to be done."),
        ("code", "A B", "Write a code with small letters, digits and hyphens"),
        ("code", "lease", "Another task has the code lease: choose another one."),
        ("days", "soon", "Write days from period end as a whole number like 3, 0 or -2"),
        ("days", "400", "A task is due at most 366 days from period end, not 400."),
        ("at", "noon", "Write a time of day like 12:00"),
        ("erp", "SAP", "There is no ERP"),
        ("applies_if", "big", "is no role and no part of a profile"),
        ("check", "magic", "is no ERP check"),
        ("reviewer", "", "Give the role that signs the task off."),
        ("link", "javascript:alert(1)", "A link begins with https://"),
    ],
)
def test_a_task_that_cannot_be_taken_says_what_to_write(
    admin_client: Client, field: str, value: str, words: str
) -> None:
    begin(admin_client)
    more = {"link_kind": "Url"} if field == "link" else {}
    status, html = save(admin_client, "flux", **{field: value, **more})
    assert (status, words in html) == (422, True)
    assert draft().revision == 1


def test_who_administers_nothing_reads_and_changes_nothing(owner_client: Client, anna: Person) -> None:
    assert "Change</button>" not in page(owner_client, "task_template", *MONTH)
    for name in ("template_draft", "template_import", "add_draft_task"):
        page(owner_client, name, *MONTH, status=404)
        assert owner_client.post(reverse(name, args=MONTH), {}).status_code == 404
    assert not TaskTemplateDraft.objects.exists()
    single = signed_in(person("Sven Single", where=LegalEntity.objects.get(code="NLDT")))
    assert single.get(reverse("task_template", args=MONTH)).status_code == 404
    assert owner_client.get(reverse("task_template", args=["NOBODY", "month"])).status_code == 404
    assert owner_client.get(reverse("task_template", args=["MERIDIAN", "week"])).status_code == 404


def test_a_preview_costs_the_same_statements_at_any_size(owner_client: Client) -> None:
    costs = []
    for _ in range(2):
        page(owner_client, "task_template", *MONTH)
        with CaptureQueriesContext(connection) as statements:
            page(owner_client, "task_template", *MONTH, query="?month=2026-05&entity=NLDT")
        costs.append(len(statements))
        LegalEntity.objects.filter(code__in=["USRT"]).update(active_to="2020-01-01")
    assert costs[0] == costs[1] <= 45


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/templates/a%00b/month/",
        "/tasks/templates/MERIDIAN/month/?entity=%00",
        "/tasks/templates/MERIDIAN/month/export/?version=%00&as=%00",
        "/tasks/templates/MERIDIAN/month/draft/task/no-such-task/",
        "/tasks/handover/?person=%00",
    ],
)
def test_addresses_of_nothing_are_not_found(admin_client: Client, path: str) -> None:
    begin(admin_client)
    assert admin_client.get(path).status_code == 404


@pytest.mark.parametrize("bad", ["", "a\0b", "9" * 5000, "٣ 😀\u202e"])
def test_posts_that_no_page_sends_are_refused(admin_client: Client, bad: str) -> None:
    begin(admin_client)
    for name, args, fields in (
        ("template_draft", MONTH, ("act", "revision", "version", "code", "name")),
        ("add_draft_task", MONTH, (*FLUX, "revision")),
        ("adopt_tasks", [], ("group", "source", "calendar", "zone", "first_is", "from_month")),
        ("task_roles", [], ("role", "where", "person")),
        ("task_absences", [], ("person", "deputy", "first_day", "last_day")),
    ):
        response = admin_client.post(reverse(name, args=args), dict.fromkeys(fields, bad))
        assert response.status_code in (409, 422), name
        assert "error" in response.content.decode(), name
