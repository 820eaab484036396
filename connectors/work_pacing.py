"""Finds the connections whose unfinished work is to be read next; work yields to the reading of periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from django.db import connection as database

from closing.blockers.work_cadence import QUIET_INTERVAL, work_interval
from closing.calendar.instants import local_date, zone_named
from connectors.pacing import pause_after
from periods.recording.attempts import Outcome

_COUNTS_FOR = timedelta(days=400)  # a period that was never closed does not keep the pace for ever
_EARLY = timedelta(seconds=30)  # half of the time between two looks (see connectors.pacing)
_GOOD = (Outcome.OK, Outcome.PARTIAL)
_Attempt = tuple[datetime, str, datetime | None]  # start, outcome, "retry at"


def due_work(as_of: datetime, turns_of: Mapping[str, int]) -> list[int]:
    """Ids of connections whose work is due; `turns_of` gives the turns of each kind of ERP that has work to read.

    Work waits while periods of the connection are read, after a failed read of its periods, and as long as the ERP
    has asked to wait. After five failures in a row its own pause doubles. With several turns the interval is divided.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.id, c.kind
            FROM entities_connection c JOIN periods_connectionclock clock ON clock.connection_id = c.id
            WHERE NOT c.paused AND c.kind = ANY(%(kinds)s) AND NOT clock.running AND clock.failed_in_a_row = 0
              AND clock.read_at IS NOT NULL AND (clock.retry_at IS NULL OR clock.retry_at <= %(as_of)s)
            ORDER BY c.id
            """,
            {"kinds": list(turns_of), "as_of": as_of},
        )
        kinds: dict[int, str] = dict(cursor.fetchall())
        cursor.execute(
            """
            SELECT c.id, a.started_at, a.outcome, a.retry_at
            FROM unnest(%(ids)s::bigint[]) AS c(id)
            CROSS JOIN LATERAL (SELECT * FROM worklist_workattempt
                                WHERE connection_id = c.id AND started_at <= clock_timestamp()
                                ORDER BY started_at DESC LIMIT 12) a
            """,
            {"ids": list(kinds)},
        )
        attempts: defaultdict[int, list[_Attempt]] = defaultdict(list)
        for connection_id, *attempt in cursor.fetchall():
            attempts[connection_id].append((*attempt,))
        cursor.execute(
            """
            SELECT DISTINCT e.connection_id, e.zone, p.last_day
            FROM entities_legalentity e JOIN periods_fiscalperiod p ON p.entity_id = e.id
            WHERE e.connection_id = ANY(%(ids)s) AND p.type = 'operating' AND p.state <> 'closed'
              AND p.last_day BETWEEN %(from)s AND %(upto)s
            """,
            {
                "ids": list(kinds),
                "from": as_of.date() - _COUNTS_FOR,
                "upto": as_of.date() + timedelta(days=31),
            },
        )
        open_ends: defaultdict[int, set[tuple[str, date]]] = defaultdict(set)
        for connection_id, zone, last_day in cursor.fetchall():
            open_ends[connection_id].add((zone, last_day))
    return [
        connection_id
        for connection_id, kind in kinds.items()
        if _is_due(
            attempts[connection_id], _interval(open_ends[connection_id], as_of) / turns_of[kind], as_of
        )
    ]


def _interval(open_ends: Iterable[tuple[str, date]], as_of: datetime) -> timedelta:
    """The shortest interval of the periods that are not closed."""
    intervals = (
        work_interval(last_day, closed=False, today=local_date(as_of, zone_named(zone)))
        for zone, last_day in open_ends
    )
    return min(intervals, default=QUIET_INTERVAL)


def _is_due(attempts: list[_Attempt], interval: timedelta, as_of: datetime) -> bool:
    """Whether the next attempt may begin, by the newest ones, newest first."""
    if not attempts:
        return True
    started_at, outcome, retry_at = attempts[0]
    if outcome == Outcome.RUNNING or (retry_at is not None and retry_at > as_of):
        return False
    failed = next((n for n, one in enumerate(attempts) if one[1] in _GOOD), len(attempts))
    return started_at + pause_after(failed, interval) - _EARLY <= as_of
