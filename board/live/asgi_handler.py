"""The live stream over ASGI: the view that opens one, its response, and the handler that keeps it open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from board.live.browser_connection import Message, Receive, Send, Stream
from board.live.hub import Hub, SharedScreen, authorize_stream, in_thread
from board.web.board_query import InvalidQuery


class StreamResponse(StreamingHttpResponse):
    """Accepts a browser's stream; `LiveHandler` takes over where Django ends."""

    def __init__(self, screen: SharedScreen, stream: Stream) -> None:
        super().__init__(_empty_body(), content_type="text/event-stream")
        self.shared_screen, self.stream = screen, stream
        self["Cache-Control"] = "no-store"
        self["X-Accel-Buffering"] = "no"  # a proxy must not buffer the events


async def _empty_body() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


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


class _Sender:
    """The `send` that Django gets; of an opened stream it sends only the start, and the hub sends the rest."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.opened: tuple[SharedScreen, Stream] | None = None

    async def __call__(self, message: Message) -> None:
        if self.opened is None or message["type"] == "http.response.start":
            await self.send(message)


class LiveHandler(ASGIHandler):
    """Django's ASGI handler, which releases the request, its thread and middleware once a stream is open."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        sender = _Sender(send)
        await super().__call__(scope, receive, sender)
        opened = sender.opened
        del sender
        if opened is not None:
            screen, stream = opened
            stream.send = send
            await Hub.for_running_loop().hold(screen, stream, receive)

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        if isinstance(response, StreamResponse) and isinstance(send, _Sender):
            send.opened = response.shared_screen, response.stream
        await super().send_response(response, send)
