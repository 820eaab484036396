"""One open browser, as the hub holds it: what is put in is sent in order, and whoever reads too slowly is ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from types import coroutine
from typing import Any

import structlog

MAX_QUEUED_MESSAGES = 64  # messages that a slow browser may be behind before its stream is ended
log = structlog.get_logger(__name__)

Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


@dataclass(eq=False, slots=True)
class Stream:
    """One open browser. What is put in is sent, in order and once `send` is known; None ends the stream."""

    person_id: int
    session_key: str
    fingerprint: str
    send: Send | None = None
    ended: bool = False
    _waiting: list[bytes | None] = field(default_factory=list)
    _sending: asyncio.Task[None] | None = None

    def put(self, data: bytes | None) -> None:
        """Hand over without waiting; whoever reads too slowly is ended and fetches anew."""
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
        # Nearly always the server takes everything without waiting: a task for that would cost as much as sending it.
        begun = self._send_waiting(self.send)
        try:
            waits_for = begun.send(None)
        except StopIteration:
            return
        self._sending = asyncio.get_running_loop().create_task(_go_on(begun, waits_for))
        self._sending.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending = None
        self._flush()  # what was put in since the last look

    async def _send_waiting(self, send: Send) -> None:
        try:
            while self._waiting:
                data = self._waiting.pop(0)
                await send({"type": "http.response.body", "body": data or b"", "more_body": data is not None})
        except Exception:
            log.exception("live stream broken")  # and no other stream with it
            self.ended = True
            self._waiting.clear()

    def close(self) -> None:
        """Nobody reads any more."""
        self.ended = True
        self._waiting.clear()
        if self._sending is not None:
            self._sending.cancel()


@coroutine
def _go_on(begun: Coroutine[Any, None, None], waits_for: Any) -> Generator[Any, None, None]:
    """The rest of a coroutine that was begun without a task, from the first thing that it waits for."""
    try:
        while True:
            yield waits_for
            waits_for = begun.send(None)
    except StopIteration:
        pass
    finally:
        begun.close()
