"""The worked example with everything that the page of EU DTC BV can show of unfinished work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactId, FactItem
from closing.blockers.blocker_kinds import KINDS, BlockerKind
from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from entities.models import Group, LegalEntity
from periods.models import FiscalPeriod
from tests.builders import CLOSED, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup, record_worked_example, save_person, save_sample_group
from tests.worklist.work_reads import begin_work, fact, lines, record_facts
from worklist.models import BlockerPolicyVersion

READ_AT = WORKED_EXAMPLE_AT - timedelta(minutes=10)
EARLIER = READ_AT - timedelta(days=3)
APRIL = date(2026, 4, 1)
ERP_PAGE = "https://meridian.operations.dynamics.com/?cmp=nldt&mi=LedgerJournalTable"


def journals(
    count: int, per_journal: int = 1, first: int = 1
) -> tuple[tuple[FactId, ...], tuple[FactItem, ...]]:
    """So many journals as ids, and the rows of the first twenty."""
    ids = tuple(
        FactId(f"GNJ-{first + number:05}", per_journal, Decimal(100 + number)) for number in range(count)
    )
    rows = tuple(
        FactItem(
            each.item_id,
            date(2026, 5, 1) + timedelta(days=number),
            each.amount,
            "EUR",
            "sanne.de.wit",
            ERP_PAGE,
        )
        for number, each in enumerate(ids[:20])
    )
    return ids, rows


def of_period(
    period: FiscalPeriod | None,
    code: str,
    kind: BlockerKind,
    count: int | None,
    at: datetime,
    **fields: Any,
) -> BlockerFact:
    """A fact about another period of an entity, or about none."""
    entity = LegalEntity.objects.get(code=code)
    return BlockerFact(
        entity.pk, period.pk if period is not None else None, kind, KINDS[kind].unit, count, at, **fields
    )


def work_of_eu_dtc(at: datetime, left: int = 61) -> list[BlockerFact]:
    """Each level and kind of line, except one that is older (see `opened`)."""
    ids, rows = journals(left)
    invoice_ids, invoice_rows = journals(4, first=900)
    april = FiscalPeriod.objects.get(entity__code="NLDT", reporting_month=APRIL)
    pair_items = (
        FactItem("NLDT", amount=Decimal("127000.00"), currency="EUR", note="no_due_to_account"),
        FactItem("UKRT", amount=Decimal("-126360.00"), currency="EUR"),
    )
    documents = BlockerKind.UNPOSTED_DOCUMENTS
    return [
        lines(
            "NLDT",
            left,
            at,
            apart={"approved_waiting": 2},
            left_out={"template": 14, "empty": 3},
            coverage=("LedgerJournalHeaders", "LedgerJournalLines"),
            ids=ids,
            items=rows,
        ),
        fact("NLDT", documents, 4, at, part="vendor_invoices", ids=invoice_ids, items=invoice_rows),
        fact(
            "NLDT",
            BlockerKind.INTERCOMPANY_IMBALANCE,
            1,
            at,
            part="NLDT/UKRT",
            amount=Decimal("640.00"),
            currency="EUR",
            coverage=("NLDT 1310, 2310", "UKRT 14200, 24200"),
            ids=(FactId("NLDT/UKRT", 1, Decimal("640.00")),),
            items=pair_items,
            source_as_of=at - timedelta(hours=5),
        ),
        fact(
            "NLDT",
            BlockerKind.INTERCOMPANY_PENDING,
            1,
            at,
            ids=(FactId("x1", 1),),
            items=(FactItem("IC-0042", date(2026, 5, 29), owner="UKRT"),),
        ),
        fact(
            "NLDT",
            BlockerKind.INVENTORY_NOT_CLOSED,
            1,
            at,
            ids=(FactId("2026-05-31", 1),),
            items=(FactItem("INV-0004", date(2026, 4, 30)), FactItem("INV-0003", date(2026, 3, 31))),
        ),
        fact("NLDT", BlockerKind.RECURRING_DUE, None, at, doubt=Doubt.NOT_SHOWN),
        fact("NLDT", BlockerKind.BANK_NOT_RECONCILED, None, at, doubt=Doubt.REFUSED),
        fact(
            "NLDT",
            documents,
            0,
            at,
            part="customer_memos",
            at_least=True,
            doubt=Doubt.RELEASED_LOOK_POSTED,
        ),
        fact("NLDT", documents, 0, at, part="customer_invoices"),
        fact("NLDT", documents, 0, at, part="customer_payments"),
        fact("NLDT", BlockerKind.ACCRUAL_REVERSALS, 8, at),
        fact("NLDT", BlockerKind.DEPRECIATION_NOT_POSTED, 0, at),
        of_period(None, "NLDT", BlockerKind.UNPOSTED_JOURNALS, 2, at, ids=(FactId("GNJ-77777", 2),)),
        of_period(april, "NLDT", BlockerKind.UNPOSTED_JOURNALS, 3, at),
    ]


def opened(more: Sequence[BlockerFact] = ()) -> SampleGroup:
    """The worked example at its noon, with April closed, and one part that was last read three days ago."""
    group = save_sample_group()
    for at, state in (("2026-05-04 12:00", OPEN), ("2026-05-08 12:00", CLOSED)):
        group.read(at, dict.fromkeys(group.entities, state), span=DateSpan(APRIL, month_end(APRIL)))
    record_worked_example(group)
    save_person()
    BlockerPolicyVersion.objects.create(
        group=Group.objects.get(code="MERIDIAN"),
        body={"inventory_close_needed": "yes"},
        set_at=READ_AT - timedelta(days=30),
    )
    approvals = fact("NLDT", BlockerKind.APPROVALS_WAITING, 5, EARLIER)
    record_facts(begin_work(group.connection, EARLIER), [approvals])
    record_facts(begin_work(group.connection, READ_AT), [*work_of_eu_dtc(READ_AT), *more])
    return group


def opened_at_noon() -> datetime:
    """The moment of `opened`."""
    opened()
    return WORKED_EXAMPLE_AT
