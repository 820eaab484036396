"""Runs real Chromium against a real server on the database of a test's scenario.

State changes cannot be deleted, so pytest-django's way of emptying the tables after a test with a live server
cannot work here. Tests that only read share the run's database of their scenario (`reading`), the others get a copy
of it (`story`) or an empty one (`own_database`), which is dropped. One server of each process serves them all.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime
from threading import Thread
from time import sleep
from typing import TypeVar

import pytest
from django.core.cache import cache
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from board.live.hub import Hub
from closeboard.serve import WebServer, make_server, on_exit
from tests.browser.browser_user import BrowserUser, Database, Look, NewBrowserUser
from tests.browser_binary import FLAGS, ensure
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup, record_worked_example, save_person, save_sample_group
from tests.scenario_databases import Build, ScenarioDatabases

T = TypeVar("T")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for the tests of a file.

    Playwright keeps an event loop in this thread: Django would refuse the builders' synchronous database calls, and
    gives code beside a loop connections of its own. Hence the variable. Loop and variable end with the file, because
    both would break other tests of this process.
    """
    program = ensure()
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            yield browser
            browser.close()
            connections.close_all()
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


# --- the database of a test ---------------------------------------------------------------------------------------


class OneDatabase:
    """The database that a test uses; chosen once, by a fixture or by the first lines of the test."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._chosen = False

    def choose(self, database: AbstractContextManager[T]) -> T:
        assert not self._chosen, "a test has one database"
        self._chosen = True
        return self._open.enter_context(database)

    def close(self) -> None:
        self._open.close()


@pytest.fixture
def one_database(django_db_blocker: DjangoDbBlocker) -> Iterator[OneDatabase]:
    """The database of the test, not chosen yet; this process's Redis database is empty before and after."""
    made = OneDatabase()
    with django_db_blocker.unblock():
        cache.clear()
        try:
            yield made
        finally:
            made.close()
            cache.clear()


@pytest.fixture
def reading(one_database: OneDatabase, stories: ScenarioDatabases) -> Database:
    """`reading(busy, person)`: the run's database of these builders, for a test that writes only sessions.

    Returns the result of the first builder: the moment at which the test views the scenario.
    """

    def read(build: Callable[[], datetime], *more: Build) -> datetime:
        return one_database.choose(stories.reading(build, *more))

    return read


@pytest.fixture
def story(one_database: OneDatabase, stories: ScenarioDatabases) -> Database:
    """`story(busy, person)`: a copy of these builders' database, for a test that writes; otherwise as `reading`."""

    def copy(build: Callable[[], datetime], *more: Build) -> datetime:
        found: datetime = one_database.choose(stories.copied(build, *more))
        return found

    return copy


@pytest.fixture
def own_database(one_database: OneDatabase, stories: ScenarioDatabases) -> None:
    """A new migrated database, used by this process (and its server) until the end of the test."""
    one_database.choose(stories.copied())


# --- the server ---------------------------------------------------------------------------------------------------


class SiteServer:
    """A server in a thread of this process, over ASGI as in production; it can be stopped and restarted."""

    def __init__(self) -> None:
        self.port = 0  # any free port at first, then the same one
        self._server: WebServer | None = None
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers = ThreadPoolExecutor()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server, and return once it answers requests."""
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
        """Wait until no request of a test is running, so that the next test may use another database.

        The browsers must have left: their open requests are finished when this returns, and the hub of their
        streams is removed.
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
        Hub._of.clear()  # a hub that has ended takes no more streams

    def _replace_workers(self) -> None:
        """End the threads that the loop has started; a cancelled task does not wait for its thread."""
        assert self._loop is not None
        self._workers.shutdown(wait=True)
        self._workers = ThreadPoolExecutor()
        self._loop.set_default_executor(self._workers)


@pytest.fixture(scope="session")
def site_server() -> Iterator[SiteServer]:
    """The only server of this process, which serves the process's current database."""
    made = SiteServer()
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def serving(one_database: OneDatabase) -> Iterator[SiteServer]:
    """A server of the test's own, which it may stop and restart."""
    made = SiteServer()
    made.start()
    try:
        yield made
    finally:
        made.stop()
        Hub._of.clear()  # all of them were ended


@pytest.fixture
def site(request: pytest.FixtureRequest, one_database: OneDatabase) -> Iterator[str]:
    """The address of the server: pages and live streams of the test's database."""
    if "serving" in request.fixturenames:
        yield request.getfixturevalue("serving").url
        return
    shared: SiteServer = request.getfixturevalue("site_server")
    yield shared.url
    shared.settle()


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets the time that the views read; noon of the worked example by default."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("board.web.board_request.now", lambda: moment)

    set_to(WORKED_EXAMPLE_AT)
    return set_to


# --- browser users --------------------------------------------------------------------------------------------------


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> tuple[Look, ...]:
    """The looks that `look_from_everywhere` uses; `every_look` sets them."""
    found: tuple[Look, ...] = getattr(request, "param", ())
    return found


@pytest.fixture
def new_reader(chromium: Browser, site: str, looks: tuple[Look, ...]) -> Iterator[NewBrowserUser]:
    """Makes browser users; at the end any console error, page error, failed request or CSP report fails the test."""
    contexts: list[BrowserContext] = []
    readers: list[BrowserUser] = []

    def make(
        width: int = 1400, height: int = 900, *, dark: bool = False, javascript: bool = True
    ) -> BrowserUser:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
        )
        contexts.append(context)
        page = context.new_page()
        reader = BrowserUser(page, site, looks)
        readers.append(reader)
        page.on("console", reader.hear)
        page.on("pageerror", lambda error: reader.complaints.append(str(error)))
        page.on("requestfailed", reader.hear_of_failure)
        return reader

    yield make
    for context in contexts:
        with suppress(Exception):
            context.close()
    complaints = [complaint for reader in readers for complaint in reader.complaints]
    assert not complaints, complaints


def meridian_at_noon() -> SampleGroup:
    """The worked example at its noon, with Rosa who may see all of it."""
    group = save_sample_group()
    record_worked_example(group)
    save_person()
    return group


@pytest.fixture
def meridian(
    site: str, one_database: OneDatabase, stories: ScenarioDatabases, clock_at: Callable[[datetime], None]
) -> SampleGroup:
    """The worked example at its noon, with Rosa who may see all of it: a copy, which the test may write to."""
    found: SampleGroup = one_database.choose(stories.copied(meridian_at_noon))
    return found
