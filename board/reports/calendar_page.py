"""The calendar as a page: a close as a line of days per entity, each day a mark and the same in full words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.calendar_cells import Cell, cell
from board.reports.close_calendar import Lane, Part, Timeline, Waiting, close_by_day
from board.reports.report_page import sheet
from board.scoreboard.summary import Page, page
from board.scoreboard.table_sections import MANY
from board.web import labels
from board.web.board_query import Question
from board.web.board_request import Asked, asking
from board.web.controls import address, nothing_found
from board.web.params import opened_in
from board.web.toolbar import how_old, nobody, notes, toolbar
from closing.calendar.days import month_and_year, short_month, weekday_and_day, weekday_name
from closing.calendar.deadlines import city
from closing.calendar.months import next_month, previous_month
from closing.judging.standing import Level
from closing.scoreboard.board import group_closed
from closing.scoreboard.row import Row, ranked

_DATES = 4  # deadlines ahead that are listed
_NAMES = 6  # entities of one deadline that are named
_LATE = {Level.LATE, Level.ALERTING}


@dataclass(frozen=True, slots=True)
class Head:
    """A day above the table; `month` is said where a month begins, `gap` that days before it are left out."""

    month: str
    weekday: str
    number: int
    full: str
    today: bool
    gap: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One entity: who it is, how it stands, when it was due, and its days."""

    code: str
    name: str
    url: str
    age: str
    stale: bool
    kind: str
    state: str
    reopened: bool
    against: labels.Against
    due: str
    due_label: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Group:
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
    lines: Sequence[Line]
    turn: str
    left: str


@dataclass(frozen=True, slots=True)
class Ahead:
    """One deadline ahead, or all those passed: who is not closed, each (name, address, whether it matters most)."""

    day: str
    when: str
    waiting: str
    at_risk: str
    names: Sequence[tuple[str, str, bool]]
    more: int


@require_safe
@asking
def calendar_page(request: HttpRequest, asked: Asked) -> HttpResponse:
    """The close of one month as a time line, with the deadlines ahead above it."""
    opened = opened_in(request.GET)
    data = close_by_day(asked, opened)
    path = reverse("calendar")
    board, question = data.board, asked.question
    own = [("open", key) for key in opened]
    answer = page(board, asked.reader, past=asked.past)
    month = month_and_year(asked.month)
    empty = None if board.rows else nobody(asked.person, asked.entities().count(), month)
    told = {
        "title": empty[0] if empty else f"{month} · Calendar",
        "heading": month,
        "turned": "Reporting month",
        "page": answer,
        "notes": notes(board, asked.reader),
        "links": _links(asked, answer, path, own),
        "bar": toolbar(asked, board, path, own),
        "sums": _sums(data),
        "ahead": [_ahead(each, data.today, asked) for each in data.waiting[:_DATES]],
        "later": len(data.waiting[_DATES:]),
        "nobody_waits": _nobody_waits(data),
        "behind": _behind(data, asked),
        "heads": _heads(data),
        "groups": [_group(part, data, asked, opened, path) for part in data.parts],
        "whole": data.whole,
        "many": MANY,
        "legend": _legend(data),
        "none": nothing_found(board, question),
        "empty": empty,
    }
    return sheet(request, asked, "calendar", board, told, own=own)


# --- above the table ----------------------------------------------------------------------------------------------


def _links(
    asked: Asked, answer: Page, path: str, own: Sequence[tuple[str, str]]
) -> dict[str, tuple[str, str] | None]:
    """The months before and after, and the latest one: each an address and its name, None where there is none."""

    def to(month: date | None, link: tuple[str, str] | None) -> tuple[str, str] | None:
        return (address(path, asked.question.but(month=month), own), link[1]) if link else None

    return {
        "previous": to(previous_month(asked.month), answer.previous),
        "next": to(next_month(asked.month), answer.next),
        "latest": to(None, answer.latest),
    }


def _sums(data: Timeline) -> list[str]:
    """How many there are, and from when to when the days run."""
    everyone = "1 entity" if len(data.rows) == 1 else f"{len(data.rows):,} entities"
    return [everyone, f"{labels.short_day(data.days[0])} – {labels.short_day(data.days[-1])}"]


