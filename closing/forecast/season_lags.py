"""How many working days later than ordinary months quarter ends and year ends close (09-insight 9.4, step 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum
from statistics import median

from closing.forecast.past_closes import CloseHistory, MonthKind

PULL_SEASON = 4  # weight of the base of all entities, in closes
_LEAST, _MOST = -5.0, 10.0  # working days
_NEIGHBOURS = (-2, -1, 1, 2)  # months


@dataclass(frozen=True, slots=True)
class SeasonValues:
    """The lag of each quarter-end and year-end close of one entity, in working days, by the index of its month."""

    by_month: Mapping[int, tuple[MonthKind, float]]

    def lags(self, bases: Mapping[MonthKind, float]) -> dict[MonthKind, float]:
        """The entity's lag by kind of month, pulled to the bases; ordinary months have none."""
        of_kind = self._values_by_kind()
        pulled = {kind: _pulled(fsum(values), len(values), bases[kind]) for kind, values in of_kind.items()}
        return {MonthKind.ORDINARY: 0.0, **pulled}

    def lags_without_own_month(self, bases: Mapping[MonthKind, float]) -> dict[int, float]:
        """The lag by month that has a value; its own value is left out, which would flatter the rule."""
        sums = {kind: (fsum(values), len(values)) for kind, values in self._values_by_kind().items()}
        return {
            month: _pulled(sums[kind][0] - value, sums[kind][1] - 1, bases[kind])
            for month, (kind, value) in self.by_month.items()
        }

    def _values_by_kind(self) -> dict[MonthKind, list[float]]:
        values: dict[MonthKind, list[float]] = {MonthKind.QUARTER_END: [], MonthKind.YEAR_END: []}
        for kind, value in self.by_month.values():
            values[kind].append(value)
        return values


def _pulled(total: float, count: int, base: float) -> float:
    return (total + PULL_SEASON * base) / (count + PULL_SEASON)


def season_values(history: CloseHistory) -> SeasonValues:
    """The lags of one entity: each day less the mean day of the ordinary closes up to two months before and after."""
    values = {}
    for month, close in enumerate(history):
        if close is None or close.kind is MonthKind.ORDINARY:
            continue
        around = [
            near.day
            for near in (history[month + step] for step in _NEIGHBOURS if 0 <= month + step < len(history))
            if near is not None and near.kind is MonthKind.ORDINARY
        ]
        if around:
            lag = close.day - sum(around) / len(around)
            values[month] = close.kind, min(max(lag, _LEAST), _MOST)
    return SeasonValues(values)


def season_bases(values: Iterable[SeasonValues]) -> dict[MonthKind, float]:
    """The median lag of all entities by kind; year ends without any value take that of quarter ends."""
    every = [value for entity in values for value in entity.by_month.values()]
    found = {
        kind: [value for of, value in every if of is kind]
        for kind in (MonthKind.QUARTER_END, MonthKind.YEAR_END)
    }
    quarter = median(found[MonthKind.QUARTER_END]) if found[MonthKind.QUARTER_END] else 0.0
    year = median(found[MonthKind.YEAR_END]) if found[MonthKind.YEAR_END] else quarter
    return {MonthKind.QUARTER_END: quarter, MonthKind.YEAR_END: year}
