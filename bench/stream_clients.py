"""Many open browsers in one process: holds streams and records when each message has arrived in full.

`python -m bench.stream_clients PORT PATH` reads one line of JSON on standard input, a list of cookies, and opens
one stream for each. From then on it answers a line "wait K SECONDS", once every stream has K messages or has
ended, or the time is over, with a line of JSON: the arrivals by the machine's monotonic clock, and the errors in
the chain of versions.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import cast

import uvloop

AT_ONCE = 40  # streams opened at the same time
OPENS = 30.0  # seconds for one to open
_ID = b"\nid: "


class Stream(asyncio.Protocol):
    """One open browser: it looks only for the ends of messages, to cost as little as possible."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.at: list[float] = []  # when each message was complete
        self.bytes: list[int] = []
        self.version = b""
        self.broken = 0
        self.ended = False
        self._kept = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        data = self._kept + data if self._kept else data
        while (end := data.find(b"\n\n")) >= 0:
            self._event(data[:end], now)
            data = data[end + 2 :]
        self._kept = data

    def _event(self, event: bytes, now: float) -> None:
        if not self.opened.done():
            if event.startswith(b"HTTP/1.1 200 ") and b"event: beat" in event:
                self.opened.set_result(None)
            else:
                self.opened.set_exception(RuntimeError(f"not a stream: {event[:200]!r}"))
            return
        start = event.find(_ID)  # behind the length of the chunk
        if start < 0:
            return  # a heartbeat
        came, _, new = event[start + len(_ID) : event.index(b"\n", start + 1)].partition(b":")
        self.broken += bool(self.version) and came != self.version
        self.version = new
        self.at.append(now)
        self.bytes.append(len(event) + 2)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if not self.opened.done():
            self.opened.set_exception(RuntimeError(f"closed before it was open: {self._kept[:200]!r}"))


async def _crowd(port: int, path: str, cookies: Sequence[str]) -> list[Stream]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(cookie: str) -> Stream:
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n"
        )
        async with gate:
            loop = asyncio.get_running_loop()
            _, stream = await loop.create_connection(lambda: Stream(request.encode()), "127.0.0.1", port)
            await asyncio.wait_for(asyncio.shield(stream.opened), OPENS)
            return stream

    return list(await asyncio.gather(*map(one, cookies)))


async def _serve(port: int, path: str) -> None:
    loop = asyncio.get_running_loop()
    line = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(line), sys.stdin)
    began = time.monotonic()
    streams = await _crowd(port, path, json.loads(await line.readline()))
    _say({"open": len(streams), "seconds": time.monotonic() - began})
    while words := (await line.readline()).split():
        wanted, until = int(words[1]), time.monotonic() + float(words[2])
        while any(len(one.at) < wanted and not one.ended for one in streams) and time.monotonic() < until:
            await asyncio.sleep(0.02)
        _say(
            {
                "at": [one.at[wanted - 1] for one in streams if len(one.at) >= wanted],
                "bytes": max((one.bytes[wanted - 1] for one in streams if len(one.at) >= wanted), default=0),
                "too_many": sum(len(one.at) > wanted for one in streams),
                "broken": sum(one.broken for one in streams),
                "ended": sum(one.ended for one in streams),
            }
        )


def _say(told: object) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2]))
