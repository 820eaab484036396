"""Reads the unfinished work of one connection, from the claim of an attempt to the record of its outcome."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Max, Q

from closing.blockers.work_readings import WorkReadResult
from closing.calendar.days import DateSpan
from connectors.position_turn import entities_by_partner, refs_of_positions
from connectors.registry import build_work_source, work_turns
from connectors.sync import (
    LEASE,
    READ_BUDGET,
    attempt_read,
    clock_from,
    retry_moment,
    settings_for,
    with_retries,
)
from connectors.work_source import WorkPeriod, WorkRef
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt_of
from worklist.models import WorkAttempt, WorkSpan
from worklist.recording.work_store import WorkRecordingResult, record_work

MONTHS_BACK = 13
NEVER = datetime.min.replace(tzinfo=UTC)
DAYS_AHEAD = timedelta(days=62)  # lines of the next period are work of that period, not undated


@dataclass(frozen=True, slots=True)
class WorkSyncResult:
    """The outcome of one read of work; `attempt` is None when another attempt held its lease."""

    connection: str
    attempt: WorkAttempt | None
    changes: int = 0
    gaps: int = 0


def sync_work(connection: Connection, as_of: datetime, *, budget: timedelta = READ_BUDGET) -> WorkSyncResult:
    """Read one turn of a connection's unfinished work as of a moment; the outcome is a row, never an exception.

    The turn whose last attempt is the oldest comes next, so that one which fails holds up no other. Raises
    OutOfOrderRead when the work was already read for a later moment.
    """
    attempt = begin_attempt_of(WorkAttempt, connection.pk, as_of, lease=budget + (LEASE - READ_BUDGET))
    if attempt is None:
        return WorkSyncResult(connection.name, None)
    finished_at = clock_from(as_of)

    def read_and_record() -> WorkRecordingResult:
        source = build_work_source(settings_for(connection, budget))
        turns = work_turns()[connection.kind]
        attempt.turn = with_retries(lambda: _next_turn(attempt, turns))
        of_positions = attempt.turn == turns - 1
        with_retries(lambda: attempt.save(update_fields=["turn"]))
        refs, days = with_retries(lambda: companies_to_read(connection.pk, as_of))
        if of_positions:
            refs = with_retries(lambda: refs_of_positions(refs, as_of))
        refs = with_retries(lambda: longest_unread_first(refs, connection.pk, attempt.turn))
        if not refs:
            result = WorkReadResult((), frozenset())
        elif of_positions:
            result = source.read_positions(refs, as_of, with_retries(lambda: entities_by_partner(connection)))
        else:
            result = source.read_work(refs, days, as_of, turn=attempt.turn)
        attempt_result = AttemptResult(
            Outcome.PARTIAL if result.gaps else Outcome.OK,
            finished_at(),
            pages=result.pages,
            rows=result.rows,
            words=" ".join(dict.fromkeys(gap.words for gap in result.gaps)),
            retry_at=retry_moment(result.retry_after, finished_at()),
        )
        return with_retries(lambda: record_work(attempt, result, days, attempt_result))

    recorded = attempt_read(connection, attempt, as_of, finished_at, read_and_record)
    attempt.refresh_from_db()
    if recorded is None:
        return WorkSyncResult(connection.name, attempt)
    return WorkSyncResult(connection.name, attempt, recorded.changes, recorded.gaps)


def companies_to_read(connection_id: int, as_of: datetime) -> tuple[list[WorkRef], DateSpan]:
    """The companies of a connection with their periods of the last thirteen months, and the days of all of these."""
    today = as_of.date()
    first = (today - timedelta(days=31 * MONTHS_BACK)).replace(day=1)
    periods: defaultdict[int, list[WorkPeriod]] = defaultdict(list)
    rows = FiscalPeriod.objects.filter(
        entity__connection=connection_id,
        type="operating",
        last_day__gte=first,
        first_day__lte=today + DAYS_AHEAD,
    )
    for pk, entity, first_day, last_day, month in rows.order_by("first_day", "pk").values_list(
        "pk", "entity", "first_day", "last_day", "reporting_month"
    ):
        periods[entity].append(WorkPeriod(pk, DateSpan(first_day, last_day), month))
    entities = LegalEntity.objects.filter(connection=connection_id, pk__in=periods).order_by("pk")
    refs = [
        WorkRef(pk, code, erp_id, identity, tuple(periods[pk]))
        for pk, code, erp_id, identity in entities.values_list("pk", "code", "erp_id", "erp_identity")
    ]
    spans = [one.span for own in periods.values() for one in own]
    days = DateSpan(
        min((span.first for span in spans), default=first), max((span.last for span in spans), default=today)
    )
    return refs, days


def longest_unread_first(refs: list[WorkRef], connection_id: int, turn: int) -> list[WorkRef]:
    """The companies in the order in which a turn reads them: those first that its last good attempt left out."""
    spans = WorkSpan.objects.filter(
        connection=connection_id, turn=turn, entity__in=[ref.entity for ref in refs]
    )
    rows = (
        spans.order_by()
        .values("entity")
        .annotate(last=Max("last_read_at"), read=Count("pk", Q(last_attempt=None)))
    )
    left_out_at = {row["entity"]: row["last"] or NEVER for row in rows if not row["read"]}
    read = {row["entity"] for row in rows if row["read"]}
    return sorted(refs, key=lambda ref: (ref.entity in read, left_out_at.get(ref.entity, NEVER)))


def _next_turn(attempt: WorkAttempt, turns: int) -> int:
    last = dict(
        WorkAttempt.objects.filter(connection=attempt.connection_id)
        .exclude(pk=attempt.pk)
        .order_by()
        .values_list("turn")
        .annotate(last=Max("started_at"))
    )
    return min(range(turns), key=lambda turn: last.get(turn, NEVER))