def _ahead(waiting: Waiting, today: date, asked: Asked) -> Ahead:
    count = len(waiting.rows)
    days = (waiting.day - today).days
    if days < 0:  # only of readings that are older than the day
        when = "not confirmed since"
    else:
        when = "today" if not days else "tomorrow" if days == 1 else f"in {days} days"
    risky = waiting.at_risk
    return Ahead(
        labels.short_day(waiting.day),
        when,
        f"{count:,} not closed",
        f"{risky:,} at risk" if risky else "",
        [(row.name, _url(row, asked), place < risky) for place, row in enumerate(waiting.rows[:_NAMES])],
        max(0, count - _NAMES),
    )


def _nobody_waits(data: Timeline) -> str:
    """Why no deadline is ahead of anybody."""
    if not data.rows:
        return "No entity passes the filters."
    if group_closed(data.rows):
        return "Every entity is closed: nobody waits for a deadline."
    if all(row.deadline is None for row in data.rows):
        return "No deadline is set, or none is known yet."
    return "No deadline is ahead of anybody who is not closed."


def _behind(data: Timeline, asked: Asked) -> Ahead | None:
    """Who is past their deadline already, the furthest behind first; None when nobody is."""
    rows = [row for row in ranked(data.rows) if row.standing.level in _LATE]
    if not rows:
        return None
    alerting = sum(row.standing.alerting for row in rows)
    unsure = sum(not row.fresh or row.standing.unconfirmed for row in rows)
    return Ahead(
        "Past deadline",
        f"{'' if unsure == len(rows) else f'{unsure:,} '}when last read" if unsure else "",
        f"{len(rows):,} late",
        f"{alerting:,} over the alert line" if alerting else "",
        [
            (f"{row.name} {labels.furthest(row)}", _url(row, asked), row.standing.alerting)
            for row in rows[:_NAMES]
        ],
        max(0, len(rows) - _NAMES),
    )


def _heads(data: Timeline) -> list[Head]:
    heads = []
    for before, day in zip([None, *data.days], data.days, strict=False):
        gap = before is not None and (day - before).days > 1
        heads.append(
            Head(
                short_month(day) if before is None or gap or day.day == 1 else "",
                weekday_name(day)[:2],
                day.day,
                weekday_and_day(day),
                day == data.today,
                gap,
            )
        )
    return heads


def _legend(data: Timeline) -> list[tuple[str, str, str, str]]:
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


def _group(part: Part, data: Timeline, asked: Asked, opened: Sequence[str], path: str) -> Group:
    section = part.section
    turn = left = ""
    if not data.whole and section.rows:
        others = [key for key in opened if key != section.key]
        keys = others if part.open else [*others, section.key]
        turn = address(path, asked.question, [("open", key) for key in keys]) + f"#part-{section.key}"
    if part.left:
        left = (
            f"{part.left:,} more: no more than {MANY} entities are shown at once. Filter, or fold a heading."
        )
    return Group(
        section.key,
        section.name or ("" if data.whole else "All entities"),
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


def _url(row: Row, asked: Asked) -> str:
    return Question(month=asked.month, at=asked.question.at).url(reverse("entity", args=[row.code]))


def _line(lane: Lane, data: Timeline, asked: Asked) -> Line:
    row, deadline = lane.row, lane.row.deadline
    label = deadline.label if deadline is not None else ""
    if deadline is not None and deadline.cut_off is not None:
        label = f"{label} by {deadline.cut_off:%H:%M} {city(deadline.zone)}".strip()
    return Line(
        row.code,
        row.name,
        _url(row, asked),
        how_old(row, asked.reader, asked.as_of),
        not row.fresh,
        row.state.value,
        labels.STATE_LABELS[row.state],
        labels.reopened(row),
        labels.against(row, asked.as_of),
        labels.short_day(deadline.due_on) if deadline is not None else "",
        label,
        [cell(day, row, data.today) for day in lane.days],
    )
