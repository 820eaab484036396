"""Items that a person lets stand on purpose: bound to the item and its amount, ended by a person."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from closing.blockers.blocker_facts import MAX_IDS, FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import Blocker
from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from periods.models import News
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import adopt, generate, person, task_of
from tests.worklist.work_reads import begin_work, fact, invoices_read, lines, may_of, record_facts
from worklist.models import BlockerReading, CarriedItem
from worklist.recording.carried_items import (
    CarriedNotAllowed,
    CarriedRefused,
    FactInForce,
    carry_on_purpose,
    end_carried,
    undo_carried,
)
from worklist.task_store.task_people import people_of_tasks

pytestmark = pytest.mark.django_db
AT = utc("2026-06-03 12:00")
JUNE = date(2026, 6, 30)


INVOICES = [FactId("V-1", 1, Decimal("10.00")), FactId("V-2", 1, Decimal("20.00"))]


def carry(
    by: Person,
    key: FactInForce,
    *items: FactId,
    until: date = JUNE,
    reason: str = "disputed",
    at: datetime = AT,
) -> list[CarriedItem]:
    return carry_on_purpose(by, "NLDT", key, items, until, reason, at)


def blocker(at: datetime = AT, code: str = "NLDT") -> Blocker:
    board = take_snapshot(LegalEntity.objects.filter(code=code), MAY, at)
    blockers = board.rows[0].get(BLOCKERS)
    assert blockers is not None
    return blockers.blockers[0].blocker


def verbs() -> list[str]:
    events = AuditEvent.objects.filter(verb__startswith="carried.").order_by("pk")
    return list(events.values_list("verb", flat=True))


def test_a_carried_item_leaves_the_count_until_a_person_ends_it(
    carrier: Person, invoices: FactInForce
) -> None:
    (carried,) = carry(carrier, invoices, INVOICES[0])
    assert (carried.amount, blocker().count) == (Decimal("10.00"), 1)
    assert "1 more carried on purpose until 30 June, because disputed" in blocker().because
    (again,) = carry(carrier, invoices, INVOICES[0], reason="still disputed")
    assert CarriedItem.objects.get(ended_at=None) == again
    assert end_carried(carrier, "NLDT", invoices, ["V-1"], AT) == 1
    assert end_carried(carrier, "NLDT", invoices, ["V-1"], AT) == 0
    assert blocker().count == 2
    assert verbs() == ["carried.set", "carried.set", "carried.ended"]


def test_several_items_are_one_act_and_undo_restores_what_was_before(
    carrier: Person, invoices: FactInForce
) -> None:
    carry(carrier, invoices, INVOICES[0], reason="first")
    later = AT + timedelta(minutes=1)
    carry(carrier, invoices, *INVOICES, reason="both", at=later)
    assert (blocker(later).count, len(verbs())) == (0, 2)
    assert undo_carried(carrier, "NLDT", later, later + timedelta(minutes=1)) == 3
    assert [mark.reason for mark in CarriedItem.objects.filter(ended_at=None)] == ["first"]
    assert undo_carried(carrier, "NLDT", later, later + timedelta(minutes=2)) == 0
    ended_at = later + timedelta(minutes=3)
    end_carried(carrier, "NLDT", invoices, ["V-1"], ended_at)
    assert undo_carried(carrier, "NLDT", ended_at, ended_at + timedelta(minutes=1)) == 1
    assert blocker(ended_at + timedelta(minutes=1)).count == 1


def test_a_changed_amount_drops_the_mark(source: Connection, carrier: Person, invoices: FactInForce) -> None:
    carry(carrier, invoices, INVOICES[0])
    invoices_read(source, AT + timedelta(minutes=30), [FactId("V-1", 1, Decimal("11.00")), INVOICES[1]])
    assert blocker(AT + timedelta(hours=1)).count == 2


@pytest.mark.parametrize(
    ("item", "until", "reason", "words"),
    [
        (FactId("V-9", 1), JUNE, "x", "no longer in the way"),
        (INVOICES[0], date(2026, 6, 2), "x", "has passed"),
        (INVOICES[0], date(2026, 7, 1), "x", "at the latest until the end of the next period, 30 June 2026"),
        (INVOICES[0], JUNE, " ", "Give the reason"),
        (FactId("V-1", 1, Decimal("9.00")), JUNE, "x", "V-1 has changed.* its amount is 10.00 now"),
    ],
)
def test_what_makes_no_sense_is_refused(
    carrier: Person, invoices: FactInForce, item: FactId, until: date, reason: str, words: str
) -> None:
    with pytest.raises(CarriedRefused, match=words):
        carry(carrier, invoices, INVOICES[1], item, until=until, reason=reason)
    assert not CarriedItem.objects.exists()


def test_beyond_two_thousand_items_none_can_be_carried(source: Connection, carrier: Person) -> None:
    many = [FactId(f"V-{number}", 1) for number in range(MAX_IDS)]
    attempt = begin_work(source, "2026-06-03 11:50")
    record_facts(attempt, [lines("NLDT", MAX_IDS + 1, attempt.started_at, ids=tuple(many))])
    with pytest.raises(CarriedRefused, match="more than 2,000 items"):
        carry(carrier, FactInForce(BlockerKind.UNPOSTED_JOURNALS, period=may_of("NLDT").pk), many[0])


def test_a_difference_of_counterparties_is_carried_for_both(source: Connection, carrier: Person) -> None:
    adopt()
    attempt = begin_work(source, "2026-06-03 11:50")
    pair = FactId("NLDT/UKRT", 1, Decimal("640.00"))
    apart = fact(
        "NLDT",
        BlockerKind.INTERCOMPANY_IMBALANCE,
        1,
        attempt.started_at,
        part="NLDT/UKRT",
        amount=Decimal("640.00"),
        currency="EUR",
        ids=(pair,),
    )
    record_facts(attempt, [apart])
    key = FactInForce(BlockerKind.INTERCOMPANY_IMBALANCE, "NLDT/UKRT", "EUR", may_of("UKRT").pk)
    carry_on_purpose(carrier, "UKRT", key, [pair], JUNE, "invoice on its way", AT)
    assert [blocker(code=code).count for code in ("NLDT", "UKRT")] == [0, 0]
    heard = News.objects.filter(kind="blockers").order_by("-pk")[0].ids
    codes = LegalEntity.objects.filter(pk__in=heard or ()).order_by("code").values_list("code", flat=True)
    assert list(codes) == ["NLDT", "UKRT"]
    generate()
    for code in ("NLDT", "UKRT"):
        task = task_of("ic", code)
        task.generated_at = AT
        assert people_of_tasks(carrier, [task], AT).of(task).carried_by == {carrier.pk}
    stranger = person("Sven Stranger", where=LegalEntity.objects.get(code="UKRT"))
    with pytest.raises(BlockerReading.DoesNotExist):
        carry_on_purpose(stranger, "UKRT", key, [pair], JUNE, "x", AT)


def test_only_who_writes_on_the_entity_carries(source: Connection, invoices: FactInForce) -> None:
    auditor = person("Audrey Auditor", role="auditor")
    with pytest.raises(CarriedNotAllowed):
        carry(auditor, invoices, INVOICES[0])
    with pytest.raises(CarriedNotAllowed):
        undo_carried(auditor, "NLDT", AT, AT)
    stranger = person("Sven Stranger", where=LegalEntity.objects.get(code="USRT"))
    with pytest.raises(LegalEntity.DoesNotExist):
        carry(stranger, invoices, INVOICES[0])
