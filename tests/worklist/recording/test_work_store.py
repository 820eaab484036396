"""Recording what a read brought of unfinished work: only changes, whole, in order, and never zero for unread."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import WorkGap
from entities.models import Connection
from periods.recording.attempts import OutOfOrderRead, begin_attempt_of
from periods.recording.store import LeaseLost
from tests.builders import utc
from tests.worklist.work_reads import (
    LEASE,
    begin_work,
    fact,
    lines,
    lines_read,
    part_of,
    record_facts,
)
from worklist.models import BlockerReading, WorkAttempt, WorkSpan

pytestmark = pytest.mark.django_db


def counts(code: str = "NLDT", *, in_force: bool = False) -> list[int | None]:
    rows = BlockerReading.objects.filter(entity__code=code).order_by("pk")
    return list((rows.filter(superseded_at=None) if in_force else rows).values_list("count", flat=True))


def test_an_unchanged_fact_writes_no_row_and_a_changed_one_ends_the_one_before(source: Connection) -> None:
    assert lines_read(source, "2026-06-02 08:00", NLDT=61, UKRT=0).changes == 2
    assert lines_read(source, "2026-06-02 08:30", NLDT=61, UKRT=0).changes == 0
    assert lines_read(source, "2026-06-02 09:00", NLDT=12, UKRT=0).changes == 1
    assert counts() == [61, 12]
    before, now = BlockerReading.objects.filter(entity__code="NLDT").order_by("pk")
    assert (before.read_at, before.superseded_at) == (utc("2026-06-02 08:00"), utc("2026-06-02 09:00"))
    assert (now.read_at, now.superseded_at) == (utc("2026-06-02 09:00"), None)


def test_a_confirmed_reading_writes_no_span_and_a_gap_ends_it_at_the_last_good_read(
    source: Connection,
) -> None:
    lines_read(source, "2026-06-02 08:00", NLDT=61, UKRT=0)
    lines_read(source, "2026-06-02 08:30", NLDT=61, UKRT=0)
    assert WorkSpan.objects.count() == 2
    attempt = begin_work(source, "2026-06-02 09:00")
    gap = WorkGap(part_of("NLDT").entity, BlockerKind.UNPOSTED_JOURNALS, "", "timed out")
    record_facts(attempt, [lines("UKRT", 0, attempt.started_at)], gaps=(gap,))
    span = WorkSpan.objects.get(entity__code="NLDT")
    assert span.last_read_at == utc("2026-06-02 08:30")
    assert WorkSpan.objects.get(entity__code="UKRT").last_attempt is None
    assert counts() == [61]
    assert WorkAttempt.objects.order_by("-pk")[0].outcome == "partial"


def test_a_currency_that_is_gone_becomes_zero(source: Connection) -> None:
    attempt = begin_work(source, "2026-06-02 08:00")
    bank = BlockerKind.BANK_NOT_RECONCILED
    in_two = [
        fact("NLDT", bank, 2, attempt.started_at, amount=Decimal("10.50"), currency="EUR"),
        fact("NLDT", bank, 1, attempt.started_at, amount=Decimal("7.00"), currency="USD"),
    ]
    record_facts(attempt, in_two)
    attempt = begin_work(source, "2026-06-02 08:30")
    record_facts(attempt, [fact("NLDT", bank, 2, attempt.started_at, amount=Decimal("10.5"), currency="EUR")])
    in_force = BlockerReading.objects.filter(superseded_at=None).order_by("currency")
    assert list(in_force.values_list("currency", "count")) == [("EUR", 2), ("USD", 0)]


def test_a_part_that_is_refused_has_no_count_whatever_was_known_before(source: Connection) -> None:
    lines_read(source, "2026-06-02 08:00", NLDT=61)
    attempt = begin_work(source, "2026-06-02 08:30")
    record_facts(attempt, [lines("NLDT", None, attempt.started_at, doubt=Doubt.REFUSED)])
    assert counts(in_force=True) == [None]


def test_a_part_without_any_fact_now_says_none_left(source: Connection) -> None:
    """A company that had lines, and of which the source now lists none, is read as none."""
    attempt = begin_work(source, "2026-06-02 08:00")
    record_facts(attempt, [lines("NLDT", 61, attempt.started_at)])
    attempt = begin_work(source, "2026-06-02 08:30")
    record_facts(attempt, [lines("NLDT", 0, attempt.started_at)], parts=[part_of("NLDT")])
    assert counts(in_force=True) == [0]


def test_a_read_of_other_parts_leaves_facts_alone(source: Connection) -> None:
    lines_read(source, "2026-06-02 08:00", NLDT=61)
    attempt = begin_work(source, "2026-06-02 08:30")
    record_facts(attempt, [fact("NLDT", BlockerKind.APPROVALS_WAITING, 3, attempt.started_at)])
    assert counts(in_force=True) == [61, 3]


def test_an_attempt_that_lost_its_lease_stores_nothing(source: Connection) -> None:
    slow = begin_attempt_of(WorkAttempt, source.pk, utc("2026-06-02 08:00"), lease=timedelta(seconds=-1))
    assert slow is not None
    lines_read(source, "2026-06-02 08:10", NLDT=12)
    with pytest.raises(LeaseLost):
        record_facts(slow, [lines("NLDT", 61, slow.started_at)])
    assert counts() == [12]


def test_one_attempt_at_a_time_and_only_forwards(source: Connection) -> None:
    lines_read(source, "2026-06-02 08:00", NLDT=61)
    with pytest.raises(OutOfOrderRead):
        begin_attempt_of(WorkAttempt, source.pk, utc("2026-06-02 07:59"), lease=LEASE)
    begin_work(source, "2026-06-02 08:30")
    assert begin_attempt_of(WorkAttempt, source.pk, utc("2026-06-02 08:31"), lease=LEASE) is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE worklist_blockerreading SET count = 0",
        "UPDATE worklist_blockerreading SET superseded_at = now(), count = 0",
        "DELETE FROM worklist_blockerreading",
        "TRUNCATE worklist_blockerreading CASCADE",
    ],
)
def test_not_even_sql_rewrites_a_blocker_reading(source: Connection, statement: str) -> None:
    lines_read(source, "2026-06-02 08:00", NLDT=61)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE would stumble over pending checks first
        with pytest.raises(DatabaseError, match="never updated"), transaction.atomic():
            cursor.execute(statement)
    assert counts() == [61]
