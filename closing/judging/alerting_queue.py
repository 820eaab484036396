"""The escalation queue: the entities over the alert line in any month, furthest behind first."""

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
class AlertingEntity:
    """One entity's months over the alert line, the furthest behind first: pairs of month (its first day) and row."""

    months: Sequence[tuple[date, Row]]

    @property
    def worst_row(self) -> Row:
        return self.months[0][1]


def alerting_entities(boards: Iterable[Scoreboard]) -> list[AlertingEntity]:
    """The entities over their alert line on any of these boards, ranked by their worst month.

    A row that cannot be confirmed stays in the queue as it stood when last read (01-domain 1.6).
    """
    months: dict[str, list[tuple[date, Row]]] = {}
    for board in boards:
        for row in board.rows:
            if row.standing.alerting:
                months.setdefault(row.code, []).append((board.month, row))
    entities = [AlertingEntity(sorted(entity_months, key=_rank)) for entity_months in months.values()]
    return sorted(entities, key=lambda entity: _rank(entity.months[0]))


def _rank(month_of: tuple[date, Row]) -> tuple[int, date, str, str]:
    month, row = month_of
    return -row.standing.days_late, month, row.name.casefold(), row.code


def first_alerting_day(row: Row, calendar: WorkdayCalendar | None = None) -> date | None:
    """The day in the entity's zone on which its row crossed the alert line, unless it was closed that day.

    None for a row that is not over the line, and without a `calendar` for one whose lateness counts working days.
    """
    if not row.standing.alerting or row.deadline is None:
        return None
    standing = row.standing
    if standing.unit is LatenessUnit.WORKING_DAYS and calendar is None:
        return None
    return alert_line_crossed_on(row.deadline, JudgingPolicy(row.alert_after_days, standing.unit), calendar)
