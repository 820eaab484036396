"""Finds the entities that may miss a deadline still ahead, and queues those overdue in any month (01-domain 1.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.judging.alert_line import alert_line_crossed_on
from closing.judging.standing import JudgingPolicy, LatenessUnit
from closing.scoreboard.board import Scoreboard
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


# --- the escalation queue -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OverdueEntity:
    """One entity's overdue months, the furthest behind first: pairs of month (its first day) and row."""

    months: Sequence[tuple[date, Row]]

    @property
    def worst_row(self) -> Row:
        return self.months[0][1]

    @property
    def alerting(self) -> bool:
        """Over the alert line in a month at least; otherwise it is on watch."""
        return self.worst_row.standing.alerting


def overdue_entities(boards: Iterable[Scoreboard]) -> list[OverdueEntity]:
    """The entities overdue on any of these boards: the alerting ones, then those on watch, by their worst month.

    A row that cannot be confirmed stays in the queue as it stood when last read (01-domain 1.6).
    """
    months: dict[str, list[tuple[date, Row]]] = {}
    for board in boards:
        for row in board.rows:
            if row.standing.overdue:
                months.setdefault(row.code, []).append((board.month, row))
    entities = [OverdueEntity(sorted(entity_months, key=_rank)) for entity_months in months.values()]
    return sorted(entities, key=lambda entity: _rank(entity.months[0]))


def _rank(month_of: tuple[date, Row]) -> tuple[bool, int, date, str, str]:
    month, row = month_of
    return not row.standing.alerting, -row.standing.days_late, month, row.name.casefold(), row.code


def first_alerting_day(row: Row, calendar: WorkdayCalendar | None = None) -> date | None:
    """The day in the entity's zone on which its row crossed the alert line, or will, unless it is closed by then.

    None for a row that is not overdue, and without a `calendar` for one whose lateness counts working days.
    """
    if not row.standing.overdue or row.deadline is None:
        return None
    standing = row.standing
    if standing.unit is LatenessUnit.WORKING_DAYS and calendar is None:
        return None
    return alert_line_crossed_on(row.deadline, JudgingPolicy(row.alert_after_days, standing.unit), calendar)
