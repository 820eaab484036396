"""Items that a person lets stand on purpose: bound to the item and its amount, ended by a person."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from closing.blockers.blocker_facts import FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS
from entities.models import Connection, LegalEntity
from infra.models import AuditEvent
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person
from tests.worklist.work_reads import begin_work, fact, record_facts
from worklist.models import BlockerReading, CarriedItem
from worklist.recording.carried_items import (
    CarriedNotAllowed,
    CarriedRefused,
    carry_on_purpose,
    end_carried,
)

pytestmark = pytest.mark.django_db
AT = utc("2026-06-03 12:00")


def two_invoices(source: Connection) -> BlockerReading:
    """Two vendor invoices of EU DTC BV are not posted."""
    attempt = begin_work(source, "2026-06-03 11:50")
    ids = (FactId("V-1", 1, Decimal("10.00")), FactId("V-2", 1, Decimal("20.00")))
    invoices = fact(
        "NLDT",
        BlockerKind.UNPOSTED_DOCUMENTS,
        2,
        attempt.started_at,
        part="vendor_invoices",
        ids=ids,
    )
    record_facts(attempt, [invoices])
    return BlockerReading.objects.get(count=2)


def left() -> int | None:
    board = take_snapshot(LegalEntity.objects.filter(code="NLDT"), MAY, AT)
    blockers = board.rows[0].get(BLOCKERS)
    assert blockers is not None
    return blockers.blockers[0].blocker.count


def test_a_carried_item_leaves_the_count_until_a_person_ends_it(source: Connection) -> None:
    reading = two_invoices(source)
    anna = person("Anna Owner")
    carried = carry_on_purpose(anna, "NLDT", reading.pk, "V-1", date(2026, 6, 30), "disputed", AT)
    assert (carried.amount, left()) == (Decimal("10.00"), 1)
    again = carry_on_purpose(anna, "NLDT", reading.pk, "V-1", date(2026, 7, 31), "still disputed", AT)
    assert CarriedItem.objects.get(ended_at=None) == again
    assert end_carried(anna, "NLDT", again.pk, AT)
    assert not end_carried(anna, "NLDT", again.pk, AT)
    assert left() == 2
    verbs = AuditEvent.objects.filter(verb__startswith="carried.").order_by("pk")
    assert list(verbs.values_list("verb", flat=True)) == ["carried.set", "carried.set", "carried.ended"]


@pytest.mark.parametrize(
    ("item", "until", "reason", "words"),
    [
        ("V-9", date(2026, 6, 30), "x", "no longer names"),
        ("V-1", date(2026, 6, 2), "x", "is past"),
        ("V-1", date(2026, 6, 30), " ", "Give the reason"),
    ],
)
def test_what_makes_no_sense_is_refused(
    source: Connection, item: str, until: date, reason: str, words: str
) -> None:
    reading = two_invoices(source)
    with pytest.raises(CarriedRefused, match=words):
        carry_on_purpose(person("Anna Owner"), "NLDT", reading.pk, item, until, reason, AT)
    assert not CarriedItem.objects.exists()


def test_only_who_writes_on_the_entity_carries(source: Connection) -> None:
    reading = two_invoices(source)
    with pytest.raises(CarriedNotAllowed):
        carry_on_purpose(
            person("Audrey Auditor", role="auditor"), "NLDT", reading.pk, "V-1", date(2026, 6, 30), "x", AT
        )
    stranger = person("Sven Stranger", where=LegalEntity.objects.get(code="USRT"))
    with pytest.raises(LegalEntity.DoesNotExist):
        carry_on_purpose(stranger, "NLDT", reading.pk, "V-1", date(2026, 6, 30), "x", AT)
