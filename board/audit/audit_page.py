"""The page of the audit log: its filter, its events newest first, and the newest seal."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from board.audit.event_filter import DEFAULT_DAYS, EventFilter
from board.audit.event_list import (
    MOST_COUNTED,
    EventKey,
    count_events,
    entity_codes_with_page,
    event_page,
    filtered_events,
)
from board.audit.event_words import ORIGIN_LABELS, VERB_HEADINGS, event_line
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.readers import AuditAccess, audit_access
from closing.calendar.instants import local_date
from entities.audit_trail import Verb
from infra.models import AuditSeal

VerbOptions = Sequence[tuple[str, Sequence[tuple[str, str, bool]]]]  # headings with (verb, label, chosen)


@require_safe
@board_view
def audit_page(request: HttpRequest, board_request: BoardRequest) -> HttpResponse:
    """The events that pass the filters, a page at a time; 403 for people who may not read the audit log."""
    access = required_access(board_request)
    # The query of a board does not apply here.
    board_request = resolve_request(board_request.person, {}, board_request.now)
    filters = EventFilter.of(request.GET.dict(), local_date(board_request.now, board_request.reader.zone))
    events = filtered_events(access, filters, board_request)
    page = event_page(events, _key(request, "older"), _key(request, "newer"))
    with_page = entity_codes_with_page(board_request, page.events)
    path = reverse("audit")
    context = {
        **board_request.layout("audit"),
        "filters": filters,
        "verbs": _verb_options(filters.verb),
        "origins": [(word, label, word == filters.through) for word, label in ORIGIN_LABELS.items()],
        "heading": _heading(count_events(events), filters),
        "only": filters.described(),
        "clear": path if filters.narrows or filters.chosen else "",
        "lines": [
            event_line(
                event,
                reverse("entity", args=[event.object_id])
                if event.object_kind == "entity" and event.object_id in with_page
                else "",
                board_request.reader,
                board_request.now,
            )
            for event in page.events
        ],
        "kept": f"for {days} days" if (days := settings.AUDIT_RETENTION_DAYS) else "for ever",
        "older": _url(path, filters, older=page.older),
        "newer": _url(path, filters, newer=page.newer),
        "seal": _newest_seal(access, board_request),
        "export": f"{reverse('export_audit_csv')}?{urlencode(filters.pairs(with_days=True))}",
        "zone": board_request.reader.zone_name,
    }
    return render(request, "board/audit/audit.html", context)


def required_access(board_request: BoardRequest) -> AuditAccess:
    """What the person may read of the audit log; raises PermissionDenied for nothing."""
    access = audit_access(board_request.person)
    if access is None:
        raise PermissionDenied
    return access


def _key(request: HttpRequest, name: str) -> EventKey | None:
    text = request.GET.get(name, "")
    return EventKey.parse(text) if text else None


def _url(path: str, filters: EventFilter, **key: EventKey | None) -> str:
    """The page behind a key; "" without one."""
    keys = [(name, str(value)) for name, value in key.items() if value is not None]
    return f"{path}?{urlencode([*filters.pairs(), *keys])}" if keys else ""


def _heading(count: int, filters: EventFilter) -> str:
    number = f"More than {MOST_COUNTED:,}" if count > MOST_COUNTED else f"{count:,}" if count else "No"
    period = filters.period()
    when = period if filters.chosen else f"in the last {DEFAULT_DAYS} days, {period}"
    return f"{number} {'event' if count in (0, 1) else 'events'} {when}"


def _verb_options(chosen: str) -> VerbOptions:
    headings: dict[str, list[tuple[str, str, bool]]] = {}
    for verb in Verb:
        heading = VERB_HEADINGS[verb.partition(".")[0]]
        headings.setdefault(heading, []).append((verb.value, verb.label, verb == chosen))
    return list(headings.items())


def _newest_seal(access: AuditAccess, board_request: BoardRequest) -> tuple[str, str] | None:
    """Digest and moment of the newest seal, for people who read all that it covers; None without a seal."""
    seal = AuditSeal.objects.order_by("-number").first() if access.whole else None
    if seal is None:
        return None
    return seal.digest, board_request.clock(seal.sealed_at)
