"""Mail by a token of Entra instead of a password: real SMTP, and real HTTP to the simulator's sign-in (C21)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts.channels import state as channel_state
from alerts.models import Channel, Delivery, Notice
from alerts.outbox.sending import send_due_mails
from simulator.run import Running
from tests.faults.outbox_helpers import age_outbox, count_unsent, save_due_messages
from tests.faults.smtp_sink import Sink

pytestmark = [pytest.mark.fault, pytest.mark.django_db, pytest.mark.usefixtures("mails_to_smtp_sink")]


def sweep() -> int:
    return send_due_mails(timezone.now())


def tokens_asked_for(entra: Running) -> int:
    return len(entra.requests("/oauth2/v2.0/token"))


def test_c21_mails_leave_by_a_token_that_serves_many_connections(
    smtp_sink: Sink, alert: Notice, microsoft_365: Running
) -> None:
    for count in (3, 2):
        save_due_messages(alert, count, first=count * 10)
        assert sweep() == count
    assert smtp_sink.commands["CONNECT"] == smtp_sink.commands["AUTH"] == 2
    assert tokens_asked_for(microsoft_365) == 1


def test_c21_a_token_that_is_no_longer_accepted_is_renewed_once(
    smtp_sink: Sink, alert: Notice, microsoft_365: Running
) -> None:
    given: list[str] = []

    def accepts(_: str, token: str) -> bool:
        given.append(token)
        return token != given[0]

    smtp_sink.accepts_token = accepts
    save_due_messages(alert, 2)
    assert sweep() == 2
    assert len(given) == 2
    assert tokens_asked_for(microsoft_365) == 2


@pytest.mark.usefixtures("microsoft_365")
def test_c21_a_mailbox_that_the_application_may_not_use_parks_nothing(smtp_sink: Sink, alert: Notice) -> None:
    smtp_sink.accepts_token = lambda *_: False
    save_due_messages(alert, 2)
    for _ in range(3):
        assert sweep() == 0
        age_outbox(channel_state.PAUSE)
    assert count_unsent("waiting") == 2
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert "535 5.7.3 Authentication unsuccessful" in Channel.objects.get().words
    smtp_sink.accepts_token = lambda *_: True
    assert sweep() == 2


def test_c21_a_wrong_secret_is_named_and_never_shown(
    smtp_sink: Sink,
    alert: Notice,
    microsoft_365: Running,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server is not even called; a corrected secret is used after the pause."""
    settings.MAIL_OAUTH_CLIENT_SECRET = "swordfish9"
    save_due_messages(alert, 2)
    assert sweep() == 0
    words = Channel.objects.get().words
    assert (
        "The client secret is wrong. Enter the secret's value (not its id) in the settings MAIL_OAUTH_"
        in words
    )
    assert smtp_sink.commands["CONNECT"] == 0
    assert "swordfish9" not in words + "".join(capfd.readouterr()) + caplog.text
    settings.MAIL_OAUTH_CLIENT_SECRET = "simulator"
    age_outbox(channel_state.PAUSE)
    assert sweep() == 2
    assert tokens_asked_for(microsoft_365) == 2


def test_c21_a_token_is_never_shown(
    smtp_sink: Sink,
    alert: Notice,
    microsoft_365: Running,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where the mail server repeats it in its refusal."""
    given: list[str] = []

    def refuse(_: str, token: str) -> bool:
        given.append(token)
        return False

    smtp_sink.accepts_token = refuse
    save_due_messages(alert, 1)
    assert sweep() == 0
    shown = (
        "".join(capfd.readouterr()) + caplog.text + Channel.objects.get().words + Delivery.objects.get().words
    )
    assert given
    assert not any(token in shown for token in given)
    assert tokens_asked_for(microsoft_365) == 2


def test_c21_a_host_of_tokens_that_is_not_allowed_is_not_contacted(
    smtp_sink: Sink, alert: Notice, microsoft_365: Running, settings: Settings
) -> None:
    settings.ERP_ALLOWED_HOSTS = ("login.microsoftonline.com",)
    save_due_messages(alert, 1)
    assert sweep() == 0
    assert "may not be contacted" in Channel.objects.get().words
    assert tokens_asked_for(microsoft_365) == 0
    assert Delivery.objects.get().state == "waiting"
    assert smtp_sink.copies == []


def test_c21_a_sign_in_that_is_away_is_waited_for(
    smtp_sink: Sink, alert: Notice, microsoft_365: Running, settings: Settings
) -> None:
    """As a mail server that does not answer: tried again without end, and nothing is parked."""
    save_due_messages(alert, 1)
    settings.MAIL_OAUTH_AUTHORITY = "http://127.0.0.1:9"
    Delivery.objects.update(attempts=60, made_at=timezone.now() - timedelta(days=5))
    assert sweep() == 0
    assert Delivery.objects.get().state == "waiting"
    settings.MAIL_OAUTH_AUTHORITY = microsoft_365.url
    assert sweep() == 1
    assert len(smtp_sink.copies) == 1


@pytest.mark.usefixtures("microsoft_365")
def test_c21_a_server_without_sign_in_by_token_gets_no_token(smtp_sink: Sink, alert: Notice) -> None:
    smtp_sink.accepts_token, smtp_sink.login = None, ("closeboard", "right")
    save_due_messages(alert, 1)
    assert sweep() == 0
    assert "XOAUTH2" in Channel.objects.get().words
    assert smtp_sink.commands["AUTH"] == 0


def test_c21_a_password_still_signs_in(smtp_sink: Sink, alert: Notice, settings: Settings) -> None:
    smtp_sink.login = ("closeboard", "right")
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "closeboard", "right"
    save_due_messages(alert, 1)
    assert sweep() == 1
