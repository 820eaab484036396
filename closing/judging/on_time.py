"""The on-time rate: closes on time among the closes due, with counts of those left out (01-domain 1.6, 1.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from closing.judging.standing import Level
from closing.scoreboard.row import Row

ON_TIME_TARGET_PERCENT = 90  # percent; a rate below it is flagged
FRACTIONS_BELOW = 10  # closes due; a rate of fewer is shown as a fraction alone


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
    return OnTimeRate(**Counter(filter(None, (_counts_as(row, as_of) for row in rows))))


def _counts_as(row: Row, as_of: datetime) -> str | None:
    """The field of OnTimeRate that counts a row; None for one that is not due."""
    standing = row.standing
    if row.not_due:
        return None
    if row.span is None:
        return "unknown"  # no period is known, so neither is a deadline
    if row.deadline is None:
        return "no_deadline" if standing.level is not Level.NOT_DUE else None  # running: nothing to be due
    if not row.deadline.passed(as_of):
        return None
    if row.read_at is None:
        return "unknown"  # late by the clock alone: it may have closed in time
    match standing.first_close_level:
        case Level.CLOSED_ON_TIME:
            return "on_time"
        case Level.CLOSED_LATE:
            return "missed"
        case Level.CLOSED_DATE_UNKNOWN:
            return "date_unknown" if standing.closed_between is None else "perhaps_on_time"
    if standing.level in (Level.LATE, Level.ALERTING):
        return "missed"
    return "date_unknown" if standing.closed else "unknown"
