"""The one place where a period's state changes (02-architecture 2.1, sentences 4 and 5)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q

from closing.calendar.days import DateSpan
from closing.calendar.instants import zone_named
from closing.facts.base import NativePeriodFacts, Options, facts_to_json
from closing.facts.readings import GapReason, PeriodReading, ReadGap, ReadResult
from entities.models import LegalEntity
from periods.deadline_setting import set_deadlines
from periods.expected_periods import take_over_expected
from periods.models import FiscalPeriod, ReadAttempt, SyncAttempt, SyncGap
from periods.policies import effective_policies
from periods.recording import staging
from periods.recording.attempts import AttemptResult, finish_attempt
from periods.recording.reporting_months import months_of_readings, remap_earlier_periods

log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """An attempt that lost its lease tried to record; newer readings may be stored, so nothing of it is."""


def lock_running(attempt: ReadAttempt) -> None:
    """Lock an attempt that is to be recorded until the transaction ends.

    Raises LeaseLost if it is no longer the running one of its connection.
    """
    own = type(attempt)._default_manager.select_for_update()
    if not own.filter(pk=attempt.pk, outcome=ReadAttempt.Outcome.RUNNING).exists():
        raise LeaseLost(f"attempt {attempt.pk} lost its lease; a newer one has the word")


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """The counts of one recording: rows of history written, entities not covered."""

    changes: int
    gaps: int


class EntityToRead(NamedTuple):
    """The fields of an entity for reading and recording: thousands of model objects would cost more than a COPY."""

    pk: int
    erp_id: str
    erp_identity: str
    zone: str
    group_path: str


def entities_to_read(connection_id: int, since: date) -> list[EntityToRead]:
    """The entities that a read of this connection must cover: all but those that ended before `since`."""
    connected = LegalEntity.objects.filter(
        Q(active_to=None) | Q(active_to__gte=since), connection_id=connection_id
    )
    rows = connected.order_by("pk").values_list("pk", "erp_id", "erp_identity", "zone", "group__path")
    return [EntityToRead(*row) for row in rows]


def record_readings(
    attempt: SyncAttempt, read_result: ReadResult, span: DateSpan, attempt_result: AttemptResult
) -> RecordingResult:
    """Store the readings of an attempt and finish the attempt, in one transaction.

    States change only here, and each change leaves one StateChange. An entity in a gap keeps its last state and ages;
    a period that the ERP no longer lists becomes Unknown. Recording the same again writes no period and no change.
    Raises LeaseLost, with nothing stored, if the attempt is no longer the running one of its connection, and
    UnknownFactKind for facts of a class that is not registered.
    """
    with transaction.atomic():
        lock_running(attempt)
        entities = entities_to_read(attempt.connection_id, span.first)
        by_erp_id = {entity.erp_id.lower(): entity for entity in entities}
        _pin_identities(read_result, by_erp_id)
        gaps = _gaps(read_result, by_erp_id)
        covered = [entity for entity in entities if entity.pk not in gaps]
        covered_ids = [entity.pk for entity in covered]

        with database.cursor() as cursor:
            staging.prepare(cursor)
            staging.fill(cursor, _batch(cursor, attempt, read_result.readings, covered))
            taken_over = take_over_expected(cursor, covered_ids, attempt.started_at)
            result = staging.apply_staged(
                cursor, attempt_id=attempt.pk, seen_at=attempt.started_at, covered=covered_ids, span=span
            )
        _store_coverage(attempt, covered_ids)
        SyncGap.objects.bulk_create(
            SyncGap(attempt=attempt, entity_id=pk, reason=gap.reason.value, words=gap.words)
            for pk, gap in gaps.items()
        )
        remap_earlier_periods(result.remapped_entity_ids, span.first)
        redated = {*result.redated_entity_ids, *taken_over.values()}
        if redated:
            deadlines = set_deadlines(redated, attempt.started_at, taken_over=taken_over)
            for warning in deadlines.warnings:
                log.warning("setting deadlines failed", connection=attempt.connection_id, why=warning)
        final = _with_gaps(attempt_result, read_result, gaps.values())
        finish_attempt(attempt.pk, final, changes=result.changes)
    return RecordingResult(result.changes, len(gaps))


def _with_gaps(
    attempt_result: AttemptResult, read_result: ReadResult, gaps: Iterable[ReadGap]
) -> AttemptResult:
    """The attempt's result with the gaps that only the recording found: an attempt with any was read in part."""
    found = [f"{gap.erp_id}: {gap.words}" for gap in gaps if gap not in read_result.gaps]
    if not found:
        return attempt_result
    words = " ".join(filter(None, [attempt_result.words, *found]))
    return replace(attempt_result, outcome=SyncAttempt.Outcome.PARTIAL, words=words)


