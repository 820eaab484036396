"""Signing in and out, and being refused, leave their traces in the audit log; nothing typed is kept."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from entities.models import Person
from infra.models import AuditEvent, RefusedAct
from tests.db_builders import PASSWORD

ADDRESS = "203.0.113.9"


@pytest.mark.django_db
class TestSignIn:
    def test_an_event_has_the_person_the_address_and_an_id_of_its_request(
        self,
        caplog: pytest.LogCaptureFixture,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        browser = Client(REMOTE_ADDR=ADDRESS)
        rosa = Person.objects.create_user("rosa.bell@meridian.test", PASSWORD, name="Rosa Bell")
        with (
            caplog.at_level(logging.INFO, "infra.audit"),
            django_capture_on_commit_callbacks(execute=True),
        ):
            browser.post("/login/", {"username": "Rosa.Bell@meridian.test", "password": PASSWORD})
            browser.post("/logout/")
        signed_in, signed_out = AuditEvent.objects.order_by("pk")
        assert (signed_in.verb, signed_out.verb) == ("person.signed_in", "person.signed_out")
        for event in (signed_in, signed_out):
            assert (event.actor_kind, event.actor_id, event.actor) == ("person", rosa.pk, "Rosa Bell")
            assert (event.through, event.address, len(event.request_id)) == ("page", ADDRESS, 32)
        assert signed_in.request_id != signed_out.request_id
        lines = [record.getMessage() for record in caplog.records if record.name == "infra.audit"]
        assert len(lines) == 2
        assert "person.signed_in" in lines[0]
        assert ADDRESS in lines[0]

    def test_refusals_are_counted_and_what_was_typed_is_not_kept(self) -> None:
        browser = Client(REMOTE_ADDR=ADDRESS)
        rosa = Person.objects.create_user("rosa.bell@meridian.test", PASSWORD, name="Rosa Bell")
        for account in (
            "ROSA.BELL@meridian.test",
            "rosa.bell@meridian.test",
            PASSWORD,
            "with\0a-nul",
            "x" * 300,
            "",
        ):
            browser.post("/login/", {"username": account, "password": "wrong"})
        counted = RefusedAct.objects.order_by("-times").values_list(
            "account_id", "account", "address", "times"
        )
        assert list(counted) == [(None, "unknown account", ADDRESS, 4), (rosa.pk, "Rosa Bell", ADDRESS, 2)]
        assert not AuditEvent.objects.exists()

    def test_an_address_that_is_none_does_no_harm(self) -> None:
        """A proxy may pass on what a client made up."""
        browser = Client(REMOTE_ADDR="y" * 500)
        Person.objects.create_user("rosa.bell@meridian.test", PASSWORD, name="Rosa Bell")
        browser.post("/login/", {"username": "rosa.bell@meridian.test", "password": "wrong"})
        browser.post("/login/", {"username": "rosa.bell@meridian.test", "password": PASSWORD})
        assert {RefusedAct.objects.get().address, AuditEvent.objects.get().address} == {"y" * 45}
