"""The freshness of each entity's newest reading at any moment (01-domain 1.6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.fast_cursor import fast_cursor
from periods.models import SyncAttempt
from periods.packing import FINISHED, GOOD, Which, packed_attempt


@dataclass(frozen=True, slots=True)
class Freshness:
    """The freshness of an entity: `fresh` if the newest good attempt read it and that is within the limit.

    `read_error` says in words what is wrong with its connection or with this company alone; `missing`: the ERP
    no longer lists it. `stale_at` is when the reading becomes too old unless another comes.
    """

    read_at: datetime | None
    fresh: bool
    read_error: str
    missing: bool
    stale_at: datetime | None = None

    def judged_at(self, as_of: datetime) -> datetime | None:
        """The moment to judge at: `as_of` while fresh, the last reading once stale, None when never read."""
        return as_of if self.fresh else self.read_at


def freshness(entity_ids: Sequence[int], as_of: datetime) -> dict[int, Freshness]:
    """The freshness of entities at a moment, replayed exactly from read spans, in one query."""
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            WITH good AS MATERIALIZED (
                SELECT c.connection_id, a.id, a.started_at, a.gaps
                FROM periods_connectionclock c, LATERAL (
                    (SELECT id, started_at, NULL::jsonb AS gaps FROM periods_syncattempt
                     WHERE connection_id = c.connection_id AND outcome IN ('ok', 'partial')
                       AND started_at <= %(as_of)s
                     ORDER BY started_at DESC LIMIT 1)
                    UNION ALL SELECT NULL, started_at, gaps FROM ({_packed(GOOD)}) packed
                    ORDER BY started_at DESC LIMIT 1) a),
            gap AS MATERIALIZED (
                SELECT good.connection_id, gap.entity_id, gap.reason, gap.words
                FROM good JOIN periods_syncgap gap ON gap.attempt_id = good.id),
            newest AS MATERIALIZED (
                SELECT c.connection_id, a.outcome, a.words
                FROM periods_connectionclock c, LATERAL (
                    (SELECT started_at, outcome, words FROM periods_syncattempt
                     WHERE connection_id = c.connection_id AND started_at <= %(as_of)s
                       AND outcome <> 'running'
                     ORDER BY started_at DESC, id DESC LIMIT 1)
                    UNION ALL SELECT started_at, outcome, words FROM ({_packed(FINISHED)}) packed
                    ORDER BY started_at DESC LIMIT 1) a),
            span AS (
                SELECT DISTINCT ON (entity_id) entity_id, connection_id, last_read_at FROM periods_readspan
                WHERE entity_id = ANY(%(ids)s) AND first_read_at <= %(as_of)s
                ORDER BY entity_id, first_read_at DESC, id DESC)
            SELECT e.id,
                   CASE WHEN span.last_read_at <= %(as_of)s THEN span.last_read_at ELSE span_good.started_at END,
                   span.connection_id = e.connection_id
                       AND (span.last_read_at IS NULL OR span.last_read_at >= span_good.started_at),
                   c.stale_after_seconds, newest.outcome, newest.words,
                   coalesce(gap.reason, good.gaps -> e.id::text ->> 0),
                   coalesce(gap.words, good.gaps -> e.id::text ->> 1)
            FROM entities_legalentity e
            LEFT JOIN entities_connection c ON c.id = e.connection_id
            LEFT JOIN span ON span.entity_id = e.id
            LEFT JOIN good span_good ON span_good.connection_id = span.connection_id
            LEFT JOIN good ON good.connection_id = e.connection_id
            LEFT JOIN newest ON newest.connection_id = e.connection_id
            LEFT JOIN gap ON gap.connection_id = e.connection_id AND gap.entity_id = e.id
            WHERE e.id = ANY(%(ids)s)
            """,  # noqa: S608 - texts of our own
            {"ids": list(entity_ids), "as_of": as_of},
        )
        freshness_of: dict[int, Freshness] = {}
        for pk, read_at, covered, stale_after, outcome, words, gap, gap_words in cursor.fetchall():
            read = read_at is not None and stale_after is not None
            stale_at = read_at + timedelta(seconds=stale_after) if read else None
            fresh = bool(covered) and stale_at is not None and as_of <= stale_at
            if stale_after is None:
                error = "Not connected to an ERP."
            elif outcome is not None and outcome not in SyncAttempt.READ_OUTCOMES:
                error = words or ""
            else:
                error = gap_words or ""
            freshness_of[pk] = Freshness(read_at, fresh, error, gap == "missing", stale_at)
        return freshness_of


def readings_of_connections(
    moments: Sequence[tuple[int, datetime]], entity_ids: Sequence[int]
) -> dict[tuple[int, datetime], list[tuple[str, datetime | None]]]:
    """The names and last readings of a connection's entities at a moment, by connection and moment, in one query.

    Only the entities `entity_ids` are listed; None stands for one that had never been read.
    """
    readings: dict[tuple[int, datetime], list[tuple[str, datetime | None]]] = defaultdict(list)
    packed = packed_attempt(
        GOOD, newest=True, connection="span.connection_id", packed_until="clock.packed_until", at="asked.at"
    )
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT asked.connection_id, asked.at, e.name,
                   CASE WHEN span.last_read_at <= asked.at THEN span.last_read_at ELSE good.started_at END
            FROM unnest(%(connections)s::bigint[], %(moments)s::timestamptz[]) AS asked(connection_id, at)
            JOIN entities_legalentity e ON e.connection_id = asked.connection_id AND e.id = ANY(%(ids)s)
            LEFT JOIN LATERAL (SELECT connection_id, last_read_at FROM periods_readspan
                               WHERE entity_id = e.id AND first_read_at <= asked.at
                               ORDER BY first_read_at DESC, id DESC LIMIT 1) span ON true
            LEFT JOIN periods_connectionclock clock ON clock.connection_id = span.connection_id
            LEFT JOIN LATERAL ((SELECT started_at FROM periods_syncattempt
                                WHERE connection_id = span.connection_id AND outcome IN ('ok', 'partial')
                                  AND started_at <= asked.at
                                ORDER BY started_at DESC LIMIT 1)
                               UNION ALL SELECT started_at FROM ({packed}) packed
                               ORDER BY started_at DESC LIMIT 1) good ON true
            ORDER BY e.name
            """,  # noqa: S608 - texts of our own
            {
                "connections": [connection for connection, _ in moments],
                "moments": [at for _, at in moments],
                "ids": list(entity_ids),
            },
        )
        for connection, at, name, read_at in cursor.fetchall():
            readings[connection, at].append((name, read_at))
    return dict(readings)


def _packed(which: Which) -> str:
    now = "%(as_of)s::timestamptz"
    return packed_attempt(
        which, newest=True, connection="c.connection_id", packed_until="c.packed_until", at=now
    )
