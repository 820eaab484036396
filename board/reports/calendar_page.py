"""The calendar page: a line of days per entity, each day with a mark and a full text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.calendar_cells import CalendarCell, calendar_cell
from board.reports.close_calendar import CloseCalendar, PendingDeadline, close_calendar
from board.reports.report_page import omitted_message, render_report, toggled
from board.scoreboard.table_sections import FOLD_THRESHOLD, BoardSection
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url, month_links, no_match_message
from board.web.params import opened_headings
from board.web.toolbar import footnotes, no_entities_message, staleness_note, toolbar
from closing.calendar.date_phrases import month_and_year, short_month, weekday_and_day, weekday_name
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row, ranked

_MAX_DEADLINES = 4  # upcoming deadlines that are listed
_MAX_NAMES = 6  # entities that are named for one deadline


@dataclass(frozen=True, slots=True)
class DayHeading:
    """A day above the table; `month` is set where a month begins, `gap` where days before it are left out."""

    month: str
    weekday: str
    number: int
    full: str
    today: bool
    gap: bool


@dataclass(frozen=True, slots=True)
class CalendarTableRow:
    """One entity: its standing, its deadline, and its days."""

    row: Row
    url: str
    age: str
    state: str
    reopened: str
    deadline_status: labels.DeadlineStatus
    due: str
    due_label: str
    cells: Sequence[CalendarCell]

    @property
    def brief(self) -> str:
        """State and standing in a few words: "Open, +3d late", "Closed, on time", "Closed 21d late"."""
        text, state = self.deadline_status.text, self.state.lower()
        if text.startswith(state):
            return self.state + text.removeprefix(state)
        return f"{self.state}, {text}"


@dataclass(frozen=True, slots=True)
class CalendarTableSection:
    """A heading with its lines; `toggle_url` opens or folds it, "" where all are drawn."""

    section: BoardSection
    name: str
    open: bool
    lines: Sequence[CalendarTableRow]
    toggle_url: str
    left: str


@dataclass(frozen=True, slots=True)
class DeadlineBox:
    """One upcoming deadline, or all passed ones; `names` are open entities as (name, URL, at risk or alerting)."""

    day: str
    when: str
    waiting: str
    at_risk: str
    names: Sequence[tuple[str, str, bool]]
    more: int


@require_safe
@board_view
def calendar_page(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The close of one month as a timeline, with the upcoming deadlines above it."""
    opened = opened_headings(request.GET)
    data = close_calendar(board_request, opened)
    path = reverse("calendar")
    board, query = data.board, board_request.query
    own = [("open", key) for key in opened]
    month = month_and_year(board_request.month)
    empty = None if board.rows else no_entities_message(board_request)
    context = {
        "title": empty[0] if empty else f"{month} · Calendar",
        "heading": month,
        "turned": "Reporting month",
        "notes": footnotes(board, board_request.reader),
        "links": month_links(board_request, lambda month: build_url(path, query.replace(month=month), own)),
        "bar": toolbar(board_request, board, path, own),
        "sums": _counts(data),
        "ahead": [
            _deadline_box(pending, data.today, board_request)
            for pending in data.pending_deadlines[:_MAX_DEADLINES]
        ],
        "later": len(data.pending_deadlines[_MAX_DEADLINES:]),
        "nobody_waits": _no_deadline_reason(data),
        "behind": _late_box(data, board_request),
        "heads": _day_headings(data),
        "groups": [_table_section(section, data, board_request, opened, path) for section in data.sections],
        "whole": data.all_drawn,
        "many": FOLD_THRESHOLD,
        "legend": _legend(data),
        "none": no_match_message(board, query),
        "empty": empty,
    }
    return render_report(request, board_request, "calendar", board, context, own=own)


# --- above the table ----------------------------------------------------------------------------------------------


def _counts(data: CloseCalendar) -> list[str]:
    """The number of entities, and the first and the last day."""
    entities = "1 entity" if len(data.rows) == 1 else f"{len(data.rows):,} entities"
    days = f"{labels.short_day(data.days[0])} – {labels.short_day(data.days[-1])}"
    return [entities, days, *labels.extended_deadlines(data.rows)]


