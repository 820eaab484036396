"""The proof finds nothing where all is well, and names whatever was taken away, made up or never sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Delivery, DeliveryLine, Notice, ProofRun
from alerts.proof import Proof, prove, prove_and_keep
from alerts.raising import evaluate_and_raise
from closing.notices import Kind
from closing.readings import NativeFacts
from tests.alerts.evaluations import ALL_CLOSED, evaluated, save_watched_group, watched
from tests.alerts.test_raising import meridian
from tests.make import CLOSED, MAY, OPEN, utc
from tests.saved import Meridian

__all__ = ["meridian"]  # a fixture
pytestmark = pytest.mark.django_db
PLUS_SIX = "2026-06-15 12:00"


@pytest.fixture
def alerted(meridian: Meridian) -> Meridian:
    """EU DTC BV was past the line on 15 June, and everybody who had to hear of it has."""
    evaluated(meridian, "2026-06-14 12:00", NLDT=OPEN)
    evaluated(meridian, PLUS_SIX, NLDT=OPEN)
    Delivery.objects.update(state="sent", ended_at=utc(PLUS_SIX))
    return meridian


def words(found: Proof) -> list[str]:
    return [f"{each.entity}: {each.words}" for each in found.differences]


def test_all_is_as_the_history_says(alerted: Meridian) -> None:
    found = prove(utc("2026-06-15 13:00"))
    assert (found.expected, words(found)) == (1, [])
    assert prove(utc("2026-06-15 13:00"), MAY).expected == 1
    assert prove(utc("2026-06-14 13:00")).expected == 0


def test_an_alert_that_is_lost_is_named(alerted: Meridian) -> None:
    Notice.objects.all().delete()
    assert words(prove(utc("2026-06-15 13:00"))) == [
        "EU DTC BV: an alert had to exist from here on, and does not"
    ]


def test_an_alert_without_a_cause_is_named(alerted: Meridian) -> None:
    Notice.objects.update(raised_at=utc("2026-06-14 12:00"))
    assert "an alert exists, and the history has no cause for it" in " ".join(
        words(prove(utc("2026-06-15 13:00")))
    )


def test_messages_that_reached_nobody_are_named(alerted: Meridian) -> None:
    later = utc("2026-06-15 13:30")
    Delivery.objects.update(state="parked")
    assert words(prove(later)) == ["EU DTC BV: its alert has reached nobody: no message could be sent"]
    Delivery.objects.update(state="waiting", ended_at=None)
    assert words(prove(later)) == ["EU DTC BV: its alert still waits to be sent"]
    Delivery.objects.filter(recipient__name="Rosa").update(state="sent", ended_at=later)
    assert words(prove(later)) == []
    DeliveryLine.objects.all().delete()
    assert words(prove(later)) == ["EU DTC BV: its alert was for nobody: there is nobody to notify"]


def test_the_command_and_the_nightly_run_say_the_same(alerted: Meridian) -> None:
    out = StringIO()
    at = utc("2026-06-15 13:00")
    call_command("prove_alerts", "--as-of", "2026-06-15T13:00:00Z", stdout=out)
    assert "1 alerts had to exist: all of them do." in out.getvalue()
    Notice.objects.all().delete()
    with pytest.raises(SystemExit) as ended:
        call_command("prove_alerts", "--month", "2026-05", "--as-of", "2026-06-15T13:00:00Z", stdout=out)
    assert ended.value.code == 1
    prove_and_keep(at)
    (kept,) = ProofRun.objects.all()
    assert (kept.expected, len(kept.differences)) == (1, 1)
    assert kept.differences[0] in out.getvalue()


_steps = st.lists(st.tuples(st.sampled_from([OPEN, CLOSED]), st.integers(1, 60)), min_size=1, max_size=8)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps)
def test_whatever_the_erp_says_what_was_raised_is_what_had_to_be(
    steps: list[tuple[NativeFacts, int]],
) -> None:
    """Reads at any distance from the line, evaluated every other minute: raising and the proof name the same."""
    with transaction.atomic():
        group = save_watched_group()
        at = utc("2026-06-14 21:30")  # the line is crossed at 22:00 UTC
        group.read(at, ALL_CLOSED | {"NLDT": OPEN})
        for state, hours in steps:
            at = _minutes(group, at, hours)
            group.read(at, ALL_CLOSED | {"NLDT": state})
        at = _minutes(group, at, 40)
        Delivery.objects.update(state="sent", ended_at=at)
        found = prove(at)
        assert words(found) == []
        assert found.expected <= Notice.objects.filter(kind=Kind.ALERT).count()
        transaction.set_rollback(True)


def _minutes(group: Meridian, at: datetime, minutes: int) -> datetime:
    """The evaluations of so many minutes."""
    until = at + timedelta(minutes=minutes)
    while at < until:
        watched(at, hours=12 if at.minute == 30 else 0)
        evaluate_and_raise(at)
        at += timedelta(minutes=2)
    return until
