"""A kind of channel that only the settings name works through every door: form, test post, outbox, failure, list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as settings_in_force
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts import tasks
from alerts.models import Channel, Delivery, Destination, Trouble
from entities.models import Person
from tests.alerts.channels.destination_builders import route_to_destinations
from tests.db_builders import SampleGroup
from tests.faults.http_sink import HttpSink, Reply
from tests.faults.outbox_helpers import age_outbox, raise_notice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_redis")]
STANDARD = settings_in_force.CHANNEL_KINDS
INSTALLED = STANDARD | {"pager": "tests.alerts.channels.pager_channel.PAGER"}
PAGE = "/alerts/destinations/"


def signed_in_administrator() -> Client:
    client = Client()
    client.force_login(Person.objects.create(email="boss@meridian.test", name="Boss", is_superuser=True))
    return client


def add(client: Client, url: str) -> Any:
    form = {"name": "Night shift", "kind": "pager", "group": "MERIDIAN", "kinds": ["alert"], "url": url}
    return client.post(f"{PAGE}add/", form)


def test_a_fifth_kind_of_channel_needs_its_folder_and_a_line_in_the_settings(
    overdue_group: SampleGroup, http_sink: HttpSink, settings: Settings
) -> None:
    settings.CHANNEL_KINDS, boss = INSTALLED, signed_in_administrator()
    form = boss.get(f"{PAGE}add/").content.decode()
    assert "<b>Pager</b>" in form
    assert "Paste the address that your pager company gave you." in form
    assert "evil.test is no pager company." in add(boss, "https://evil.test/page/7").content.decode()
    assert "It has no /page/ in it." in add(boss, http_sink.url("/7")).content.decode()
    assert "pager-key-1" in add(boss, http_sink.url("/page/7")).content.decode()
    pager = Destination.objects.get()

    tested = boss.post(f"{PAGE}{pager.uid}/try/", follow=True).content.decode()
    assert "Test post delivered to “Night shift”. Listen for the beep." in tested
    assert http_sink.seen[0].json == {"page": "Closeboard: a test post"}

    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    http_sink.judge = lambda _: Reply(200, headers={"X-Busy": "yes"})
    tasks.post()
    assert Delivery.objects.get().state == "waiting"
    listed = boss.get(PAGE).content.decode()
    assert "<p>Pager <span>" in listed
    assert "Cannot be reached" in listed
    assert "The pager is busy." in listed

    age_outbox(timedelta(minutes=1))
    http_sink.judge = lambda _: Reply(200, b"ok")
    tasks.post()
    assert Delivery.objects.get().state == "sent"
    assert "EU DTC BV" in http_sink.seen[-1].json["page"]
    assert http_sink.seen[-1].headers["x-key"] == "pager-key-1"
    assert http_sink.seen[-1].headers["x-id"] == f"msg_{Delivery.objects.get().uid.hex}"
    assert "Works" in boss.get(PAGE).content.decode()


def test_a_destination_whose_kind_is_not_installed_waits_and_says_so(
    overdue_group: SampleGroup, http_sink: HttpSink, settings: Settings
) -> None:
    """As after going back to a version without the kind: nothing is lost, and its page still opens."""
    settings.CHANNEL_KINDS, boss = INSTALLED, signed_in_administrator()
    add(boss, http_sink.url("/page/7"))
    settings.CHANNEL_KINDS = STANDARD
    route_to_destinations([raise_notice(overdue_group)], timezone.now())
    tasks.post()
    assert (Delivery.objects.get().state, Delivery.objects.get().attempts) == ("waiting", 0)
    assert Channel.objects.get().words == "No channel of the kind “pager” is installed."
    assert Trouble.objects.get().refused
    pager = Destination.objects.get()
    assert "<p>pager <span>" in boss.get(PAGE).content.decode()
    assert boss.get(f"{PAGE}{pager.uid}/").status_code == 200
    assert boss.post(f"{PAGE}{pager.uid}/secret/").status_code == 404
    assert "refused the post" in boss.post(f"{PAGE}{pager.uid}/try/", follow=True).content.decode()
    assert not http_sink.seen