def _deadline_box(pending: PendingDeadline, today: date, board_request: BoardRequest) -> DeadlineBox:
    count = len(pending.rows)
    days = (pending.day - today).days
    when = "today" if not days else "tomorrow" if days == 1 else f"in {days} days"
    if days < 0:  # only with readings that are older than the day
        when = "not read since"
    at_risk = pending.at_risk
    return DeadlineBox(
        labels.short_day(pending.day),
        when,
        f"{count:,} not closed",
        f"{at_risk:,} at risk" if at_risk else "",
        [
            (row.name, _url(row, board_request), index < at_risk)
            for index, row in enumerate(pending.rows[:_MAX_NAMES])
        ],
        max(0, count - _MAX_NAMES),
    )


def _no_deadline_reason(data: CloseCalendar) -> str:
    """The reason why there is no upcoming deadline."""
    if not data.rows:
        return "No entity passes the filters."
    if group_closed(data.rows):
        which = "Every entity with something due" if any(row.not_due for row in data.rows) else "Every entity"
        return f"{which} is closed."
    if all(row.not_due for row in data.rows):
        return "Nothing is due for this month."
    if all(row.deadline is None for row in data.rows if not row.not_due):
        return "No deadline set."
    return "No further deadlines this month."


def _late_box(data: CloseCalendar, board_request: BoardRequest) -> DeadlineBox | None:
    """The entities past their deadline, the furthest behind first; None if there are none."""
    rows = [row for row in ranked(data.rows) if row.standing.overdue]
    if not rows:
        return None
    alerting = sum(row.standing.alerting for row in rows)
    return DeadlineBox(
        "Overdue",
        labels.read_when_counts(rows),
        f"{len(rows):,} overdue",
        f"{alerting:,} alerting" if alerting else "",
        [
            (f"{row.name} {labels.lateness_label(row)}", _url(row, board_request), row.standing.alerting)
            for row in rows[:_MAX_NAMES]
        ],
        max(0, len(rows) - _MAX_NAMES),
    )


def _day_headings(data: CloseCalendar) -> list[DayHeading]:
    headings = []
    for previous, day in zip([None, *data.days], data.days, strict=False):
        gap = previous is not None and (day - previous).days > 1
        headings.append(
            DayHeading(
                short_month(day) if previous is None or gap or day.day == 1 else "",
                weekday_name(day)[:2],
                day.day,
                weekday_and_day(day),
                day == data.today,
                gap,
            )
        )
    return headings


def _legend(data: CloseCalendar) -> list[tuple[str, str, str, str]]:
    """Each mark: class names, icon, text and meaning."""
    limit = f"alerting: {labels.alert_line(data.board.rows)} late"
    return [
        ("", "", "3", "working day"),
        ("off", "", "", "weekend or holiday"),
        ("due", "", "6", "deadline"),
        ("closed closes", "closed", "", "close first seen"),
        ("late", "", "+1", "overdue"),
        ("alert", "", "+6", limit),
        ("reopens", "reopened", "", "reopened"),
        ("perhaps", "", "?", "perhaps closed on these days"),
        ("expected", "", "◇", "expected to close"),
        ("dark", "", "", "not read"),
    ]


# --- the table ----------------------------------------------------------------------------------------------------


def _table_section(
    section: BoardSection, data: CloseCalendar, board_request: BoardRequest, opened: Sequence[str], path: str
) -> CalendarTableSection:
    rows = data.drawn.get(section.key)
    toggle_url = ""
    if not data.all_drawn and section.rows:
        own = [("open", key) for key in toggled(opened, section.key)]
        toggle_url = build_url(path, board_request.query, own) + f"#part-{section.key}"
    return CalendarTableSection(
        section,
        section.name or ("" if data.all_drawn else "All entities"),
        rows is not None,
        [_table_row(row, data, board_request) for row in rows or ()],
        toggle_url,
        omitted_message(len(section.rows) - len(rows)) if rows is not None else "",
    )


def _url(row: Row, board_request: BoardRequest) -> str:
    return BoardQuery(month=board_request.month, at=board_request.query.at).url(
        reverse("entity", args=[row.code])
    )


def _table_row(row: Row, data: CloseCalendar, board_request: BoardRequest) -> CalendarTableRow:
    deadline = row.deadline
    return CalendarTableRow(
        row,
        _url(row, board_request),
        staleness_note(row, board_request.reader, board_request.as_of),
        labels.state_label(row),
        labels.reopened_label(row),
        labels.deadline_status(row, board_request.as_of, board_request.reader.zone),
        labels.short_day(deadline.due_on) if deadline is not None else "–" if row.not_due else "",
        f"{deadline.label} {labels.cut_off(row)}".strip() if deadline is not None else "",
        [calendar_cell(day, row, data.today) for day in data.timelines[row.entity_id]],
    )
