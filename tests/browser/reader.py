"""A person at a browser, as the stories see them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.saved import PASSWORD

SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


@dataclass
class Reader:
    """A person at a browser; whatever the browser complains about is kept and fails the test at its end."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    def hear(self, said: ConsoleMessage) -> None:
        """Keep what the console says in earnest; a CSP violation is said there too."""
        if said.type in {"error", "warning"}:
            self.complaints.append(said.text)

    def hear_of_failure(self, request: Request) -> None:
        """Keep a request that failed; one that the browser gave up, since its page was left meanwhile, did not."""
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url} {request.failure}")

    def open(self, path: str = "/") -> None:
        self.page.goto(self.site + path)

    def log_in(self, email: str = "rosa.bell@meridian.test") -> None:
        self.open("/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url(self.site + "/")

    def look(self, width: int, scheme: Literal["light", "dark"]) -> None:
        """Look at the same page on a screen of another width, by day or by night."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)

    def forgive(self, *words: str) -> None:
        """Drop the complaints that a story causes on purpose."""
        self.complaints = [each for each in self.complaints if not any(word in each for word in words)]

    def assert_accessible(self) -> None:
        """axe finds nothing against WCAG 2.2 A and AA or its own best practices."""
        found = Axe().run(self.page).response["violations"]
        told = [
            f"{each['id']}: {each['help']} at {node['html'][:160]} {node.get('failureSummary', '')}"
            for each in found
            for node in each["nodes"]
        ]
        assert not told, "\n".join(told)

    def assert_no_sideways_scroll(self) -> None:
        wide, seen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= seen, f"the page is {wide} px wide in a window of {seen}"

    def look_from_everywhere(self, name: str) -> None:
        """Look wide and narrow, by day and by night: a picture each, axe finds nothing, nothing sticks out."""
        for width in (1400, 390):
            for scheme in SCHEMES:
                self.look(width, scheme)
                self.picture(f"{name}-{width}-{scheme}")
                self.assert_accessible()
                self.assert_no_sideways_scroll()

    def picture(self, name: str) -> None:
        """Keep a screenshot where CLOSEBOARD_PICTURES names a folder, for a person to look at."""
        if folder := os.environ.get("CLOSEBOARD_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


NewReader = Callable[..., Reader]
