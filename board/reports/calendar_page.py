"""The calendar as a page: a close as a line of days per entity, each day a mark and the same in full words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.calendar_cells import CalendarCell, cell
from board.reports.close_calendar import CalendarSection, CloseCalendar, Lane, PendingDeadline, close_calendar
from board.reports.report_page import render_report
from board.scoreboard.summary import BoardSummary, board_summary
from board.scoreboard.table_sections import FOLD_THRESHOLD
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import build_url, no_match_message
from board.web.params import opened_headings
from board.web.toolbar import footnotes, no_entities_message, staleness_note, toolbar
from closing.calendar.date_phrases import month_and_year, short_month, weekday_and_day, weekday_name
from closing.calendar.deadlines import city
from closing.calendar.months import next_month, previous_month
from closing.judging.standing import Level
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row, ranked

_DATES = 4  # deadlines ahead that are listed
_NAMES = 6  # entities of one deadline that are named
_LATE = {Level.LATE, Level.ALERTING}


@dataclass(frozen=True, slots=True)
class DayHeading:
    """A day above the table; `month` is said where a month begins, `gap` that days before it are left out."""

    month: str
    weekday: str
    number: int
    full: str
    today: bool
    gap: bool


@dataclass(frozen=True, slots=True)
class CalendarTableRow:
    """One entity: who it is, how it stands, when it was due, and its days."""

    code: str
    name: str
    url: str
    age: str
    stale: bool
    kind: str
    state: str
    reopened: bool
    deadline_status: labels.DeadlineStatus
    due: str
    due_label: str
    cells: Sequence[CalendarCell]


@dataclass(frozen=True, slots=True)
class CalendarTableSection:
    """A heading with its roll-up and lines; `turn` is where a tap on it leads, "" where all are drawn."""

    key: str
    name: str
    depth: int
    closed: int
    entities: int
    note: str
    behind: str
    tone: str
    open: bool
    lines: Sequence[CalendarTableRow]
    toggle_url: str
    left: str


@dataclass(frozen=True, slots=True)
class DeadlineBox:
    """One deadline ahead, or all those passed: who is not closed, each (name, address, whether it matters most)."""

    day: str
    when: str
    waiting: str
    at_risk: str
    names: Sequence[tuple[str, str, bool]]
    more: int


@require_safe
@board_view
def calendar_page(request: HttpRequest, asked: BoardRequest) -> HttpResponse:
    """The close of one month as a time line, with the deadlines ahead above it."""
    opened = opened_headings(request.GET)
    data = close_calendar(asked, opened)
    path = reverse("calendar")
    board, question = data.board, asked.query
    own = [("open", key) for key in opened]
    answer = board_summary(board, asked.reader, past=asked.past)
    month = month_and_year(asked.month)
    empty = None if board.rows else no_entities_message(asked.person, asked.entities().count(), month)
    told = {
        "title": empty[0] if empty else f"{month} · Calendar",
        "heading": month,
        "turned": "Reporting month",
        "page": answer,
        "notes": footnotes(board, asked.reader),
        "links": _links(asked, answer, path, own),
        "bar": toolbar(asked, board, path, own),
        "sums": _sums(data),
        "ahead": [_ahead(each, data.today, asked) for each in data.pending_deadlines[:_DATES]],
        "later": len(data.pending_deadlines[_DATES:]),
        "nobody_waits": _nobody_waits(data),
        "behind": _behind(data, asked),
        "heads": _heads(data),
        "groups": [_group(part, data, asked, opened, path) for part in data.parts],
        "whole": data.all_drawn,
        "many": FOLD_THRESHOLD,
        "legend": _legend(data),
        "none": no_match_message(board, question),
        "empty": empty,
    }
    return render_report(request, asked, "calendar", board, told, own=own)


# --- above the table ----------------------------------------------------------------------------------------------


def _links(
    asked: BoardRequest, answer: BoardSummary, path: str, own: Sequence[tuple[str, str]]
) -> dict[str, tuple[str, str] | None]:
    """The months before and after, and the latest one: each an address and its name, None where there is none."""

    def to(month: date | None, link: tuple[str, str] | None) -> tuple[str, str] | None:
        return (build_url(path, asked.query.replace(month=month), own), link[1]) if link else None

    return {
        "previous": to(previous_month(asked.month), answer.previous),
        "next": to(next_month(asked.month), answer.next),
        "latest": to(None, answer.latest),
    }


def _sums(data: CloseCalendar) -> list[str]:
    """How many there are, and from when to when the days run."""
    everyone = "1 entity" if len(data.rows) == 1 else f"{len(data.rows):,} entities"
    return [everyone, f"{labels.short_day(data.days[0])} – {labels.short_day(data.days[-1])}"]


def _ahead(waiting: PendingDeadline, today: date, asked: BoardRequest) -> DeadlineBox:
    count = len(waiting.rows)
    days = (waiting.day - today).days
    if days < 0:  # only of readings that are older than the day
        when = "not confirmed since"
    else:
        when = "today" if not days else "tomorrow" if days == 1 else f"in {days} days"
    risky = waiting.at_risk
    return DeadlineBox(
        labels.short_day(waiting.day),
        when,
        f"{count:,} not closed",
        f"{risky:,} at risk" if risky else "",
        [(row.name, _url(row, asked), place < risky) for place, row in enumerate(waiting.rows[:_NAMES])],
        max(0, count - _NAMES),
    )


def _nobody_waits(data: CloseCalendar) -> str:
    """Why no deadline is ahead of anybody."""
    if not data.rows:
        return "No entity passes the filters."
    if group_closed(data.rows):
        return "Every entity is closed: nobody waits for a deadline."
    if all(row.deadline is None for row in data.rows):
        return "No deadline is set, or none is known yet."
    return "No deadline is ahead of anybody who is not closed."


def _behind(data: CloseCalendar, asked: BoardRequest) -> DeadlineBox | None:
    """Who is past their deadline already, the furthest behind first; None when nobody is."""
    rows = [row for row in ranked(data.rows) if row.standing.level in _LATE]
    if not rows:
        return None
    alerting = sum(row.standing.alerting for row in rows)
    unsure = sum(not row.fresh or row.standing.unconfirmed for row in rows)
    return DeadlineBox(
        "Past deadline",
        f"{'' if unsure == len(rows) else f'{unsure:,} '}when last read" if unsure else "",
        f"{len(rows):,} late",
        f"{alerting:,} over the alert line" if alerting else "",
        [
            (f"{row.name} {labels.lateness_label(row)}", _url(row, asked), row.standing.alerting)
            for row in rows[:_NAMES]
        ],
        max(0, len(rows) - _NAMES),
    )


def _heads(data: CloseCalendar) -> list[DayHeading]:
    heads = []
    for before, day in zip([None, *data.days], data.days, strict=False):
        gap = before is not None and (day - before).days > 1
        heads.append(
            DayHeading(
                short_month(day) if before is None or gap or day.day == 1 else "",
                weekday_name(day)[:2],
                day.day,
                weekday_and_day(day),
                day == data.today,
                gap,
            )
        )
    return heads


def _legend(data: CloseCalendar) -> list[tuple[str, str, str, str]]:
    """Each mark: class names, icon, text, and what it means."""
    lines = {row.alert_after_days for row in data.board.rows}
    over = f"more than {next(iter(lines))} days late" if len(lines) == 1 else "over the alert line"
    return [
        ("", "", "3", "working day"),
        ("off", "", "", "weekend or holiday"),
        ("due", "", "6", "deadline"),
        ("closed closes", "closed", "", "close first seen"),
        ("late", "", "+1", "late"),
        ("alert", "", "+6", over),
        ("reopens", "reopened", "", "reopened"),
        ("perhaps", "", "?", "closed within these days"),
        ("expected", "", "◇", "expected to close"),
        ("dark", "", "", "not confirmed"),
    ]


# --- the table ----------------------------------------------------------------------------------------------------


def _group(
    part: CalendarSection, data: CloseCalendar, asked: BoardRequest, opened: Sequence[str], path: str
) -> CalendarTableSection:
    section = part.section
    turn = left = ""
    if not data.all_drawn and section.rows:
        others = [key for key in opened if key != section.key]
        keys = others if part.open else [*others, section.key]
        turn = build_url(path, asked.query, [("open", key) for key in keys]) + f"#part-{section.key}"
    if part.left:
        left = (
            f"{part.left:,} more: no more than {FOLD_THRESHOLD} entities are shown at once."
            " Filter, or fold a heading."
        )
    return CalendarTableSection(
        section.key,
        section.name or ("" if data.all_drawn else "All entities"),
        section.depth,
        section.closed,
        section.entities,
        section.note,
        section.behind,
        section.tone,
        part.open,
        [_line(lane, data, asked) for lane in part.lanes],
        turn,
        left,
    )


def _url(row: Row, asked: BoardRequest) -> str:
    return BoardQuery(month=asked.month, at=asked.query.at).url(reverse("entity", args=[row.code]))


def _line(lane: Lane, data: CloseCalendar, asked: BoardRequest) -> CalendarTableRow:
    row, deadline = lane.row, lane.row.deadline
    label = deadline.label if deadline is not None else ""
    if deadline is not None and deadline.cut_off is not None:
        label = f"{label} by {deadline.cut_off:%H:%M} {city(deadline.zone)}".strip()
    return CalendarTableRow(
        row.code,
        row.name,
        _url(row, asked),
        staleness_note(row, asked.reader, asked.as_of),
        not row.fresh,
        row.state.value,
        labels.STATE_LABELS[row.state],
        labels.is_reopened(row),
        labels.deadline_status(row, asked.as_of),
        labels.short_day(deadline.due_on) if deadline is not None else "",
        label,
        [cell(day, row, data.today) for day in lane.days],
    )
