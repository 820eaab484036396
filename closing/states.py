"""From what the ERP said to a state: rule tables with their reasons (01-domain 1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from closing.days import DateSpan
from closing.readings import FinopsFacts, NativeFacts, PostingWindowFacts


class PeriodState(StrEnum):
    """What the native facts come to; UNKNOWN is never OPEN and never CLOSED."""

    OPEN = "open"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state with its because and the number of the rule that fired ("F&O-2", "BC-1")."""

    state: PeriodState
    because: str
    rule: str
    flags: tuple[str, ...] = ()  # "restricted_modules", "permanent", "year_closed", "unrestricted_or_formula", ...


def from_finops(facts: FinopsFacts, *, ledger_restricted_means_on_hold: bool = False) -> Verdict: ...


def from_posting_window(span: DateSpan, facts: PostingWindowFacts, *, today: date) -> Verdict: ...


def verdict(span: DateSpan, facts: NativeFacts, *, today: date, ledger_restricted_means_on_hold: bool) -> Verdict:
    """The one door: picks the rule table by the kind of facts; `today` is the entity's local date."""
    ...
