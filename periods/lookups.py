"""Reads the remarks, the state changes and the readings of many periods at any moment, each in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from closing.facts.period_remarks import OverdueReason, PeriodRemark, RemarkKind
from closing.judging.standing import ObservedChange
from closing.judging.states import PeriodState
from infra.fast_cursor import fast_cursor
from periods.packing import GOOD, LOADED_LATER, packed_attempt

# In the order of the fields of PeriodRemark.
_REMARK = """r.id, r.kind, COALESCE(NULLIF(p.name, ''), p.email), r.at, r.text, r.reason, r.expected_on,
             r.replaces_id, r.withdrawn, r.by_id"""


def remarks_and_next(
    period_ids: Sequence[int], as_of: datetime, *, agreed: bool = True
) -> tuple[dict[int, list[PeriodRemark]], dict[int, datetime]]:
    """The remarks of each period up to a moment, oldest first, and the moment of the first after it; one query.

    Periods without any are left out. The remarks include the notes that were written before a period of the month
    was known. A date that was agreed after the deadline had passed sets no deadline (`periods.deadline_setting`): it
    is an expected close of who agreed it, with a negative id. Where alerts ask (`agreed` False), it is left out.
    """
    remarks: dict[int, list[PeriodRemark]] = defaultdict(list)
    following: dict[int, datetime] = {}
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT written.period_id, {_REMARK}
            FROM (SELECT period_id, id FROM periods_remark WHERE period_id = ANY(%(periods)s)
                  UNION ALL
                  SELECT f.id, n.id FROM periods_remark n
                  JOIN periods_fiscalperiod f
                    ON f.entity_id = n.entity_id AND f.reporting_month = n.reporting_month
                  WHERE n.period_id IS NULL AND f.id = ANY(%(periods)s)) written
            JOIN periods_remark r ON r.id = written.id JOIN entities_person p ON p.id = r.by_id
            UNION ALL
            SELECT f.id, -a.id, 'expected_close', a.agreed_by, a.set_at,
                   'The deadline stays as it was: ' || a.reason, '', a.due_on, NULL, false, NULL
            FROM periods_agreeddate a
            JOIN periods_fiscalperiod f ON f.entity_id = a.entity_id AND f.reporting_month = a.reporting_month
            WHERE %(agreed)s AND f.id = ANY(%(periods)s)
              AND EXISTS (SELECT FROM periods_perioddeadline d WHERE d.period_id = f.id AND d.set_at < a.set_at)
              AND NOT EXISTS (SELECT FROM periods_perioddeadline d
                              WHERE d.period_id = f.id AND d.agreed_date_id = a.id)
            ORDER BY 1, 5, 2
            """,  # noqa: S608 - a text of our own
            {"periods": list(period_ids), "agreed": agreed},
        )
        for period_id, *row in cursor.fetchall():
            remark = _remark(row)
            if remark.at <= as_of:
                remarks[period_id].append(remark)
            else:
                following.setdefault(period_id, remark.at)
    return dict(remarks), following


