"""The ASGI side of the live stream: the open response, and the handler that keeps it open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from board.live.browser_connection import Message, Receive, Send, Stream
from board.live.hub import Hub, SharedScreen


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
