"""The escalation queue: the entities overdue in any month, those over the alert line first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from closing.calendar.workdays import WorkdayCalendar
from closing.judging.alert_line import alert_line_crossed_on
from closing.judging.standing import JudgingPolicy, LatenessUnit
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row


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
