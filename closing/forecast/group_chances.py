"""When a group will be closed, and whose help would make it on time (09-insight 9.3 and 9.4, step 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from math import prod

from closing.calendar.workdays import WorkdayCalendar
from closing.forecast.close_forecast import DayChances, ForecastSummary, summary_of

_ENOUGH = 0.8  # chance at which no further help is listed
_MOST_STEPS = 5
_CLOSE_ENOUGH = 1e-9


@dataclass(frozen=True, slots=True)
class GroupMember:
    """An entity that is still open: its chances, and the calendar and last day that its working days count from."""

    chances: DayChances
    calendar: WorkdayCalendar
    last_day: date


@dataclass(frozen=True, slots=True)
class GroupForecast:
    """The chance of each date on which a group can close with its last entity; the dates are working days."""

    dates: Sequence[date]
    chances: Sequence[float]

    @property
    def summary(self) -> ForecastSummary:
        """What is shown of it; its days are places in `dates`."""
        return summary_of(self.chances)

    def by(self, day: date) -> float:
        """The chance that the group is closed on or before a date."""
        return min(sum(chance for on, chance in zip(self.dates, self.chances, strict=True) if on <= day), 1.0)


def group_forecast(members: Iterable[GroupMember]) -> GroupForecast:
    """The forecast of a group from its open entities; closed ones change nothing. Empty without any.

    The dates are those that are a working day of any of them. Raises CalendarUncovered for a calendar that ends
    before the last of them.
    """
    upto: dict[date, dict[int, float]] = {}
    every = list(members)
    for number, member in enumerate(every):
        day, passed = member.last_day, list(accumulate(member.chances))
        for chance in passed[1:]:
            day = member.calendar.nth_workday_after(day, 1)
            upto.setdefault(day, {})[number] = chance
    closed = [member.chances[0] for member in every]
    dates, chances, before = sorted(upto), [], 0.0
    for day in dates:
        for number, chance in upto[day].items():
            closed[number] = chance
        now = prod(closed)
        chances.append(max(now - before, 0.0))
        before = now
    return GroupForecast(dates, chances)


@dataclass(frozen=True, slots=True)
class AheadStep:
    """The next entity whose close on time would help most, its own chance, and that of the group with it on time."""

    key: str
    chance: float
    group: float


def steps_ahead(on_time: Mapping[str, float]) -> tuple[float, list[AheadStep]]:
    """The group's chance to be on time, and the steps that raise it to 8 in 10, at most five.

    `on_time` has each entity's chance to close by its own deadline. The weakest comes first, of equals by key.
    """
    weakest = sorted(on_time.items(), key=lambda entry: (round(entry[1], 9), entry[0]))
    as_it_is = group = prod(chance for _, chance in reversed(weakest))
    steps: list[AheadStep] = []
    for place, (key, chance) in enumerate(weakest[:_MOST_STEPS], start=1):
        if group >= _ENOUGH - _CLOSE_ENOUGH:
            break
        group = prod(chance for _, chance in reversed(weakest[place:]))
        steps.append(AheadStep(key, chance, group))
    return as_it_is, steps


@dataclass(frozen=True, slots=True)
class BehindStep:
    """The next entity that would have turned most months, had it been on time; `late` counts its late months."""

    key: str
    late: int
    on_time: int


def steps_behind(late_in: Iterable[frozenset[str]]) -> tuple[int, list[BehindStep]]:
    """In how many months the group was on time, and the steps that would have made it more, at most five.

    `late_in` has the entities that were late, a set for each month. A step that turns no month alone is listed only
    before one that does. Of equals the entity late most often comes first, then by key.
    """
    months = list(late_in)
    late = {key: sum(key in month for month in months) for month in months for key in month}
    fixed: set[str] = set()
    as_it_was = sum(not month for month in months)
    steps: list[BehindStep] = []
    while len(steps) < _MOST_STEPS and len(fixed) < len(late):
        turned = {key: sum(month <= fixed | {key} for month in months) for key in late.keys() - fixed}
        key = min(turned, key=lambda key: (-turned[key], -late[key], key))
        fixed.add(key)
        steps.append(BehindStep(key, late[key], turned[key]))
    while steps and steps[-1].on_time == (steps[-2].on_time if len(steps) > 1 else as_it_was):
        steps.pop()
    return as_it_was, steps