def notes_before_period(entity_id: int, month: date, as_of: datetime) -> list[PeriodRemark]:
    """The notes on an entity's month that were written while no period of it was known, oldest first; one query."""
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {_REMARK} FROM periods_remark r JOIN entities_person p ON p.id = r.by_id
            WHERE r.period_id IS NULL AND r.entity_id = %s AND r.reporting_month = %s AND r.at <= %s
            ORDER BY r.at, r.id
            """,  # noqa: S608 - a text of our own
            [entity_id, month, as_of],
        )
        return [_remark(row) for row in cursor.fetchall()]


def _remark(row: Sequence[Any]) -> PeriodRemark:
    """A remark of a kind that only a newer version knows reads as a note, and such a reason as another one."""
    pk, word, by, at, text, reason, *others = row
    kind = RemarkKind(word) if word in set(RemarkKind) else RemarkKind.NOTE
    if reason and reason not in set(OverdueReason):
        reason = OverdueReason.OTHER
    return PeriodRemark(pk, kind, by, at, text, OverdueReason(reason) if reason else None, *others)


# Since when a period `p` has been watched: since its entity was first read, or since its deadline was first set if
# that was earlier, as for an entity that had not been read yet.
WATCHED_SINCE = """least((SELECT min(first_read_at) FROM periods_readspan WHERE entity_id = p.entity_id),
             (SELECT min(set_at) FROM periods_perioddeadline WHERE period_id = p.id))"""


def watched_since(period_ids: Sequence[int]) -> dict[int, datetime]:
    """Since when each period has been watched (WATCHED_SINCE), in one query."""
    if not period_ids:
        return {}
    with fast_cursor() as cursor:
        cursor.execute(
            f"SELECT p.id, {WATCHED_SINCE} FROM periods_fiscalperiod p WHERE p.id = ANY(%s)",  # noqa: S608 - ours
            [list(period_ids)],
        )
        return {period_id: since for period_id, since in cursor.fetchall() if since is not None}


def changes_by_period(period_ids: Sequence[int], as_of: datetime) -> dict[int, list[ObservedChange]]:
    """The changes of each period up to a moment, oldest first, in one query; none at all for no periods."""
    changes: dict[int, list[ObservedChange]] = defaultdict(list)
    if not period_ids:
        return changes
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT period_id, state, seen_at, previous_read_at, because FROM periods_statechange
            WHERE period_id = ANY(%(ids)s) AND seen_at <= %(as_of)s
            ORDER BY period_id, seen_at, id
            """,
            {"ids": list(period_ids), "as_of": as_of},
        )
        for period_id, state, seen_at, previous_read_at, because in cursor.fetchall():
            changes[period_id].append(ObservedChange(PeriodState(state), seen_at, previous_read_at, because))
    return changes


@dataclass(frozen=True, slots=True)
class RecordedReading:
    """A reading of an entity: the moment it holds for, and when it was recorded: later for a loaded history."""

    read_at: datetime
    recorded_at: datetime


def first_readings_after(
    moments: Collection[tuple[int, datetime]],
) -> dict[tuple[int, datetime], RecordedReading]:
    """The first good reading of an entity at or after a moment, by entity and moment, in one query.

    The database's clock stands in the lease of each attempt. A reading that was recorded within LOADED_LATER of its
    moment was read then; so was every packed one.
    """
    pairs = sorted(set(moments))
    if not pairs:
        return {}
    packed = packed_attempt(
        GOOD,
        newest=False,
        connection="span.connection_id",
        packed_until="clock.packed_until",
        at="span.since",
    )
    with fast_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT asked.entity_id, asked.at, attempt.started_at, attempt.lease_until
            FROM unnest(%(entities)s::bigint[], %(moments)s::timestamptz[]) AS asked(entity_id, at)
            CROSS JOIN LATERAL (
                SELECT connection_id, greatest(asked.at, first_read_at) AS since FROM periods_readspan
                WHERE entity_id = asked.entity_id AND (last_read_at IS NULL OR last_read_at >= asked.at)
                ORDER BY first_read_at, id LIMIT 1) span
            JOIN periods_connectionclock clock ON clock.connection_id = span.connection_id
            CROSS JOIN LATERAL (
                (SELECT started_at, lease_until FROM periods_syncattempt
                 WHERE connection_id = span.connection_id AND outcome IN ('ok', 'partial')
                   AND started_at >= span.since
                 ORDER BY started_at LIMIT 1)
                UNION ALL SELECT started_at, started_at FROM ({packed}) packed
                ORDER BY started_at LIMIT 1) attempt
            """,  # noqa: S608 - texts of our own
            {"entities": [entity for entity, _ in pairs], "moments": [at for _, at in pairs]},
        )
        return {
            (entity, at): RecordedReading(
                read_at, recorded_at if recorded_at - read_at > LOADED_LATER else read_at
            )
            for entity, at, read_at, recorded_at in cursor.fetchall()
        }
