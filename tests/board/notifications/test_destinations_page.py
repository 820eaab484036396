"""The pages of destinations: what they ask, what they refuse, what they never show, and what a test post answers."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.channels import state as channel_state
from alerts.models import Delivery, Destination, LineReason
from alerts.outbox.sending import send_due_posts
from entities.models import Group, Membership, Person
from tests.alerts.channels.destination_builders import PATHS, SECRET, route_to_destinations, save_destination
from tests.db_builders import SampleGroup
from tests.faults.http_sink import HttpSink, Reply
from tests.faults.outbox_helpers import raise_notice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]


def administrator_of(code: str) -> Client:
    made = Person.objects.create(email=f"ada.{code.lower()}@meridian.test", name="Ada Lund")
    Membership.objects.create(
        person=made, role=Membership.Role.ADMINISTRATOR, group=Group.objects.get(code=code)
    )
    client = Client()
    client.force_login(made)
    return client


def form(http_sink: HttpSink, kind: str = "slack", **more: Any) -> dict[str, Any]:
    told = {
        "name": "#close",
        "kind": kind,
        "group": "EUROPE",
        "kinds": ["alert"],
        "url": http_sink.url(PATHS.get(kind, "/x")),
    }
    return told | more


def test_a_destination_is_made_and_its_address_never_seen_again(
    overdue_group: SampleGroup, http_sink: HttpSink
) -> None:
    client = administrator_of("EUROPE")
    answer = client.post("/alerts/destinations/add/", form(http_sink), follow=True)
    assert answer.status_code == 200
    place = Destination.objects.get()
    assert (place.url, place.kinds, place.group.code) == (http_sink.url(PATHS["slack"]), ["alert"], "EUROPE")
    for page in ("", f"{place.uid}/", "add/"):
        assert SECRET not in client.get(f"/alerts/destinations/{page}").content.decode()


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"name": " \u202e "}, "name", "Enter a name"),
        ({"name": "x" * 81}, "name", "80 letters"),
        ({"kind": "pager"}, "kind", "Choose where"),
        ({"group": "UK"}, "group", "that you administer"),
        ({"group": "NOBODY"}, "group", "that you administer"),
        ({"kinds": []}, "kinds", "at least one"),
        ({"kinds": ["nonsense"]}, "kinds", "at least one"),
        ({"url": ""}, "url", "Paste the address"),
        ({"url": "https://meridian.webhook.office.com/x", "kind": "teams"}, "url", "retired"),
        ({"url": "https://evil.test/" + SECRET}, "url", "hooks.slack.com"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    overdue_group: SampleGroup, http_sink: HttpSink, wrong: dict[str, Any], field: str, said: str
) -> None:
    answer = administrator_of("EUROPE").post("/alerts/destinations/add/", form(http_sink, **wrong))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in text
    assert said in text
    assert SECRET not in text
    assert not Destination.objects.exists()


def test_two_of_one_name_in_a_group_are_refused_and_one_that_was_removed_is_no_twin(
    overdue_group: SampleGroup, http_sink: HttpSink
) -> None:
    client = administrator_of("EUROPE")
    client.post("/alerts/destinations/add/", form(http_sink))
    assert client.post("/alerts/destinations/add/", form(http_sink)).status_code == 422
    client.post(f"/alerts/destinations/{Destination.objects.get().uid}/remove/")
    assert client.post("/alerts/destinations/add/", form(http_sink)).status_code == 303
    assert Destination.objects.filter(removed_at=None).count() == 1


def test_a_secret_is_shown_once(overdue_group: SampleGroup, http_sink: HttpSink) -> None:
    client = administrator_of("EUROPE")
    answer = client.post("/alerts/destinations/add/", form(http_sink, "webhook"))
    place = Destination.objects.get()
    first = place.secret
    assert first in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert first not in client.get("/alerts/destinations/").content.decode()
    answer = client.post(f"/alerts/destinations/{place.uid}/secret/")
    place.refresh_from_db()
    second, before = place.secret.split()
    assert before == first
    assert second in answer.content.decode()
    assert first not in answer.content.decode()
    client.post(f"/alerts/destinations/{place.uid}/secret/")
    place.refresh_from_db()
    assert first not in place.secret


def test_another_address_is_tried_at_once_with_what_waited(
    overdue_group: SampleGroup, http_sink: HttpSink
) -> None:
    place = save_destination("slack", http_sink, "EUROPE")
    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    http_sink.judge = lambda came: Reply(404 if SECRET in came.path else 200)
    send_due_posts(timezone.now())
    assert not http_sink.taken
    client = administrator_of("EUROPE")
    url = http_sink.url("/services/T1/B1/another")
    answer = client.post(
        f"/alerts/destinations/{place.uid}/",
        {"name": place.name, "group": "EUROPE", "kinds": ["alert"], "url": url},
    )
    assert answer.status_code == 303
    assert send_due_posts(timezone.now()) == 1
    assert http_sink.taken[0].path == "/services/T1/B1/another"


@pytest.mark.parametrize(
    ("verb", "reason"),
    [("switch", LineReason.DESTINATION_DISABLED), ("remove", LineReason.DESTINATION_REMOVED)],
)
def test_what_waits_for_one_that_is_off_or_gone_is_let_go_of(
    overdue_group: SampleGroup, http_sink: HttpSink, verb: str, reason: str
) -> None:
    place = save_destination("slack", http_sink, "EUROPE")
    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    client = administrator_of("EUROPE")
    client.post(f"/alerts/destinations/{place.uid}/{verb}/", {"on": "no"})
    waiting = Delivery.objects.get()
    assert (waiting.state, waiting.lines.get().left_out) == ("cancelled", reason)
    assert send_due_posts(timezone.now()) == 0
    if verb == "switch":
        client.post(f"/alerts/destinations/{place.uid}/switch/", {"on": "yes"})
        assert Destination.objects.get().enabled
    else:
        assert client.get(f"/alerts/destinations/{place.uid}/").status_code == 404
        assert bytes(Destination.objects.get().sealed_url) == b""


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "Test post delivered to"),
        (404, "refused the post. 127.0.0.1"),
        (400, "refused the post"),
        (503, "did not accept the post just now"),
    ],
)
@pytest.mark.parametrize("kind", ["teams", "slack", "webhook"])
def test_a_test_post_says_what_was_answered(
    overdue_group: SampleGroup, http_sink: HttpSink, kind: str, status: int, said: str
) -> None:
    place = save_destination(kind, http_sink, "EUROPE")
    http_sink.judge = lambda came: Reply(status, came.path.encode())
    client = administrator_of("EUROPE")
    text = client.post(f"/alerts/destinations/{place.uid}/try/", follow=True).content.decode()
    assert said in text
    assert SECRET not in text
    assert b"Ada Lund" in http_sink.seen[0].body
    again = client.post(f"/alerts/destinations/{place.uid}/try/", follow=True).content.decode()
    assert "has just received one" in again
    assert len(http_sink.seen) == 1


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    overdue_group: SampleGroup, http_sink: HttpSink
) -> None:
    client = administrator_of("EUROPE")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/alerts/destinations/").status_code == 200
        return len(queries)

    save_destination("slack", http_sink, "EUROPE", name="one")
    client.get("/alerts/destinations/")
    few = asked()
    for number in range(12):
        save_destination("webhook", http_sink, "EUROPE", name=f"{number}")
    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    send_due_posts(timezone.now(), apart=timedelta(0))
    assert asked() == few


def test_the_command_shows_destinations(overdue_group: SampleGroup, http_sink: HttpSink) -> None:
    save_destination("slack", http_sink, name="#close")
    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    http_sink.judge = lambda _: Reply(410)
    send_due_posts(timezone.now())
    out = StringIO()
    call_command("mails", "show", stdout=out)
    assert "To #close: 1 message waits, 0 cannot be sent, paused for " in out.getvalue()
    assert "answered 410" in out.getvalue()
    assert SECRET not in out.getvalue()
    http_sink.judge = lambda _: Reply(400)
    channel_state.reset_channel(Destination.objects.get().channel)
    send_due_posts(timezone.now())
    call_command("mails", "show", stdout=out)
    assert "Cannot be sent to #close:" in out.getvalue()
