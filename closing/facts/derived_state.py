"""The state that native facts come to, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PeriodState(StrEnum):
    """The state that the native facts give; UNKNOWN is never OPEN and never CLOSED."""

    OPEN = "open"
    ON_HOLD = "on_hold"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class DerivedState:
    """A state with its because, the rule that fired (01-domain 1.2: "F&O-2", "BC-1"), and flags of its kind."""

    state: PeriodState
    because: str
    rule: str
    flags: tuple[str, ...] = ()
