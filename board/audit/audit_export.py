"""Exports the events of a filter of the audit log as CSV, with all that their digests are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from board.audit.audit_page import required_access
from board.audit.event_filter import EventFilter
from board.audit.event_list import filtered_events
from board.reports.download import csv_named
from board.scoreboard.serializers import csv_lines
from board.web.board_request import BoardRequest, board_view
from closing.calendar.instants import local_date
from infra.audit.canonical import canonical, plain
from infra.audit.sealing import seal_events
from infra.models import AuditEvent

_COLUMNS = (
    *("id", "at", "actor_kind", "actor_id", "actor", "through", "verb", "object_kind", "object_id", "object"),
    *("scope", "before", "after", "reason", "request_id", "address", "digest", "seal"),
)
_ROWS_AT_ONCE = 2_000  # in memory, of any number


@require_POST
@board_view
def audit_csv(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The events of the filter in the URL, newest first, after all events so far have been sealed.

    It is a form and no link, because sealing writes.
    """
    access = required_access(board_request)
    filters = EventFilter.of(request.GET.dict(), local_date(board_request.now, board_request.reader.zone))
    seal_events(board_request.now)
    name = f"closeboard-audit-{board_request.now.astimezone(UTC):%Y%m%dT%H%MZ}.csv"
    return csv_named(request, name, event_lines(filtered_events(access, filters, board_request)))


def event_lines(events: QuerySet[AuditEvent]) -> Iterator[str]:
    """A header line and one line for each event; moments and values are written as their digests have them."""
    return csv_lines(_COLUMNS, (_cells(event) for event in events.iterator(chunk_size=_ROWS_AT_ONCE)))


def _cells(event: AuditEvent) -> list[object]:
    texts = {
        "at": plain(event.at),
        "before": _json(event.before),
        "after": _json(event.after),
    }
    return [texts.get(name, getattr(event, name)) for name in _COLUMNS]


def _json(values: object) -> str:
    return "" if values is None else canonical(values).decode()
