"""Learns each entity's usual day of closing and how far that rule was off (09-insight 9.4, steps 1 and 2).

All entities of the installation learn together. What they share is how far the rule was off, never a date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from statistics import median

from closing.forecast.past_closes import CloseHistories, CloseHistory, MonthKind
from closing.forecast.season_lags import SeasonValues, season_bases, season_values

_FADE = 0.5 ** (1 / 6)  # a month; half the weight after six months
_PULL = 1  # weight of the centre of all entities, in closes
_PULL_SPREAD = 2
_CLIP = 4  # spreads; an error beyond is a shock
_LEAST_SPREAD = 0.35  # working days
_RUN = 3  # closes in a row off to one side: the entity has moved
_OFF = 1.5  # spreads
_WINDOW = 24  # months in which errors are kept
_OWN_FADE = 0.5 ** (1 / 12)  # a month
LEAST_CLOSES = 3  # of an entity, before its errors count for others and before it has a forecast


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """How far the rule was off for all entities: ordinary errors in tenths of spreads, shocks in working days."""

    tenths: Counter[int] = field(default_factory=Counter)
    shocks: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many errors and shocks were kept."""
        return self.tenths.total() + self.shocks.total()


@dataclass(frozen=True, slots=True)
class Move:
    """The entity closes around another day: since the month of this index, and around which day it did before."""

    since: int
    usual_before: float


@dataclass(frozen=True, slots=True)
class ClosePattern:
    """The pattern of one entity's closes.

    `usual` and `spread` are in working days, `lags` by kind of month. `own_errors` has (working days, weight) of the
    months kept. `closes` counts all known closes, `moved` is the latest move.
    """

    closes: int
    usual: float
    spread: float
    lags: Mapping[MonthKind, float]
    own_errors: tuple[tuple[float, float], ...] = ()
    moved: Move | None = None

    @property
    def own_weight(self) -> float:
        """The sum of weights of its own errors, in months."""
        return fsum(weight for _, weight in self.own_errors)


@dataclass(frozen=True, slots=True)
class ClosePatterns:
    """The patterns of all entities, by their keys, and how far the rule was off by kind of month."""

    entities: Mapping[str, ClosePattern]
    errors: Mapping[MonthKind, GroupErrors]


class _Learner:
    """What is known of one entity while its months are walked through.

    `days` has the working day of each close less the lag of its month, aligned with the newest month of all.
    The usual day follows from `sum_days` and `weight`, the spread from `sum_off` and `weight_off`. Each month takes
    the same share off these four.
    """

    __slots__ = (
        *("closes", "days", "errors", "kinds", "lags", "moved", "run", "run_late", "sum_days", "sum_off"),
        *("weight", "weight_off"),
    )

    def __init__(
        self, history: CloseHistory, months: int, seasons: SeasonValues, bases: Mapping[MonthKind, float]
    ) -> None:
        self.lags = seasons.lags(bases)
        own = seasons.lags_without_own_month(bases)
        before = [None] * (months - len(history))
        self.days: list[float | None] = [*before]
        self.kinds: list[MonthKind | None] = [*before]
        for month, close in enumerate(history):
            self.days.append(close.day - own.get(month, self.lags[close.kind]) if close else None)
            self.kinds.append(close.kind if close else None)
        self.closes = 0
        self.weight = self.sum_days = self.weight_off = self.sum_off = 0.0
        self.errors: list[tuple[float, int]] = []  # working days, index of the month
        self.run: list[float] = []  # days of the latest closes in a row that are off to one side
        self.run_late = False
        self.moved: Move | None = None

    def usual(self, centre: float) -> float:
        return (self.sum_days + _PULL * centre) / (self.weight + _PULL)

    def spread(self, wide: float) -> float:
        spread = (self.sum_off + _PULL_SPREAD * wide) / (self.weight_off + _PULL_SPREAD)
        return spread if spread > _LEAST_SPREAD else _LEAST_SPREAD

    def fade(self) -> None:
        self.weight *= _FADE
        self.sum_days *= _FADE
        self.weight_off *= _FADE
        self.sum_off *= _FADE


def learn_patterns(histories: CloseHistories) -> ClosePatterns:
    """The patterns of the closes of all entities; their histories end in the same newest month.

    Their order does not matter. A still open month counts as one that closes today.
    """
    months = max(map(len, histories.values()), default=0)
    seasons = {key: season_values(history) for key, history in histories.items()}
    bases = season_bases(seasons.values())
    learners = {key: _Learner(history, months, seasons[key], bases) for key, history in histories.items()}
    errors = {kind: GroupErrors() for kind in MonthKind}
    for month in range(months):
        _learn_month(list(learners.values()), month, errors if month >= months - _WINDOW else None)
    centre, wide = _centre(learners.values()), _wide(learners.values())
    return ClosePatterns(
        {
            key: ClosePattern(
                learner.closes,
                learner.usual(centre),
                learner.spread(wide),
                learner.lags,
                tuple((error, _OWN_FADE ** (months - 1 - month)) for error, month in learner.errors),
                learner.moved,
            )
            for key, learner in learners.items()
        },
        errors,
    )


def _centre(learners: Iterable[_Learner]) -> float:
    days = [learner.sum_days / learner.weight for learner in learners if learner.closes]
    return median(days) if days else 0.0


def _wide(learners: Iterable[_Learner]) -> float:
    spreads = [learner.sum_off / learner.weight_off for learner in learners if learner.closes > 1]
    return fsum(spreads) / len(spreads) if spreads else 1.0


def _learn_month(
    learners: Sequence[_Learner], month: int, errors: Mapping[MonthKind, GroupErrors] | None
) -> None:
    """Learn one month of all; `errors` is None where it is too old for its errors to be kept."""
    centre, wide = _centre(learners), _wide(learners)
    for learner in learners:
        day, kind = learner.days[month], learner.kinds[month]
        if not learner.closes:
            if day is not None:
                learner.closes, learner.weight, learner.sum_days = 1, 1.0, day
            continue
        usual, spread = learner.usual(centre), learner.spread(wide)
        learner.fade()
        if day is None or kind is None:
            continue
        error = day - usual
        if errors is not None:
            learner.errors.append((error, month))
            if learner.closes >= LEAST_CLOSES:
                _keep(errors[kind], error, spread)
        most = _CLIP * spread
        learner.closes += 1
        learner.weight_off += 1
        learner.sum_off += min(abs(error), most)
        if _moves(learner, error, day, spread):
            before = learner.run[:-1]
            learner.weight, learner.sum_days = float(len(before)), fsum(before)
            learner.errors.clear()
            learner.run.clear()
            learner.moved = Move(month - _RUN + 1, usual)
        else:
            day = min(max(day, usual - most), usual + most)
        learner.weight += 1
        learner.sum_days += day


def _keep(group: GroupErrors, error: float, spread: float) -> None:
    spreads = round(error / spread, 1)
    if abs(spreads) > _CLIP:
        group.shocks[round(error)] += 1
    else:
        group.tenths[round(10 * spreads)] += 1


def _moves(learner: _Learner, error: float, day: float, spread: float) -> bool:
    """Whether this close is the last of a run of closes off to the same side; the close joins the run."""
    late = error > 0
    if abs(error) <= _OFF * spread:
        learner.run.clear()
        return False
    if late is not learner.run_late:
        learner.run.clear()
    learner.run_late = late
    learner.run.append(day)
    return len(learner.run) == _RUN
