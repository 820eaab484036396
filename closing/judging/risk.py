"""Finds the entities that may miss a deadline still ahead (01-domain 1.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.scoreboard.row import Row, outstanding, ranked

AT_RISK_WORKDAYS = 2  # working days before the deadline from which an entity that is not closed is at risk


def at_risk(row: Row, calendar: WorkdayCalendar, today: date) -> bool:
    """Whether a row is not closed, with a deadline ahead at most two working days of its calendar away.

    `today` is the entity's local date. Only a period that has ended can be closed, so a running one is not at risk.
    A row whose reading is stale or not understood keeps its last known risk, as its level does: it is at risk even
    once its due day has gone by, until a reading shows it late or closed.
    """
    deadline = row.deadline
    if deadline is None or not awaits_deadline(row) or row.span is None or today <= row.span.last:
        return False
    return workdays_until(deadline.due_on, calendar, today) <= AT_RISK_WORKDAYS


def awaits_deadline(row: Row) -> bool:
    """Whether a row is not known to be closed and had its deadline still ahead when last read."""
    return outstanding(row) and row.standing.due_in is not None


def workdays_until(day: date, calendar: WorkdayCalendar, today: date) -> int:
    """Working days after today up to and including a day; 0 once it has come.

    Counts weekdays for a year without holiday data, as on a blank calendar: no number would hide the deadline.
    """
    try:
        return calendar.workdays_between(today, day)
    except CalendarUncovered:
        return replace(calendar, covered_years=None).workdays_between(today, day)


def next_deadlines(rows: Iterable[Row]) -> list[tuple[date, list[Row]]]:
    """The deadlines ahead, by date, each with the rows that await it in the order of the board."""
    due: defaultdict[date, list[Row]] = defaultdict(list)
    for row in rows:
        if awaits_deadline(row) and row.deadline is not None:
            due[row.deadline.due_on].append(row)
    return [(day, ranked(due[day])) for day in sorted(due)]
