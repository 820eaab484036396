"""Finds the connections due for their next read; failures delay them (05-reliability E2, E5, E6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection as database

REFUSED_PAUSE = timedelta(minutes=15)  # a refusal needs a person: do not hammer the token endpoint (E2)


LONGEST_PAUSE = timedelta(minutes=15)  # cap for Retry-After and for the circuit (E5, E6)


CIRCUIT_AFTER = 5  # failed attempts in a row; from then on the pause doubles


def due_connections(as_of: datetime) -> list[int]:
    """Ids of connections to read now: no read is running, their interval has passed and no pause delays them.

    The interval counts from the start of the newest attempt. It has passed when it ends before half way to the next
    look: counted to the millisecond, five looks would always be found a moment too short and become six. A
    `retry_at` counts to the millisecond (05-reliability E5). An attempt dated ahead of the database's clock delays
    nothing.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.interval_seconds, newest.attempted_at, newest.retry_at,
                   coalesce(clock.failed_in_a_row, 0)
            FROM entities_connection c
            LEFT JOIN periods_connectionclock clock ON clock.connection_id = c.id
            LEFT JOIN LATERAL (SELECT clock.attempted_at, clock.retry_at
                               WHERE clock.attempted_at <= clock_timestamp()) newest ON true
            WHERE NOT c.paused AND clock.running IS NOT TRUE
              AND EXISTS (SELECT FROM entities_legalentity WHERE connection_id = c.id)
            ORDER BY newest.attempted_at NULLS FIRST
            """
        )
        rows = cursor.fetchall()
    due = []
    for connection_id, interval, attempted_at, retry_at, failed_in_a_row in rows:
        pause = pause_after(failed_in_a_row, timedelta(seconds=interval))
        early = timedelta(seconds=min(settings.SYNC_LOOK_SECONDS, interval) / 2)
        free_at = max(filter(None, (attempted_at and attempted_at + pause - early, retry_at)), default=None)
        if free_at is None or free_at <= as_of:
            due.append(connection_id)
    return due


def pause_after(failed_in_a_row: int, interval: timedelta) -> timedelta:
    """The pause between two attempts: the interval, doubled with each failure from the fifth in a row on."""
    if failed_in_a_row < CIRCUIT_AFTER:
        return interval
    doubled: timedelta = interval * 2 ** (failed_in_a_row - CIRCUIT_AFTER + 1)
    return max(interval, min(LONGEST_PAUSE, doubled))
