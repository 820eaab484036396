"""Reads one connection, from the claim of an attempt to the record of its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar

import stamina
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.db import connection as database

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end
from closing.facts.base import UnknownFactKind
from closing.facts.readings import ReadResult
from connectors.ledger_source import CompanyRef, SourceSettings
from connectors.pacing import LONGEST_PAUSE, REFUSED_PAUSE
from connectors.registry import build_source
from entities.models import Connection
from infra.outbound.errors import AccessRefused, AnswerMisread, RequestFailed
from infra.secrets import SecretUnreadable
from periods.models import ReadAttempt, SyncAttempt
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt, finish_attempt
from periods.recording.store import LeaseLost, RecordingResult, entities_to_read, record_readings

log = structlog.get_logger(__name__)

READ_BUDGET = timedelta(seconds=120)  # an attempt's overall deadline (05-reliability E6, E7)
# Longer than reading and recording together may take. A dead worker is noticed when it runs out, which is before the
# connection's next turn at the default interval; renewing a shorter one would cost a thread and a session per read.
LEASE = READ_BUDGET + timedelta(seconds=60)
SKEW_WARNING = timedelta(seconds=120)  # E19
MONTHS_BACK, MONTHS_AHEAD = 24, 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SyncResult:
    """The outcome of one sync of a connection; `attempt` is None when another attempt held its lease."""

    connection: str
    attempt: SyncAttempt | None
    changes: int = 0
    gaps: int = 0


def span_to_read(today: date) -> DateSpan:
    """The span of the periods to read: two years back, a quarter ahead."""
    first = today.year * 12 + today.month - 1 - MONTHS_BACK
    last = today.year * 12 + today.month - 1 + MONTHS_AHEAD
    return DateSpan(date(first // 12, first % 12 + 1, 1), month_end(date(last // 12, last % 12 + 1, 1)))


def sync_connection(
    connection: Connection,
    as_of: datetime,
    *,
    budget: timedelta = READ_BUDGET,
    wall_clock: datetime | None = None,
) -> SyncResult:
    """Read one connection as of a moment and record its readings; the outcome is a row, never an exception.

    `wall_clock` is the real time when `as_of` is another moment: the ERP's clock is compared with it.
    Raises OutOfOrderRead when the connection was already read for a later moment.
    """
    attempt = begin_attempt(connection.pk, as_of, lease=budget + (LEASE - READ_BUDGET))
    if attempt is None:
        return SyncResult(connection.name, None)
    finished_at = clock_from(as_of)
    span = span_to_read(as_of.date())

    def read_and_record() -> RecordingResult:
        source = build_source(settings_for(connection, budget))
        entities = with_retries(lambda: entities_to_read(connection.pk, span.first))
        company_refs = [CompanyRef(entity.erp_id, entity.erp_identity) for entity in entities]
        read_result = source.read(company_refs, span)
        attempt_result = _result_of_read(read_result, finished_at(), (wall_clock or as_of) - as_of)
        return with_retries(lambda: record_readings(attempt, read_result, span, attempt_result))

    recorded = attempt_read(connection, attempt, as_of, finished_at, read_and_record)
    attempt.refresh_from_db()
    if recorded is None:
        return SyncResult(connection.name, attempt)
    return SyncResult(connection.name, attempt, recorded.changes, recorded.gaps)


def clock_from(as_of: datetime) -> Callable[[], datetime]:
    """A clock that shows `as_of` now and runs on from there."""
    began = time.monotonic()
    return lambda: as_of + timedelta(seconds=time.monotonic() - began)


def attempt_read(
    connection: Connection,
    attempt: ReadAttempt,
    as_of: datetime,
    finished_at: Callable[[], datetime],
    read_and_record: Callable[[], T],
) -> T | None:
    """Run one read of an attempt; a failure is stored as the attempt's outcome, and None returned."""
    try:
        return read_and_record()
    except LeaseLost as overtaken:
        log.warning("sync overtaken", connection=connection.name, attempt=attempt.pk, why=str(overtaken))
        return None
    except RequestFailed as error:
        failure = _result_of_failure(error, as_of, finished_at())
    except (SecretUnreadable, ImproperlyConfigured) as error:
        refused = AccessRefused(f"The stored client secret cannot be used: {error}")
        failure = _result_of_failure(refused, as_of, finished_at())
    except UnknownFactKind as error:
        failure = _result_of_failure(AnswerMisread(str(error)), as_of, finished_at())
    except Exception:
        # A bug of our own must age the readings like any failed read, and show as such.
        log.exception("sync failed", connection=connection.name, attempt=attempt.pk)
        mistake = AnswerMisread(
            "Closeboard itself failed while reading; the log names the error. Nothing was changed."
        )
        failure = _result_of_failure(mistake, as_of, finished_at())
    with_retries(lambda: finish_attempt(attempt.pk, failure, attempts=type(attempt)))
    log.warning(
        "sync brought nothing",
        connection=connection.name,
        outcome=failure.outcome.value,
        words=failure.words,
    )
    return None


