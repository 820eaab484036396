"""One past month of one entity as trends count it (09-insight 9.1 and 9.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from closing.judging.on_time import OnTimeRate


class CloseOutcome(StrEnum):
    """How a month counts in the on-time rate; the words are the fields of `OnTimeRate`."""

    ON_TIME = "on_time"
    MISSED = "missed"
    PERHAPS_ON_TIME = "perhaps_on_time"
    DATE_UNKNOWN = "date_unknown"
    UNKNOWN = "unknown"
    NO_DEADLINE = "no_deadline"


@dataclass(frozen=True, slots=True)
class CloseRecord:
    """One month (a first of month) of one entity, by its first close.

    `outcome` is None while the month is not due. `closed_on` is the local date of the close, of two dates the later
    one; None while it is open or its date is not known. `calendar_days` and `working_days` count from the period's
    end to it, the day after the end is 1. `known` is False where it cannot be said whether and when it closed.
    `stated` closes rest on a person's word. `reopened` counts how often the month was opened again, and
    `final_outcome` judges its latest close where it was.
    """

    entity: str
    month: date
    outcome: CloseOutcome | None
    closed_on: date | None = None
    calendar_days: int | None = None
    working_days: int | None = None
    known: bool = True
    stated: bool = False
    reopened: int = 0
    final_outcome: CloseOutcome | None = None

    @property
    def late(self) -> bool:
        return self.outcome is CloseOutcome.MISSED


def rate_of(records: Iterable[CloseRecord], *, final: bool = False) -> OnTimeRate:
    """The on-time rate of records by their first closes, or by the `final` closes of months that were reopened."""
    outcomes = (
        record.final_outcome if final and record.final_outcome is not None else record.outcome
        for record in records
    )
    return OnTimeRate(**Counter(outcome.value for outcome in outcomes if outcome is not None))
