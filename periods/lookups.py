"""Reads the remarks and the state changes of many periods at any moment, each in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from closing.facts.period_remarks import OverdueReason, PeriodRemark, RemarkKind
from closing.judging.standing import ObservedChange
from closing.judging.states import PeriodState
from infra.fast_cursor import fast_cursor


def remarks_by_period(period_ids: Sequence[int], as_of: datetime) -> dict[int, list[PeriodRemark]]:
    """The remarks of each period up to a moment, oldest first, in one query; periods without any are left out."""
    remarks: dict[int, list[PeriodRemark]] = defaultdict(list)
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT r.period_id, r.id, r.kind, COALESCE(NULLIF(p.name, ''), p.email), r.at, r.text, r.reason,
                   r.expected_on, r.replaces_id, r.withdrawn, r.by_id
            FROM periods_remark r JOIN entities_person p ON p.id = r.by_id
            WHERE r.period_id = ANY(%(periods)s) AND r.at <= %(as_of)s
            ORDER BY r.period_id, r.at, r.id
            """,
            {"periods": list(period_ids), "as_of": as_of},
        )
        for row in cursor.fetchall():
            period_id, pk, kind, by, at, text, reason, expected_on, replaces, withdrawn, by_id = row
            remarks[period_id].append(
                PeriodRemark(
                    id=pk,
                    kind=RemarkKind(kind),
                    by=by,
                    at=at,
                    text=text,
                    reason=OverdueReason(reason) if reason else None,
                    expected_on=expected_on,
                    replaces=replaces,
                    withdrawn=withdrawn,
                    by_id=by_id,
                )
            )
    return dict(remarks)


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
