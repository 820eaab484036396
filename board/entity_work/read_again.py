"""The button "Read again now" of an entity's page: reads its connection's periods, then its unfinished work."""

from __future__ import annotations

import structlog
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError
from redis import RedisError

from board.notifications.send_test_mail import may_send_now
from board.web.board_request import BoardRequest, board_view, resolve_request
from board.web.forms import ReturnForm, SeeOther
from connectors.asked_reads import waiting
from connectors.tasks import read_now
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import Connection
from periods.remarks import may_write

READ_INTERVAL = 60  # seconds between two reads of one connection that people ask for

log = structlog.get_logger(__name__)


@require_POST
@board_view
def read_again(request: HttpRequest, board_request: BoardRequest, code: str) -> HttpResponse:
    """Queues the reading of an entity's connection; 404 and 403 as for remarks."""
    board_request = resolve_request(board_request.person, {}, board_request.now)
    entity = board_request.entities().select_related("group", "connection").filter(code=code).first()
    if entity is None:
        raise Http404
    page = reverse("entity", args=[code])
    if not may_write(board_request.person, entity.pk):
        context = {**board_request.layout("board"), "name": entity.name, "back": page}
        return render(request, "board/web/write_refused.html", context, status=403)
    connection = entity.connection
    if connection is None:
        messages.warning(request, f"{entity.name} is not connected to an ERP, so nothing can be read.")
    elif _may_read(request, board_request, connection) and _queued(request, connection):
        record_act(
            Verb.CONNECTION_READ,
            entity_object(entity),
            by=board_request.person,
            at=board_request.now,
            after={"connection": connection.name},
        )
        messages.info(
            request, "Reading now: the periods first, then what is in the way. The result appears here."
        )
    return SeeOther(ReturnForm(request.POST).path(page))


def _may_read(request: HttpRequest, board_request: BoardRequest, connection: Connection) -> bool:
    """Whether the connection may be read now; shows why and until when it may not."""
    wait = waiting(connection, board_request.now)
    if wait is not None:
        until = f" It can be read again from {board_request.clock(wait.until)}." if wait.until else ""
        messages.warning(request, f"{wait.words}{until}")
        return False
    return may_send_now(
        request,
        f"read-again-{connection.pk}",
        READ_INTERVAL,
        verb="read",
        too_soon="Somebody has asked for it within the last minute. Try again in a minute.",
    )


def _queued(request: HttpRequest, connection: Connection) -> bool:
    """Queue the reading; shows the problem where the queue does not answer."""
    try:
        read_now.delay(connection.pk)
    except (OperationalError, RedisError):
        log.exception("reading not queued", connection=connection.name)
        messages.error(request, "The queue does not answer, so nothing was read. Try again in a minute.")
        return False
    return True
