"""`manage.py explain_alerts`: each verdict with its reason and all that it rests on."""

from __future__ import annotations

from datetime import date, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from alerts.models import Silence
from entities.models import Person
from periods.remarks import acknowledge, set_expected_close
from tests.alerts.evaluations import read_and_evaluate, save_evaluation_span
from tests.builders import MAY, OPEN, utc
from tests.db_builders import SampleGroup
from tests.settable_clock import SettableClock

pytestmark = pytest.mark.django_db


def explained(clock: SettableClock, at: str | datetime = "", *words: str) -> list[str]:
    if at:
        clock.at = utc(at) if isinstance(at, str) else at
    out = StringIO()
    call_command("explain_alerts", "nldt", *words, stdout=out)
    return out.getvalue().splitlines()


def test_an_alert_with_all_that_it_rests_on(meridian: SampleGroup, command_clock: SettableClock) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert explained(command_clock, "2026-06-15 12:01") == [
        "EU DTC BV, May 2026: open, alerting, 6 days late",
        "  Deadline: Tue 9 June 2026; policy Group close, version 1",
        "  Last read: 2026-06-15 12:00 UTC, within its limit",
        "  alert: not due, sent already",
    ]


def test_what_waits_says_for_what(meridian: SampleGroup, command_clock: SettableClock) -> None:
    read_and_evaluate(meridian, "2026-06-14 12:00", NLDT=OPEN)
    save_evaluation_span(utc("2026-06-20 12:00"), hours=1)
    assert "  alert: not due, not alerting" in explained(command_clock, "2026-06-20 12:00")
    assert "  Last read: 2026-06-14 12:00 UTC, too old" in explained(command_clock)
    read_and_evaluate(meridian, "2026-06-20 12:05", NLDT=OPEN)
    rosa, at = Person.objects.get(name="Rosa"), utc("2026-06-20 12:10")
    acknowledge(rosa, "NLDT", MAY, "Working on it", at)
    set_expected_close(rosa, "NLDT", MAY, date(2026, 6, 30), "", at)
    promised = "waits: somebody has taken it over, and the expected close has not passed"
    told_before = explained(command_clock, "2026-06-20 12:11")
    assert f"  escalation 1: not due, {promised}" not in told_before
    read_and_evaluate(meridian, "2026-06-25 12:00", NLDT=OPEN)
    assert f"  escalation 2: not due, {promised}" in explained(command_clock, "2026-06-25 12:01")


def test_a_silence_is_named(meridian: SampleGroup, command_clock: SettableClock) -> None:
    entity, rosa = meridian.entities["NLDT"], Person.objects.get(name="Rosa")
    Silence.objects.create(
        entity=entity,
        last_day=date(2026, 6, 30),
        reason="carriers",
        by=rosa,
        made_at=utc("2026-06-10 09:00"),
    )
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert "  alert: not due, silenced" in explained(command_clock, "2026-06-15 12:01")


def test_nothing_open_and_nobody_watching(meridian: SampleGroup, command_clock: SettableClock) -> None:
    read_and_evaluate(meridian, "2026-06-08 12:00")
    assert explained(command_clock, "2026-06-08 12:01") == [
        "EU DTC BV: no ended period is open, and no close is still to be reported."
    ]
    assert explained(command_clock, "2026-06-09 12:00")[0].startswith("No evaluation has run lately")


def test_a_month_and_an_entity_that_are_none(meridian: SampleGroup, command_clock: SettableClock) -> None:
    read_and_evaluate(meridian, "2026-06-15 12:00", NLDT=OPEN)
    assert len(explained(command_clock, "2026-06-15 12:01", "--month", "2026-05")) == 4
    assert len(explained(command_clock, "2026-06-15 12:01", "--month", "2026-04")) == 1
    with pytest.raises(CommandError, match="A month is written like 2026-05"):
        explained(command_clock, "", "--month", "May")
    with pytest.raises(CommandError, match="There is no entity XX"):
        call_command("explain_alerts", "XX")
