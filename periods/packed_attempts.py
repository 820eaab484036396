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


def newest_packed(which: Which, *, connection: str, packed_until: str, at: str) -> str:
    """The newest packed attempt of a kind that started at or before a moment: started_at, outcome, words, gaps.

    `connection`, `packed_until` and `at` are expressions of the statement around it.
    """
    return f"""
        SELECT moment.started_at, outcome, words, gaps
        FROM periods_packedattempts CROSS JOIN unnest(started) AS moment(started_at)
        WHERE {packed_until} > {at} AND connection_id = {connection} AND {which}
          AND day = (SELECT day FROM periods_packedattempts
                     WHERE connection_id = {connection} AND {which} AND first_at <= {at}
                       AND day <= ({at} AT TIME ZONE 'UTC')::date
                     ORDER BY day DESC LIMIT 1)
          AND moment.started_at <= {at}
        ORDER BY moment.started_at DESC LIMIT 1"""  # noqa: S608 - texts of our own


def first_packed(which: Which, *, connection: str, packed_until: str, at: str) -> str:
    """The first packed attempt of a kind that started at or after a moment: started_at."""
    return f"""
        SELECT moment.started_at
        FROM periods_packedattempts CROSS JOIN unnest(started) AS moment(started_at)
        WHERE {packed_until} > {at} AND connection_id = {connection} AND {which}
          AND day = (SELECT day FROM periods_packedattempts
                     WHERE connection_id = {connection} AND {which} AND last_at >= {at}
                       AND day >= ({at} AT TIME ZONE 'UTC')::date
                     ORDER BY day LIMIT 1)
          AND moment.started_at >= {at}
        ORDER BY moment.started_at LIMIT 1"""  # noqa: S608 - texts of our own
