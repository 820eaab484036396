"""Since when the evaluations have gone on without a gap: what was read before it may be long out of date."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection as database

AWAY = timedelta(minutes=5)  # without an evaluation: then we were away, and what we know is from before


def watching_since(as_of: datetime) -> datetime | None:
    """When the evaluations began that have gone on until now without a gap; None where there was none lately."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT max(slot), max(slot) FILTER (WHERE before IS NULL OR slot - before > %(away)s::interval)
            FROM (SELECT slot, lag(slot) OVER (ORDER BY slot) AS before
                  FROM periods_claimedtick WHERE name = 'evaluate' AND slot <= %(as_of)s) ticks
            """,
            {"as_of": as_of, "away": str(AWAY)},
        )
        last, since = cursor.fetchone()
    return since if last is not None and as_of - last <= AWAY else None


def settled(since: datetime | None, interval: timedelta, as_of: datetime) -> bool:
    """Whether we have been back for so long that a connection read this often would have brought something."""
    return since is not None and as_of >= since + max(AWAY, 2 * interval)
