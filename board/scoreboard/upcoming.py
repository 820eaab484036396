"""Lists the next deadlines while no entity is late, with their entities and the number at risk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from board.web import labels
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.risk import at_risk, next_deadlines
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row

SHOWN = 3  # deadlines; the calendar page lists all
_MAX_NAMES = 3  # entities that are named for one deadline

Calendars = Callable[[], Mapping[int, WorkdayCalendar]]


@dataclass(frozen=True, slots=True)
class UpcomingDeadline:
    """One deadline: its day, the days until then, its entities, and how many of them are at risk."""

    day: str
    when: str
    who: str
    at_risk: str


def upcoming_deadlines(board: Scoreboard, calendars: Calendars) -> list[UpcomingDeadline]:
    """The next deadlines; none if an entity is late, which then holds the group up, or if all are closed."""
    if any(row.standing.overdue for row in board.rows):
        return []
    dates = next_deadlines(board.rows)[:SHOWN]
    work_calendars = calendars() if dates else {}
    return [
        UpcomingDeadline(labels.short_day(day), _when(rows), _who(rows), _risk(rows, board, work_calendars))
        for day, rows in dates
    ]


def _when(rows: list[Row]) -> str:
    due_in = min(row.standing.due_in or 0 for row in rows)
    if due_in < 0:  # only of readings that are older than the deadline
        return "not read since"
    return "today" if not due_in else f"in {due_in}d"


def _who(rows: list[Row]) -> str:
    names = [row.name for row in rows[:_MAX_NAMES]]
    more = len(rows) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _risk(rows: list[Row], board: Scoreboard, calendars: Mapping[int, WorkdayCalendar]) -> str:
    count = sum(
        at_risk(row, calendar, local_date(board.as_of, zone_named(row.zone)))
        for row in rows
        if row.calendar_id is not None and (calendar := calendars.get(row.calendar_id)) is not None
    )
    return f"{count} at risk: due within 2 working days and not closed" if count else ""
