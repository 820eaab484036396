"""SQL that looks for attempts among the packed ones (ADR 0027).

Attempts that started at or after `packed_until` of their connection are rows of their own, and so are the newest good
one and the newest finished one before it: only a look at an earlier moment must search the packed ones as well. Each
look reads the rows of one day.
"""

from __future__ import annotations

from typing import Literal

Which = Literal["true", "outcome IN ('ok', 'partial')"]
FINISHED: Which = "true"
GOOD: Which = "outcome IN ('ok', 'partial')"


def packed_attempt(which: Which, *, newest: bool, connection: str, packed_until: str, at: str) -> str:
    """The newest packed attempt of a kind that started at or before a moment, or the first at or after it.

    `connection`, `packed_until` and `at` are expressions of the statement around it; the columns are started_at,
    outcome, words and gaps.
    """
    side, bound, order = ("<=", "first_at", "DESC") if newest else (">=", "last_at", "ASC")
    return f"""
        SELECT moment.started_at, outcome, words, gaps
        FROM periods_packedattempts CROSS JOIN unnest(started) AS moment(started_at)
        WHERE {packed_until} > {at} AND connection_id = {connection} AND {which}
          AND day = (SELECT day FROM periods_packedattempts
                     WHERE connection_id = {connection} AND {which} AND {bound} {side} {at}
                       AND day {side} ({at} AT TIME ZONE 'UTC')::date
                     ORDER BY day {order} LIMIT 1)
          AND moment.started_at {side} {at}
        ORDER BY moment.started_at {order} LIMIT 1"""  # noqa: S608 - texts of our own
