"""Records reads of the sample connection's unfinished work, as a connector returns them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from closing.blockers.blocker_facts import BlockerFact, FactId, FactItem
from closing.blockers.blocker_kinds import KINDS, BlockerKind
from closing.blockers.work_readings import PartRead, WorkGap, WorkReadResult
from closing.calendar.days import DateSpan
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt_of
from tests.builders import MAY, utc
from worklist.models import WorkAttempt
from worklist.recording.carried_items import FactInForce
from worklist.recording.work_store import WorkRecordingResult, record_work

# What a browser sends to carry the first of `two_invoices` on purpose.
FIRST_INVOICE = {
    "month": "2026-05",
    "fact": "unposted_documents|vendor_invoices||",
    "item": "1|10|V-1",
    "until": "2026-06-30",
    "reason": "the supplier disputes it",
}
WORK_DAYS = DateSpan(date(2026, 1, 1), date(2026, 12, 31))
LEASE = timedelta(minutes=3)


def may_of(code: str) -> FiscalPeriod:
    """The operating period of an entity that ends in May."""
    return FiscalPeriod.objects.get(entity__code=code, reporting_month=MAY, type="operating")


def fact(code: str, kind: BlockerKind, count: int | None, at: datetime, **fields: Any) -> BlockerFact:
    """A fact about the May of an entity."""
    period = may_of(code)
    return BlockerFact(period.entity_id, period.pk, kind, KINDS[kind].unit, count, at, **fields)


def lines(code: str, count: int | None, at: datetime, **fields: Any) -> BlockerFact:
    """A fact about the unposted journal lines of an entity's May."""
    return fact(code, BlockerKind.UNPOSTED_JOURNALS, count, at, **fields)


def two_invoices(code: str, at: datetime) -> BlockerFact:
    """Two vendor invoices of an entity's May that are not posted, each with its row: V-1 and V-2."""
    ids = tuple(FactId(f"V-{number}", 1, Decimal(10 * number)) for number in (1, 2))
    rows = tuple(FactItem(each.item_id, date(2026, 5, 20), each.amount, "EUR") for each in ids)
    return fact(code, BlockerKind.UNPOSTED_DOCUMENTS, 2, at, part="vendor_invoices", ids=ids, items=rows)


def invoices_read(source: Connection, at: datetime, items: Iterable[FactId]) -> FactInForce:
    """Read vendor invoices of EU DTC BV that are not posted; the key of their fact."""
    ids = tuple(items)
    found = fact(
        "NLDT",
        BlockerKind.UNPOSTED_DOCUMENTS,
        sum(item.units for item in ids),
        at,
        part="vendor_invoices",
        ids=ids,
    )
    record_facts(begin_work(source, at), [found])
    return FactInForce(BlockerKind.UNPOSTED_DOCUMENTS, "vendor_invoices", period=may_of("NLDT").pk)


def begin_work(source: Connection, at: str | datetime) -> WorkAttempt:
    """An attempt as of a moment; fails the test when another one runs."""
    moment = utc(at) if isinstance(at, str) else at
    attempt = begin_attempt_of(WorkAttempt, source.pk, moment, lease=LEASE)
    assert attempt is not None
    return attempt


def record_facts(
    attempt: WorkAttempt,
    facts: Iterable[BlockerFact],
    *,
    parts: Iterable[PartRead] | None = None,
    gaps: tuple[WorkGap, ...] = (),
) -> WorkRecordingResult:
    """Record facts as the reading of work does; without `parts`, those of the facts were read."""
    facts = tuple(facts)
    read = (
        frozenset(PartRead(one.entity, one.kind, one.part) for one in facts)
        if parts is None
        else frozenset(parts)
    )
    outcome = Outcome.PARTIAL if gaps else Outcome.OK
    finished = AttemptResult(outcome, attempt.started_at + timedelta(seconds=1))
    return record_work(attempt, WorkReadResult(facts, read, gaps), WORK_DAYS, finished)


def lines_read(source: Connection, at: str, **counts: int | None) -> WorkRecordingResult:
    """One whole read at a moment of the unposted lines of these entities, by code."""
    attempt = begin_work(source, at)
    return record_facts(attempt, [lines(code, count, attempt.started_at) for code, count in counts.items()])


def part_of(code: str, kind: BlockerKind = BlockerKind.UNPOSTED_JOURNALS, part: str = "") -> PartRead:
    """A part of an entity, by code."""
    return PartRead(LegalEntity.objects.get(code=code).pk, kind, part)
