"""Sends answers that break off, trickle or never come: below HTTP, directly to the connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class DeadPort:
    """A port on which a connection attempt gets no answer: it is open, but its queue is full."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.number: int = self._listener.getsockname()[1]
        self._fillers = []
        for _ in range(4):  # the kernel accepts one or two more than its limit
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.number))
            self._fillers.append(filler)

    def close(self) -> None:
        for connection in (self._listener, *self._fillers):
            connection.close()


async def hang(receive: Receive) -> None:
    """Send nothing until the client disconnects."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def broken(
    kind: str,
    options: MutableMapping[str, Any],
    transport: asyncio.Transport,
    receive: Receive,
    status: int,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    """Send a broken answer; returns when the connection has ended, so that the server adds nothing to it."""
    framing = {
        "truncated_chunked": ("transfer-encoding", "chunked"),
        "truncated_close": ("connection", "close"),
    }
    sent = [(name, value) for name, value in headers if kind not in framing or name != "content-length"]
    if kind in framing:
        sent.append(framing[kind])
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent) + "\r\n"
    )
    transport.write(head.encode("latin-1"))
    if kind == "slow_loris":
        await _trickle(transport, body, float(options["bytes_per_second"]))
    else:
        part = body[: int(len(body) * float(options["keep"]))]
        chunked = kind == "truncated_chunked"
        transport.write(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
    if kind == "reset":
        # Let the kept half arrive: a reset drops data still in transit.
        await asyncio.sleep(0.05)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    await hang(receive)


async def _trickle(transport: asyncio.Transport, body: bytes, rate: float) -> None:
    for position in range(len(body)):
        if transport.is_closing():
            return
        transport.write(body[position : position + 1])
        await asyncio.sleep(1 / rate)
