"""One entity's history of a month: changes, deadlines, remarks and attempts, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.facts.base import NativePeriodFacts, UnreadableFacts, read_stored_facts
from closing.facts.period_remarks import PeriodRemark
from closing.judging.standing import ObservedChange
from closing.judging.states import PeriodState, because_today
from infra.fast_cursor import fast_cursor
from periods.lookups import remarks_and_next
from periods.models import AgreedDate, FiscalPeriod, PeriodDeadline, PolicyVersion, SyncAttempt
from periods.vanished import is_vanished


@dataclass(frozen=True, slots=True)
class ChangeWithFacts:
    """One change that we saw, with its native facts (None: the ERP no longer gave any)."""

    change: ObservedChange
    facts: NativePeriodFacts | None
    erp_changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeadlineVersion:
    """A deadline from the moment it was set, with its origin: a policy's version, or an agreement by hand."""

    deadline: Deadline
    set_at: datetime
    policy_version: PolicyVersion | None
    agreed: AgreedDate | None


@dataclass(frozen=True, slots=True)
class PeriodDetail:
    """A fiscal period with its changes, deadlines and remarks, each list oldest first."""

    id: int
    name: str
    year: str
    span: DateSpan
    month_set_by_hand: bool
    changes: Sequence[ChangeWithFacts]
    deadlines: Sequence[DeadlineVersion]
    remarks: Sequence[PeriodRemark]

    @property
    def vanished(self) -> bool:
        """Whether the ERP no longer lists it."""
        newest = self.changes[-1]
        return is_vanished(newest.change.state, newest.facts)


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """An attempt to read the entity's connection; `words` are about the connection or this entity, never others."""

    started_at: datetime
    finished_at: datetime | None
    outcome: SyncAttempt.Outcome
    pages: int
    rows: int
    words: str
    retry_at: datetime | None


def period_details(
    entity_id: int, month: date, as_of: datetime, *, expected: int | None = None
) -> list[PeriodDetail]:
    """The operating periods of an entity in a reporting month that had been seen by a moment; four queries.

    `expected` is one that had not been, but that its row shows: the entity was never read.
    """
    rows = list(
        FiscalPeriod.objects.filter(entity=entity_id, reporting_month=month, type="operating")
        .order_by("first_day", "id")
        .values_list("id", "name", "year", "first_day", "last_day", "month_set_by_hand")
    )
    ids = [row[0] for row in rows]
    changes, deadlines, (remarks, _) = (
        _changes(ids, as_of),
        _deadlines(ids, as_of),
        remarks_and_next(ids, as_of),
    )
    return [
        PeriodDetail(
            pk,
            name,
            year,
            DateSpan(first, last),
            by_hand,
            changes.get(pk, ()),
            deadlines.get(pk, ()),
            remarks.get(pk, ()),
        )
        for pk, name, year, first, last, by_hand in rows
        if pk in changes or pk == expected
    ]


