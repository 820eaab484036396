"""The data of the calendar: the close of one month by day and entity, without texts or HTML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from board.scoreboard.table_sections import FOLD_THRESHOLD, BoardSection, first_under_open, sections
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
class PendingDeadline:
    """An upcoming deadline with its open rows, those at risk first."""

    day: date
    rows: Sequence[Row]
    at_risk: int


@dataclass(frozen=True, slots=True)
class CloseCalendar:
    """A month's close as days by entities, and the upcoming deadlines.

    `board` is the month with every row that the person may see, before any filter; `rows` are those that pass the
    filters, and `all_drawn` says whether all of them are drawn. `drawn` are the rows drawn under each open heading,
    by its key, and `timelines` the days of each of them, by entity. `today` is the reader's.
    """

    board: Scoreboard
    rows: Sequence[Row]
    today: date
    days: Sequence[date]
    sections: Sequence[BoardSection]
    drawn: Mapping[str, Sequence[Row]]
    timelines: Mapping[int, Sequence[TimelineDay]]
    pending_deadlines: Sequence[PendingDeadline]
    all_drawn: bool


def close_calendar(board_request: BoardRequest, opened: Sequence[str] = ()) -> CloseCalendar:
    """The calendar of a request's month, with its filters and grouping; the earliest deadline first.

    Above FOLD_THRESHOLD entities only those under open headings are drawn, FOLD_THRESHOLD at most. The number of
    queries does not depend on the number of entities.
    """
    unfiltered = board_request.board()
    rows = _sorted_rows(filter_board(unfiltered, board_request.query).rows, board_request.query.sort)
    today = local_date(board_request.as_of, board_request.reader.zone)
    days = days_to_show(rows, month_end(board_request.month), today)
    calendars = work_calendars(
        {row.calendar_id for row in rows if row.calendar_id is not None},
        range(days[0].year, days[-1].year + 2),
    )
    parts = sections(replace(unfiltered, rows=rows), board_request.query.by, unfiltered)
    all_drawn = len(rows) <= FOLD_THRESHOLD
    direct = {part.key: part.rows for part in parts}
    drawn = direct if all_drawn else first_under_open(direct, opened, FOLD_THRESHOLD)
    shown = [row for section_rows in drawn.values() for row in section_rows]
    changes = changes_by_period(
        [row.period_id for row in shown if row.standing.reopened and row.period_id is not None],
        board_request.as_of,
    )
    default_first = _default_first(rows, calendars)

    def days_of(row: Row) -> list[TimelineDay]:
        calendar = _calendar(row, calendars)
        first = first_workday_number(row, calendar)
        return timeline(
            row,
            days,
            calendar,
            today=local_date(board_request.as_of, zone_named(row.zone)),
            first_is=default_first if first is None else first,
            changes=changes.get(row.period_id or 0, ()),
        )

    return CloseCalendar(
        unfiltered,
        rows,
        today,
        days,
        parts,
        drawn,
        {row.entity_id: days_of(row) for row in shown},
        [
            _pending_deadline(day, section_rows, board_request, calendars)
            for day, section_rows in next_deadlines(rows)
        ],
        all_drawn,
    )


def _sorted_rows(rows: Sequence[Row], order: str) -> Sequence[Row]:
    """The rows by deadline, within a day the furthest behind first, unless the query has another order."""
    if order != "behind":
        return rows
    return sorted(ranked(rows), key=lambda row: row.deadline.due_on if row.deadline is not None else date.max)


def _calendar(row: Row, calendars: Mapping[int, WorkdayCalendar]) -> WorkdayCalendar:
    return calendars.get(row.calendar_id, _WEEKDAYS) if row.calendar_id is not None else _WEEKDAYS


def _default_first(rows: Sequence[Row], calendars: Mapping[int, WorkdayCalendar]) -> int:
    """The number that most deadlines give the first working day, for deadlines whose label has none."""
    counts = Counter(first_workday_number(row, _calendar(row, calendars)) for row in rows)
    del counts[None]
    return next((first for first, _ in counts.most_common(1) if first is not None), 1)


def _pending_deadline(
    day: date, rows: Sequence[Row], board_request: BoardRequest, calendars: Mapping[int, WorkdayCalendar]
) -> PendingDeadline:
    codes_at_risk = {
        row.code
        for row in rows
        if at_risk(row, _calendar(row, calendars), local_date(board_request.as_of, zone_named(row.zone)))
    }
    return PendingDeadline(
        day, sorted(rows, key=lambda row: row.code not in codes_at_risk), len(codes_at_risk)
    )
