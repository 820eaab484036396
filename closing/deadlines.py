"""Rules that say when an entity must be closed, and the deadline each gives with its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from closing.days import DateSpan, WorkCalendar


@dataclass(frozen=True, slots=True)
class WorkdayRule:
    """The nth working day after period end; `first_is` says whether the first working day is number 1 or 0.

    `n_quarter_end` and `n_year_end` replace `n` for those periods when given.
    """

    n: int
    first_is: int = 1
    n_quarter_end: int | None = None
    n_year_end: int | None = None


@dataclass(frozen=True, slots=True)
class CalendarDayRule:
    """n calendar days after period end, with own numbers for quarter and year ends."""

    n: int
    n_quarter_end: int | None = None
    n_year_end: int | None = None


@dataclass(frozen=True, slots=True)
class DayOfMonthRule:
    """A fixed day of the month after period end; the month's last day where it is shorter."""

    day: int


@dataclass(frozen=True, slots=True)
class FixedDate:
    """An agreed date, with who agreed it and why where that is known."""

    on: date
    reason: str = ""
    agreed_by: str = ""


Rule = WorkdayRule | CalendarDayRule | DayOfMonthRule | FixedDate


@dataclass(frozen=True, slots=True)
class Deadline:
    """The agreed local date, and time of day (None: end of day), by which an entity must be closed."""

    due_on: date
    zone: str
    cut_off: time | None = None
    label: str = ""  # short, for a table cell: "WD6", "day 10", "agreed"
    explanation: str = ""

    @property
    def due_at(self) -> datetime:
        """The instant (UTC) from which an entity that is not closed is late: due_on's end, or its cut-off."""
        ...

    def days_past(self, moment: datetime) -> int:
        """Calendar days from due_on to the moment's local date, never below 0."""
        ...

    def passed(self, moment: datetime) -> bool: ...


def deadline_for(
    rule: Rule,
    period: DateSpan,
    calendar: WorkCalendar,
    zone: str,
    *,
    cut_off: time | None = None,
    quarter_end: bool = False,
    year_end: bool = False,
) -> Deadline:
    """Work out the deadline of a period, with the arithmetic in words (01-domain 1.4).

    Raises CalendarUncovered when the count would run over a year that the calendar does not cover.
    """
    ...
