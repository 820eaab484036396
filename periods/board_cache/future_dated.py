"""Finds rows that are dated after a moment, written by a machine whose clock was ahead of ours.

Annotations find their own (`Loaded.until`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from django.db import connection as database


def next_future_dated(as_of: datetime, month: date, entity_ids: Collection[int] | None) -> datetime | None:
    """The first moment after `as_of` at which a board of these entities (None: of all) shows more than at `as_of`.

    A snapshot shows rows dated up to its moment, so a cached one must be read again then. None if every clock is
    right, which is nearly always. One query; a state change is dated as the attempt that saw it.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(at) FROM (
                SELECT (SELECT min(started_at) FROM periods_syncattempt
                        WHERE connection_id = c.id AND started_at > %(as_of)s) AS at
                FROM entities_connection c
                UNION ALL SELECT min(set_at) FROM periods_policyversion WHERE set_at > %(as_of)s
                UNION ALL SELECT min(d.set_at)
                FROM periods_perioddeadline d JOIN periods_fiscalperiod p ON p.id = d.period_id
                WHERE d.set_at > %(as_of)s AND p.reporting_month = %(month)s
                  AND (%(ids)s::bigint[] IS NULL OR p.entity_id = ANY(%(ids)s))
            ) dated
            """,
            {
                "as_of": as_of,
                "month": month,
                "ids": None if entity_ids is None else list(entity_ids),
            },
        )
        earliest: datetime | None = cursor.fetchone()[0]
        return earliest
