"""Compares close tasks with what the ERP shows of their periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Q

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from closing.blockers.weighing import BlockerLevel
from closing.calendar.months import next_month
from closing.close_tasks.erp_checks import (
    CheckResult,
    ErpState,
    StateReading,
    WorkReading,
    evaluate_check,
)
from closing.close_tasks.template_cells import stored_check
from closing.facts.base import PeriodState
from closing.facts.finops_facts import FinopsFacts
from closing.scoreboard.row import Row
from entities.models import LegalEntity
from periods.snapshot.builder import take_snapshots
from worklist.models import BlockerReading, CloseTask

_SUBLEDGERS = ("Cust", "Vend", "Invent")  # the modules that the task `lock-sub` closes


def check_results(tasks: Iterable[CloseTask], as_of: datetime) -> dict[int, CheckResult]:
    """What the ERP shows now for each of these tasks that has a check, by id of the task.

    As many queries as two boards, of which the first has its blockers, and one more for each reporting month; none
    without checks.
    """
    by_month: dict[object, list[CloseTask]] = defaultdict(list)
    for task in tasks:
        if task.erp_check and task.period_id is not None:
            by_month[task.month].append(task)
    found: dict[int, CheckResult] = {}
    for of_month in by_month.values():
        found |= _results_of_month(of_month, as_of)
    return found


def _results_of_month(tasks: list[CloseTask], as_of: datetime) -> dict[int, CheckResult]:
    month = tasks[0].month
    entities = LegalEntity.objects.filter(pk__in={task.entity_id for task in tasks})
    months = [month, next_month(month)]
    boards = take_snapshots(entities, months, as_of, annotated=[month], annotations=[BLOCKERS])
    rows = {row.entity_id: row for row in boards[month].rows}
    later = {row.entity_id: row for row in boards[next_month(month)].rows}
    clear = _clear_readings({task.period_id for task in tasks if task.period_id is not None}, as_of)
    found = {}
    for task in tasks:
        assert task.entity_id is not None  # a constraint of the table
        assert task.period_id is not None
        row = rows.get(task.entity_id)
        if row is not None and row.period_id != task.period_id:
            row = None  # with 13 periods in a year a month may show another one
        work = [*clear.get(task.period_id, ())]
        blockers = row.get(BLOCKERS) if row is not None else None
        work += map(_work_reading, blockers.blockers if blockers is not None else ())
        states = _states(row, later.get(task.entity_id)) if row is not None else {}
        states[ErpState.CLOSE_LOG_CLEAN] = _close_log(work)
        found[task.pk] = evaluate_check(stored_check(task.erp_check), work, states)
    return found


def _work_reading(dated: DatedBlocker) -> WorkReading:
    blocker = dated.blocker
    level = blocker.level.value if blocker.applies else BlockerLevel.CLEAR.value
    return WorkReading(
        blocker.kind.value,
        blocker.part,
        level,
        blocker.count,
        blocker.because,
        blocker.at_least,
        read_at=dated.read_at,
    )


def _clear_readings(periods: set[int], as_of: datetime) -> Mapping[int, list[WorkReading]]:
    """The facts in force at a moment that say "none left"; the rows of a board leave them out."""
    facts = BlockerReading.objects.filter(
        ~Q(body__has_any_keys=["at_least", "apart", "doubt"]),
        Q(superseded_at=None) | Q(superseded_at__gt=as_of),
        period__in=periods,
        read_at__lte=as_of,
        count=0,
        partner=None,
    )
    found: dict[int, list[WorkReading]] = defaultdict(list)
    columns = ("period_id", "kind", "part", "pk", "read_at")
    for period_id, kind, part, pk, read_at in facts.order_by("kind", "part").values_list(*columns):
        if period_id is not None:
            found[period_id].append(WorkReading(kind, part, "clear", 0, fact=pk, read_at=read_at))
    return found


def _close_log(work: Iterable[WorkReading]) -> StateReading:
    """Whether the log of the inventory close that covers the period has no warnings; None without such a close."""
    for reading in work:
        if reading.kind == BlockerKind.INVENTORY_NOT_CLOSED and reading.count == 0:
            clean = reading.level == BlockerLevel.CLEAR.value
            return StateReading(ErpState.CLOSE_LOG_CLEAN, clean, read_at=reading.read_at)
    return StateReading(ErpState.CLOSE_LOG_CLEAN, None)


def _states(row: Row, later: Row | None) -> dict[ErpState, StateReading]:
    """The states of a period that a task may ask for, but for the log of an inventory close."""
    access = row.native_facts.access if isinstance(row.native_facts, FinopsFacts) else None
    shut = row.state in (PeriodState.CLOSED, PeriodState.ON_HOLD)
    known = row.state is not PeriodState.UNKNOWN
    closed = None if access is None else shut or all(access.get(name) == "None" for name in _SUBLEDGERS)
    restricted = shut or (access is not None and access.get("Ledger") in ("None", "User"))
    opened = None if later is None or later.state is PeriodState.UNKNOWN else later.state is PeriodState.OPEN
    return {
        ErpState.MODULES_CLOSED: StateReading(
            ErpState.MODULES_CLOSED, closed if known else None, read_at=row.read_at
        ),
        ErpState.POSTING_RESTRICTED: StateReading(
            ErpState.POSTING_RESTRICTED, restricted if known else None, read_at=row.read_at
        ),
        ErpState.NEXT_PERIOD_OPEN: StateReading(
            ErpState.NEXT_PERIOD_OPEN, opened, read_at=later.read_at if later is not None else None
        ),
        ErpState.COUNTS_AS_CLOSED: StateReading(
            ErpState.COUNTS_AS_CLOSED, row.counts_as_closed if known else None, read_at=row.read_at
        ),
    }
