"""The ASGI side of the live stream: one open answer, and the handler that waits for its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from board.live.browser_connection import Message, Receive, Send, Stream
from board.live.hub import Hub, SharedScreen


class StreamResponse(StreamingHttpResponse):
    """Says yes to a browser that wants to listen; `LiveHandler` goes on where Django ends."""

    def __init__(self, view: SharedScreen, stream: Stream) -> None:
        super().__init__(_nothing(), content_type="text/event-stream")
        self.shared_screen, self.stream = view, stream
        self["Cache-Control"] = "no-store"
        self["X-Accel-Buffering"] = "no"  # a proxy must not gather what is told


async def _nothing() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


class _Sender:
    """What Django sends with; of a stream that it has opened only the start is sent, and the rest is ours."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.opened: tuple[SharedScreen, Stream] | None = None

    async def __call__(self, message: Message) -> None:
        if self.opened is None or message["type"] == "http.response.start":
            await self.send(message)


class LiveHandler(ASGIHandler):
    """Django's door, which lets go of the request, its thread and all that middleware holds once a stream is open."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        sender = _Sender(send)
        await super().__call__(scope, receive, sender)
        opened = sender.opened
        del sender
        if opened is not None:
            view, stream = opened
            stream.send = send
            await Hub.for_running_loop().hold(view, stream, receive)

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        if isinstance(response, StreamResponse) and isinstance(send, _Sender):
            send.opened = response.shared_screen, response.stream
        await super().send_response(response, send)
