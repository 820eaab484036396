"""The worked example with what is in the way of EU DTC BV, read shortly before its noon."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactItem
from closing.blockers.blocker_kinds import BlockerKind
from entities.models import Group
from tests.browser.board_states import meridian_at_noon
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup
from tests.worklist.work_reads import begin_work, fact, lines, record_facts
from worklist.models import BlockerPolicyVersion

READ_AT = WORKED_EXAMPLE_AT - timedelta(minutes=10)


def in_the_way_of_eu_dtc(at: datetime, left: int = 61) -> list[BlockerFact]:
    """61 lines, an imbalance with UK Retail Ltd, four invoices, no inventory close, and recurring lines unread."""
    invoices = fact("NLDT", BlockerKind.UNPOSTED_DOCUMENTS, 4 if left else 0, at, part="vendor_invoices")
    pair = fact(
        "NLDT",
        BlockerKind.INTERCOMPANY_IMBALANCE,
        1 if left else 0,
        at,
        part="NLDT/UKRT",
        amount=Decimal("640.00") if left else Decimal(0),
        currency="EUR",
        items=(
            FactItem("NLDT", amount=Decimal("127000.00"), currency="EUR"),
            FactItem("UKRT", amount=Decimal("-126360.00"), currency="EUR"),
        ),
    )
    return [
        lines("NLDT", left, at, apart={"approved_waiting": 2} if left else {}),
        pair,
        invoices,
        fact("NLDT", BlockerKind.INVENTORY_NOT_CLOSED, 1 if left else 0, at),
        fact("NLDT", BlockerKind.RECURRING_DUE, None, at, doubt=Doubt.NOT_SHOWN),
    ]


def blocked() -> SampleGroup:
    """The worked example at its noon; the group needs an inventory close."""
    group = meridian_at_noon()
    BlockerPolicyVersion.objects.create(
        group=Group.objects.get(code="MERIDIAN"),
        body={"inventory_close_needed": "yes"},
        set_at=READ_AT - timedelta(days=30),
    )
    attempt = begin_work(group.connection, READ_AT)
    record_facts(attempt, in_the_way_of_eu_dtc(READ_AT))
    return group


def blocked_at_noon() -> datetime:
    """The moment of `blocked`."""
    blocked()
    return WORKED_EXAMPLE_AT
