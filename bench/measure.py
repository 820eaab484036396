"""Measures in alternation: every contender once, then all again, so that a busy minute affects all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Role = Literal["ours", "baseline", "limit", "beside"]

WARM_UPS = 2
ROUNDS = 7
SLOW_ROUNDS = 3
SLOW = 5.0  # seconds; slower contenders are measured SLOW_ROUNDS times after one warm-up


def _nothing() -> None:
    pass


@dataclass
class Contender:
    """One way of doing a piece of work. `prepare` runs before each round outside the time.

    `times` extrapolates from a sample: the measured seconds are multiplied by it, and `note` must say so.
    """

    name: str
    role: Role
    run: Callable[[], object]
    prepare: Callable[[], object] = _nothing
    times: float = 1.0
    note: str = ""


@dataclass
class Figure:
    """A measured value, in seconds (or in the table's unit)."""

    name: str
    role: Role
    rounds: list[float]
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def least(self) -> float:
        return min(self.rounds)


@dataclass
class Goal:
    """One goal of 06-performance, by the medians; `by_least` is by the minimums, which load disturbs less."""

    words: str
    value: float
    bound: float
    at_most: bool = True
    by_least: float | None = None
    unit: str = "x"

    @property
    def met(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def told(self) -> str:
        """One sentence: the value, whether the goal is met, and by how much."""
        least = f", {self.by_least:.2f} by the minimums" if self.by_least is not None else ""
        above, below = (self.value, self.bound) if self.at_most else (self.bound, self.value)
        verdict = "met" if self.met else f"NOT MET by a factor of {above / below:.2f}" if below else "NOT MET"
        sign = "<=" if self.at_most else ">="
        return f"{self.words} {sign} {self.bound:g} {self.unit}: {self.value:.2f}{least}: {verdict}"


@dataclass
class Table:
    """One measured piece of work with its figures, counts and goals."""

    work: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unit: str = "s"

    def of(self, name: str) -> Figure:
        """The figure of that name; raises StopIteration if it was not measured."""
        return next(figure for figure in self.figures if figure.name == name)

    def goal(self, words: str, over: str, under: str, bound: float, *, at_most: bool = True) -> None:
        """Add the goal that the figure `over` is at most (or at least) `bound` times the figure `under`."""
        above, below = self.of(over), self.of(under)
        ratio = above.median / below.median
        self.goals.append(Goal(words, ratio, bound, at_most, above.least / below.least))

    def as_json(self) -> dict[str, object]:
        """Plain values for bench/results.json."""
        return {
            "work": self.work,
            "title": self.title,
            "unit": self.unit,
            "figures": [
                {
                    "name": one.name,
                    "role": one.role,
                    "median": one.median,
                    "min": one.least,
                    "max": max(one.rounds),
                    "rounds": one.rounds,
                    "note": one.note,
                }
                for one in self.figures
            ],
            "goals": [{**asdict(one), "met": one.met} for one in self.goals],
            "remarks": self.remarks,
        }

    def lines(self) -> list[str]:
        """The table as text."""
        ours = next((one for one in self.figures if one.role == "ours"), None)
        wide = max((len(one.name) for one in self.figures), default=0)
        out = ["", f"{self.work}  {self.title}"]
        if self.figures:
            out.append(f"  {'':8}  {'':{wide}}  {'median':>9} {'min':>9} {'max':>9}  rounds  of ours")
        for one in self.figures:
            shown = [self._shown(value) for value in (one.median, one.least, max(one.rounds))]
            share = f"{one.median / ours.median:8.2f}" if ours else ""
            note = f"  {one.note}" if one.note else ""
            out.append(
                f"  {one.role:8}  {one.name:{wide}}  {shown[0]:>9} {shown[1]:>9} {shown[2]:>9}  {len(one.rounds):6} "
                f"{share}{note}"
            )
        out += [f"  - {remark}" for remark in self.remarks]
        out += [f"  goal: {goal.told()}" for goal in self.goals]
        return out

    def _shown(self, value: float) -> str:
        if self.unit != "s":
            return f"{value:.1f} {self.unit}"
        return f"{value:.2f} s" if value >= 10 else f"{value * 1000:.1f} ms"


def alternate(contenders: Sequence[Contender]) -> list[Figure]:
    """Measure all contenders in alternation; slow ones take part in fewer rounds, and their note says so."""
    rounds: dict[str, list[float]] = {one.name: [] for one in contenders}
    slow: set[str] = set()
    for turn in range(WARM_UPS + ROUNDS):
        for one in contenders:
            if one.name in slow and len(rounds[one.name]) >= SLOW_ROUNDS:
                continue
            seconds = _once(one)
            if turn == 0 and seconds > SLOW:
                slow.add(one.name)
            elif turn >= WARM_UPS or one.name in slow:
                rounds[one.name].append(seconds * one.times)
    return [
        Figure(one.name, one.role, rounds[one.name], _with(one.note, one.name in slow)) for one in contenders
    ]


def _with(note: str, slow: bool) -> str:
    fewer = f"{SLOW_ROUNDS} rounds because one takes over {SLOW:g} s" if slow else ""
    return "; ".join(filter(None, (note, fewer)))


def _once(one: Contender) -> float:
    one.prepare()
    gc.collect()
    began = time.perf_counter()
    one.run()
    return time.perf_counter() - began
