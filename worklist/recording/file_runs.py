"""Inventory runs from a file: what they would add, which reversals are refused, and the facts that follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.inventory_runs import (
    InventoryRun,
    ReversalOrder,
    RunKind,
    RunStatus,
    closed_through,
    inventory_fact,
    reversal_order,
    reversal_phrase,
    reversal_refusal,
    standing_closes,
)
from closing.blockers.work_cells import CellRefused
from closing.blockers.work_rows import RunRow
from closing.blockers.work_sheets import RUNS_SHEET
from closing.calendar.date_phrases import full_date
from closing.facts.base import FACT_KINDS
from entities.models import LegalEntity
from periods.models import FiscalPeriod
from worklist.models import InventoryRunFact
from worklist.recording.file_facts import FileFact, in_force
from worklist.recording.file_scope import FileEffect, FileScope, PlannedRow, months_back

MONTHS_BACK = 13  # as unfinished work is read
DAYS_AHEAD = timedelta(days=62)
_OVER = frozenset({RunStatus.DONE, RunStatus.REVERSED})
_RunKey = tuple[RunKind, date, date | None, object]


_Place = tuple[datetime, int]


def _key(run: InventoryRun) -> _RunKey:
    """What makes two statements be of one run: its voucher, or else the moment at which it ran."""
    return run.kind, run.through, run.reverses, run.voucher or run.executed_at


class _Timeline:
    """The runs of one entity in the order in which they were made, the newest statement of each."""

    def __init__(self, order: ReversalOrder) -> None:
        self.order = order
        self._runs: dict[_RunKey, tuple[_Place, InventoryRun]] = {}

    def get(self, run: InventoryRun) -> InventoryRun | None:
        """What is known of the same run."""
        found = self._runs.get(_key(run))
        return found[1] if found is not None else None

    def put(self, run: InventoryRun, stated_at: datetime) -> None:
        """Add a run that took place at its moment, or else when it was first stated."""
        old = self._runs.get(_key(run))
        place = old[0] if old is not None else (run.executed_at or stated_at, len(self._runs))
        self._runs[_key(run)] = place, run

    def runs(self, until: datetime | None = None) -> list[InventoryRun]:
        """All runs, or those made up to a moment."""
        ordered = sorted(self._runs.values(), key=lambda one: one[0])
        return [run for (moment, _), run in ordered if until is None or moment <= until]

    def refusal(self, run: InventoryRun, stated_at: datetime) -> tuple[str, str] | None:
        """The column and the reason for which a statement cannot be true; None if it can."""
        before = self.get(run)
        if before is not None and before.status in _OVER and run.status not in _OVER:
            words = f"This run is on record as {before.status}: it is over. Correct the status."
            return "Status", words
        if before is not None and before.status is RunStatus.REVERSED and run.status is RunStatus.DONE:
            words = "This run is on record as reversed. Give the run that was made afterwards its own moment."
            return "Status", words
        if run.kind is RunKind.REVERSAL and run.status is RunStatus.DONE and before is None:
            refused = reversal_refusal(self.runs(run.executed_at or stated_at), run, self.order)
            return ("Reverses", _sentence(refused)) if refused else None
        stood = before is not None and before.status is RunStatus.DONE
        if run.kind is RunKind.CLOSING and run.status is RunStatus.REVERSED and stood:
            reversal = InventoryRun(
                run.entity, run.through, RunKind.REVERSAL, RunStatus.DONE, reverses=run.through
            )
            still_stands = run.through in {
                close.through for close in standing_closes(self.runs(), self.order)
            }
            refused = reversal_refusal(self.runs(), reversal, self.order) if still_stands else ""
            return ("Status", _sentence(refused)) if refused else None
        return None


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}. Remove this row or add the missing ones."


def plan_runs(
    rows: Sequence[RunRow], scope: FileScope
) -> tuple[list[PlannedRow], list[InventoryRun], list[FileFact]]:
    """The effect of each row, the runs to store, and the facts of the periods of their entities."""
    by_entity: defaultdict[int, list[tuple[RunRow, InventoryRun]]] = defaultdict(list)
    entities: dict[int, LegalEntity] = {}
    for row in rows:
        column = "Entity"
        try:
            entity = scope.entity(row.entity)
            column = "Executed at"
            executed = row.executed_at
            moment = scope.moment(entity, executed, column, whole_day=False) if executed is not None else None
        except CellRefused as error:
            scope.refuse(RUNS_SHEET, row.line, column, str(error))
            continue
        entities[entity.pk] = entity
        by_entity[entity.pk].append(
            (
                row,
                InventoryRun(
                    *(entity.pk, row.through, row.kind, row.status, moment, row.reverses, row.warnings),
                    row.voucher,
                ),
            )
        )
    known = _known([entities[pk] for pk in by_entity])
    before = {pk: _closed(timeline) for pk, timeline in known.items()}
    planned: list[PlannedRow] = []
    new: list[InventoryRun] = []
    used: dict[int, _Timeline] = {}
    for pk, own in by_entity.items():
        lines, accepted = _plan_entity(entities[pk], own, known[pk], scope)
        planned += lines
        new += accepted
        if lines:  # a row that is refused says nothing of the entity
            used[pk] = known[pk]
    conclusions, facts = _conclusions(used, before, entities, scope)
    return [*sorted(planned, key=lambda line: line.line or 0), *conclusions], new, facts


def _known(entities: Sequence[LegalEntity]) -> dict[int, _Timeline]:
    """The runs of each entity that are stored."""
    known = {
        entity.pk: _Timeline(reversal_order(entity.connection.kind if entity.connection is not None else ""))
        for entity in entities
    }
    for row in InventoryRunFact.objects.filter(entity__in=known).order_by("recorded_at", "pk"):
        run = InventoryRun(
            row.entity_id,
            row.through,
            RunKind(row.kind),
            RunStatus(row.status),
            row.executed_at,
            row.reverses,
            row.warnings,
            row.voucher,
        )
        known[row.entity_id].put(run, row.recorded_at)
    return known


def _plan_entity(
    entity: LegalEntity,
    rows: Sequence[tuple[RunRow, InventoryRun]],
    timeline: _Timeline,
    scope: FileScope,
) -> tuple[list[PlannedRow], list[InventoryRun]]:
    """The effect of the rows of one entity in the order of their runs, and the runs to store."""
    lines: list[PlannedRow] = []
    new: list[InventoryRun] = []
    seen: dict[_RunKey, int] = {}
    for row, run in sorted(rows, key=lambda pair: pair[1].executed_at or scope.at):
        if _key(run) in seen:
            words = (
                f"Row {seen[_key(run)]} states the same run. Remove one, or give each its voucher or moment."
            )
            scope.refuse(RUNS_SHEET, row.line, "Executed at", words)
            continue
        refused = timeline.refusal(run, scope.at)
        if refused is not None:
            scope.refuse(RUNS_SHEET, row.line, *refused)
            continue
        seen[_key(run)] = row.line
        before = timeline.get(run)
        note = ""
        if before is None and run.reverses is not None and timeline.order is ReversalOrder.REOPENS_LATER:
            note = reversal_phrase(timeline.runs(), run.reverses, timeline.order)
        effect = FileEffect.ADDED
        if before is not None:
            effect = FileEffect.UNCHANGED if before == run else FileEffect.CHANGED
        was = before.status.value if before is not None else ""
        texts = _title(run), was, run.status.value
        lines.append(PlannedRow(RUNS_SHEET, row.line, entity.code, entity.name, *texts, effect, note))
        if effect is not FileEffect.UNCHANGED:
            new.append(run)
            timeline.put(run, scope.at)
    return lines, new


def _title(run: InventoryRun) -> str:
    if run.kind is RunKind.REVERSAL and run.reverses is not None:
        return f"reversal of the close through {full_date(run.reverses)}"
    return f"{run.kind} through {full_date(run.through)}"


def _conclusions(
    used: dict[int, _Timeline], before: dict[int, str], entities: dict[int, LegalEntity], scope: FileScope
) -> tuple[list[PlannedRow], list[FileFact]]:
    """For each entity the day through which inventory is closed then, and the facts of its periods.

    The facts of an ERP that shows inventory closes itself stand.
    """
    first, last = months_back(scope.at, MONTHS_BACK).replace(day=1), scope.at.date() + DAYS_AHEAD
    periods: dict[int, list[FiscalPeriod]] = {
        pk: [one for one in scope.periods.get(pk, []) if one.last_day >= first and one.first_day <= last]
        for pk in used
    }
    kind = BlockerKind.INVENTORY_NOT_CLOSED
    standing = in_force(list(periods), [one.pk for own in periods.values() for one in own], [kind])
    lines: list[PlannedRow] = []
    facts: list[FileFact] = []
    for pk, timeline in used.items():
        runs, read = timeline.runs(), 0
        for period in periods[pk]:
            rows = standing.rows.get((pk, period.pk, kind.value, ""), ())
            if any(row.attempt_id is not None and row.count is not None for row in rows):
                read += 1
                continue
            fact = inventory_fact(
                *(runs, period.last_day),
                entity=pk,
                period=period.pk,
                read_at=scope.at,
                order=timeline.order,
                source_as_of=scope.at,
            )
            facts.append(FileFact(fact, period))
        lines.append(_conclusion(entities[pk], before[pk], _closed(timeline), read, len(periods[pk])))
    return lines, facts


def _conclusion(entity: LegalEntity, was: str, now: str, read: int, periods: int) -> PlannedRow:
    """The day through which inventory is closed; `read` of the periods the ERP shows itself."""
    if read and read == periods:
        effect = FileEffect.OUTDATED
    else:
        effect = FileEffect.UNCHANGED if was == now else FileEffect.CHANGED
    kind = entity.connection.kind if entity.connection is not None else ""
    label = FACT_KINDS[kind].label if kind in FACT_KINDS else "The ERP"
    stands = "1 period" if read == 1 else f"{read} periods"
    note = f"{label} shows inventory closes itself: what it shows of {stands} stands" if read else ""
    texts = "Inventory closed through", was, now
    return PlannedRow(RUNS_SHEET, None, entity.code, entity.name, *texts, effect, note)


def _closed(timeline: _Timeline) -> str:
    through = closed_through(timeline.runs(), timeline.order)
    return full_date(through) if through is not None else "no close"
