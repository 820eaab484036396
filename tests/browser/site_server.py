"""The web server of the stories in a browser, and the database that one of them uses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Thread
from time import sleep
from typing import TypeVar

from board.live.hub import Hub
from closeboard.serve import WebServer, make_server, on_exit

T = TypeVar("T")


class SiteServer:
    """A server in a thread of this process, over ASGI as in earnest; it may be stopped, and started where it was."""

    def __init__(self) -> None:
        self.port = 0  # any free one, and ever after the same
        self._server: WebServer | None = None
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers = ThreadPoolExecutor()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, and return once requests are answered."""
        made = make_server(host="127.0.0.1", port=0)
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._replace_workers()
            await made.serve([listening])

        def run() -> None:
            with listening, asyncio.Runner(loop_factory=made.config.get_loop_factory()) as runner:
                runner.run(serve())

        thread = Thread(target=run, name="site")
        thread.start()
        while not made.started:
            assert thread.is_alive(), "the server did not start"
            sleep(0.01)
        self._server, self._thread = made, thread

    def stop(self) -> None:
        """End the streams and the server, as a signal would; nothing answers at the address afterwards."""
        if self._server is None or self._thread is None:
            return
        for hook in on_exit:
            hook()
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def settle(self) -> None:
        """Wait until nothing of a story is under way, so that the next one may have another database.

        The readers must have left: what they still had asked for is done when this returns, and the hub of their
        streams is forgotten.
        """
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(timeout=20)

    async def _settle(self) -> None:
        assert self._server is not None
        Hub.end_all()
        state = self._server.server_state
        while state.tasks or state.connections:
            await asyncio.sleep(0.005)
        self._replace_workers()
        Hub._of.clear()  # one that has ended takes no more streams

    def _replace_workers(self) -> None:
        """Let the threads end that the loop has lent out; a cancelled task does not wait for its thread."""
        assert self._loop is not None
        self._workers.shutdown(wait=True)
        self._workers = ThreadPoolExecutor()
        self._loop.set_default_executor(self._workers)


@contextmanager
def running_site() -> Iterator[SiteServer]:
    """Start a server, and stop it at the end."""
    server = SiteServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class OneDatabase:
    """The database that a test uses; chosen once, by a fixture or with the first words of the story."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._chosen = False

    def choose(self, database: AbstractContextManager[T]) -> T:
        assert not self._chosen, "a test has one database"
        self._chosen = True
        return self._open.enter_context(database)

    def close(self) -> None:
        self._open.close()
