"""Describes the newest attempts to read an entity's connection."""

from __future__ import annotations

from dataclasses import dataclass

from board.entity.page_data import PageData
from board.web import labels
from entities.models import Connection
from periods.models import SyncAttempt
from periods.snapshot.period_history import AttemptSummary

_OUTCOMES = {
    SyncAttempt.Outcome.RUNNING: ("Reading now", "stale"),
    SyncAttempt.Outcome.OK: ("Read", "closed"),
    SyncAttempt.Outcome.PARTIAL: ("Not in the answer", "warning"),
    SyncAttempt.Outcome.UNAVAILABLE: ("Unavailable", "warning"),
    SyncAttempt.Outcome.REFUSED: ("Refused", "warning"),
    SyncAttempt.Outcome.MISREAD: ("Not understood", "warning"),
    SyncAttempt.Outcome.ABANDONED: ("Abandoned", "warning"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to read the connection, as a row of the table."""

    icon: str
    outcome: str
    when: str
    iso: str
    took: str
    pages: str  # like `rows`, "" for people who do not see all entities of the connection
    rows: str
    words: str


def read_attempt(attempt: AttemptSummary, data: PageData) -> Attempt:
    zone, as_of = data.board_request.reader.zone, data.board_request.as_of
    outcome, icon = _OUTCOMES[attempt.outcome]
    duration = ""
    if attempt.finished_at is not None:
        seconds = max(0.0, (attempt.finished_at - attempt.started_at).total_seconds())
        duration = f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    text = attempt.words
    if attempt.retry_at is not None and attempt.retry_at > as_of:
        text = f"{text} Tried again from {labels.clock(attempt.retry_at, zone, as_of)}.".strip()
    return Attempt(
        icon,
        outcome,
        labels.clock(attempt.started_at, zone, as_of),
        labels.iso(attempt.started_at) or "",
        duration,
        f"{attempt.pages:,}" if data.sees_all else "",
        f"{attempt.rows:,}" if data.sees_all else "",
        text,
    )


def connection_summary(connection: Connection | None) -> str:
    if connection is None:
        return ""
    minutes = connection.interval_seconds / 60
    interval = f"{minutes:g} min" if minutes >= 1 else f"{connection.interval_seconds} s"
    paused = "; paused, so nothing is read" if connection.paused else ""
    limit = f"{connection.stale_after_seconds / 60:g} min"
    return f"“{connection.name}”, read every {interval}, too old after {limit}{paused}"
