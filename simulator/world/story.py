"""A loaded scenario: its companies, its changes over time, and the state of everything at one instant.

The state is never stored. It is the base plus every change up to the clock, so setting the clock back replays.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from simulator.world.times import Month, first_day, last_day
from simulator.world.work import Balance, CompanyWork, Step, apply

NIGHT = time(3, 10, tzinfo=UTC)  # when trial balances are computed


class PeriodKey(NamedTuple):
    """A period of one calendar."""

    year: str
    name: str


@dataclass(frozen=True, slots=True)
class Period:
    """One fiscal period of a Finance & Operations calendar; `number` counts the operating ones of its year from 1."""

    calendar: str
    year: str
    name: str
    first: date
    last: date
    type: str  # Opening, Operating, Closing
    number: int

    @property
    def key(self) -> PeriodKey:
        return PeriodKey(self.year, self.name)


class PeriodStart(NamedTuple):
    """The first day of an accounting period of Business Central, and the fiscal year that it belongs to."""

    day: date
    year: int
    begins_year: bool


@dataclass(frozen=True, slots=True)
class Company:
    """One legal entity of Finance & Operations or one company of Business Central (`id` is set only there)."""

    code: str
    name: str
    id: str = ""
    currency: str = "EUR"
    country: str = "NLD"
    language: str = "en-GB"
    zone: str = "UTC"
    calendar: str = ""
    status_rows: bool = True  # False: the ledger has periods but no rows of state
    access: str = "granted"  # or `forbidden`: Business Central answers 403
    months: tuple[Month, ...] = ()  # the starts of Business Central's accounting periods
    year_starts: int = 1
    starts: tuple[PeriodStart, ...] = ()  # instead of `months`: periods that begin on other days
    display_name: str = ""  # Business Central's second name of a company, where it is another one

    def period_starts(self) -> Iterable[PeriodStart]:
        """Where Business Central's accounting periods begin."""
        yield from self.starts
        for year, month in self.months:
            begins = month == self.year_starts
            yield PeriodStart(first_day((year, month)), year - (month < self.year_starts), begins)

    def is_called(self, word: str) -> bool:
        return word.casefold() in {self.code.casefold(), self.name.casefold(), self.id.casefold()} - {""}


