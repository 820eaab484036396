"""The changes of state that were seen of some periods, as `closing` folds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from closing.judging.standing import Change
from closing.judging.states import PeriodState
from infra.fast_cursor import big_read


def changes_of(period_ids: Sequence[int], as_of: datetime) -> dict[int, list[Change]]:
    """The changes of each period up to a moment, oldest first, in one query; none at all for no periods."""
    found: dict[int, list[Change]] = defaultdict(list)
    if not period_ids:
        return found
    with big_read() as cursor:
        cursor.execute(
            """
            SELECT period_id, state, seen_at, previous_read_at, because FROM periods_statechange
            WHERE period_id = ANY(%(ids)s) AND seen_at <= %(as_of)s
            ORDER BY period_id, seen_at, id
            """,
            {"ids": list(period_ids), "as_of": as_of},
        )
        for period_id, state, seen_at, previous_read_at, because in cursor.fetchall():
            found[period_id].append(Change(PeriodState(state), seen_at, previous_read_at, because))
    return found