def _changes(ids: list[int], as_of: datetime) -> dict[int, list[ChangeWithFacts]]:
    changes_of: dict[int, list[ChangeWithFacts]] = {}
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT c.period_id, c.state, c.seen_at, c.previous_read_at, c.because, c.erp_changed_at, f.body
            FROM periods_statechange c LEFT JOIN periods_nativefacts f ON f.id = c.facts_id
            WHERE c.period_id = ANY(%s) AND c.seen_at <= %s
            ORDER BY c.period_id, c.seen_at, c.id
            """,
            [ids, as_of],
        )
        for pk, state, seen_at, previous_read_at, because, erp_changed_at, body in cursor.fetchall():
            change = ObservedChange(PeriodState(state), seen_at, previous_read_at, because_today(because))
            facts = read_stored_facts(body) if body is not None else None
            if isinstance(facts, UnreadableFacts):
                change = replace(change, state=PeriodState.UNKNOWN, because=facts.reason)
            changes_of.setdefault(pk, []).append(ChangeWithFacts(change, facts, erp_changed_at))
    return changes_of


def _deadlines(ids: list[int], as_of: datetime) -> dict[int, list[DeadlineVersion]]:
    rows = (
        PeriodDeadline.objects.filter(period__in=ids, set_at__lte=as_of)
        .select_related("policy_version__policy", "policy_version__set_by", "agreed_date")
        .order_by("period_id", "set_at")
    )
    deadlines: dict[int, list[DeadlineVersion]] = {}
    for row in rows:
        deadline = Deadline(row.due_on, row.zone, row.cut_off, row.label, row.explanation)
        deadlines.setdefault(row.period_id, []).append(
            DeadlineVersion(deadline, row.set_at, row.policy_version, row.agreed_date)
        )
    return deadlines


def newest_attempts(
    entity_id: int, connection_id: int | None, as_of: datetime, *, newest: int
) -> list[AttemptSummary]:
    """The newest attempts to read an entity's connection as they stood at a moment, newest first; one query."""
    if connection_id is None:
        return []
    with fast_cursor() as cursor:
        cursor.execute(
            """
            WITH row AS MATERIALIZED (
                SELECT a.id, started_at, finished_at, outcome, pages, rows, a.words, retry_at,
                       gap.id IS NULL AS whole, gap.words AS gap_words
                FROM (SELECT * FROM periods_syncattempt
                      WHERE connection_id = %(connection)s AND started_at <= %(as_of)s
                      ORDER BY started_at DESC, id DESC LIMIT %(newest)s) a
                LEFT JOIN periods_syncgap gap ON gap.attempt_id = a.id AND gap.entity_id = %(entity)s),
            packed_attempt AS (
                SELECT NULL::bigint AS id, at.started_at, at.started_at + at.took * interval '1 microsecond',
                       outcome, pages, rows, words, at.retry_at,
                       coalesce(NOT gaps ? %(entity)s::text, true), gaps -> %(entity)s::text ->> 1
                FROM periods_packedattempts
                CROSS JOIN unnest(started, took, retry_at) AS at(started_at, took, retry_at)
                WHERE connection_id = %(connection)s AND at.started_at <= %(as_of)s
                  AND day <= (%(as_of)s AT TIME ZONE 'UTC')::date
                  AND day >= greatest(
                      (SELECT (min(started_at) AT TIME ZONE 'UTC')::date FROM row HAVING count(*) = %(newest)s),
                      (SELECT min(day) FROM (
                           SELECT day FROM periods_packedattempts
                           WHERE connection_id = %(connection)s AND first_at <= %(as_of)s
                             AND day <= (%(as_of)s AT TIME ZONE 'UTC')::date
                           ORDER BY day DESC LIMIT %(newest)s) latest)))
            SELECT started_at, finished_at, outcome, whole, pages, rows, words, gap_words, retry_at
            FROM (SELECT * FROM row UNION ALL SELECT * FROM packed_attempt) attempt
            ORDER BY started_at DESC, id DESC LIMIT %(newest)s
            """,
            {"connection": connection_id, "entity": entity_id, "as_of": as_of, "newest": newest},
        )
        return [_summary(row, as_of) for row in cursor.fetchall()]


def _summary(row: Sequence[Any], as_of: datetime) -> AttemptSummary:
    """The attempt for readers of this entity; the words of a partial read are about other companies too."""
    started_at, finished_at, outcome, no_gap, pages, rows, words, gap_words, retry_at = row
    if finished_at is None or finished_at > as_of:
        return AttemptSummary(started_at, None, SyncAttempt.Outcome.RUNNING, 0, 0, "", None)
    read = outcome in SyncAttempt.READ_OUTCOMES
    # Gaps of other entities do not concern this one.
    of_entity = SyncAttempt.Outcome.OK if read and no_gap else SyncAttempt.Outcome(outcome)
    about_it = (gap_words or "") if read else words
    return AttemptSummary(started_at, finished_at, of_entity, pages, rows, about_it, retry_at)
