"""The last entity of a group to close a month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from closing.scoreboard.row import Row


def last_to_close(rows: Sequence[Row]) -> Row | None:
    """The row that was seen to close last, the first by name of several on one day.

    None if no day is known, or if a row whose day is not known may have closed later.
    """
    dated = [(row.standing.last_closed_on, row) for row in rows if row.standing.last_closed_on is not None]
    if not dated:
        return None
    on, last = min(dated, key=lambda pair: (-pair[0].toordinal(), pair[1].name.casefold()))
    seen = last_close_seen_on(rows)
    return last if seen is None or seen <= on else None


def last_close_seen_on(rows: Sequence[Row]) -> date | None:
    """The day on which the last close was seen, where a day or the days it lies between are known."""
    standings = [row.standing for row in rows]
    days = [one.last_closed_on or (one.closed_between and one.closed_between[1]) for one in standings]
    return max(filter(None, days), default=None)
