"""One past month of one entity as trends count it (09-insight 9.1 and 9.2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar, workdays_or_weekdays
from closing.forecast.past_closes import MonthKind, PastClose
from closing.judging.on_time import CloseOutcome, OnTimeRate, close_outcome, rate_of_outcomes
from closing.judging.standing import Level
from closing.judging.states import PeriodState
from closing.scoreboard.row import Row


@dataclass(frozen=True, slots=True)
class CloseRecord:
    """One month (a first of month) of one entity, by its first close.

    `outcome` is None while the month is not due. `closed_on` is the local date of the close, of two dates the later
    one; None while it is open or its date is not known. `calendar_days` and `working_days` count from the period's
    end to it, the day after the end is 1; while it is `still_open` up to the moment of its last reading.
    `stated` closes rest on a person's word. `final_outcome` judges the latest close of a month that was reopened.
    """

    entity: str
    month: date
    outcome: CloseOutcome | None
    closed_on: date | None = None
    calendar_days: int | None = None
    working_days: int | None = None
    still_open: bool = False
    stated: bool = False
    reopened: bool = False
    final_outcome: CloseOutcome | None = None

    @property
    def late(self) -> bool:
        return self.outcome is CloseOutcome.MISSED

    def past_close(self, kind: MonthKind) -> PastClose | None:
        """The month as forecasts learn from it; None where it is not known when it closed."""
        if self.working_days is None or not (self.still_open or self.closed_on is not None):
            return None
        return PastClose(self.working_days, kind, self.still_open)


def rate_of(records: Iterable[CloseRecord], *, final: bool = False) -> OnTimeRate:
    """The on-time rate of records by their first closes, or by the `final` closes of months that were reopened."""
    return rate_of_outcomes(
        record.final_outcome if final and record.final_outcome is not None else record.outcome
        for record in records
    )


def record_of(row: Row, month: date, as_of: datetime, calendar: WorkdayCalendar | None) -> CloseRecord:
    """The record of a row of a month's board; working days are weekdays where its calendar does not cover them."""
    standing, span = row.standing, row.span
    outcome = close_outcome(row, as_of)
    if span is None or row.read_at is None:
        return CloseRecord(row.code, month, outcome)
    closed_on = standing.first_closed_on or (standing.closed_between or (None, None))[1]
    known_open = (
        not standing.closed and standing.first_close_level is None and row.state is not PeriodState.UNKNOWN
    )
    moment = as_of if row.fresh else row.read_at
    until = closed_on if closed_on is not None else local_date(moment, zone_named(row.zone))
    counts = closed_on is not None or (known_open and until > span.last)
    return CloseRecord(
        row.code,
        month,
        outcome,
        closed_on,
        max(0, (until - span.last).days) if counts else None,
        workdays_or_weekdays(calendar, span.last, until) if counts else None,
        still_open=known_open and counts,
        reopened=standing.reopened,
        final_outcome=_final_outcome(row, as_of) if standing.reopened else None,
    )


_FINAL = {Level.CLOSED_ON_TIME: CloseOutcome.ON_TIME, Level.CLOSED_LATE: CloseOutcome.MISSED}


def _final_outcome(row: Row, as_of: datetime) -> CloseOutcome | None:
    """How the latest close of a reopened month counts; one that is open again has missed its deadline."""
    if row.deadline is None or not row.deadline.passed(as_of):
        return None
    if not row.standing.closed:
        return CloseOutcome.MISSED
    level = row.standing.last_close_level
    return _FINAL.get(level, CloseOutcome.PERHAPS_ON_TIME) if level is not None else CloseOutcome.DATE_UNKNOWN
