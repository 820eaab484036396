"""Spans of days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DateSpan:
    """A run of days, both ends included; raises ValueError when it ends before it begins."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"a span cannot end on {self.last} before it begins on {self.first}")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


def counts_for(last_day: date, active_from: date | None, active_to: date | None) -> bool:
    """Whether an entity has a period to close: it is active on the last day of the period (01-domain 1.3).

    The one rule of boards, deadlines, alerts and close tasks; the evaluation of lateness has it in SQL.
    """
    return (active_from is None or active_from <= last_day) and (active_to is None or active_to >= last_day)
