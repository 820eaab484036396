"""Combines the date that a person gave for a close with its forecast (09-insight 9.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closing.forecast.close_forecast import DayChances

LEAST_STATEMENTS = 30  # kept in the installation, before dates and forecasts are combined
_NEWEST = 300
_EARLIEST, _LATEST = -10, 30  # working days
_PRIOR = 0.25


def combine(chances: DayChances, stated: int, errors: Sequence[int]) -> list[float] | None:
    """The chances of each day once a person stated a working day; None with too few earlier statements.

    `errors` has the working days by which each kept statement of the installation was off, the newest first: days
    late above 0.
    """
    if len(errors) < LEAST_STATEMENTS:
        return None
    newest = Counter(_cut(error) for error in errors[:_NEWEST])
    every = newest.total() + _PRIOR * (_LATEST - _EARLIEST + 1)
    weighed = [chance * (newest[_cut(day - stated)] + _PRIOR) / every for day, chance in enumerate(chances)]
    total = sum(weighed)
    return [chance / total for chance in weighed]


def _cut(days: int) -> int:
    return min(max(days, _EARLIEST), _LATEST)
