"""The on-time rate: closes on time among the closes due, with counts of those left out (01-domain 1.6, 1.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from closing.judging.standing import Level
from closing.scoreboard.row import Row

ON_TIME_TARGET_PERCENT = 90  # percent; a rate below it is flagged
FRACTIONS_BELOW = 10  # closes due; a rate of fewer is shown as a fraction alone


class CloseOutcome(StrEnum):
    """How a close that was due counts in the on-time rate; the words are the fields of `OnTimeRate`."""

    ON_TIME = "on_time"
    MISSED = "missed"
    PERHAPS_ON_TIME = "perhaps_on_time"
    DATE_UNKNOWN = "date_unknown"
    UNKNOWN = "unknown"
    NO_DEADLINE = "no_deadline"


@dataclass(frozen=True, slots=True)
class OnTimeRate:
    """How many of the closes that were due by a moment were on time, by first closes.

    `missed` are closed late, or still open past their deadline. The rest is due as well but left out of the rate:
    `perhaps_on_time` was closed between two reads on both sides of its deadline, `date_unknown` already closed when
    first read, `unknown` has no state to compare with the deadline. `no_deadline` is never due.
    """

    on_time: int = 0
    missed: int = 0
    perhaps_on_time: int = 0
    date_unknown: int = 0
    unknown: int = 0
    no_deadline: int = 0

    @property
    def due(self) -> int:
        """The closes that the rate counts, on time or missed."""
        return self.on_time + self.missed

    @property
    def excluded(self) -> int:
        return self.perhaps_on_time + self.date_unknown + self.unknown + self.no_deadline

    @property
    def permille(self) -> int | None:
        """The rate in tenths of a percent, never rounded up to the target from below it; None if nothing was due."""
        if not self.due:
            return None
        rounded = (2000 * self.on_time + self.due) // (2 * self.due)
        return min(rounded, 10 * ON_TIME_TARGET_PERCENT - 1) if self.below_target else rounded

    @property
    def below_target(self) -> bool:
        """Whether the rate is below the target."""
        return 100 * self.on_time < ON_TIME_TARGET_PERCENT * self.due


def on_time_rate(rows: Iterable[Row], as_of: datetime) -> OnTimeRate:
    """Count rows of any entities and months whose deadline had passed at a moment.

    A period that was closed before a deadline still ahead is not due yet. A row whose reading is older than its
    deadline is unknown: it may have closed in time since.
    """
    return rate_of_outcomes(close_outcome(row, as_of) for row in rows)


def rate_of_outcomes(outcomes: Iterable[CloseOutcome | None]) -> OnTimeRate:
    """The rate of outcomes; None is not due."""
    return OnTimeRate(**Counter(outcome.value for outcome in outcomes if outcome is not None))


def close_outcome(row: Row, as_of: datetime) -> CloseOutcome | None:
    """How the first close of a row counts in the on-time rate; None for one that is not due."""
    standing = row.standing
    if row.not_due:
        return None
    if row.span is None:
        return CloseOutcome.UNKNOWN  # no period is known, so neither is a deadline
    if row.deadline is None:  # a running one has nothing to be due
        return CloseOutcome.NO_DEADLINE if standing.level is not Level.NOT_DUE else None
    if not row.deadline.passed(as_of):
        return None
    if row.read_at is None:
        return CloseOutcome.UNKNOWN  # late by the clock alone: it may have closed in time
    match standing.first_close_level:
        case Level.CLOSED_ON_TIME:
            return CloseOutcome.ON_TIME
        case Level.CLOSED_LATE:
            return CloseOutcome.MISSED
        case Level.CLOSED_DATE_UNKNOWN:
            between = standing.closed_between is not None
            return CloseOutcome.PERHAPS_ON_TIME if between else CloseOutcome.DATE_UNKNOWN
    if standing.level in (Level.LATE, Level.ALERTING):
        return CloseOutcome.MISSED
    return CloseOutcome.DATE_UNKNOWN if standing.closed else CloseOutcome.UNKNOWN
