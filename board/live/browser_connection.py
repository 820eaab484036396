"""The connection to one browser: sends queued events in order and ends a stream that reads too slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from types import coroutine
from typing import Any

import structlog

MAX_QUEUED_MESSAGES = 64  # messages queued for a slow browser before its stream is ended
log = structlog.get_logger(__name__)

Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


@dataclass(eq=False, slots=True)
class Stream:
    """One open browser. Queued data is sent in order once `send` is set; None ends the stream."""

    person_id: int
    session_key: str
    fingerprint: str
    send: Send | None = None
    ended: bool = False
    _waiting: list[bytes | None] = field(default_factory=list)
    _sending: asyncio.Task[None] | None = None

    def put(self, data: bytes | None) -> None:
        """Queues data without waiting; ends the stream of a browser that reads too slowly and has to fetch anew."""
        if self.ended:
            return
        if data is not None and len(self._waiting) < MAX_QUEUED_MESSAGES:
            self._waiting.append(data)
        else:
            self.ended = True
            self._waiting[:] = [None]
        self._flush()

    def _flush(self) -> None:
        if self._sending is not None or self.send is None:
            return
        # Nearly always the server takes all data without waiting: a task would cost as much as the sending.
        sending = self._send_waiting(self.send)
        try:
            awaited = sending.send(None)
        except StopIteration:
            return
        self._sending = asyncio.get_running_loop().create_task(_resume(sending, awaited))
        self._sending.add_done_callback(self._on_sent)

    def _on_sent(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        self._flush()  # data that was queued meanwhile

    async def _send_waiting(self, send: Send) -> None:
        try:
            while self._waiting:
                data = self._waiting.pop(0)
                await send({"type": "http.response.body", "body": data or b"", "more_body": data is not None})
        except Exception:
            log.exception("live stream broken")  # caught, so that no other stream breaks
            self.ended = True
            self._waiting.clear()

    def close(self) -> None:
        """Stops sending: the browser has left."""
        self.ended = True
        self._waiting.clear()
        if self._sending is not None:
            self._sending.cancel()


@coroutine
def _resume(sending: Coroutine[Any, None, None], awaited: Any) -> Generator[Any, None, None]:
    """Resumes a coroutine that was started without a task, from its first awaited object."""
    try:
        while True:
            yield awaited
            awaited = sending.send(None)
    except StopIteration:
        pass
    finally:
        sending.close()
