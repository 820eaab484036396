"""The newest attempts to read an entity's connection."""

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
    SyncAttempt.Outcome.PARTIAL: ("Not brought", "warning"),
    SyncAttempt.Outcome.UNAVAILABLE: ("Unavailable", "warning"),
    SyncAttempt.Outcome.REFUSED: ("Refused", "warning"),
    SyncAttempt.Outcome.MISREAD: ("Not understood", "warning"),
    SyncAttempt.Outcome.ABANDONED: ("Abandoned", "warning"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to read the connection, as the table shows it."""

    icon: str
    outcome: str
    when: str
    iso: str
    took: str
    pages: str  # "" for who does not see all entities of the connection, likewise rows
    rows: str
    words: str


def read_attempt(tried: AttemptSummary, known: PageData) -> Attempt:
    asked = known.asked
    outcome, icon = _OUTCOMES[tried.outcome]
    took = ""
    if tried.finished_at is not None:
        seconds = max(0.0, (tried.finished_at - tried.started_at).total_seconds())
        took = f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
    told = tried.words
    if tried.retry_at is not None and tried.retry_at > asked.as_of:
        told = (
            f"{told} Tried again from {labels.clock(tried.retry_at, asked.reader.zone, asked.as_of)}.".strip()
        )
    return Attempt(
        icon,
        outcome,
        labels.clock(tried.started_at, asked.reader.zone, asked.as_of),
        labels.iso(tried.started_at) or "",
        took,
        f"{tried.pages:,}" if known.sees_all else "",
        f"{tried.rows:,}" if known.sees_all else "",
        told,
    )


def connection_summary(connection: Connection | None) -> str:
    if connection is None:
        return ""
    minutes = connection.interval_seconds / 60
    every = f"{minutes:g} min" if minutes >= 1 else f"{connection.interval_seconds} s"
    paused = "; paused, so nothing is read" if connection.paused else ""
    limit = f"{connection.stale_after_seconds / 60:g} min"
    return f"“{connection.name}”, read every {every}, stale after {limit}{paused}"
