"""A kind of facts of another shape: one lock date for a whole company, and exceptions that end at an hour of the day.

No ERP that the product reads is like this. It is registered here only, so that a further kind is known to touch
nothing but its own files (docs/adr/0022).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import ClassVar, Self, cast
from zoneinfo import ZoneInfo

from closing.calendar.date_phrases import full_date, weekday_and_day
from closing.calendar.days import DateSpan
from closing.calendar.instants import instant_at
from closing.facts.base import (
    FACT_KINDS,
    DerivedState,
    FactsInWords,
    JsonObject,
    NativePeriodFacts,
    Options,
    PeriodState,
    fact_kind,
    optional,
    required,
)


@dataclass(frozen=True, slots=True)
class LockException:
    """A user or group may post from a day on until a wall time, which each entity reads in its own zone."""

    who: str
    from_day: date
    until: datetime  # without a zone

    @property
    def words(self) -> str:
        return f"{self.who} may post until {weekday_and_day(self.until.date())} {self.until:%H:%M}"


@dataclass(frozen=True, slots=True)
class CompanyLockFacts(NativePeriodFacts):
    """The lock date of a company, None if nothing is locked, and its exceptions."""

    locked_to: date | None
    exceptions: tuple[LockException, ...] = ()

    assumed_end = True  # there are no periods in this ERP, only days
    rules: ClassVar[Mapping[str, str]] = {
        "LOCK-1": "The lock date lies before the period: Open.",
        "LOCK-2": "The lock date lies in the period: On hold.",
        "LOCK-3": "The period is locked, with exceptions that have not ended: On hold.",
        "LOCK-4": "The period is locked: Closed.",
    }
    flags: ClassVar[Mapping[str, str]] = {"exceptions": "An exception ends by itself."}

    def for_period(self, span: DateSpan) -> Self:
        if self.locked_to is None or self.locked_to < span.first:
            return replace(self, locked_to=None, exceptions=())
        reaching = tuple(each for each in self.exceptions if each.from_day <= span.last)
        return replace(self, locked_to=min(self.locked_to, span.last), exceptions=reaching)

    def state(self, span: DateSpan, *, at: datetime, zone: ZoneInfo, options: Options) -> DerivedState:
        if self.locked_to is None or self.locked_to < span.first:
            return DerivedState(PeriodState.OPEN, "not locked", "LOCK-1")
        if self.locked_to < span.last:
            because = f"locked to {full_date(self.locked_to)}"
            return DerivedState(PeriodState.ON_HOLD, because, "LOCK-2")
        reaching = [each for each in self.exceptions if each.from_day <= span.last]
        if any(at < instant_at(each.until.date(), each.until.time(), zone) for each in reaching):
            because = "; ".join(["locked to its last day", *(each.words for each in reaching)])
            return DerivedState(PeriodState.ON_HOLD, because, "LOCK-3", ("exceptions",))
        return DerivedState(PeriodState.CLOSED, "locked to its last day", "LOCK-4")

    def changes_from(self, before: Self) -> Iterator[str]:
        if self.locked_to != before.locked_to:
            yield f"Lock date set to {full_date(self.locked_to) if self.locked_to else 'none'}"
        yield from (each.words for each in self.exceptions if each not in before.exceptions)
        yield from (
            f"{each.who} may no longer post" for each in before.exceptions if each not in self.exceptions
        )

    def in_words(self) -> FactsInWords:
        lock = f"to {full_date(self.locked_to)}" if self.locked_to else "none"
        return FactsInWords(
            details=[("Lock in this period", lock), *(("Exception", each.words) for each in self.exceptions)]
        )

    def to_json(self) -> JsonObject:
        return {
            "exceptions": [
                [each.who, each.from_day.isoformat(), each.until.isoformat()] for each in self.exceptions
            ],
            "locked_to": self.locked_to.isoformat() if self.locked_to else None,
        }

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        locked_to = optional(body.get("locked_to"), str, "locked_to")
        rows = cast("list[list[str]]", required(body.get("exceptions"), list, "exceptions"))
        return cls(
            date.fromisoformat(locked_to) if locked_to else None,
            tuple(
                LockException(who, date.fromisoformat(from_day), datetime.fromisoformat(until))
                for who, from_day, until in rows
            ),
        )


@contextmanager
def registered() -> Iterator[None]:
    """Register the kind, as a decorator of its class does for good."""
    fact_kind("company_lock", label="Company Lock")(CompanyLockFacts)
    try:
        yield
    finally:
        del FACT_KINDS["company_lock"]


@contextmanager
def forgotten() -> Iterator[None]:
    """Within `registered`: run as a version that does not know the kind."""
    facts = FACT_KINDS.pop("company_lock")
    try:
        yield
    finally:
        FACT_KINDS["company_lock"] = facts
