"""Stores the facts of an attempt: only what has changed, whole or not at all, and never over newer ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Q

from closing.blockers.blocker_facts import BlockerFact, is_unchanged, with_superseded_keys
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import PartRead, WorkReadResult
from closing.calendar.days import DateSpan
from entities.models import LegalEntity
from periods.models import FiscalPeriod
from periods.recording.attempts import AttemptResult, finish_attempt
from periods.recording.store import lock_running
from worklist.models import BlockerReading, WorkAttempt
from worklist.recording.fact_rows import body_of, fact_of

_Part = tuple[int, BlockerKind, str]  # entity, kind, part


@dataclass(frozen=True, slots=True)
class WorkRecordingResult:
    """How many facts changed, and how many parts could not be read."""

    changes: int
    gaps: int


def record_work(
    attempt: WorkAttempt, result: WorkReadResult, days: DateSpan, attempt_result: AttemptResult
) -> WorkRecordingResult:
    """Store the facts of an attempt and finish the attempt, in one transaction.

    `days` are those of the periods that were read. An unchanged fact writes no row; a key that had a fact and has
    none now gets 0, or no count where its part is not readable. A part in a gap keeps its facts, and ages. Raises
    LeaseLost, with nothing stored, if the attempt is no longer the running one of its connection.
    """
    with transaction.atomic():
        lock_running(attempt)
        changes = store_facts(
            result.facts, result.parts, days, attempt.started_at, attempt_id=attempt.pk, source=""
        )
        _store_spans(attempt, result.parts, days)
        finish_attempt(attempt.pk, attempt_result, changes=changes, attempts=WorkAttempt)
    return WorkRecordingResult(changes, len(result.gaps))


def store_facts(
    facts: Iterable[BlockerFact],
    parts: Collection[PartRead],
    days: DateSpan,
    read_at: datetime,
    *,
    attempt_id: int | None,
    source: str,
) -> int:
    """Write the facts that differ from those in force, within the transaction that runs; returns how many.

    `parts` were read in full for the periods that touch `days`, and for work of no period. A fact is refused where a
    later reading of its key is in force: readings are only ever replaced forwards.
    """
    read = {(part.entity, part.kind, part.part) for part in parts}
    in_force = _facts_in_force(read, days)
    by_key = {fact.key: (row, fact) for row, fact in in_force}
    complete = with_superseded_keys(
        (fact for fact in facts if (fact.entity, fact.kind, fact.part) in read),
        (fact for _, fact in in_force),
    )
    changed = []
    for fact in complete:
        before = by_key.get(fact.key)
        if before is not None and (is_unchanged(before[1], fact) or before[0].read_at > read_at):
            continue
        changed.append(fact)
    replaced = [by_key[fact.key][0].pk for fact in changed if fact.key in by_key]
    BlockerReading.objects.filter(pk__in=replaced).update(superseded_at=read_at)
    partners = _partners(changed)
    BlockerReading.objects.bulk_create(
        BlockerReading(
            entity_id=fact.entity,
            period_id=fact.period,
            partner_id=partner,
            partner_period_id=partner_period,
            kind=fact.kind.value,
            part=fact.part,
            currency=fact.currency or "",
            count=fact.count,
            amount=fact.amount,
            body=body_of(fact),
            source=source,
            source_as_of=fact.source_as_of,
            attempt_id=attempt_id,
            read_at=read_at,
        )
        for fact in changed
        for partner, partner_period in (partners.get(fact.key, (None, None)),)
    )
    return len(changed)


def _facts_in_force(parts: Collection[_Part], days: DateSpan) -> list[tuple[BlockerReading, BlockerFact]]:
    """The facts in force of these parts: of periods that touch the days, and of no period; locked."""
    rows = BlockerReading.objects.filter(
        Q(period=None) | Q(period__first_day__lte=days.last, period__last_day__gte=days.first),
        entity__in={entity for entity, _, _ in parts},
        superseded_at=None,
    )
    found = rows.order_by("pk").select_for_update(of=("self",))
    return [(row, fact_of(row)) for row in found if (row.entity_id, row.kind, row.part) in parts]


def _partners(facts: Sequence[BlockerFact]) -> dict[object, tuple[int, int | None]]:
    """The other entity of each intercompany fact, and its period of the same reporting month."""
    pairs = [fact for fact in facts if fact.counterparties is not None]
    if not pairs:
        return {}
    codes = {code for fact in pairs for code in fact.counterparties or ()}
    ids = dict(LegalEntity.objects.filter(code__in=codes).values_list("code", "pk"))
    months = dict(
        FiscalPeriod.objects.filter(pk__in={fact.period for fact in pairs}).values_list(
            "pk", "reporting_month"
        )
    )
    periods: dict[tuple[int, date], int] = {
        (entity, month): pk
        for pk, entity, month in FiscalPeriod.objects.filter(
            entity__in=ids.values(), reporting_month__in=set(months.values()), type="operating"
        ).values_list("pk", "entity", "reporting_month")
    }
    found: dict[object, tuple[int, int | None]] = {}
    for fact in pairs:
        other = next(
            (ids[code] for code in fact.counterparties or () if code in ids and ids[code] != fact.entity),
            None,
        )
        if other is not None:
            month = months.get(fact.period or 0)
            found[fact.key] = other, periods.get((other, month)) if month else None
    return found


def _store_spans(attempt: WorkAttempt, parts: Iterable[PartRead], days: DateSpan) -> None:
    """Begin and end work spans where what was read changed; the same parts and days again write nothing."""
    read = [(part.entity, part.kind.value, part.part) for part in parts]
    values: dict[str, Any] = {
        "attempt": attempt.pk,
        "connection": attempt.connection_id,
        "turn": attempt.turn,
        "read_at": attempt.started_at,
        "first": days.first,
        "last": days.last,
        "entities": [entity for entity, _, _ in read],
        "kinds": [kind for _, kind, _ in read],
        "parts": [part for _, _, part in read],
    }
    covered = (
        "unnest(%(entities)s::bigint[], %(kinds)s::text[], %(parts)s::text[]) AS read(entity_id, kind, part)"
    )
    with database.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE worklist_workspan span SET (last_attempt_id, last_read_at) = (
                SELECT id, started_at FROM worklist_workattempt
                WHERE connection_id = span.connection_id AND turn = span.turn AND outcome IN ('ok', 'partial')
                  AND id < %(attempt)s
                ORDER BY started_at DESC LIMIT 1)
            WHERE span.last_attempt_id IS NULL
              AND (span.connection_id = %(connection)s AND span.turn = %(turn)s OR EXISTS (
                       SELECT FROM {covered} WHERE read.entity_id = span.entity_id AND read.kind = span.kind
                       AND read.part = span.part))
              AND NOT (span.connection_id = %(connection)s AND span.turn = %(turn)s
                       AND (span.first_day, span.last_day) = (%(first)s, %(last)s)
                       AND EXISTS (SELECT FROM {covered} WHERE read.entity_id = span.entity_id
                                   AND read.kind = span.kind AND read.part = span.part))
            """,  # noqa: S608 - words of our own
            values,
        )
        cursor.execute(
            f"""
            INSERT INTO worklist_workspan
                (entity_id, connection_id, turn, kind, part, first_day, last_day, first_attempt_id, first_read_at)
            SELECT read.entity_id, %(connection)s, %(turn)s, read.kind, read.part, %(first)s, %(last)s, %(attempt)s,
                   %(read_at)s
            FROM {covered}
            WHERE NOT EXISTS (SELECT FROM worklist_workspan open WHERE open.entity_id = read.entity_id
                              AND open.kind = read.kind AND open.part = read.part AND open.last_attempt_id IS NULL)
            """,  # noqa: S608 - words of our own
            values,
        )
