"""The back-test of forecasts against generated histories, and the lines that it must meet (09-insight 9.6).

`python -m tests.closing.forecast.backtest SEED ...` prints the table for other seeds.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import prod
from typing import NamedTuple

from closing.forecast.close_forecast import LAST_DAY, CloseForecast, forecast_close, summary_of
from closing.forecast.close_patterns import learn_patterns
from tests.closing.forecast.past_groups import MONTHS, REGIMES, PastGroup, kind_at, mixed_group, regime_group

MOMENTS = (0, 4, 6, 10)  # working days after which it is still open; 0: before month end
_FIRST_MONTH = 12
_SIZES = (40, 120, 500)
_GROUPS = 12  # small groups, for the group's own forecast


class Trial(NamedTuple):
    """One forecast and the working day that came; `uniform` is drawn for a randomised PIT."""

    chances: Sequence[float]
    came: int
    uniform: float
    own: Sequence[float]  # the reference: the entity's own last twelve


@dataclass
class Tally:
    """What was found over many trials."""

    trials: int = 0
    in_range: int = 0
    in_middle: int = 0  # from the 10 % to the 90 % day
    claimed: float = 0.0
    pit_inside: int = 0
    crps: float = 0.0
    crps_own: float = 0.0

    def add(self, trial: Trial) -> None:
        upto = list(accumulate(trial.chances))
        summary = summary_of(trial.chances)
        low, high = _quantile(upto, 0.1), _quantile(upto, 0.9)
        before = upto[trial.came - 1] if trial.came else 0.0
        pit = before + trial.uniform * (upto[trial.came] - before)
        self.trials += 1
        self.in_range += summary.first <= trial.came <= summary.last
        self.in_middle += low <= trial.came <= high
        self.claimed += upto[high] - (upto[low - 1] if low else 0.0)
        self.pit_inside += 0.1 <= pit <= 0.9
        self.crps += _crps(upto, trial.came)
        self.crps_own += _crps(list(accumulate(trial.own)), trial.came) if trial.own else 0.0

    def share(self, count: float) -> float:
        return count / self.trials


def _quantile(upto: Sequence[float], chance: float) -> int:
    return next((day for day, passed in enumerate(upto) if passed >= chance - 1e-9), len(upto) - 1)


def _crps(upto: Sequence[float], came: int) -> float:
    return sum((passed - (day >= came)) ** 2 for day, passed in enumerate(upto))


def _own_last_twelve(days: Sequence[int], open_after: int) -> list[float]:
    """Its own last twelve closes, those already passed as closes today."""
    chances = [0.0] * (LAST_DAY + 1)
    for day in days[-12:]:
        chances[max(day, open_after + 1)] += 1 / len(days[-12:])
    return chances


@dataclass
class _Asked:
    """The trials of one month of one group at one moment, and that of the group as a whole."""

    entities: list[Trial] = field(default_factory=list)
    group: Trial | None = None


def _ask(group: PastGroup, month: int, rng: random.Random) -> dict[int, _Asked]:
    histories = group.histories(month)
    patterns = learn_patterns(histories)
    kind = kind_at(month)
    asked = {moment: _Asked() for moment in MOMENTS}
    for moment, found in asked.items():
        forecasts: list[Sequence[float]] = []
        came = []
        for key, history in histories.items():
            close = group.days[key][month]
            if close is None or close.day <= moment:
                continue
            forecast = forecast_close(patterns, key, kind, open_after=moment)
            if not isinstance(forecast, CloseForecast):
                continue
            forecasts.append(forecast.chances)
            came.append(close.day)
            if group.known[key][month] is not None:
                days = [past.day for past in history if past is not None]
                own = _own_last_twelve(days, moment)
                found.entities.append(Trial(forecast.chances, close.day, rng.random(), own))
        if forecasts:
            upto = [prod(at) for at in zip(*(accumulate(chances) for chances in forecasts), strict=True)]
            chances = [now - before for now, before in zip(upto, [0.0, *upto], strict=False)]
            found.group = Trial(chances, max(came), rng.random(), ())
    return asked


def tallies(groups: Iterable[PastGroup], seed: int) -> tuple[dict[int, Tally], dict[int, Tally]]:
    """What was found for entities and for groups, by moment."""
    rng = random.Random(seed)
    entities = {moment: Tally() for moment in MOMENTS}
    whole = {moment: Tally() for moment in MOMENTS}
    for group in groups:
        for month in range(_FIRST_MONTH, MONTHS, 2):
            for moment, asked in _ask(group, month, rng).items():
                for trial in asked.entities:
                    entities[moment].add(trial)
                if asked.group is not None:
                    whole[moment].add(asked.group)
    return entities, whole


class Line(NamedTuple):
    """A line of the table of acceptance: what was found must lie between two figures."""

    words: str
    found: float
    least: float
    most: float

    @property
    def met(self) -> bool:
        return self.least <= self.found <= self.most


def lines(seeds: Sequence[int]) -> Iterator[Line]:
    """The table of acceptance over all seeds together."""
    seed = seeds[0]
    mixed, _ = tallies((mixed_group(size, one) for one in seeds for size in _SIZES), seed)
    yield Line("range holds, mixed, before month end", mixed[0].share(mixed[0].in_range), 0.78, 0.90)
    for regime in REGIMES:
        found, _ = tallies((regime_group(regime, 40, one) for one in seeds), seed)
        yield Line(f"range holds, {regime}", found[0].share(found[0].in_range), 0.72, 0.92)
    for moment in MOMENTS[1:]:
        tally = mixed[moment]
        yield Line(f"range holds, open after day {moment}", tally.share(tally.in_range), 0.76, 0.91)
    yield from _calibration(mixed)
    _, groups = tallies(
        (mixed_group(12, 100 * one + number) for one in seeds for number in range(_GROUPS)), seed
    )
    for moment, words in ((0, "before month end"), (6, "open after day 6")):
        tally = groups[moment]
        yield Line(f"group's 10 % to 90 % day, {words}", tally.share(tally.in_middle), 0.72, 0.95)


def _calibration(mixed: Mapping[int, Tally]) -> Iterator[Line]:
    for moment, tally in mixed.items():
        off = tally.share(tally.in_middle) - tally.share(tally.claimed)
        yield Line(f"found less claimed, open after day {moment}", off, -0.03, 0.03)
        yield Line(f"PIT from 10 to 90 %, open after day {moment}", tally.share(tally.pit_inside), 0.76, 0.84)
        most = 0.96 if moment else 0.93
        yield Line(
            f"CRPS against own last 12, open after day {moment}", tally.crps / tally.crps_own, 0.0, most
        )


if __name__ == "__main__":
    for line in lines([int(seed) for seed in sys.argv[1:]] or [1, 2, 3]):
        print(
            f"{'ok ' if line.met else 'NO '} {line.found:7.3f}  {line.least:5.2f} {line.most:5.2f}  {line.words}"
        )
