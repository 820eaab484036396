"""A person at a browser, as the stories see them."""

from __future__ import annotations

import os
from collections.abc import Callable, Container
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
from playwright.sync_api import ConsoleMessage, Page, Request

from entities.models import Person
from tests.db_builders import PASSWORD

Scheme = Literal["light", "dark"]
Look = tuple[int, Scheme]  # the width of the window, by day or by night
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
ROSA: Final = "rosa.bell@meridian.test"

# A story that looks from everywhere is played twice: once looking wide and by day, and again, in the slow suite,
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
with_and_without_scripts = pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="with scripts"),
        pytest.param(False, id="without scripts", marks=pytest.mark.slow),
    ],
)


@dataclass
class BrowserUser:
    """A person at a browser; whatever the browser complains about is kept and fails the test at its end."""

    page: Page
    site: str
    looks: tuple[Look, ...] = ()
    complaints: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what the console says in earnest; a CSP violation stands there too."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def hear_of_failure(self, request: Request) -> None:
        """Keep a request that failed; one that the browser gave up, since its page was left meanwhile, did not."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url} {request.failure}")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.site + path)

    def log_in(self, email: str = ROSA, path: str = "/start/") -> None:
        """Come to a page as somebody who has logged in before: by the cookie of a session, without the form.

        Without a path to where logging in leads, which is the board.
        """
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": open_session(email), "url": self.site}
        self.page.context.add_cookies([cookie])  # type: ignore[list-item]
        self.open(path)
        self.page.wait_for_url(self.site + ("/" if path == "/start/" else path))

    def type_log_in(self, email: str = ROSA) -> None:
        """Fill in and send the form of the login, which is the page that is open."""
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()

    def look(self, width: int, scheme: Scheme) -> None:
        """Look at the same page on a screen of another width, by day or by night."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)

    def forgive(self, *words: str) -> None:
        """Drop the complaints that a story causes on purpose."""
        self.complaints = [each for each in self.complaints if not any(word in each for word in words)]

    def assert_accessible(self, *, contrast: bool = True) -> None:
        """axe finds nothing against WCAG 2.2 A and AA or its own best practices, the contrast of colours included."""
        assert not (found := violations(self.page, contrast=contrast)), "\n".join(found)

    def assert_no_sideways_scroll(self) -> None:
        wide, seen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen, f"the page is {wide} px wide in a window of {seen}"

    def look_from_everywhere(self, name: str) -> None:
        """Look wide and narrow, by day and by night: a picture each, axe finds nothing, nothing sticks out.

        The test has `every_look`, which says what of it is seen in which suite; what sticks out of a narrow page
        is seen in both. Contrast is looked at where every look is.
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
        """Keep a screenshot where CLOSEBOARD_PICTURES names a folder, for a person to look at."""
        if folder := os.environ.get("CLOSEBOARD_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


NewBrowserUser = Callable[..., BrowserUser]
Database = Callable[..., datetime]  # of the fixtures `reading` and `story`


def open_session(email: str) -> str:
    """Open a session in the database in use, as a login by the form does, and return its key."""
    user = Person.objects.get(email=email)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    with transaction.atomic(), connection.cursor() as cursor:
        # Which a database that stories only read has to be asked for.
        cursor.execute("SET TRANSACTION READ WRITE")
        session.create()
    assert session.session_key is not None
    return session.session_key


def violations(page: Page, *, apart_from: Container[str] = (), contrast: bool = True) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA and its best practices, a line for each place; some rules left out."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": contrast}}}
    return [
        f"{each['id']}: {each['help']} at {node['html'][:160]} {node.get('failureSummary', '')}"
        for each in page.evaluate("options => axe.run(options)", options)["violations"]
        if each["id"] not in apart_from
        for node in each["nodes"]
    ]