def _pin_identities(read_result: ReadResult, by_erp_id: dict[str, EntityToRead]) -> None:
    """Store a company's lasting id at the first read; a connector refuses another one from then on (E21).

    One statement, and so one change event, whatever the number of companies.
    """
    identities: dict[int, str] = {}
    for erp_id, identity in read_result.identities.items():
        entity = by_erp_id.get(erp_id.lower())
        if entity is not None and identity and not entity.erp_identity:
            identities[entity.pk] = identity
    if not identities:
        return
    with database.cursor() as cursor:
        cursor.execute(
            """
            UPDATE entities_legalentity entity SET erp_identity = found.identity
            FROM unnest(%s::bigint[], %s::text[]) AS found(id, identity)
            WHERE entity.id = found.id AND entity.erp_identity = ''
            """,
            [list(identities), list(identities.values())],
        )


def _gaps(read_result: ReadResult, by_erp_id: dict[str, EntityToRead]) -> dict[int, ReadGap]:
    """The gaps by entity; a requested company without any reading is a gap too: absence is never fine."""
    gaps = {
        by_erp_id[gap.erp_id.lower()].pk: gap for gap in read_result.gaps if gap.erp_id.lower() in by_erp_id
    }
    listed: dict[str, bool] = {}  # by company: did the ERP itself list any of its periods?
    for reading in read_result.readings:
        erp_id, assumed = reading.erp_id, reading.facts.assumed_end
        listed[erp_id] = listed.get(erp_id, erp_id in read_result.keep_periods) or not assumed
    listed = {erp_id.lower(): any_listed for erp_id, any_listed in listed.items()}
    # Companies, now with assumed calendar months, that once had periods listed by the ERP (E16).
    assumed_ids = [entity.pk for erp_id, entity in by_erp_id.items() if listed.get(erp_id) is False]
    listed_before = FiscalPeriod.objects.filter(entity__in=assumed_ids, facts__body__assumed_end=False)
    suspicious = set(listed_before.values_list("entity_id", flat=True).distinct())
    for erp_id, entity in by_erp_id.items():
        if entity.pk not in gaps and (erp_id not in listed or entity.pk in suspicious):
            gaps[entity.pk] = ReadGap(erp_id, GapReason.EMPTY, "The ERP listed no periods for this company.")
    return gaps


def _store_coverage(attempt: SyncAttempt, covered: list[int]) -> None:
    """Begin and end read spans where coverage changed; the same coverage again writes nothing."""
    parameters: dict[str, Any] = {
        "attempt": attempt.pk,
        "connection": attempt.connection_id,
        "covered": covered,
    }
    parameters["read_at"] = attempt.started_at
    with database.cursor() as cursor:
        cursor.execute(
            """
            UPDATE periods_readspan span SET (last_attempt_id, last_read_at) = (
                SELECT id, started_at FROM periods_syncattempt
                WHERE connection_id = span.connection_id AND outcome IN ('ok', 'partial') AND id < %(attempt)s
                ORDER BY started_at DESC LIMIT 1)
            WHERE span.id IN (
                SELECT open.id FROM periods_readspan open
                LEFT JOIN unnest(%(covered)s::bigint[]) AS covered(id) ON covered.id = open.entity_id
                WHERE open.last_attempt_id IS NULL
                  AND (open.connection_id = %(connection)s) <> (covered.id IS NOT NULL))
            """,
            parameters,
        )
        cursor.execute(
            """
            INSERT INTO periods_readspan (entity_id, connection_id, first_attempt_id, first_read_at)
            SELECT id, %(connection)s, %(attempt)s, %(read_at)s FROM unnest(%(covered)s::bigint[]) AS covered(id)
            WHERE NOT EXISTS (SELECT FROM periods_readspan WHERE entity_id = covered.id AND last_attempt_id IS NULL)
            """,
            parameters,
        )


