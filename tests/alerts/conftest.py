"""The cast as the alerts see it: who hears of it, whether mails leave, and what time a command has."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from alerts.models import Delivery
from tests.alerts.evaluations import read_and_evaluate, save_group_with_recipients
from tests.alerts.mail.mail_scenarios import BASE_URL, MailScenario, send_waiting
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup
from tests.saved_once import saved_once
from tests.settable_clock import SettableClock


@pytest.fixture
def meridian() -> SampleGroup:
    """Rosa is finance of the cast, Paul of the UK; Sanne owns EU DTC BV and may see it."""
    return saved_once(save_group_with_recipients)


@pytest.fixture
def alerted_group(meridian: SampleGroup) -> SampleGroup:
    """EU DTC BV was past the line on 15 June, and everybody who had to hear of it has."""
    read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN)
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    Delivery.objects.update(state="sent", ended_at=utc("2026-06-15 12:00"))
    return meridian


@pytest.fixture
def mail_scenario(mails_leave: None) -> MailScenario:
    """The scenario of the mails begins, and mails leave."""
    return saved_once(MailScenario)


@pytest.fixture
def alert_waits(mail_scenario: MailScenario) -> MailScenario:
    """The alert of EU DTC BV, 6 days late, waits for Rosa; the other three have closed."""
    mail_scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    send_waiting(mail_scenario)
    mail_scenario.at("2026-06-15 12:00")
    return mail_scenario


@pytest.fixture
def public_address(settings: Settings) -> None:
    """Links in mails and posts lead to the address of the golden files."""
    settings.PUBLIC_BASE_URL = BASE_URL


@pytest.fixture
def command_clock(monkeypatch: pytest.MonkeyPatch) -> SettableClock:
    """`explain_alerts` takes the time from this clock."""
    clock = SettableClock(utc("2026-06-15 12:00"))
    monkeypatch.setattr("alerts.management.commands.explain_alerts.timezone.now", clock)
    return clock
