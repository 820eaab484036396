"""Scenarios of the page of alerts: notices raised by the real evaluation, deliveries ended as a test requires."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from alerts.evaluate.run import EvaluationResult, run_evaluation_once_a_minute
from alerts.models import Delivery, DeliveryLine
from closing.facts.base import NativePeriodFacts
from entities.models import Membership
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_person, save_worked_example

# On 15 June EU DTC BV is 6 days late; US Retail Inc is on hold, and on the 17th over the line as well.
ALERTED_AT = utc("2026-06-15 12:00")
REPORTED_FACTS: dict[str, NativePeriodFacts] = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}
MINUTE = timedelta(minutes=1)


def evaluate_now(at: datetime) -> EvaluationResult:
    """Run one evaluation as the worker does each minute."""
    raised = run_evaluation_once_a_minute(lambda: at)
    assert raised is not None
    return raised


def evaluate_around_read(
    group: SampleGroup, at: datetime, said: Mapping[str, NativePeriodFacts] = REPORTED_FACTS
) -> EvaluationResult:
    """Evaluate, read, and evaluate again at the moment, so that the reading may raise notices."""
    evaluate_now(at - 2 * MINUTE)
    group.read(at - MINUTE, said)
    return evaluate_now(at)


def save_eu_dtc_alert() -> SampleGroup:
    """The worked example until EU DTC BV alerts on 15 June; deliveries wait for its owner and finance."""
    group = save_worked_example()
    join(group)
    evaluate_around_read(group, ALERTED_AT)
    return group


def join(group: SampleGroup) -> None:
    """Rosa is finance of the group; Sanne owns EU DTC BV and Dana US Retail Inc, and may see them."""
    save_person()
    for code in ("NLDT", "USRT"):
        entity = group.entities[code]
        assert entity.owner is not None
        Membership.objects.create(person=entity.owner, role=Membership.Role.OWNER, entity=entity)


def mark_deliveries_sent(at: datetime, deliveries: Collection[Delivery] | None = None) -> None:
    """Mark these deliveries, or all that wait, as sent at a moment."""
    end_deliveries(Delivery.State.SENT, at, deliveries=deliveries)


def end_deliveries(
    state: Delivery.State,
    at: datetime,
    words: str = "",
    deliveries: Collection[Delivery] | None = None,
) -> None:
    """End deliveries in a state at a moment of the scenario; the outbox itself uses the database's clock only."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING)
    if deliveries is not None:
        waiting = waiting.filter(pk__in=[each.pk for each in deliveries])
    assert waiting.update(state=state, ended_at=at, words=words, attempts=1)


def deliveries_to(email: str) -> list[Delivery]:
    """The deliveries to a person."""
    found = list(Delivery.objects.filter(recipient__email=email))
    assert found
    return found


def untell(email: str) -> None:
    """Mark all lines to a person as left out, so that their messages contain no notice."""
    assert DeliveryLine.objects.filter(recipient__email=email).update(left_out="closed before it was sent")
