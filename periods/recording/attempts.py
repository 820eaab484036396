"""Attempts to read: begun under a lease, finished once, abandoned if their worker died."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models.functions import Now

from entities.models import Connection
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import ReadAttempt, SyncAttempt

Outcome = ReadAttempt.Outcome
_A = TypeVar("_A", bound=ReadAttempt)


class OutOfOrderRead(ValueError):
    """The moment to read for lies before the newest recorded read; states are only ever read forwards."""


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt ended, as columns of SyncAttempt; `words` is the problem in a sentence."""

    outcome: ReadAttempt.Outcome
    finished_at: datetime
    pages: int = 0
    rows: int = 0
    http_status: int | None = None
    words: str = ""
    retry_at: datetime | None = None
    clock_skew_seconds: int | None = None


def begin_attempt(connection_id: int, as_of: datetime, *, lease: timedelta) -> SyncAttempt | None:
    """Claim a connection for one read of its periods; see `begin_attempt_of`."""
    return begin_attempt_of(SyncAttempt, connection_id, as_of, lease=lease)


def begin_attempt_of(
    attempts: type[_A], connection_id: int, as_of: datetime, *, lease: timedelta
) -> _A | None:
    """Claim a connection for one read, or return None while another attempt of this class holds its lease.

    An attempt whose lease ran out (by the database's clock) is marked abandoned first. Raises OutOfOrderRead if the
    connection was already read for a later moment than `as_of`. A read dated ahead of the database's clock, by a
    machine whose clock was wrong, does not count there: it would stop all reading until that moment.
    """
    with transaction.atomic():
        Connection.objects.select_for_update(no_key=True).only("pk").get(pk=connection_id)
        abandon_expired(as_of, connection_id=connection_id, attempts=attempts)
        own = attempts._default_manager.filter(connection=connection_id)
        if own.filter(outcome=Outcome.RUNNING).exists():
            return None
        read = own.filter(outcome__in=ReadAttempt.READ_OUTCOMES, started_at__lte=Now())
        newest = read.order_by("-started_at").first()
        if newest is not None and newest.started_at > as_of:
            raise OutOfOrderRead(
                f"this connection was already read for {newest.started_at:%Y-%m-%d %H:%M:%S} UTC, "
                f"after {as_of:%Y-%m-%d %H:%M:%S} UTC; read for that moment or a later one"
            )
        attempt = own.create(connection_id=connection_id, started_at=as_of, lease_until=Now() + lease)
        attempt.refresh_from_db()
        return attempt


def abandon_expired(
    as_of: datetime, *, connection_id: int | None = None, attempts: type[ReadAttempt] = SyncAttempt
) -> int:
    """Mark attempts whose lease ran out as abandoned; returns how many. None of their readings was stored."""
    expired = attempts._default_manager.filter(outcome=Outcome.RUNNING, lease_until__lt=Now())
    if connection_id is not None:
        expired = expired.filter(connection=connection_id)
    return expired.update(
        outcome=Outcome.ABANDONED,
        finished_at=as_of,
        words="The worker stopped during this reading. The connection is read again at the next sync.",
    )


def finish_attempt(
    attempt_id: int,
    result: AttemptResult,
    *,
    changes: int = 0,
    attempts: type[ReadAttempt] = SyncAttempt,
) -> bool:
    """Store how an attempt ended; False if it had lost its lease and was marked abandoned meanwhile."""
    nudge_after_commit()
    return bool(
        attempts._default_manager.filter(pk=attempt_id, outcome=Outcome.RUNNING).update(
            changes=changes, **asdict(result)
        )
    )
