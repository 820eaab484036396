"""A server for posts in tests: accepts, refuses, delays, hangs and drops as set, over real HTTP on loopback."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.faults.smtp_sink import _who_holds


@dataclass(frozen=True)
class Arrival:
    """One request that arrived whole, whatever the answer was."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # time.monotonic()
    peer: int  # the sender's port

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def sender(self) -> int:
        """The process at the other end, 0 when it has ended."""
        return _who_holds(self.peer)


@dataclass(frozen=True)
class Reply:
    """An answer, sent after `after` seconds."""

    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0


TAKEN = Reply()
Judge = Callable[[Arrival], Reply | None]


class HttpSink:
    """The server; `judge` may be changed while it runs: it returns the answer, or None to hang up instead."""

    def __init__(self) -> None:
        self.judge: Judge = lambda _: TAKEN
        self.afterwards: Callable[[Arrival], None] = lambda _: None
        self.taken: list[Arrival] = []  # requests answered with 2xx, or not at all
        self.seen: list[Arrival] = []
        self.lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, on the same port as before."""
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                sink._take(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass  # the sender was killed

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def port(self) -> int:
        return self._port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    @property
    def ids(self) -> Counter[str]:
        """The number of accepted copies of each signed webhook, by its id."""
        with self.lock:
            return Counter(each.headers["webhook-id"] for each in self.taken)

    def most_in(self, seconds: float) -> int:
        """The highest number of requests within so many seconds, wherever those begin."""
        with self.lock:
            at = sorted(each.at for each in self.seen)
        return max((sum(1 for other in at if one <= other < one + seconds) for one in at), default=0)

    def _take(self, talk: BaseHTTPRequestHandler) -> None:
        at = time.monotonic()
        body = talk.rfile.read(int(talk.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in talk.headers.items()}
        came = Arrival(talk.path, headers, body, at, talk.client_address[1])
        with self.lock:
            self.seen.append(came)
        reply = self.judge(came)
        if reply is None or 200 <= reply.status < 300:
            with self.lock:
                self.taken.append(came)
        if reply is None:
            talk.close_connection = True
            return
        time.sleep(reply.after)
        with contextlib.suppress(OSError):
            talk.send_response(reply.status)
            for name, value in reply.headers.items():
                talk.send_header(name, value)
            talk.send_header("Content-Length", str(len(reply.body)))
            talk.end_headers()
            talk.wfile.write(reply.body)
            talk.wfile.flush()
        self.afterwards(came)