def _batch(
    cursor: CursorWrapper,
    attempt: SyncAttempt,
    readings: Sequence[PeriodReading],
    covered: Sequence[EntityToRead],
) -> staging.StagedBatch:
    """The readings of covered entities with their states derived; equal inputs of many readings are derived once."""
    batch = staging.StagedBatch()
    targets = _targets(covered)
    by_spelling = {erp_id: targets.get(erp_id.lower()) for erp_id in {reading.erp_id for reading in readings}}
    # What of the facts concerns the period, before anything is compared.
    distinct = {(id(reading.facts), id(reading.span)): reading for reading in readings}
    facts_of = {key: reading.facts.for_period(reading.span) for key, reading in distinct.items()}
    facts_ids = _store_facts(cursor, facts_of.values())
    months = months_of_readings(readings)
    endings: dict[object, str] = {}
    # 120,000 turns for a big group: objects that would be hashed in Python are compared by id().
    for reading in readings:
        target = by_spelling[reading.erp_id]
        if target is None:
            continue
        beginning, choice = target
        span = reading.span
        period = (reading.erp_key, reading.calendar, reading.year, reading.name, span.first, span.last)
        calendar = reading.calendar or reading.erp_id
        key = (period, calendar, id(reading.type), id(reading.facts), id(choice), reading.erp_changed_at)
        ending = endings.get(key)
        if ending is None:
            zone, options = choice
            facts = facts_of[id(reading.facts), id(span)]
            derived = facts.state(span, at=attempt.started_at, zone=zone, options=options)
            staged = (derived.state.value, derived.because, facts_ids[id(facts)], reading.erp_changed_at)
            dates = (span.first, span.last, reading.type.value, months[calendar][span])
            ending = endings[key] = f"\t{batch.periods[(*period[:4], *dates)]}\t{batch.states[staged]}\n"
        batch.readings.append(beginning + ending)
    return batch


# The inputs of a state besides the reading and its moment.
_Choice = tuple[ZoneInfo, Options]


def _targets(covered: Sequence[EntityToRead]) -> dict[str, tuple[str, _Choice]]:
    """The beginning of the staged lines and the choice by company id in lower case; equal choices are one object."""
    policies = effective_policies((entity.pk, entity.group_path) for entity in covered)
    choices: dict[_Choice, _Choice] = {}
    targets: dict[str, tuple[str, _Choice]] = {}
    for entity in covered:
        choice = (zone_named(entity.zone), policies[entity.pk].fact_options)
        targets[entity.erp_id.lower()] = (str(entity.pk), choices.setdefault(choice, choice))
    return targets


def _store_facts(cursor: CursorWrapper, all_facts: Iterable[NativePeriodFacts]) -> dict[int, int]:
    """Store each distinct set of facts once; returns the row's id by the object's id(). Raises UnknownFactKind."""
    distinct = {id(facts): facts for facts in all_facts}
    bodies: dict[str, str] = {}
    digest_of: dict[int, str] = {}
    for key, facts in distinct.items():
        body = json.dumps(facts_to_json(facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(body.encode()).hexdigest()
        digest_of[key] = digest
        bodies[digest] = body
    # In one order everywhere, so that two recordings never wait for each other in a ring.
    digests = sorted(bodies)
    ids = _facts_by_digest(cursor, digests)
    missing = [digest for digest in digests if digest not in ids]
    if missing:
        cursor.execute(
            "INSERT INTO periods_nativefacts (digest, body) SELECT * FROM unnest(%s::text[], %s::jsonb[])"
            " ON CONFLICT (digest) DO NOTHING",
            [missing, [bodies[digest] for digest in missing]],
        )
        ids |= _facts_by_digest(cursor, missing)
    return {key: ids[digest] for key, digest in digest_of.items()}


def _facts_by_digest(cursor: CursorWrapper, digests: list[str]) -> dict[str, int]:
    cursor.execute("SELECT digest, id FROM periods_nativefacts WHERE digest = ANY(%s)", [digests])
    return dict(cursor.fetchall())