def with_retries(work: Callable[[], T]) -> T:
    """Repeat one transaction that the database rolled back (05-reliability C1 to C3): nothing of it was stored.

    Covers killed sessions, restarts and deadlocks; after six tries or 40 seconds it raises the error.
    """
    dropped = (OperationalError, InterfaceError)
    for attempt in stamina.retry_context(
        on=dropped, attempts=6, timeout=40, wait_initial=0.2, wait_jitter=0.3, wait_max=8
    ):
        with attempt:
            if not database.in_atomic_block:
                database.close_if_unusable_or_obsolete()
            return work()
    raise AssertionError("the last try either returns or raises")


def settings_for(connection: Connection, budget: timedelta) -> SourceSettings:
    """The address and credentials of a connection for one read."""
    return SourceSettings(
        name=connection.name,
        kind=connection.kind,
        base_url=connection.base_url,
        authority=connection.authority,
        tenant=connection.tenant,
        client_id=connection.client_id,
        secret=connection.secret,
        environment=connection.environment,
        journal_templates=tuple(connection.journal_templates),
        allowed_hosts=settings.ERP_ALLOWED_HOSTS,
        budget_seconds=budget.total_seconds(),
    )


def _result_of_read(result: ReadResult, finished_at: datetime, offset: timedelta) -> AttemptResult:
    server = result.server_clock
    skew = None if server is None else round((server - finished_at - offset).total_seconds())
    sentences = [f"{gap.erp_id}: {gap.words}" for gap in result.gaps]
    if skew is not None and abs(skew) > SKEW_WARNING.total_seconds():
        sentences.append(
            f"The ERP's clock differs from Closeboard's by {skew} s; states are ordered by the time of reading."
        )
    return AttemptResult(
        Outcome.PARTIAL if result.gaps else Outcome.OK,
        finished_at,
        pages=result.pages,
        rows=result.rows,
        words=" ".join(sentences),
        retry_at=retry_moment(result.retry_after, finished_at),
        clock_skew_seconds=skew,
    )


def _result_of_failure(error: RequestFailed, as_of: datetime, finished_at: datetime) -> AttemptResult:
    retry_at = None
    if isinstance(error, AccessRefused):
        outcome, retry_at = Outcome.REFUSED, as_of + REFUSED_PAUSE
    elif isinstance(error, AnswerMisread):
        outcome = Outcome.MISREAD
    else:
        outcome = Outcome.UNAVAILABLE
        retry_at = retry_moment(error.retry_after, finished_at)
    return AttemptResult(outcome, finished_at, http_status=error.status, words=error.words, retry_at=retry_at)


def retry_moment(retry_after: float | None, finished_at: datetime) -> datetime | None:
    """The earliest moment of the next read when the ERP asks to wait, within reason."""
    if retry_after is None:
        return None
    return finished_at + min(timedelta(seconds=max(0.0, retry_after)), LONGEST_PAUSE)