@dataclass(frozen=True)
class Change:
    """One change at an instant; an attribute that is None leaves its value unchanged."""

    at: datetime
    company: str
    period: PeriodKey | None = None
    status: str | None = None
    access: Mapping[str, tuple[str | None, str]] | None = None  # module -> (level, user group)
    window: tuple[date | None, date | None] | None = None
    year_closed: int | None = None
    work: Step | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps that repeat from `start` on; a step is a change and its delay after the start of each round."""

    start: datetime
    every: timedelta
    steps: tuple[tuple[timedelta, Change], ...]

    def occurrences(self, now: datetime) -> Iterable[tuple[int, Change]]:
        """The latest occurrence of each step, which overwrites the earlier ones."""
        for after, change in self.steps:
            rounds = (now - self.start - after) // self.every
            if rounds >= 0:
                yield rounds, replace(change, at=self.start + after + rounds * self.every)


@dataclass(slots=True)
class PeriodState:
    """The state of one period in one ledger; `changes` counts its changes (the row's version)."""

    status: str
    access: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    changes: int = 0


@dataclass(slots=True)
class PostingWindow:
    """A Business Central company's allowed posting range, the years it has closed, and when each last changed."""

    allowed_from: date | None
    allowed_to: date | None
    changed_at: datetime
    closed_years: dict[int, datetime] = field(default_factory=dict)
    changes: int = 0


@dataclass(frozen=True)
class World:
    """Everything that differs from the base at one instant; worlds with equal `version` are equal."""

    version: Hashable
    states: Mapping[tuple[str, PeriodKey], PeriodState]
    windows: Mapping[str, PostingWindow]
    work: Mapping[str, CompanyWork]
    night: datetime  # the latest nightly run

    def work_of(self, company: Company) -> CompanyWork:
        return self.work.get(company.code) or CompanyWork()


@dataclass(frozen=True)
class Story:
    """A loaded scenario."""

    name: str
    finops: tuple[Company, ...]
    calendars: Mapping[str, tuple[Period, ...]]
    default_company: str
    closed_before: date
    bc: tuple[Company, ...]
    bc_environments: tuple[str, ...]
    windows: Mapping[str, tuple[date | None, date | None]]
    loops: tuple[Loop, ...]
    changes: list[Change]
    plays: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)
    manual: list[Change] = field(default_factory=list)
    revisions: list[int] = field(default_factory=lambda: [0])

    @cached_property
    def by_code(self) -> Mapping[str, Company]:
        return {company.code: company for company in (*self.finops, *self.bc)}

    @cached_property
    def periods_by_key(self) -> Mapping[str, Mapping[PeriodKey, Period]]:
        return {name: {period.key: period for period in periods} for name, periods in self.calendars.items()}

    def company(self, name: str) -> Company | None:
        """The company with that code, name or id, compared without case."""
        return next((company for company in self.by_code.values() if company.is_called(name)), None)

    def period(self, company: Company, text: str, month: Month | None) -> Period | None:
        """The operating period of a month (the one that ends nearest to it), or `2026/Period 13` by its name."""
        periods = self.calendars[company.calendar]
        if month is None:
            year, _, name = text.partition("/")
            return self.periods_by_key[company.calendar].get(PeriodKey(year, name))
        end = last_day(month)
        operating = [period for period in periods if period.type == "Operating"]
        nearest = min(operating, key=lambda period: abs((period.last - end).days), default=None)
        return nearest if nearest and abs((nearest.last - end).days) <= 15 else None

    def base_status(self, period: Period) -> str:
        return "Closed" if period.last < self.closed_before else "Open"

    def add(self, change: Change) -> None:
        """Add a change that is not in the scenario."""
        insort(self.changes, change, key=lambda planned: planned.at)
        self.manual.append(change)
        self.revisions[0] += 1

    def forget(self, changes: Iterable[Change]) -> None:
        """Forget changes that were added."""
        for change in list(changes):
            self.changes.remove(change)
            self.manual.remove(change)
        self.revisions[0] += 1

    def forget_added(self) -> None:
        self.forget(self.manual)

    def version(self, now: datetime) -> Hashable:
        """A value that changes exactly when the state does; cheap enough for every request."""
        rounds = tuple(count for loop in self.loops for count, _ in loop.occurrences(now))
        happened = bisect_right(self.changes, now, key=lambda change: change.at)
        return happened, rounds, self.revisions[0], self.night(now) if self.has_work else None

    @property
    def has_work(self) -> bool:
        return self._scenario_has_work or any(change.work for change in self.manual)

    @cached_property
    def _scenario_has_work(self) -> bool:
        steps = [change for loop in self.loops for _, change in loop.steps]
        return any(change.work for change in (*self.changes, *steps))

    @staticmethod
    def night(now: datetime) -> datetime:
        """The latest nightly run at an instant."""
        tonight = datetime.combine(now.astimezone(UTC), NIGHT)
        return tonight if tonight <= now else tonight - timedelta(days=1)

    def _happened(self, now: datetime) -> list[Change]:
        happened = self.changes[: bisect_right(self.changes, now, key=lambda change: change.at)]
        repeated = [change for loop in self.loops for _, change in loop.occurrences(now)]
        return sorted([*happened, *repeated], key=lambda change: change.at)

    def at(self, now: datetime) -> World:
        """The world at one instant."""
        states: dict[tuple[str, PeriodKey], PeriodState] = {}
        work: dict[str, CompanyWork] = {}
        long_ago = self.long_ago
        windows = {code: PostingWindow(*bounds, changed_at=long_ago) for code, bounds in self.windows.items()}
        for change in self._happened(now):
            if change.work is not None:
                apply(work.setdefault(change.company, CompanyWork()), change.work, change.at)
            elif change.period is not None:
                self._touch(states, change)
            elif change.company in windows:
                window = windows[change.company]
                if change.window is not None:
                    window.allowed_from, window.allowed_to = change.window
                    window.changed_at = change.at
                    window.changes += 1
                if change.year_closed is not None:
                    window.closed_years[change.year_closed] = change.at
        return World(self.version(now), states, windows, work, self.night(now))

    def balances_at(self, company: Company, world: World, age: timedelta) -> tuple[datetime, list[Balance]]:
        """When a company's trial balances were computed, less `age`, and its balances at that moment."""
        run = (world.work_of(company).snapshot or world.night) - age
        work = CompanyWork()
        for change in self._happened(run):
            if change.work is not None and change.company == company.code:
                apply(work, change.work, change.at)
        return run, work.of(Balance)

    def next_steps(self, company: Company, count: int, now: datetime) -> tuple[Step, ...]:
        """The next steps of a company's play; raises ValueError with a sentence where there are not so many."""
        steps = self.plays.get(company.code, ())
        played = sum(
            bool(change.work and change.work.played)
            for change in self.manual
            if change.company == company.code and change.at <= now
        )
        if count < 1 or played + count > len(steps):
            raise ValueError(f"the play of {company.code} has {len(steps) - played} more steps")
        return steps[played : played + count]

    def _touch(self, states: dict[tuple[str, PeriodKey], PeriodState], change: Change) -> None:
        assert change.period is not None
        key = (change.company, change.period)
        state = states.get(key)
        if state is None:
            calendar = self.by_code[change.company].calendar
            state = states[key] = PeriodState(self.base_status(self.periods_by_key[calendar][change.period]))
        if change.status is not None:
            state.status = change.status
        if change.access is not None:
            state.access |= change.access
        state.changes += 1

    @cached_property
    def long_ago(self) -> datetime:
        """The instant of the base: before every change of a scenario."""
        starts = [period.first for periods in self.calendars.values() for period in periods[:1]]
        starts += [first_day(company.months[0]) for company in self.bc if company.months]
        return datetime.combine(min(starts, default=date(2024, 1, 1)), time(9), UTC)
