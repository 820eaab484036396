"""Imports a file of unfinished work: a plan of what it would change, then all of it, or its good rows, in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

from closing.blockers.intercompany import Position
from closing.blockers.inventory_runs import InventoryRun
from closing.blockers.position_readings import PositionReadResult
from closing.blockers.work_readings import PartRead
from closing.blockers.work_rows import CellProblem
from closing.blockers.work_sheets import RATES_SHEET, TooManyRows, WorkFile, read_work_file
from entities.audit_trail import Verb, entity_object, group_object, record_act
from entities.models import Group, LegalEntity, Person
from infra.table_files import read_tables
from infra.workbook_reader import UnreadableFile
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import InventoryRunFact, WorkAttempt
from worklist.recording.closing_rates import record_rates
from worklist.recording.fact_store import store_facts
from worklist.recording.file_facts import FileFact, plan_work
from worklist.recording.file_positions import GroupRates, plan_positions, plan_rates
from worklist.recording.file_runs import plan_runs
from worklist.recording.file_scope import (
    FileEffect,
    FileScope,
    PlannedRow,
    days_of,
    file_scope,
    source_of,
)
from worklist.recording.partner_positions import record_positions


class WorkFileRefused(ValueError):
    """A file that cannot be read, or has rows that cannot be taken; the message is a sentence for the person."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """The name and content of a file that a person sent."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the content in hexadecimal digits."""
        return sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What a file would change for a person at a moment, and the rows that cannot be taken."""

    lines: Sequence[PlannedRow]
    problems: Sequence[CellProblem]
    facts: Sequence[FileFact] = field(default=(), repr=False)
    runs: Sequence[InventoryRun] = field(default=(), repr=False)
    positions: Sequence[Position] = field(default=(), repr=False)
    rates: GroupRates = field(default_factory=dict, repr=False)
    groups: Mapping[str, Group] = field(default_factory=dict, repr=False)
    entities: Mapping[int, LegalEntity] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        """How many rows can be taken, whatever their effect."""
        return sum(line.line is not None for line in self.lines)

    @property
    def bad_rows(self) -> int:
        """How many rows cannot be taken; a sheet that cannot be read counts as one."""
        return len({(problem.sheet, problem.line) for problem in self.problems})

    def counts(self) -> dict[FileEffect, int]:
        """How many rows have each effect."""
        found = Counter(line.effect for line in self.lines if line.line is not None)
        return {effect: found[effect] for effect in FileEffect if found[effect]}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What saving a file did: its rows by effect, the facts that changed, and the rows that were left out."""

    rows: int
    effects: Mapping[str, int]
    changes: int
    problems: Sequence[CellProblem]

    def to_json(self) -> dict[str, Any]:
        """The result as JSON; see `result_from_json`."""
        return asdict(self) | {"problems": [asdict(problem) for problem in self.problems]}


def result_from_json(body: Mapping[str, Any]) -> ImportResult:
    """The result of `ImportResult.to_json`."""
    problems = [CellProblem(**problem) for problem in body["problems"]]
    return ImportResult(body["rows"], body["effects"], body["changes"], problems)


def read_sent_file(file: SentFile) -> WorkFile:
    """The rows of a file; raises WorkFileRefused with a sentence for one that cannot be read."""
    try:
        return read_work_file(read_tables(file.content))
    except (UnreadableFile, TooManyRows) as error:
        raise WorkFileRefused(str(error)) from None


def plan_import(by: Person, read: WorkFile, at: datetime) -> ImportPlan:
    """What the rows of a file would change for this person at this moment; changes nothing."""
    scope = _scope(by, read, at)
    work, facts = plan_work(read.work, scope)
    runs, new_runs, run_facts = plan_runs(read.runs, scope)
    pairs, positions = plan_positions(read.positions, scope)
    rated, rates = plan_rates(read.rates, scope)
    problems = sorted([*read.problems, *scope.problems], key=lambda one: (one.sheet, one.line, one.column))
    entities = {entity.pk: entity for entity in scope.entities.values()}
    lines = [*work, *runs, *pairs, *rated]
    stored = [*facts, *run_facts], new_runs, positions, rates
    return ImportPlan(lines, problems, *stored, groups=scope.groups, entities=entities)


