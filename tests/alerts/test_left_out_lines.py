"""Lines that were left out fall due again while their episode runs, and no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from alerts.models import DeliveryLine
from closing.facts.base import NativePeriodFacts
from entities.models import Membership
from tests.alerts.mail.mail_scenarios import MailScenario, send_waiting
from tests.builders import FROM_JUNE, FROM_MAY, utc

pytestmark = pytest.mark.django_db


def goes_on(story: MailScenario, *states: NativePeriodFacts, minutes: int = 2) -> list[Sequence[str]]:
    """EU DTC BV is read in each of these states, so many minutes apart; what is due leaves after each."""
    told: list[Sequence[str]] = []
    for state in states:
        story.at(story.now + timedelta(minutes=minutes), NLDT=state)
        told.append(send_waiting(story))
    return told


CLOSED_LATE = "EU DTC BV has closed May 2026, 6 days late; Meridian Group has closed May 2026"
ALERT = "EU DTC BV is 6 days late for May 2026"


def test_a_close_of_two_minutes_costs_no_alert(alert_waits: MailScenario) -> None:
    assert goes_on(alert_waits, FROM_JUNE, FROM_MAY, FROM_MAY) == [[], [ALERT], []]


def test_a_close_that_no_evaluation_saw_costs_no_alert(alert_waits: MailScenario) -> None:
    alert_waits.group.read("2026-06-15 12:01", alert_waits.said | {"NLDT": FROM_JUNE})
    alert_waits.now = utc("2026-06-15 12:01")
    assert send_waiting(alert_waits) == []
    assert goes_on(alert_waits, FROM_MAY) == [[ALERT]]


def test_an_episode_that_has_ended_is_not_told_late(alert_waits: MailScenario) -> None:
    """The close lasted: the episode is over, and the next one has an alert of its own."""
    assert goes_on(alert_waits, FROM_JUNE, FROM_JUNE, FROM_JUNE, minutes=20) == [[], [], [CLOSED_LATE]]
    told = goes_on(alert_waits, FROM_MAY, FROM_MAY, minutes=20)
    assert told == [[ALERT], []]
    assert (
        DeliveryLine.objects.filter(notice__kind="alert", left_out="closed before it was sent").count() == 1
    )


def test_a_role_taken_and_given_back_costs_no_alert(alert_waits: MailScenario) -> None:
    role = Membership.objects.get(person=alert_waits.rosa)
    role.delete()
    assert goes_on(alert_waits, FROM_MAY) == [[]]
    Membership.objects.create(person=alert_waits.rosa, role=role.role, group=role.group)
    assert goes_on(alert_waits, FROM_MAY, FROM_MAY) == [[ALERT], []]


def test_a_connection_read_once_in_between_is_told_of_when_it_falls_silent_again(
    mail_scenario: MailScenario,
) -> None:
    mail_scenario.unread("2026-06-01 13:00")
    mail_scenario.at("2026-06-01 13:01")
    assert send_waiting(mail_scenario) == []
    mail_scenario.unread("2026-06-01 14:00")  # the same outage: it came back within two hours
    (told,) = send_waiting(mail_scenario)
    assert "4 entities not read since" in told
    mail_scenario.unread("2026-06-01 14:30")
    assert send_waiting(mail_scenario) == []
