"""A person at a browser, as the browser tests use it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from entities.models import Person
from tests.db_builders import PASSWORD

Scheme = Literal["light", "dark"]
Look = tuple[int, Scheme]  # the width of the window, by day or by night
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
STREAMS: Final = re.compile(r"//[^/]+/live/")  # the addresses of live streams, not of their script
ROSA: Final = "rosa.bell@meridian.test"

# A test with all looks runs twice: once wide and light only, and again, in the slow suite,
# with every look and the contrast of all colours, which takes three quarters of axe's time.
WIDE_BY_DAY: Final[tuple[Look, ...]] = ((1400, "light"),)
EVERY_LOOK: Final[tuple[Look, ...]] = ((1400, "light"), (1400, "dark"), (390, "light"), (390, "dark"))
every_look = pytest.mark.parametrize(
    "looks",
    [
        pytest.param(WIDE_BY_DAY, id="wide by day"),
        pytest.param(EVERY_LOOK, id="every look", marks=pytest.mark.slow),
    ],
    indirect=True,
)


def look_at_states(
    states: Iterable[Callable[..., object]], *quick: Callable[..., object]
) -> pytest.MarkDecorator:
    """Runs a test for each designed state: with every look in the slow suite, the quick ones wide by day as well."""
    wide = [pytest.param(state, WIDE_BY_DAY, id=f"{state.__name__}-wide by day") for state in quick]
    every = [
        pytest.param(state, EVERY_LOOK, id=f"{state.__name__}-every look", marks=pytest.mark.slow)
        for state in states
    ]
    return pytest.mark.parametrize(("state", "looks"), [*wide, *every], indirect=["looks"])


with_and_without_scripts = pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="with scripts"),
        pytest.param(False, id="without scripts", marks=pytest.mark.slow),
    ],
)


@dataclass
class BrowserUser:
    """A person at a browser; every complaint of the browser is recorded and fails the test at its end."""

    page: Page
    site: str
    looks: tuple[Look, ...] = ()
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Record errors and warnings of the console; a CSP violation appears there too."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def hear_of_failure(self, request: Request) -> None:
        """Record a failed request, unless the browser cancelled it because its page was left."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url} {request.failure}")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.site + path)

    def log_in(self, email: str = ROSA, path: str = "/start/") -> None:
        """Open a page as a signed-in person, by the cookie of a session, without the form.

        Without a path it opens the page that follows a sign-in, the board.
        """
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": open_session(email), "url": self.site}
        self.page.context.add_cookies([cookie])  # type: ignore[list-item]
        self.open(path)
        self.page.wait_for_url(self.site + ("/" if path == "/start/" else path))

    def type_log_in(self, email: str = ROSA) -> None:
        """Fill in and send the sign-in form, which is the open page."""
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()

    def look(self, width: int, scheme: Scheme) -> None:
        """View the same page on a screen of another width, light or dark."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)

    def forgive(self, *words: str) -> None:
        """Drop the complaints that a test causes on purpose."""
        self.complaints = [each for each in self.complaints if not any(word in each for word in words)]

    def assert_accessible(self, *, contrast: bool = True) -> None:
        """Assert that axe finds nothing against WCAG 2.2 A and AA and its best practices, contrast included."""
        assert not (found := violations(self.page, contrast=contrast)), "\n".join(found)

    def assert_no_sideways_scroll(self) -> None:
        wide, seen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen, f"the page is {wide} px wide in a window of {seen}"

    def look_from_everywhere(self, name: str) -> None:
        """View wide and narrow, light and dark: a picture of each, axe finds nothing, nothing overflows.

        The test has `every_look`, which sets the looks of each suite; both suites check a narrow page for
        overflow. Contrast is checked where all looks are.
        """
        assert self.looks, "a story that looks from everywhere is marked with every_look"
        for width, scheme in self.looks:
            self.look(width, scheme)
            self.picture(f"{name}-{width}-{scheme}")
            self.assert_accessible(contrast=self.looks == EVERY_LOOK)
            self.assert_no_sideways_scroll()
        self.look(390, "dark")
        self.assert_no_sideways_scroll()

    def picture(self, name: str) -> None:
        """Save a screenshot if CLOSEBOARD_PICTURES names a folder."""
        if folder := os.environ.get("CLOSEBOARD_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


class BrowserWindows:
    """The windows of one test, each with a person who keeps the complaints of its page."""

    def __init__(self, chromium: Browser, site: str, looks: tuple[Look, ...]) -> None:
        self._chromium = chromium
        self._site = site
        self._looks = looks
        self._contexts: list[BrowserContext] = []
        self._users: list[BrowserUser] = []

    def open(
        self, width: int = 1400, height: int = 900, *, dark: bool = False, javascript: bool = True
    ) -> BrowserUser:
        """Open a window of its own context, so without the cookies of the others."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
        )
        self._contexts.append(context)
        page = context.new_page()
        user = BrowserUser(page, self._site, self._looks)
        self._users.append(user)
        page.on("console", user.hear)
        page.on("pageerror", lambda error: user.complaints.append(str(error)))
        page.on("requestfailed", user.hear_of_failure)
        return user

    def close(self) -> None:
        for context in self._contexts:
            with suppress(Exception):
                context.close()

    def complaints(self) -> list[str]:
        return [complaint for user in self._users for complaint in user.complaints]


NewBrowserUser = Callable[..., BrowserUser]
Database = Callable[..., datetime]  # of the fixtures `reading` and `story`
ClockAt = Callable[[datetime], None]  # of the fixture `clock_at`


def open_session(email: str) -> str:
    """Open a session in the database in use, as the sign-in form does, and return its key."""
    user = Person.objects.get(email=email)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    with transaction.atomic(), connection.cursor() as cursor:
        # The shared databases are read-only by default.
        cursor.execute("SET TRANSACTION READ WRITE")
        session.create()
    assert session.session_key is not None
    return session.session_key


def violations(page: Page, *, apart_from: Container[str] = (), contrast: bool = True) -> list[str]:
    """axe's findings against WCAG 2.2 A and AA and its best practices, one line a place; some rules left out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": contrast}}}
    return [
        f"{each['id']}: {each['help']} at {node['html'][:160]} {node.get('failureSummary', '')}"
        for each in page.evaluate("options => axe.run(options)", options)["violations"]
        if each["id"] not in apart_from
        for node in each["nodes"]
    ]
