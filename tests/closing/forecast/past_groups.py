"""Groups of entities with generated past closes, for the back-test of forecasts (09-insight 9.6)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from closing.forecast.past_closes import MonthKind, PastClose

MONTHS = 36


def kind_at(month: int) -> MonthKind:
    """The kind of the month with this index; fiscal years end with December and months begin with January."""
    if month % 12 == 11:
        return MonthKind.YEAR_END
    return MonthKind.QUARTER_END if month % 3 == 2 else MonthKind.ORDINARY


@dataclass
class Habits:
    """How one generated entity closes; days and spreads in working days."""

    usual: float
    spread: float
    quarter_lag: float = 0.5
    year_lag: float = 1.0
    trend: float = 0.0  # working days a month
    shock: float = 0.0  # chance of a month
    step_at: int | None = None
    step: float = 0.0
    by_plan: float = 0.0  # chance of the planned day; 0: no plan
    gap: float = 0.0  # chance that a month is not known
    begins: int = 0

    def day(self, month: int, rng: random.Random, everybody: float) -> int:
        """The working day of its close."""
        lag = {
            MonthKind.ORDINARY: 0.0,
            MonthKind.QUARTER_END: self.quarter_lag,
            MonthKind.YEAR_END: self.year_lag,
        }
        middle = self.usual + lag[kind_at(month)] + self.trend * month + everybody
        if self.step_at is not None and month >= self.step_at:
            middle += self.step
        if self.by_plan:
            off = 0.0 if rng.random() < self.by_plan else rng.choice((-1, 1, 2))
        else:
            off = rng.gauss(0, self.spread) + rng.expovariate(1 / self.spread) * 0.5
        if rng.random() < self.shock:
            off += rng.uniform(3, 12)
        return min(max(round(middle + off), 1), 55)


def _stable(rng: random.Random) -> Habits:
    return Habits(rng.uniform(3, 10), rng.uniform(0.3, 1.2), rng.uniform(0, 1.5), rng.uniform(0.5, 2.5))


def _changed(**changes: Callable[[random.Random], float]) -> Callable[[random.Random], Habits]:
    def make(rng: random.Random) -> Habits:
        habits = _stable(rng)
        for name, value in changes.items():
            setattr(habits, name, value(rng))
        return habits

    return make


REGIMES: dict[str, Callable[[random.Random], Habits]] = {
    "stable": _stable,
    "improving": _changed(usual=lambda rng: rng.uniform(8, 14), trend=lambda rng: -rng.uniform(0.05, 0.15)),
    "one chronic laggard": _stable,
    "shocks": _changed(shock=lambda rng: rng.uniform(0.05, 0.12)),
    "strong quarter ends": _changed(
        quarter_lag=lambda rng: rng.uniform(2, 5), year_lag=lambda rng: rng.uniform(4, 8)
    ),
    "steps": _changed(step_at=lambda rng: rng.randint(8, 30), step=lambda rng: rng.choice((-3, -2, 2, 3, 4))),
    "habit": _changed(by_plan=lambda rng: rng.uniform(0.75, 0.9)),
    "a month that hits everybody": _stable,
}


@dataclass
class PastGroup:
    """The closes of a group by entity; `known` lacks the months that nobody knows."""

    days: dict[str, list[PastClose | None]]
    known: dict[str, list[PastClose | None]]

    def histories(self, month: int) -> dict[str, list[PastClose | None]]:
        """What was known before a month."""
        return {key: history[:month] for key, history in self.known.items()}


def _played(habits: list[Habits], rng: random.Random, hits: dict[int, float]) -> PastGroup:
    group = PastGroup({}, {})
    for number, habit in enumerate(habits):
        days: list[PastClose | None] = [
            PastClose(habit.day(month, rng, hits.get(month, 0.0)), kind_at(month))
            if month >= habit.begins
            else None
            for month in range(MONTHS)
        ]
        key = f"E{number:03d}"
        group.days[key] = days
        group.known[key] = [None if rng.random() < habit.gap else close for close in days]
    return group


def regime_group(regime: str, size: int, seed: int) -> PastGroup:
    """A group whose entities all follow one regime."""
    rng = random.Random(f"{regime} {size} {seed}")
    habits = [REGIMES[regime](rng) for _ in range(size)]
    if regime == "one chronic laggard":
        habits[0].usual += 6
    hits = {rng.randrange(MONTHS): rng.uniform(2, 5) for _ in range(3)}
    return _played(habits, rng, hits if regime == "a month that hits everybody" else {})


def mixed_group(size: int, seed: int) -> PastGroup:
    """A group of entities of all regimes, with gaps and newcomers, and a month that hits everybody a little."""
    rng = random.Random(f"mixed {size} {seed}")
    habits = []
    for _ in range(size):
        habit = REGIMES[rng.choice(sorted(REGIMES))](rng)
        habit.gap = rng.choice((0.0, 0.0, 0.03, 0.1))
        habit.shock = max(habit.shock, rng.uniform(0, 0.04))
        habit.begins = rng.choice((0, 0, 0, 0, rng.randint(1, 30)))
        habits.append(habit)
    return _played(habits, rng, {rng.randrange(MONTHS): rng.uniform(0.5, 2)})
