"""The view of the live stream."""

from __future__ import annotations

from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from board.live.asgi_handler import StreamResponse
from board.live.browser_connection import Stream
from board.live.hub import Hub, SharedScreen, authorize_stream, in_thread
from board.web.board_query import InvalidQuery


@require_GET
async def live(request: HttpRequest) -> HttpResponseBase:
    """The stream that keeps a board live (board.live.hub); 401 without a login, since it is no page."""
    opening = await in_thread(lambda: _opening(request))
    if isinstance(opening, HttpResponse):
        return opening
    screen, stream = opening
    return StreamResponse(await Hub.for_running_loop().shared_screen(screen), stream)


def _opening(request: HttpRequest) -> tuple[SharedScreen, Stream] | HttpResponse:
    status, message = 401, "You are not signed in any more."
    if not request.user.is_authenticated or request.session.session_key is None:
        pass
    elif "at" in request.GET:
        status, message = 400, "The past does not change: only the board of now is live."
    else:
        try:
            if opening := authorize_stream(request.user.pk, request.session.session_key, request.GET.dict()):
                return opening
        except InvalidQuery as error:
            status, message = 400, str(error)
    response = HttpResponse(message, content_type="text/plain; charset=utf-8", status=status)
    response["Cache-Control"] = "no-store"
    return response
