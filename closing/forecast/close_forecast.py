"""The chances of each working day for one entity's close (09-insight 9.4, steps 3 to 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor
from typing import TypeAlias

from closing.forecast.close_patterns import LEAST_CLOSES, ClosePattern, ClosePatterns, GroupErrors
from closing.forecast.past_closes import MonthKind

LAST_DAY = 60  # working days; later closes count as on this one
LEAST_ERRORS = 30  # of the group, before there are forecasts
RANGE_HOLDS = 0.8
_OWN = 24  # weight of the group's errors, in months
_TAIL = 0.01
_TAIL_HAZARD = 0.15  # a working day
_THIN_BELOW = 6  # closes
_CLOSE_ENOUGH = 1e-9

# The chance of each working day, from 0 to LAST_DAY.
DayChances: TypeAlias = Sequence[float]


@dataclass(frozen=True, slots=True)
class TooFewCloses:
    """Why an entity has no forecast: so many more known closes of its own, or errors of the group, are needed."""

    own: int = 0
    group: int = 0


@dataclass(frozen=True, slots=True)
class ForecastSummary:
    """A forecast in whole working days: a range of at least 80 %, its own chance, the likely day and 9 in 10."""

    first: int
    last: int
    holds: float
    likely: int
    nine_in_ten_by: int


@dataclass(frozen=True, slots=True)
class CloseForecast:
    """The chances of each working day of the close; `thin` rests on few closes."""

    chances: DayChances
    closes: int
    thin: bool

    def by(self, day: int) -> float:
        """The chance of a close on or before a working day; 0 before the first."""
        return min(sum(self.chances[: max(day + 1, 0)]), 1.0)

    @property
    def summary(self) -> ForecastSummary:
        """What is shown of the forecast."""
        return summary_of(self.chances)


def forecast_close(
    patterns: ClosePatterns, key: str, kind: MonthKind, *, open_after: int = 0
) -> CloseForecast | TooFewCloses:
    """The forecast of an entity for a month of a kind, still open after `open_after` working days (0: not begun)."""
    pattern = patterns.entities.get(key)
    lacks = too_few_closes(patterns, pattern)
    if lacks is not None or pattern is None:
        return lacks or TooFewCloses(own=LEAST_CLOSES)
    chances = day_chances(pattern, _errors_for(patterns, kind), kind)
    return CloseForecast(still_open(chances, open_after + 1), pattern.closes, pattern.closes < _THIN_BELOW)


def too_few_closes(patterns: ClosePatterns, pattern: ClosePattern | None) -> TooFewCloses | None:
    """What is missing for a forecast of an entity; None where nothing is."""
    own = LEAST_CLOSES - (pattern.closes if pattern is not None else 0)
    group = LEAST_ERRORS - sum(errors.total for errors in patterns.errors.values())
    return TooFewCloses(max(own, 0), max(group, 0)) if own > 0 or group > 0 else None


def _errors_for(patterns: ClosePatterns, kind: MonthKind) -> list[GroupErrors]:
    of_kind = patterns.errors[kind]
    return [of_kind] if of_kind.total >= LEAST_ERRORS else list(patterns.errors.values())


def day_chances(pattern: ClosePattern, errors: Sequence[GroupErrors], kind: MonthKind) -> list[float]:
    """The chance of each working day before anything of the month is known.

    Ordinary errors of the group scale with the entity's spread, shocks do not.
    """
    middle = pattern.usual + pattern.lags[kind] + 0.5
    tenth = pattern.spread / 10
    counts = [0] * (LAST_DAY + 1)
    for group in errors:
        for tenths, count in group.tenths.items():
            counts[_whole_day(middle + tenth * tenths)] += count
        for days, count in group.shocks.items():
            counts[_whole_day(middle + days)] += count
    weights = [0.0] * (LAST_DAY + 1)
    for days_off, weight in pattern.own_errors:
        weights[_whole_day(middle + days_off)] += weight
    own = pattern.own_weight
    of_group, of_own = 1 / (own + _OWN) * _OWN / sum(counts), 1 / (own + _OWN)
    return [of_group * count + of_own * weight for count, weight in zip(counts, weights, strict=True)]


def _whole_day(day: float) -> int:
    return min(max(floor(day), 0), LAST_DAY)


def still_open(chances: DayChances, first: int) -> list[float]:
    """The chances once a period can close on working day `first` at the earliest.

    An entity later than ever before gets the group's experience of late closes, and a slow tail.
    """
    first = min(first, LAST_DAY)
    left = sum(chances[first:])
    total = (1 - _TAIL) * left + _TAIL
    result = [0.0] * first
    tail = _TAIL_HAZARD
    for day in range(first, LAST_DAY):
        result.append(((1 - _TAIL) * chances[day] + _TAIL * tail) / total)
        tail *= 1 - _TAIL_HAZARD
    result.append(((1 - _TAIL) * chances[LAST_DAY] + _TAIL * tail / _TAIL_HAZARD) / total)
    return result


def summary_of(chances: DayChances) -> ForecastSummary:
    """Sum up chances of days, which are consecutive."""
    upto = list(accumulate(chances))
    first, last, holds = min(
        _ranges(upto), key=lambda found: (found[1] - found[0], -round(found[2], 9), found[0])
    )
    return ForecastSummary(first, last, holds, _first_upto(upto, 0.5), _first_upto(upto, 0.9))


def _first_upto(upto: Sequence[float], chance: float) -> int:
    return next((day for day, sum_ in enumerate(upto) if sum_ >= chance - _CLOSE_ENOUGH), len(upto) - 1)


def _ranges(upto: Sequence[float]) -> Iterator[tuple[int, int, float]]:
    """For each first day the shortest range that holds enough, with its chance."""
    last = 0
    for first in range(len(upto)):
        before = upto[first - 1] if first else 0.0
        while last < len(upto) and upto[last] - before < RANGE_HOLDS - _CLOSE_ENOUGH:
            last += 1
        if last == len(upto):
            return
        yield first, last, upto[last] - before


def dots(chances: DayChances, count: int = 20) -> Counter[int]:
    """So many dots on days, each one chance in `count`: how many lie on each day."""
    upto = list(accumulate(chances))
    return Counter(_first_upto(upto, (dot + 0.5) / count) for dot in range(count))
