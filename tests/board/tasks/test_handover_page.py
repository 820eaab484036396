"""Somebody leaves: what waits for them is listed, a successor gets it, and access ends only without open work."""

from __future__ import annotations

from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from entities.models import LegalEntity, Person
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.periods.model_builders import top_group
from tests.worklist.close_task_builders import person, task_of
from worklist.models import TaskRoleHolder

pytestmark = pytest.mark.django_db
ANNA = "anna@meridian.example"


def page(client: Client, who: str = ANNA, data: dict[str, str] | None = None) -> tuple[int, str]:
    url = f"{reverse('task_handover')}?person={who}"
    response = client.get(url) if data is None else client.post(url, data, follow=True)
    return response.status_code, unescape(response.content.decode())


def test_all_is_listed_and_goes_to_the_successor(few_tasks: None, admin_client: Client) -> None:
    olaf = person("Olaf Other")
    roles = TaskRoleHolder.objects.filter(person__email=ANNA).count()
    status, html = page(admin_client)
    assert (status, f"1 open task, 0 reviews, {roles} roles" in html) == (200, True)
    assert "Run the recurring journals <small>May 2026" in html
    status, html = page(admin_client, data={"reason": "left"})
    assert (status, "Choose the successor." in html) == (422, True)
    status, html = page(admin_client, data={"successor": olaf.email, "reason": "left"})
    assert (status, f"Olaf Other has got 1 task and {roles} roles of Anna Owner." in html) == (200, True)
    assert "Nothing waits for Anna Owner" in html
    assert task_of("rec").owner == olaf
    event = AuditEvent.objects.get(verb="person.work_handed_over")
    assert (event.object, event.after, event.reason) == (
        "Anna Owner",
        {"successor": "Olaf Other", "tasks": 1, "roles": roles},
        "left",
    )
    assert AuditEvent.objects.filter(verb="task.reassigned").count() == 1


def test_reviews_go_with_their_role(few_tasks: None, admin_client: Client) -> None:
    olaf, rita = person("Olaf Other"), Person.objects.get(name="Rita Reviewer")
    assert "1 review," in page(admin_client, rita.email)[1]
    page(admin_client, rita.email, {"successor": olaf.email})
    client = signed_in(olaf)
    client.post(reverse("task_act", args=[task_of("flux").uid]), {"act": "sign_off"})
    assert task_of("flux").signed_by == olaf


def test_a_successor_who_does_not_see_a_task_does_not_get_it(few_tasks: None, admin_client: Client) -> None:
    blind = person("Bea Blind", where=LegalEntity.objects.get(code="UKRT"))
    _, html = page(admin_client, data={"successor": blind.email})
    assert (
        "Run the recurring journals, EU DTC BV: Bea Blind does not see this task: give them a role first."
        in html
    )
    assert task_of("rec").owner == Person.objects.get(email=ANNA)


def test_access_ends_only_once_nothing_waits(few_tasks: None, anna: Person) -> None:
    boss = Person.objects.create_superuser("boss@meridian.example", "x" * 12, name="Bo Boss")
    client, olaf = signed_in(boss), person("Olaf Other")
    roles = TaskRoleHolder.objects.filter(person=anna).count()
    status, html = page(client, data={"end_access": "yes"})
    words = (
        f"Anna Owner still has 1 open task, 0 reviews and {roles} roles: choose a successor for them first."
    )
    assert (status, words in html) == (422, True)
    status, html = page(client, data={"end_access": "yes", "successor": olaf.email})
    assert (status, "Anna Owner cannot sign in any more." in html) == (200, True)
    anna.refresh_from_db()
    assert not anna.is_active
    event = AuditEvent.objects.filter(verb="person.changed").latest("pk")
    assert (event.before, event.after) == ({"active": True}, {"active": False})


def test_only_an_administrator_of_the_server_ends_access(
    few_tasks: None, admin_client: Client, anna: Person
) -> None:
    olaf = person("Olaf Other")
    status, html = page(admin_client, data={"end_access": "yes", "successor": olaf.email})
    assert (status, "Only an administrator of this server ends somebody’s access." in html) == (422, True)
    anna.refresh_from_db()
    assert anna.is_active
    assert task_of("rec").owner == anna  # all or nothing


def test_who_administers_nothing_hands_nothing_over(owner_client: Client, admin_client: Client) -> None:
    assert page(owner_client)[0] == 404
    assert page(owner_client, data={"successor": ANNA})[0] == 404
    assert page(admin_client, "nobody@x.example")[0] == 404
    outside = signed_in(person("Uma Uk", role="administrator", where=top_group().children.all()[0]))
    assert page(outside)[0] == 404
