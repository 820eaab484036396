"""Builds rows of the worked example with what is in the way of them, weighed by the real rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from closing.blockers.blocker_facts import BlockerFact, Doubt
from closing.blockers.blocker_kinds import KINDS, BlockerKind
from closing.blockers.blocker_policy import BlockerPolicy, KindTracking
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.row_blockers import BLOCKERS, BlockerInputs, DatedFact, RowBlockers, weighed_for
from closing.close_tasks.row_tasks import TASKS, RowTasks
from closing.close_tasks.task_progress import TaskProgress
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, with_annotations
from tests.builders import WORKED_EXAMPLE_AT, worked_example
from tests.sample_entities import TWELVE_ENTITIES

K = BlockerKind
NAMES = {who.code: who.name for who in TWELVE_ENTITIES}


def unfinished(kind: BlockerKind, count: int | None, **other: Any) -> BlockerFact:
    """A fact read at the moment of the worked example."""
    if count is None:
        other.setdefault("doubt", Doubt.NOT_SHOWN)
    return BlockerFact(1, 1, kind, KINDS[kind].unit, count, WORKED_EXAMPLE_AT, **other)


def imbalance(one: str, other: str, amount: str = "640.00", currency: str = "EUR") -> BlockerFact:
    """Counterparties that are apart by this amount."""
    part = "/".join(sorted((one, other)))
    return unfinished(K.INTERCOMPANY_IMBALANCE, 1, part=part, amount=Decimal(amount), currency=currency)


def with_work(row: Row, *facts: BlockerFact, source: str = "Finance & Operations") -> Row:
    """The row with these facts weighed."""
    policy = BlockerPolicy(inventory_close_needed=KindTracking.YES)
    inputs = BlockerInputs(
        tuple(DatedFact(fact, WORKED_EXAMPLE_AT) for fact in facts),
        policy,
        EntityProfile(),
        source,
        date(2026, 6, 5),
        names=NAMES,
    )
    weighed = weighed_for(RowBlockers(inputs), row, WORKED_EXAMPLE_AT)
    return with_annotations(row, {**row.annotations, BLOCKERS: weighed})


def with_tasks(row: Row, done: int, total: int, not_needed: int = 0, **other: int) -> Row:
    """The row with the progress of its close tasks."""
    tasks = RowTasks(TaskProgress(done, total, not_needed), **other)
    return with_annotations(row, {**row.annotations, TASKS: tasks})


def board_with(work: dict[str, list[BlockerFact]], board: Scoreboard | None = None) -> Scoreboard:
    """The worked example, or another board, with facts by code."""
    board = board or worked_example()
    return replace(
        board, rows=[with_work(row, *work[row.code]) if row.code in work else row for row in board.rows]
    )


def blocked_board() -> Scoreboard:
    """61 lines, an imbalance and no inventory close at EU DTC BV; 7 lines in the US; UK HoldCo not readable."""
    pair = imbalance("NLDT", "UKRT")
    return board_with(
        {
            "NLDT": [
                unfinished(K.UNPOSTED_JOURNALS, 61),
                pair,
                unfinished(K.INVENTORY_NOT_CLOSED, 1),
                unfinished(K.RECURRING_DUE, None),
            ],
            "UKRT": [pair, unfinished(K.UNPOSTED_JOURNALS, 0)],
            "USRT": [unfinished(K.UNPOSTED_JOURNALS, 7)],
            "UKHC": [unfinished(K.UNPOSTED_JOURNALS, None)],
        }
    )
