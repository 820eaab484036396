"""A group gets close tasks in the browser: what is previewed is what is generated, from the chosen month on."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from entities.models import Group, LegalEntity
from infra.models import AuditEvent
from tests.builders import utc
from worklist.models import CloseTask, TaskAdoption, TaskTemplate
from worklist.task_store.generate_tasks import generate_tasks

pytestmark = pytest.mark.django_db
CHOSEN = {
    "group": "MERIDIAN",
    "source": "standard",
    "calendar": "ENGLAND",
    "zone": "Europe/London",
    "first_is": "1",
    "from_month": "2026-05",
}


def send(client: Client, **values: str) -> tuple[int, str]:
    response = client.post(reverse("adopt_tasks"), {**CHOSEN, **values}, follow=True)
    return response.status_code, unescape(response.content.decode())


def test_what_is_previewed_is_what_is_generated(boss_client: Client) -> None:
    status, html = send(boss_client)
    assert (status, "They are generated at once" in html) == (200, True)
    assert not TaskAdoption.objects.exists()
    previewed = dict(re.findall(r'<th scope="row">(.*?)</th><td>(\d+)</td>', html))
    total = re.search(r">(\d+) tasks for May 2026</h2>", html)
    status, html = send(boss_client, adopt="yes")
    assert (status, "Meridian Group has close tasks from May 2026 on." in html) == (200, True)
    generate_tasks(utc("2026-06-03 12:05"))
    names = LegalEntity.objects.values_list("pk", "name")
    generated = {
        name: str(CloseTask.objects.filter(entity=pk, month="2026-05-01").count()) for pk, name in names
    }
    assert previewed == generated
    assert total is not None
    assert int(total[1]) == CloseTask.objects.filter(month="2026-05-01").count()
    event = AuditEvent.objects.get(verb="task_template.adopted")
    assert event.after == {"calendar": "ENGLAND", "zone": "Europe/London", "from": "2026-05-01"}


def test_months_before_the_first_get_no_tasks(boss_client: Client) -> None:
    _, html = send(boss_client, from_month="2026-06")
    assert "They are generated from Tue 16 June 2026 on, the tenth working day before period end." in html
    send(boss_client, from_month="2026-06", adopt="yes")
    generate_tasks(utc("2026-06-17 12:00"))
    assert set(CloseTask.objects.values_list("month", flat=True).distinct()) == {
        utc("2026-06-01 00:00").date()
    }


def test_the_templates_of_another_group_are_a_beginning(boss_client: Client) -> None:
    send(boss_client, adopt="yes")
    below = Group.objects.exclude(parent=None)[0]
    status, html = send(boss_client, group=below.code, source="MERIDIAN", adopt="yes")
    assert (status, f"{below.name} has close tasks from May 2026 on." in html) == (200, True)
    rows = TaskTemplate.objects.filter(kind="month").values_list("rows", flat=True)
    assert len(rows) == 2
    assert len(set(rows)) == 1


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("group", "NOWHERE", "Choose a group that has no close tasks yet."),
        ("source", "NOWHERE", "Choose the templates to begin with."),
        ("calendar", "MOON", "Choose the calendar of the group’s own tasks."),
        ("zone", "Moon/Base", "Choose the time zone of the group’s own tasks."),
        ("first_is", "2", "Choose how working days are counted."),
        ("from_month", "2020-01", "Choose the first month."),
    ],
)
def test_what_cannot_be_chosen_says_so(boss_client: Client, field: str, value: str, words: str) -> None:
    status, html = send(boss_client, **{field: value, "adopt": "yes"})
    assert (status, words in html) == (422, True)
    assert not TaskAdoption.objects.exists()


def test_a_group_adopts_once(boss_client: Client) -> None:
    send(boss_client, adopt="yes")
    assert send(boss_client, adopt="yes")[0] == 422
    assert TaskAdoption.objects.count() == 1
