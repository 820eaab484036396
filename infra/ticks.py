"""Ticks of the schedule: the first worker that claims a slot does its work, the others do nothing.

The table is that of `periods.models.ClaimedTick`, which does not move, so that no old process loses its table.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from infra.fast_cursor import fetch_rows


def database_clock() -> datetime:
    """The time by the clock of the database, which all workers share; a worker's own clock may be wrong."""
    now: datetime
    [(now,)] = fetch_rows("SELECT clock_timestamp()")
    return now


def claim_tick(name: str, every_seconds: int, as_of: datetime) -> bool:
    """Claim the slot that `as_of` falls into; False if another beat or a redelivered message claimed it before."""
    slot = datetime.fromtimestamp(as_of.timestamp() // every_seconds * every_seconds, tz=UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO periods_claimedtick (name, slot, claimed_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [name, slot, as_of],
        )
        return bool(cursor.rowcount)


def delete_old_ticks(as_of: datetime, *, keep: timedelta = timedelta(days=2)) -> int:
    """Delete claims too old for any late message; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM periods_claimedtick WHERE slot < %s", [as_of - keep])
        deleted: int = cursor.rowcount
    return deleted
