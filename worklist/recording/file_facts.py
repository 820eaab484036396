"""Counts of unfinished work from a file: what they would change, and the facts that they give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Max, Q

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactItem, is_unchanged
from closing.blockers.blocker_kinds import BlockerKind, counted, shown_as
from closing.blockers.work_cells import CellRefused
from closing.blockers.work_rows import WorkRow
from closing.blockers.work_sheets import WORK_SHEET
from closing.calendar.date_phrases import month_and_year
from closing.facts.base import FACT_KINDS
from closing.phrasing import short_date
from entities.models import LegalEntity
from periods.models import FiscalPeriod
from worklist.models import BlockerReading, WorkAttempt, WorkSpan
from worklist.recording.fact_rows import fact_of
from worklist.recording.file_scope import FileEffect, FileScope, PlannedRow

PartOfPeriod = tuple[int, int | None, str, str]  # entity, period, kind, part


@dataclass(frozen=True, slots=True)
class FileFact:
    """A fact that a file gives, with its period."""

    fact: BlockerFact
    period: FiscalPeriod


@dataclass(frozen=True, slots=True)
class InForce:
    """The readings in force of some entities, and when the ERP confirmed its own."""

    rows: Mapping[PartOfPeriod, Sequence[BlockerReading]]
    confirmed: Mapping[tuple[int, str, str], datetime]

    def of(self, fact: BlockerFact) -> Sequence[BlockerReading]:
        """The readings of the fact's part and period, one for each currency."""
        return self.rows.get((fact.entity, fact.period, fact.kind.value, fact.part), ())

    def newer_than(self, fact: BlockerFact, stated: datetime) -> BlockerReading | None:
        """The reading that a fact of this age may not replace; one that is not readable never stands in the way."""
        for row in self.of(fact):
            if row.count is None and fact.count is not None:
                continue
            if row.attempt_id is None:
                age = row.source_as_of or row.read_at
            else:
                age = max(row.read_at, self.confirmed.get((row.entity_id, row.kind, row.part), row.read_at))
            if age > stated:
                return row
        return None


def in_force(entities: Collection[int], periods: Collection[int], kinds: Collection[BlockerKind]) -> InForce:
    """The readings in force of these entities, periods and kinds."""
    words = [kind.value for kind in kinds]
    rows: defaultdict[PartOfPeriod, list[BlockerReading]] = defaultdict(list)
    stored = BlockerReading.objects.filter(
        entity__in=entities, period__in=periods, kind__in=words, superseded_at=None
    )
    for row in stored.order_by("pk"):
        rows[row.entity_id, row.period_id, row.kind, row.part].append(row)
    return InForce(rows, _confirmed(entities, words))


def _confirmed(entities: Collection[int], kinds: Collection[str]) -> dict[tuple[int, str, str], datetime]:
    """When each part was last read well, by its open span and the good attempts of its turn."""
    spans = list(WorkSpan.objects.filter(entity__in=entities, kind__in=kinds).order_by("first_read_at"))
    good = WorkAttempt.objects.filter(
        Q(outcome=WorkAttempt.Outcome.OK) | Q(outcome=WorkAttempt.Outcome.PARTIAL),
        connection__in={span.connection_id for span in spans},
    )
    newest = {
        (connection, turn): started
        for connection, turn, started in good.order_by()
        .values_list("connection", "turn")
        .annotate(Max("started_at"))
    }
    return {
        (span.entity_id, span.kind, span.part): span.last_read_at
        or newest.get((span.connection_id, span.turn), span.first_read_at)
        for span in spans
    }


def plan_work(rows: Sequence[WorkRow], scope: FileScope) -> tuple[list[PlannedRow], list[FileFact]]:
    """The effect of each row, and the facts of those that are used; problems go to the scope."""
    found: list[tuple[WorkRow, LegalEntity, FileFact]] = []
    lines: dict[PartOfPeriod, int] = {}
    for row in rows:
        try:
            entity, given = _fact(row, scope)
        except _RowRefused as error:
            scope.refuse(WORK_SHEET, row.line, error.column, str(error))
            continue
        key = entity.pk, given.period.pk, row.kind.value, row.part
        if key in lines:
            words = f"Row {lines[key]} states the same entity, period, kind and part. Remove one of them."
            scope.refuse(WORK_SHEET, row.line, "Kind", words)
            continue
        lines[key] = row.line
        found.append((row, entity, given))
    standing = in_force(
        {entity.pk for _, entity, _ in found},
        {given.period.pk for _, _, given in found},
        {row.kind for row, _, _ in found},
    )
    planned, facts = [], []
    for row, entity, given in found:
        line = _planned(row, entity, given, standing)
        planned.append(line)
        if line.effect is not FileEffect.OUTDATED:
            facts.append(given)
    return planned, facts


class _RowRefused(ValueError):
    def __init__(self, column: str, words: str) -> None:
        super().__init__(words)
        self.column = column


def _fact(row: WorkRow, scope: FileScope) -> tuple[LegalEntity, FileFact]:
    column = "Entity"
    try:
        entity = scope.entity(row.entity)
        column = "Period"
        period = scope.period(entity, row.period)
        column = "As of"
        as_of = scope.moment(entity, row.as_of, column, whole_day=True)
    except CellRefused as error:
        raise _RowRefused(column, str(error)) from None
    beside = row.note or row.amount is not None
    fact = BlockerFact(
        entity.pk,
        period.pk,
        row.kind,
        row.unit,
        row.count,
        scope.at,
        part=row.part,
        at_least=row.at_least,
        doubt=Doubt.NOT_SHOWN if row.count is None else None,
        source_as_of=as_of,
        items=(FactItem(row.note or "In all", amount=row.amount, currency=row.currency or None),)
        if beside
        else (),
    )
    return entity, FileFact(fact, period)


def _planned(row: WorkRow, entity: LegalEntity, given: FileFact, standing: InForce) -> PlannedRow:
    fact = given.fact
    assert fact.source_as_of is not None  # of every row of a file
    before = standing.of(fact)
    newer = standing.newer_than(fact, fact.source_as_of)
    if newer is not None:
        effect = FileEffect.OUTDATED
    elif not before:
        effect = FileEffect.ADDED
    elif len(before) == 1 and is_unchanged(replace(fact_of(before[0]), read_at=fact.read_at), fact):
        effect = FileEffect.UNCHANGED
    else:
        effect = FileEffect.CHANGED
    return PlannedRow(
        WORK_SHEET,
        row.line,
        entity.code,
        entity.name,
        f"{shown_as(row.kind, row.part)}, {month_and_year(given.period.reporting_month)}",
        " and ".join(_words(fact_of(one)) for one in before),
        _words(fact),
        effect,
        f"newer: {origin(newer, entity)}" if newer is not None else "",
    )


def origin(row: BlockerReading, entity: LegalEntity) -> str:
    """Where a reading comes from: "read from Finance & Operations", "by file, Ann Controller, 12 Jun"."""
    if row.attempt_id is None:
        return f"{row.source}, {short_date((row.source_as_of or row.read_at).date())}"
    kind = entity.connection.kind if entity.connection is not None else ""
    return f"read from {FACT_KINDS[kind].label if kind in FACT_KINDS else 'the ERP'}"


def _words(fact: BlockerFact) -> str:
    if fact.count is None:
        return "not readable"
    at_least = "at least " if fact.at_least else ""
    return f"{at_least}{counted(fact.kind, fact.part, fact.unit, fact.count)}"
