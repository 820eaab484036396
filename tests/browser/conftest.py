"""Real Chromium against a real server on a database of its own.

State changes refuse to be deleted, so pytest-django's way of emptying the tables after a test with a live server
cannot work here. Each story gets a copy of the migrated test database instead, and the copy is dropped.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from threading import Thread
from time import sleep
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker

from closeboard.serve import Server, on_exit, server
from tests.browser.reader import NewReader, Reader
from tests.browser_binary import FLAGS, ensure
from tests.make import WORKED_AT
from tests.saved import Meridian, person, play_the_worked_example, save_group


def _maintenance() -> psycopg.Connection[Any]:
    params = connection.get_connection_params() | {"dbname": "postgres"}
    known = {key: params[key] for key in ("host", "port", "user", "password", "dbname") if key in params}
    return psycopg.connect(**known, autocommit=True)


def _copy(source: str, name: str) -> None:
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
    with _maintenance() as server:
        server.execute(words)


def _drop(name: str) -> None:
    with _maintenance() as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def template(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A copy of the migrated test database that nobody is connected to, so that it can be copied in turn."""
    name = f"{migrated_database[:40]}_stories"
    with django_db_blocker.unblock():
        connections.close_all()
        with _maintenance() as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        _copy(migrated_database, name)
    yield name
    with django_db_blocker.unblock():
        _drop(name)


@pytest.fixture(scope="module")
def chromium(template: str) -> Iterator[Browser]:
    """One Chromium for the stories of a file.

    Playwright keeps an event loop in this thread: Django would refuse the builders' plain database calls, and
    gives code beside a loop connections of its own. Hence the variable, and `template` before the loop begins.
    Loop and variable end with the file: other tests of this process would stumble over both.
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


@pytest.fixture
def own_database(template: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A fresh migrated database, in use by this process (and the server in it) until the end of the story."""
    usual = str(settings.DATABASES["default"]["NAME"])
    name = f"{template[:48]}_{uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        connections.close_all()
        _copy(template, name)
        _use(name)
        cache.clear()
        try:
            yield name
        finally:
            connections.close_all()
            _use(usual)
            _drop(name)
            cache.clear()


def _use(name: str) -> None:
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


class Serving:
    """A server in a thread of this process, over ASGI as in earnest; it may be stopped, and started where it was."""

    def __init__(self) -> None:
        self.port = 0  # any free one, and ever after the same
        self._server: Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, and return once requests are answered."""
        made = server(host="127.0.0.1", port=0)
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]

        def run() -> None:
            with listening:
                made.run([listening])

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


@pytest.fixture
def serving(own_database: str) -> Iterator[Serving]:
    """A server of `own_database` that a story may stop and start again."""
    made = Serving()
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def site(serving: Serving) -> str:
    """The address of a server that serves `own_database`: pages and live streams."""
    return serving.url


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Sets what the view's door reads from the clock; the worked example's noon unless told otherwise."""

    def set_to(moment: datetime) -> None:
        monkeypatch.setattr("board.asked.now", lambda: moment)

    set_to(WORKED_AT)
    return set_to


@pytest.fixture
def new_reader(chromium: Browser, site: str) -> Iterator[NewReader]:
    """Makes readers; at the end any console error, page error, failed request or CSP report fails the test."""
    contexts: list[BrowserContext] = []
    readers: list[Reader] = []

    def make(width: int = 1400, height: int = 900, *, dark: bool = False, javascript: bool = True) -> Reader:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
        )
        contexts.append(context)
        page = context.new_page()
        reader = Reader(page, site)
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


@pytest.fixture
def meridian(site: str, clock_at: Callable[[datetime], None]) -> Meridian:
    """The worked example at its noon, with Rosa who may see all of it."""
    group = save_group()
    play_the_worked_example(group)
    person()
    return group
