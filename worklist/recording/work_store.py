"""Stores the facts of an attempt: only what has changed, whole or not at all, and never over newer ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import PartRead, WorkReadResult
from closing.calendar.days import DateSpan
from periods.models import FiscalPeriod
from periods.recording.attempts import AttemptResult, finish_attempt
from periods.recording.store import lock_running
from worklist.models import WorkAttempt
from worklist.recording.fact_store import store_facts
from worklist.recording.pair_facts import compare_pairs
from worklist.recording.partner_positions import record_positions


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
        changes = 0
        if result.positions is not None:
            changes += record_positions(result.positions, read_at=attempt.started_at, attempt=attempt)
        changes += store_facts(
            result.facts, result.parts, days, attempt.started_at, attempt_id=attempt.pk, source=""
        )
        _compare_revalued(result, attempt.started_at)
        _store_spans(attempt, result.parts, days)
        finish_attempt(attempt.pk, attempt_result, changes=changes, attempts=WorkAttempt)
    return WorkRecordingResult(changes, len(result.gaps))


def _compare_revalued(result: WorkReadResult, read_at: datetime) -> None:
    """Compare again the pairs of entities of which the read shows whether they are revalued."""
    facts = [fact for fact in result.facts if fact.kind is BlockerKind.REVALUATION_NOT_RUN and not fact.doubt]
    months = FiscalPeriod.objects.filter(pk__in={fact.period for fact in facts if fact.period})
    compare_pairs(
        {fact.entity for fact in facts}, set(months.values_list("reporting_month", flat=True)), read_at
    )


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
