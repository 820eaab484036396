"""Groups whose alerts have been raised, people signed in to see them, and the clocks of these pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from alerts.models import Notice
from alerts.notices.notice_specs import SPECS
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.router import route_notices
from closing.judging.notice_rules import HOLD_DOWN
from entities.models import Group, Membership, Person
from tests.alerts.channels.destination_builders import save_destination
from tests.alerts.evaluations import (
    evaluate_and_list_notices,
    read_and_evaluate,
    save_evaluation_span,
    save_group_with_recipients,
    save_member,
)
from tests.alerts.notices.extra_kinds import SIGNED, UNKNOWN, save_notice
from tests.alerts.scenarios import (
    ALERTED_AT,
    MINUTE,
    evaluate_around_read,
    mark_deliveries_sent,
    save_eu_dtc_alert,
)
from tests.board.page_client import signed_in
from tests.builders import utc
from tests.db_builders import SampleGroup, save_person
from tests.saved_once import saved_once
from tests.settable_clock import SettableClock

Role = Membership.Role
GROUP_CLOSED_AT = utc("2026-06-09 12:00")
SILENT_AT = GROUP_CLOSED_AT + HOLD_DOWN + timedelta(minutes=35)


@pytest.fixture
def clock_after_alert(clock: SettableClock, settings: Settings) -> SettableClock:
    """The clock stands a minute after the alert of EU DTC BV, and mails leave."""
    settings.MAILS_LEAVE = True
    clock.at = ALERTED_AT + MINUTE
    return clock


@pytest.fixture
def alerted_meridian(db: None) -> SampleGroup:
    """EU DTC BV is over the alert line, and its alert has been raised."""
    return saved_once(save_eu_dtc_alert)


@pytest.fixture(params=[SIGNED.kind, UNKNOWN])
def extra_notice(
    request: pytest.FixtureRequest,
    alerted_meridian: SampleGroup,
    clock_after_alert: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Notice:
    """A notice of a kind beyond those of the product, with or without a specification, waits for all its readers."""
    monkeypatch.setitem(SPECS, SIGNED.kind, SIGNED)
    mark_deliveries_sent(ALERTED_AT)
    for kind in ("teams", "slack", "webhook"):
        save_destination(kind, "https://hooks.example.test/in", kinds=[request.param])
    notice = save_notice(request.param, "NLDT", ALERTED_AT)
    assert route_notices([notice], EvaluationContext(ALERTED_AT)) == 5  # Rosa, Sanne and three destinations
    return notice


@pytest.fixture
def rosa_after_two_alerts(db: None, clock_after_alert: SettableClock) -> Client:
    """Rosa Bell is signed in on 17 June 2026, when US Retail Inc is over the alert line too."""
    saved_once(_save_two_alerts)
    clock_after_alert.at = utc("2026-06-17 12:01")
    return signed_in(Person.objects.get(email="rosa.bell@meridian.test"))


def _save_two_alerts() -> None:
    group = save_eu_dtc_alert()
    mark_deliveries_sent(ALERTED_AT)
    evaluate_around_read(group, utc("2026-06-17 12:00"))


@pytest.fixture
def nadia_after_alert(alerted_meridian: SampleGroup) -> Client:
    """Nadia Ward, administrator of the group, is signed in after the alert of EU DTC BV."""
    return signed_in(save_person("nadia@meridian.test", "Nadia Ward", role=Role.ADMINISTRATOR))


@pytest.fixture
def nadia_in_unread_group(unread_group: SampleGroup) -> Client:
    """Nadia Ward, administrator of the group that has no reading, is signed in."""
    return signed_in(save_person("nadia@meridian.test", "Nadia Ward", role=Role.ADMINISTRATOR))


@pytest.fixture
def closed_and_silent_group(db: None, clock: SettableClock) -> None:
    """The United Kingdom and then all entities have closed; half an hour later the ERP falls silent."""
    clock.at = SILENT_AT + timedelta(minutes=1)
    saved_once(_save_closed_and_silent_group)


def _save_closed_and_silent_group() -> None:
    group = save_group_with_recipients()
    read_and_evaluate(group, GROUP_CLOSED_AT)
    read_and_evaluate(group, GROUP_CLOSED_AT + HOLD_DOWN)
    save_evaluation_span(SILENT_AT)
    evaluate_and_list_notices(SILENT_AT)


@pytest.fixture
def unsubscribe_clock(clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages behind the links of mails read the clock of the board's requests too."""
    monkeypatch.setattr("board.notifications.unsubscribe.now", clock)


@pytest.fixture
def rosa_person(meridian: SampleGroup, client: Client) -> Person:
    """Rosa of group finance has signed in with pytest's client."""
    rosa = save_member("rosa", Role.FINANCE, Group.objects.get(code="MERIDIAN"), zone="Europe/London")
    client.force_login(rosa)
    return rosa
