"""Runs the application in a server: listens, prints one line when it does, and ends in order."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.app import Simulator


class CannotListen(Exception):
    """The address is taken or not ours; the text is one sentence for people."""


class Protocol(HttpToolsProtocol):
    """Passes the connection to the application, which needs it to break off an answer in the middle."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"simulator.transport": {"transport": self.transport}}


class Server(uvicorn.Server):
    """Calls `listening` when it listens, and does not raise the stop signal again: the end is an orderly one."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._listening()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        def handle(number: int, frame: FrameType | None) -> None:
            self.should_exit = True

        previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A socket on that address (port 0: any free one); raises `CannotListen`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"Port {port} on {host} is taken; choose another one with --port.") from None
        raise CannotListen(f"Cannot listen on {host}, port {port}: {error.strerror or error}.") from None
    listener.set_inheritable(True)
    return listener


def serve(simulator: Simulator, listener: socket.socket, *, until_stdin_closes: bool = False) -> None:
    """Serve until SIGINT, SIGTERM or, for tests, which must not leave a process behind, the end of standard input."""
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    config = uvicorn.Config(
        simulator,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )

    def listening() -> None:
        print(f"Simulator plays {simulator.story.name} on {url}", flush=True)

    server = Server(config, listening)
    if until_stdin_closes:

        def watch() -> None:
            while os.read(0, 4096):  # not sys.stdin: its lock must be free when the interpreter ends
                pass
            server.should_exit = True

        threading.Thread(target=watch, daemon=True).start()
    server.run(sockets=[listener])