def _scope(by: Person, read: WorkFile, at: datetime) -> FileScope:
    rows: Iterable[Any] = (*read.work, *read.runs, *read.positions)
    codes = {row.entity for row in rows} | {row.partner for row in read.positions}
    return file_scope(by, at, codes, {row.group for row in read.rates})


def import_work(by: Person, file: SentFile, at: datetime, *, good_rows: bool) -> ImportResult:
    """Save a file of unfinished work, with an audit event for each entity; the good rows only, if the person says so.

    Raises WorkFileRefused, with nothing saved, for a file that cannot be read, for one with a row that cannot be
    taken unless `good_rows`, and for one without any row that can.
    """
    read = read_sent_file(file)
    with transaction.atomic():
        _lock(_scope(by, read, at))
        plan = plan_import(by, read, at)
        if plan.problems and not good_rows:
            raise WorkFileRefused(
                f"{_counted(plan.bad_rows)} cannot be taken. Correct them, or save the good rows only."
            )
        if not plan.rows:
            raise WorkFileRefused("The file has no row that can be taken. Start from the template.")
        changes = _store(plan, by, at)
        _record(plan, file, by, at)
        nudge_after_commit()
    effects = {effect.value: count for effect, count in plan.counts().items()}
    return ImportResult(plan.rows, effects, changes, plan.problems)


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _lock(scope: FileScope) -> None:
    """Let no other file of these entities, and no running read of them, be recorded until the transaction ends."""
    entities = LegalEntity.objects.filter(pk__in=scope.writable).order_by("pk")
    connections = {entity.connection_id for entity in entities.select_for_update(no_key=True)}
    running = WorkAttempt.objects.filter(connection__in=connections, outcome=WorkAttempt.Outcome.RUNNING)
    list(running.order_by("pk").select_for_update().values_list("pk", flat=True))


def _store(plan: ImportPlan, by: Person, at: datetime) -> int:
    """Store the rates first, by which the positions are compared; returns how many facts and rates changed."""
    source = source_of(by)
    changes = 0
    for (code, month), rates in sorted(plan.rates.items()):
        changes += record_rates(plan.groups[code], month, rates, set_at=at, set_by=by, source=source)
    if plan.positions:
        changes += record_positions(PositionReadResult(tuple(plan.positions)), read_at=at, source=source)
    InventoryRunFact.objects.bulk_create(
        InventoryRunFact(
            entity_id=run.entity,
            through=run.through,
            kind=run.kind.value,
            status=run.status.value,
            executed_at=run.executed_at,
            reverses=run.reverses,
            warnings=run.warnings,
            voucher=run.voucher,
            source=source,
            recorded_at=at,
        )
        for run in plan.runs
    )
    if plan.facts:
        facts = [given.fact for given in plan.facts]
        parts = {PartRead(fact.entity, fact.kind, fact.part) for fact in facts}
        days = days_of([given.period for given in plan.facts])
        changes += store_facts(facts, parts, days, at, attempt_id=None, source=source)
    return changes


def _record(plan: ImportPlan, file: SentFile, by: Person, at: datetime) -> None:
    """One event for each entity and group; its actor saves what the file states, at times for another person."""
    rates = Counter(line.code for line in plan.lines if line.sheet == RATES_SHEET)
    rows = Counter(line.code for line in plan.lines if line.line is not None and line.sheet != RATES_SHEET)
    objects = [(entity_object(entity), rows[entity.code]) for entity in plan.entities.values()]
    objects += [(group_object(group), rates[group.code]) for group in plan.groups.values()]
    for target, count in sorted(objects, key=lambda one: (one[0].kind, one[0].id)):
        if count:
            values = {"file": file.name, "sha256": file.digest, "rows": count, "stated by": by.email}
            record_act(Verb.WORK_BY_FILE, target, at=at, after=values)
