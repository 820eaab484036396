"""Roles and absences in the browser: what is missing first, who may give and set what, and each refusal."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from entities.models import LegalEntity, Person
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.worklist.close_task_builders import person, task_of
from worklist.models import CloseTask, TaskAbsence, TaskRoleHolder

pytestmark = pytest.mark.django_db
DAYS = {"first_day": "2026-06-01", "last_day": "2026-06-05"}


def page(client: Client, name: str, data: dict[str, str] | None = None, *args: object) -> tuple[int, str]:
    url = reverse(name, args=args)
    response = client.get(url) if data is None else client.post(url, data, follow=True)
    return response.status_code, unescape(response.content.decode())


def give(client: Client, role: str, where: str, email: str) -> tuple[int, str]:
    return page(client, "task_roles", {"role": role, "where": where, "person": email})


def away(client: Client, who: Person, deputy: str, **days: str) -> tuple[int, str]:
    return page(client, "task_absences", {"person": who.email, "deputy": deputy, **DAYS, **days})


def test_roles_that_nobody_has_come_first(admin_client: Client) -> None:
    roles = list(TaskRoleHolder.objects.values_list("role", flat=True).distinct())
    gone = sorted(roles)[-1]
    TaskRoleHolder.objects.filter(role=gone).delete()
    _, html = page(admin_client, "task_roles")
    rows = re.findall(r'<th scope="row"><a href="[^"]*">(.*?)</a>', html)
    assert rows == [gone, *sorted(set(roles) - {gone})]
    assert html.count('<td><span class="error">') == 1
    status, html = give(admin_client, gone, "group:MERIDIAN", "anna@meridian.example")
    assert (status, f"{gone} of Meridian Group is Anna Owner now." in html) == (200, True)
    assert '<td><span class="error">' not in html
    status, html = give(admin_client, gone, "entity:NLDT", "rita@meridian.example")
    assert "Rita Reviewer<small>EU DTC BV</small>" in html
    _, html = give(admin_client, gone, "entity:NLDT", "rita@meridian.example")
    assert "was Rita Reviewer already." in html
    TaskRoleHolder.objects.filter(entity__code="NLDT").update(set_at="2026-06-03T11:00:00Z")
    _, html = give(admin_client, gone, "entity:NLDT", "nobody")
    assert f"{gone} of EU DTC BV is nobody now." in html


@pytest.mark.parametrize(
    ("role", "where", "email", "words"),
    [
        ("", "group:MERIDIAN", "anna@meridian.example", "Write the role, as the templates name it"),
        ("x" * 81, "group:MERIDIAN", "anna@meridian.example", "Write the role, as the templates name it"),
        ("Treasurer", "group:NOWHERE", "anna@meridian.example", "Choose a group or an entity that you administer."),
        ("Treasurer", "group:MERIDIAN", "nobody@x.example", "Choose somebody who works on the group, or nobody."),
        ("Treasurer", "group:MERIDIAN", "", "Choose somebody who works on the group, or nobody."),
    ],
)  # fmt: skip
def test_a_role_that_cannot_be_given_says_why(
    admin_client: Client, role: str, where: str, email: str, words: str
) -> None:
    status, html = give(admin_client, role, where, email)
    assert (status, words in html) == (422, True)


def test_who_administers_nothing_sees_roles_and_gives_none(owner_client: Client) -> None:
    status, html = page(owner_client, "task_roles")
    assert (status, "Give a role" in html, "Anna Owner" in html) == (200, False, True)
    assert give(owner_client, "Treasurer", "group:MERIDIAN", "anna@meridian.example")[0] == 404


def test_an_administrator_of_one_entity_gives_roles_there_only(anna: Person) -> None:
    single = person("Sven Single", role="administrator", where=LegalEntity.objects.get(code="NLDT"))
    client = signed_in(single)
    assert "UK Retail" not in page(client, "task_roles")[1]
    assert give(client, "Treasurer", "group:MERIDIAN", single.email)[0] == 422
    assert give(client, "Treasurer", "entity:NLDT", single.email)[0] == 200


def test_an_owner_names_a_deputy_and_takes_it_back(owner_client: Client, anna: Person) -> None:
    status, html = away(owner_client, anna, "rita@meridian.example")
    words = "Rita Reviewer stands in for Anna Owner from Mon 1 June 2026 to Fri 5 June 2026."
    assert (status, words in html, "away now" in html) == (200, True, True)
    absence = TaskAbsence.objects.get()
    other = signed_in(person("Olaf Other"))
    assert page(other, "end_absence", {}, absence.pk)[0] == 404
    status, html = page(owner_client, "end_absence", {}, absence.pk)
    assert "Rita Reviewer does not stand in for Anna Owner any more." in html
    assert "Nobody is away" in html
    events = AuditEvent.objects.filter(verb__startswith="task_deputy").order_by("pk")
    assert [(event.verb, event.actor) for event in events] == [
        ("task_deputy.set", "Anna Owner"),
        ("task_deputy.ended", "Anna Owner"),
    ]


@pytest.mark.parametrize(
    ("deputy", "days", "words"),
    [
        ("", {}, "Choose the deputy."),
        ("anna@meridian.example", {}, "Choose somebody else: nobody stands in for themself."),
        ("rita@meridian.example", {"first_day": ""}, "Give the first day of the absence."),
        ("rita@meridian.example", {"last_day": "soon"}, "is not a date. Write it like 2026-06-18."),
        ("rita@meridian.example", {"first_day": "2026-06-09"}, "The last day is before the first day."),
        ("rita@meridian.example", {"first_day": "2026-05-01", "last_day": "2026-05-02"}, "These days are over."),
    ],
)  # fmt: skip
def test_an_absence_that_cannot_be_set_says_why(
    owner_client: Client, anna: Person, deputy: str, days: dict[str, str], words: str
) -> None:
    status, html = away(owner_client, anna, deputy, **days)
    assert (status, words in html) == (422, True)
    assert not TaskAbsence.objects.exists()


def test_only_the_owner_and_administrators_set_an_absence(
    owner_client: Client, admin_client: Client, anna: Person
) -> None:
    rita = Person.objects.get(name="Rita Reviewer")
    status, html = away(owner_client, rita, anna.email)
    assert (status, "Choose yourself or somebody whose work you administer." in html) == (422, True)
    assert away(admin_client, rita, anna.email)[0] == 200


def test_a_deputy_does_the_tasks_and_never_reviews_their_own(admin_client: Client, anna: Person) -> None:
    """Dora stands in for the owner and the reviewer, and does not sign off a task that she has done."""
    dora, rita = person("Dora Deputy"), Person.objects.get(name="Rita Reviewer")
    for who in (anna, rita):
        assert away(admin_client, who, dora.email)[0] == 200
    CloseTask.objects.filter(entity__code="NLDT").exclude(code="flux").update(status="signed_off")
    client, task = signed_in(dora), task_of("flux")
    assert ">Review the movements" in page(client, "my_tasks")[1]
    page(client, "task_act", {"act": "do"}, task.uid)
    assert task_of("flux").done_by == dora
    status, _ = page(client, "task_act", {"act": "sign_off"}, task.uid)
    assert status == 422
    assert task_of("flux").status == "done"


def test_roles_cost_the_same_statements_at_any_size(admin_client: Client) -> None:
    costs = []
    for code in ("MORE1", "MORE2"):
        page(admin_client, "task_roles")
        with CaptureQueriesContext(connection) as statements:
            page(admin_client, "task_roles")
        costs.append(len(statements))
        near = LegalEntity.objects.get(code="NLDT")
        LegalEntity.objects.create(
            code=code, name=code, country="NL", zone=near.zone, group=near.group, calendar=near.calendar
        )
    assert costs[0] == costs[1] <= 35
