"""The minimal cost of a stream: one process that writes the same bytes to every open socket on each nudge.

`python -m bench.bare_stream PORT BYTES`: it parses no HTTP, checks no access, looks nothing up and renders nothing.
The nudge comes over Redis, as Closeboard's does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import redis.asyncio
import uvloop

CHANNEL = "closeboard-bench:bare"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class _Listener(asyncio.Protocol):
    open: set[asyncio.WriteTransport] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(_HEAD + _chunk(b"event: beat\ndata: {}\n\n"))
        self.open.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.discard(self.transport)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _serve(port: int, size: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(_Listener, "127.0.0.1", port, backlog=2048)
    async with redis.asyncio.from_url(os.environ["REDIS_URL"]) as server, server.pubsub() as hearing:
        await hearing.subscribe(CHANNEL)
        number = 0
        async for told in hearing.listen():
            if told["type"] != "message":
                continue
            head = b"id: %d:%d\ndata: " % (number, number + 1)
            data = _chunk(head + b"x" * (size - len(head) - 2) + b"\n\n")
            number += 1
            for transport in list(_Listener.open):
                transport.write(data)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
