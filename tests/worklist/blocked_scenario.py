"""The worked example with what is in the way of EU DTC BV, read shortly before its noon."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactItem
from closing.blockers.blocker_kinds import BlockerKind
from closing.close_tasks.task_acts import TaskAct
from entities.models import Group, Person
from tests.browser.board_states import meridian_at_noon
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup
from tests.worklist.few_close_tasks import save_few_tasks, task_uid
from tests.worklist.work_reads import begin_work, fact, lines, record_facts
from worklist.models import BlockerPolicyVersion
from worklist.task_store.task_acts_store import act_on_task

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


def blocked_group_with_tasks() -> datetime:
    """The moment of `blocked`, with a common counterparty of both late entities, rows hardly readable, and tasks."""
    group = blocked()
    attempt = begin_work(group.connection, READ_AT + timedelta(minutes=1))
    in_the_us = fact(
        "USRT",
        BlockerKind.INTERCOMPANY_IMBALANCE,
        1,
        attempt.started_at,
        part="UKRT/USRT",
        amount=Decimal("307.69"),
        currency="GBP",
    )
    unread = [
        fact(code, kind, None, attempt.started_at, doubt=Doubt.NOT_SHOWN)
        for code in ("UKHC", "UKRT", "USRT")
        for kind in (
            BlockerKind.RECURRING_DUE,
            BlockerKind.INVENTORY_NOT_CLOSED,
            BlockerKind.BANK_NOT_RECONCILED,
            BlockerKind.DEPRECIATION_NOT_POSTED,
        )
    ]
    hidden = fact(
        "UKHC",
        BlockerKind.UNPOSTED_DOCUMENTS,
        0,
        attempt.started_at,
        part="customer_invoices",
        at_least=True,
        doubt=Doubt.RELEASED_LOOK_POSTED,
    )
    lines_left = [lines(code, count, attempt.started_at) for code, count in (("USRT", 7), ("UKHC", None))]
    record_facts(attempt, [in_the_us, hidden, *unread, *lines_left])
    rosa, top = Person.objects.get(email="rosa.bell@meridian.test"), Group.objects.get(parent=None)
    save_few_tasks(top, rosa, rosa, top, WORKED_EXAMPLE_AT - timedelta(days=20))
    for code in ("rec", "lease"):
        act_on_task(rosa, task_uid("NLDT", code), TaskAct.DO, READ_AT)
    return WORKED_EXAMPLE_AT
