"""The calendar as data: the close of one month day by day and entity by entity; no words, no HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from board.scoreboard.table_sections import FOLD_THRESHOLD, BoardSection, sections
from board.web.board_request import BoardRequest
from board.web.filters import filter_board
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import month_end
from closing.calendar.workdays import WorkdayCalendar
from closing.judging.risk import at_risk, next_deadlines
from closing.judging.timeline import TimelineDay, days_to_show, first_workday_number, timeline
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, ranked
from entities.calendars import work_calendars
from periods.lookups import changes_by_period

_WEEKDAYS = WorkdayCalendar("Monday to Friday")


@dataclass(frozen=True, slots=True)
class Lane:
    """One entity's days."""

    row: Row
    days: Sequence[TimelineDay]


@dataclass(frozen=True, slots=True)
class CalendarSection:
    """A heading with the lanes directly below it; `left` is how many found no room, where it is open."""

    section: BoardSection
    lanes: Sequence[Lane]
    open: bool = True
    left: int = 0


@dataclass(frozen=True, slots=True)
class PendingDeadline:
    """A deadline ahead: who waits for it, those at risk first."""

    day: date
    rows: Sequence[Row]
    at_risk: int


@dataclass(frozen=True, slots=True)
class CloseCalendar:
    """A month's close as days by entities, and the deadlines ahead.

    `board` is the month with all that the person may see, before any filter; `rows` are those that pass the filters,
    and `whole` says whether all of them are drawn. `today` is the reader's.
    """

    board: Scoreboard
    rows: Sequence[Row]
    today: date
    days: Sequence[date]
    parts: Sequence[CalendarSection]
    pending_deadlines: Sequence[PendingDeadline]
    all_drawn: bool


def close_calendar(asked: BoardRequest, opened: Sequence[str] = ()) -> CloseCalendar:
    """The timeline of the month that a question asks for, with its filters and grouping; the earliest deadline first.

    Above FOLD_THRESHOLD entities only those under open headings are drawn, FOLD_THRESHOLD at most. The number of
    queries does not depend on the number of entities.
    """
    whole = asked.board()
    rows = _in_order(filter_board(whole, asked.query).rows, asked.query.sort)
    today = local_date(asked.as_of, asked.reader.zone)
    days = days_to_show(rows, month_end(asked.month), today)
    calendars = work_calendars(
        {row.calendar_id for row in rows if row.calendar_id is not None},
        range(days[0].year, days[-1].year + 2),
    )
    parts = sections(Scoreboard(whole.month, whole.as_of, rows, whole.groups), asked.query.by)
    drawn = _drawn(parts, len(rows), opened)
    shown = [row for held in drawn.values() for row in held]
    changes = changes_by_period(
        [row.period_id for row in shown if row.standing.reopened and row.period_id is not None], asked.as_of
    )
    usual = _usual_first(rows, calendars)

    def lane(row: Row) -> Lane:
        calendar = _calendar(row, calendars)
        first = first_workday_number(row, calendar)
        return Lane(
            row,
            timeline(
                row,
                days,
                calendar,
                today=local_date(asked.as_of, zone_named(row.zone)),
                first_is=usual if first is None else first,
                changes=changes.get(row.period_id or 0, ()),
            ),
        )

    return CloseCalendar(
        whole,
        rows,
        today,
        days,
        [
            CalendarSection(
                part,
                [lane(row) for row in drawn.get(part.key, ())],
                part.key in drawn,
                len(part.rows) - len(drawn[part.key]) if part.key in drawn else 0,
            )
            for part in parts
        ],
        [_waiting(day, held, asked, calendars) for day, held in next_deadlines(rows)],
        all_drawn=len(rows) <= FOLD_THRESHOLD,
    )


def _in_order(rows: Sequence[Row], order: str) -> Sequence[Row]:
    """The earliest deadline first, within a day furthest behind first, unless a reader wants another order."""
    if order != "behind":
        return rows
    return sorted(ranked(rows), key=lambda row: row.deadline.due_on if row.deadline is not None else date.max)


def _drawn(
    parts: Sequence[BoardSection], entities: int, opened: Sequence[str]
) -> Mapping[str, Sequence[Row]]:
    """The rows to draw by the key of their heading."""
    if entities <= FOLD_THRESHOLD:
        return {part.key: part.rows for part in parts}
    room, found = FOLD_THRESHOLD, dict[str, Sequence[Row]]()
    for part in parts:
        if part.key in opened:
            found[part.key] = part.rows[:room]
            room -= len(found[part.key])
    return found


def _calendar(row: Row, calendars: Mapping[int, WorkdayCalendar]) -> WorkdayCalendar:
    return calendars.get(row.calendar_id, _WEEKDAYS) if row.calendar_id is not None else _WEEKDAYS


def _usual_first(rows: Sequence[Row], calendars: Mapping[int, WorkdayCalendar]) -> int:
    """What most of these deadlines call the first working day, for those whose label does not tell."""
    told = Counter(first_workday_number(row, _calendar(row, calendars)) for row in rows)
    del told[None]
    return next((first for first, _ in told.most_common(1) if first is not None), 1)


def _waiting(
    day: date, rows: Sequence[Row], asked: BoardRequest, calendars: Mapping[int, WorkdayCalendar]
) -> PendingDeadline:
    risky = {
        row.code
        for row in rows
        if at_risk(row, _calendar(row, calendars), local_date(asked.as_of, zone_named(row.zone)))
    }
    return PendingDeadline(day, sorted(rows, key=lambda row: row.code not in risky), len(risky))
