"""The overdue page: the escalation queue with each entity's owner and the known obstacles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.reports.overdue_queue import (
    OverdueQueue,
    QueueDetails,
    obstacles,
    overdue_queue,
    queue_details,
)
from board.reports.report_page import render_report
from board.scoreboard.row_cells import RowCells, row_cells
from board.scoreboard.screen import board_calendars
from board.scoreboard.summary import upcoming_deadlines
from board.web import labels
from board.web.board_query import BoardQuery
from board.web.board_request import BoardRequest, board_view
from board.web.controls import blocked_field, page_number, pagination
from board.web.query_phrasing import describe_filters
from board.web.toolbar import Toolbar, no_entities_message, toolbar
from closing.calendar.date_phrases import month_and_year
from closing.judging.risk import OverdueEntity
from closing.phrasing import (
    acknowledgement_text,
    expected_close_text,
    is_confirmed,
    read_when,
)
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.headline import headline
from closing.scoreboard.row import Row
from entities.models import Person

PAGE_SIZE = 50  # entities on a page
_FILES = (("CSV", "export_past_deadline_csv"), ("Excel", "export_past_deadline_xlsx"))
_FILTER_NAMES = ("group", "country", "erp", "owner")


@dataclass(frozen=True, slots=True)
class OverdueMonth:
    """The texts of one month of an entity in the queue."""

    key: str
    name: str
    line: RowCells
    late: str
    unit: str
    tone: str  # alert or late
    read_when: str  # "when last read" or "never read"; "" if confirmed
    since: str
    obstacles: Sequence[tuple[str, str]]  # (icon, words)
    expected: str
    acknowledged: str
    nobody_notified: bool  # its alert has no recipient


@dataclass(frozen=True, slots=True)
class OverdueItem:
    """One entity in the queue: its worst row, its months, the furthest behind first, and its owner."""

    row: Row
    location: str
    owner: Person | None
    initials: str
    mailto: str
    remark_url: str  # "" for people who may not acknowledge
    alerting: bool
    months: Sequence[OverdueMonth]


@dataclass(frozen=True, slots=True)
class OverduePart:
    """One part of the page: Alerting or Watch, with what it means and the entities on this page of it."""

    key: str
    name: str
    meaning: str
    count: int
    items: Sequence[OverdueItem]


@dataclass(frozen=True, slots=True)
class OverdueSummary:
    """The head of the page: a sentence, details, a tone, and whether nothing is left to do."""

    text: str
    details: Sequence[str]
    tone: str
    done: bool = False


@require_safe
@board_view
def past_deadline(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The overdue entities, Alerting before Watch, the furthest behind first, a page of entities at a time."""
    path, queue = reverse("past_deadline"), overdue_queue(board_request)
    board, entities, query = queue.board, queue.entities, board_request.query
    pages = max(1, -(-len(entities) // PAGE_SIZE))
    number = page_number(request.GET.get("page", ""), pages)
    shown = entities[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    details = queue_details(board_request, shown)
    summary = _summary(queue)
    empty = None
    if not board.rows and not queue.unfiltered:
        empty = no_entities_message(board_request)
    context = {
        "title": empty[0] if empty else f"{summary.text} · Overdue",
        "bar": _bar(queue, path),
        "empty": empty,
        "answer": summary,
        "only": describe_filters(query, board.groups),
        "everyone": len(queue.unfiltered),
        "parts": _parts(queue, [_item(entity, details, board, board_request) for entity in shown]),
        "deadlines": [] if shown or empty else upcoming_deadlines(board, partial(board_calendars, board)),
        "board_url": BoardQuery(month=query.month, at=query.at).url(reverse("scoreboard")),
        "left_out": queue.left_out,
        "turn": pagination(query.url(path), number, pages),
        "exports": [(label, query.url(reverse(name))) for label, name in _FILES],
    }
    own = [("page", str(number))] if number > 1 else []
    return render_report(request, board_request, "past_deadline", board, context, own=own)


def _bar(queue: OverdueQueue, path: str) -> Toolbar:
    """The toolbar with the filters of the queue, without chips, grouping and order."""
    query, bar = queue.board_request.query, toolbar(queue.board_request, queue.board, path)
    fields = [field for field in (*bar.filters.first, *bar.filters.more) if field.name in _FILTER_NAMES]
    filters = replace(
        bar.filters,
        first=blocked_field(queue.blocked_counts, query.blocked),
        more=fields,
        used=sum(bool(getattr(query, name)) for name in _FILTER_NAMES),
        clear=BoardQuery(month=query.month, at=query.at).url(path),
    )
    return replace(bar, chips=[], filters=filters)


def _summary(queue: OverdueQueue) -> OverdueSummary:
    """The head of the page, of the entities that pass the filters; a filtered one says how many there are in all."""
    count, rows = len(queue.entities), [row for entity in queue.entities for _, row in entity.months]
    if not count:
        return _empty_summary(queue)
    alerting = sum(entity.alerting for entity in queue.entities)
    month, worst = queue.entities[0].months[0]
    behind = f"{worst.name} is furthest behind for {month_and_year(month)}: {_lateness(worst)}."
    acknowledged = [row.remarks.acknowledged_at is not None for row in rows if row.standing.alerting]
    never = sum(row.read_at is None for row in rows)
    unsure = sum(not is_confirmed(row) for row in rows) - never
    unread = f"{unsure} not read, as when last read." if unsure else ""
    older = sum(month != queue.board.month for entity in queue.entities for month, _ in entity.months)
    if queue.board_request.query.is_filtered:
        everyone = len(queue.unfiltered)
        overdue = f"{count} of {everyone} overdue {'entity' if everyone == 1 else 'entities'} shown"
    else:
        overdue = f"{count} {'entity is' if count == 1 else 'entities are'} overdue"
    return OverdueSummary(
        f"{overdue}: {alerting} alerting, {count - alerting} watch",
        [
            behind,
            _acknowledged(acknowledged),
            f"{older} of an older month." if older else "",
            " ".join(filter(None, [unread, f"{never} never read." if never else ""])),
        ],
        "alert" if alerting else "open",
    )


def _acknowledged(rows: Sequence[bool]) -> str:
    """How many of those over the alert line nobody has acknowledged; a watch item waits for nobody."""
    missing = rows.count(False)
    return f"{missing} not taken over." if missing else "All taken over." if rows else ""


def _lateness(row: Row) -> str:
    days, unit = row.standing.days_late, row.standing.unit
    return f"{labels.days_in_words(days, unit)} late" if days else labels.lateness_label(row)


def _empty_summary(queue: OverdueQueue) -> OverdueSummary:
    query, everyone = queue.board_request.query, len(queue.unfiltered)
    if everyone and query.is_filtered:
        searched = query.filters == BoardQuery(q=query.q)
        what = f"or owner matches “{query.q}”" if searched else "passes these filters"
        verb = "is" if everyone == 1 else "are"
        return OverdueSummary(f"No overdue entity {what}", [f"{everyone} {verb} overdue in all."], "unsure")
    qualifier = " known to be" if queue.unconfirmed else ""
    unsure = f"{queue.unconfirmed} not read, so there may be more." if queue.unconfirmed else ""
    done = queue.board.closed is True
    tone = "closed" if done else "unsure" if queue.unconfirmed else "open"
    closed = f"{month_and_year(queue.board.month)}: {headline(queue.board)}" if done else ""
    return OverdueSummary(f"No entity is{qualifier} overdue", [closed, unsure], tone, done)


def _parts(queue: OverdueQueue, items: Sequence[OverdueItem]) -> list[OverduePart]:
    """Alerting and Watch, each with the entities that pass the filters; a part without any is left out."""
    rows = [row for entity in queue.entities for _, row in entity.months]
    limits = sorted({row.alert_after_days for row in rows})
    days = "days" if limits != [1] else "day"
    line = " or ".join(map(str, limits))
    watch = f"1 to {line} days late, no alert yet" if len(limits) == 1 and limits[0] > 1 else "no alert yet"
    parts = (
        ("alerting", "Alerting", f"more than {line} {days} late", True),
        ("watch", "Watch", watch, False),
    )
    return [
        OverduePart(
            key,
            name,
            meaning,
            sum(entity.alerting is alerting for entity in queue.entities),
            shown,
        )
        for key, name, meaning, alerting in parts
        if (shown := [item for item in items if item.alerting is alerting])
    ]


# --- one entity ---------------------------------------------------------------------------------------------------


def _item(
    entity: OverdueEntity, details: QueueDetails, board: Scoreboard, board_request: BoardRequest
) -> OverdueItem:
    row, month = entity.worst_row, entity.months[0][0]
    owner = details.owners.get(row.code)
    names = {node.code: node.name for node in board.groups}
    parts = [row.code, row.country, names.get(row.group, row.group), row.connection]
    return OverdueItem(
        row=row,
        location=" · ".join(filter(None, parts)),
        owner=owner,
        initials=labels.initials(owner.name if owner is not None else ""),
        mailto=_mailto(owner, row, month) if owner is not None and owner.email else "",
        remark_url=reverse("remark", args=[row.code]) if row.code in details.writable else "",
        alerting=entity.alerting,
        months=[_month(month, row, details, board_request) for month, row in entity.months],
    )


def _mailto(owner: Person, row: Row, month: date) -> str:
    """A mailto link to the owner about the worst month; names from an ERP are quoted."""
    late = labels.days_in_words(row.standing.days_late, row.standing.unit)
    subject = f"{row.name}, {month_and_year(month)}: {late} past the deadline"
    return f"mailto:{quote(owner.email, safe='@')}?subject={quote(subject, safe='')}"


def _month(month: date, row: Row, details: QueueDetails, board_request: BoardRequest) -> OverdueMonth:
    reader, as_of, standing = board_request.reader, board_request.as_of, row.standing
    query = BoardQuery(month=month, at=board_request.query.at).querystring()
    return OverdueMonth(
        key=f"{month:%Y-%m}",
        name=month_and_year(month),
        line=row_cells(row, as_of, reader, query),
        late=f"+{labels.days(standing.days_late, standing.unit)}",
        unit=labels.days_in_words(standing.days_late, standing.unit) + " late",
        tone="alert" if standing.alerting else "late",
        read_when=read_when(row),
        since=_alert_line(row, details),
        obstacles=obstacles(row, reader, as_of),
        nobody_notified=row.period_id in details.unaddressed,
        expected=expected_close_text(row, as_of),
        acknowledged=acknowledgement_text(row, lambda moment: labels.clock(moment, reader.zone, as_of)),
    )


def _alert_line(row: Row, details: QueueDetails) -> str:
    """Since when the row is over its alert line, or when it will be."""
    if not row.standing.alerting:
        day = details.alerts_on(row)
        return f"watch, alerting from {labels.short_day(day)}" if day is not None else "watch"
    since = details.since(row)
    return f"alerting since {labels.short_day(since)}" if since is not None else "alerting"
