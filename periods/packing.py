"""Packs old attempts to read: one row per connection, day and content, in which each keeps its times (ADR 0027).

No past board changes: what looks at a past moment finds packed attempts too (`packed_attempt`). Attempts
with something of their own stay as they are: those that a change or a read span names, those loaded later, the
connection's first, and the newest, from which its clock follows.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

import structlog
from django.db import connection as database
from django.db import transaction

from periods.models import ConnectionClock

# Longer than an attempt and its lease together: a reading recorded later than this was loaded for a past moment.
LOADED_LATER = timedelta(hours=1)
log = structlog.get_logger(__name__)
_LONGEST = timedelta(minutes=30)  # microseconds that fit into an integer

# Attempts of a connection that may be packed: `since` is the oldest one that the packing before had to leave.
_PACK = """
WITH kept AS (
    (SELECT id FROM periods_syncattempt WHERE connection_id = %(connection)s ORDER BY started_at LIMIT 1)
    UNION ALL
    (SELECT id FROM periods_syncattempt WHERE connection_id = %(connection)s ORDER BY id DESC LIMIT 13)
    UNION ALL
    (SELECT id FROM periods_syncattempt
     WHERE connection_id = %(connection)s AND outcome IN ('ok', 'partial') AND started_at < %(until)s
     ORDER BY started_at DESC LIMIT 1)
    UNION ALL
    (SELECT id FROM periods_syncattempt
     WHERE connection_id = %(connection)s AND outcome <> 'running' AND started_at < %(until)s
     ORDER BY started_at DESC, id DESC LIMIT 1)),
old AS MATERIALIZED (
    SELECT * FROM periods_syncattempt a
    WHERE connection_id = %(connection)s AND started_at >= %(since)s AND started_at < %(until)s
      AND outcome <> 'running' AND id NOT IN (SELECT id FROM kept)
      AND lease_until - started_at <= %(loaded_later)s
      AND finished_at - started_at BETWEEN -%(longest)s::interval AND %(longest)s::interval
      AND NOT EXISTS (SELECT FROM periods_syncattempt other
                      WHERE other.connection_id = a.connection_id AND other.started_at = a.started_at
                        AND other.id <> a.id)
      AND NOT EXISTS (SELECT FROM periods_statechange WHERE attempt_id = a.id)
      AND NOT EXISTS (SELECT FROM periods_readspan WHERE first_attempt_id = a.id)
      AND NOT EXISTS (SELECT FROM periods_readspan WHERE last_attempt_id = a.id)),
gap AS (
    DELETE FROM periods_syncgap USING old WHERE attempt_id = old.id
    RETURNING attempt_id, entity_id, reason, periods_syncgap.words),
gone AS (DELETE FROM periods_syncattempt a USING old WHERE a.id = old.id),
alike AS (
    SELECT old.*, gaps, (started_at AT TIME ZONE 'UTC')::date AS day,
           round(extract(epoch FROM finished_at - started_at) * 1000000)::int AS took,
           md5(jsonb_build_array(outcome, pages, rows, words, gaps, retry_at IS NULL)::text)::uuid AS content
    FROM old LEFT JOIN (SELECT attempt_id, jsonb_object_agg(entity_id, jsonb_build_array(reason, words)) AS gaps
                        FROM gap GROUP BY attempt_id) gap ON gap.attempt_id = old.id),
stored AS (
INSERT INTO periods_packedattempts AS packed (connection_id, day, content, outcome, pages, rows, words, gaps,
    first_at, last_at, started, took, retry_at)
SELECT %(connection)s, day, content, outcome, pages, rows, words, gaps, min(started_at), max(started_at),
       array_agg(started_at ORDER BY started_at), array_agg(took ORDER BY started_at),
       CASE WHEN min(retry_at) IS NOT NULL THEN array_agg(retry_at ORDER BY started_at) END
FROM alike
GROUP BY day, content, outcome, pages, rows, words, gaps
ON CONFLICT (connection_id, day, content) DO UPDATE SET
    first_at = least(packed.first_at, excluded.first_at), last_at = greatest(packed.last_at, excluded.last_at),
    started = packed.started || excluded.started, took = packed.took || excluded.took,
    retry_at = packed.retry_at || excluded.retry_at)
SELECT count(*) FROM old
"""


def pack_attempts(as_of: datetime, *, keep: timedelta, most: int | None = None) -> int:
    """Pack the attempts of days that are older than `keep`, a day of a connection at a time; returns how many.

    Each day is a transaction of its own that holds only the clock of its connection: whatever stops the work loses
    nothing, and the next call goes on there. It ends after `most` days, the oldest of each connection first.
    """
    cutoff = _midnight(as_of - keep)
    clocks = ConnectionClock.objects.exclude(packed_until__gte=cutoff).order_by("packed_until", "pk")
    packed = days = 0
    while connections := list(clocks.values_list("pk", flat=True)):
        for connection in connections:
            if days == most:
                log.info("attempts packed", attempts=packed, days=days, more=True)
                return packed
            packed += _pack_day(connection, cutoff)
            days += 1
    if days:
        log.info("attempts packed", attempts=packed, days=days, more=False)
    return packed


def count_packable(as_of: datetime, *, keep: timedelta) -> int:
    """How many attempts `pack_attempts` would look at; some of them stay as they are."""
    cutoff = _midnight(as_of - keep)
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM periods_connectionclock clock JOIN periods_syncattempt a USING (connection_id)
            WHERE a.started_at < %(cutoff)s AND a.started_at >= coalesce(clock.packed_until, '-infinity')
            """,
            {"cutoff": cutoff},
        )
        return int(cursor.fetchone()[0])


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)


@transaction.atomic
def _pack_day(connection: int, cutoff: datetime) -> int:
    """Pack the oldest day of a connection that is not packed yet, under its clock, as every writer of attempts."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(packed_until, '0001-01-01Z') FROM periods_connectionclock"
            " WHERE connection_id = %s FOR UPDATE",
            [connection],
        )
        row = cursor.fetchone()
        if row is None or row[0] >= cutoff:
            return 0
        cursor.execute(
            """
            SELECT (SELECT min(started_at) FROM periods_syncattempt
                    WHERE connection_id = %(connection)s AND started_at >= %(packed_until)s),
                   least((SELECT max(started_at) FROM periods_syncattempt
                          WHERE connection_id = %(connection)s AND started_at < %(packed_until)s
                            AND outcome IN ('ok', 'partial')),
                         (SELECT max(started_at) FROM periods_syncattempt
                          WHERE connection_id = %(connection)s AND started_at < %(packed_until)s
                            AND outcome <> 'running'))
            """,
            {"connection": connection, "packed_until": row[0]},
        )
        oldest, left = cursor.fetchone()
        since, until = left or cutoff, cutoff
        if oldest is not None and oldest < cutoff:
            since, until = left or oldest, min(cutoff, _midnight(oldest) + timedelta(days=1))
        parameters: dict[str, Any] = {"connection": connection, "since": since, "until": until}
        parameters |= {"loaded_later": LOADED_LATER, "longest": _LONGEST}
        cursor.execute(_PACK, parameters)
        (count,) = cursor.fetchone()
    ConnectionClock.objects.filter(pk=connection).update(packed_until=until)
    return int(count)


# Attempts that started at or after `packed_until` of their connection are rows of their own, and so are the newest
# good one and the newest finished one before it: only a look at an earlier moment must search the packed ones too.
# Each look reads the rows of one day.
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
