"""Describes the newest attempts to read an entity's connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from board.entity.page_data import PageData
from board.web import labels
from entities.models import Connection
from periods.models import SyncAttempt
from periods.snapshot.period_history import AttemptSummary

LINES = 5  # that are shown

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
    """One line of the table: an attempt to read the connection, or several that say the same."""

    icon: str
    outcome: str
    when: str
    iso: str
    since: str  # the beginning of the oldest of several, "" for one
    took: str
    pages: str  # like `rows`, "" for people who do not see all entities of the connection
    rows: str
    words: str


def read_attempts(data: PageData) -> list[Attempt]:
    """The newest attempts, of which those that follow each other and say the same are one line."""
    runs = [list(run) for _, run in groupby(data.attempts, lambda attempt: _content(attempt, data))]
    return [_line(run, data) for run in runs[:LINES]]


def _content(attempt: AttemptSummary, data: PageData) -> tuple[object, ...]:
    """What a line says of an attempt, apart from its times."""
    counts = (attempt.pages, attempt.rows) if data.sees_all else ()
    return attempt.outcome, attempt.words, attempt.retry_at, *counts


def _line(run: Sequence[AttemptSummary], data: PageData) -> Attempt:
    """One line for attempts that are alike, newest first."""
    zone, as_of = data.board_request.reader.zone, data.board_request.as_of
    newest, oldest = run[0], run[-1]
    outcome, icon = _OUTCOMES[newest.outcome]
    durations = [
        max(0.0, (each.finished_at - each.started_at).total_seconds())
        for each in run
        if each.finished_at is not None
    ]
    text = newest.words
    if newest.retry_at is not None and newest.retry_at > as_of:
        text = f"{text} Tried again from {labels.clock(newest.retry_at, zone, as_of)}.".strip()
    return Attempt(
        icon,
        f"{outcome}, {len(run)} times" if len(run) > 1 else outcome,
        labels.clock(newest.started_at, zone, as_of),
        labels.iso(newest.started_at) or "",
        f"since {labels.clock(oldest.started_at, zone, as_of)}" if len(run) > 1 else "",
        _duration(max(durations)) if durations else "",
        f"{newest.pages:,}" if data.sees_all else "",
        f"{newest.rows:,}" if data.sees_all else "",
        text,
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def connection_summary(connection: Connection | None) -> str:
    if connection is None:
        return ""
    minutes = connection.interval_seconds / 60
    interval = f"{minutes:g} min" if minutes >= 1 else f"{connection.interval_seconds} s"
    paused = "; paused, so nothing is read" if connection.paused else ""
    limit = f"{connection.stale_after_seconds / 60:g} min"
    return f"“{connection.name}”, read every {interval}, too old after {limit}{paused}"
