"""Each mail of tests/golden/mails in real Chromium: wide and narrow, light and dark, as a mail program shows it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.alerts.mail.mail_scenarios import STORIES
from tests.browser.browser_user import SCHEMES, violations
from tests.golden_files import GOLDEN

# A mailbox puts the mail into a page of its own, which has the landmarks; ours would be one main too many there.
NOT_OF_MAILS = {"landmark-one-main", "region"}
MOST_DIFFERENT = (
    "mixed",
    "hostile",
    "group_closed",
)  # played in the quick suite: all kinds of parts are in these


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A window whose complaints fail the test; a mail asks nobody for anything."""
    context = chromium.new_context(java_script_enabled=True, locale="en-GB", offline=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    yield page
    with suppress(Exception):
        context.close()
    assert not complaints, complaints


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        *((name, (390,)) for name in MOST_DIFFERENT),
        *(pytest.param(name, (1400, 700, 320), marks=pytest.mark.slow) for name in MOST_DIFFERENT),
        *(
            pytest.param(name, (1400, 700, 390, 320), marks=pytest.mark.slow)
            for name in STORIES
            if name not in MOST_DIFFERENT
        ),
    ],
    ids=str,
)
def test_a_mail_is_legible_everywhere(page: Page, name: str, widths: tuple[int, ...]) -> None:
    html = (GOLDEN / "mails" / f"{name}.html").read_text(encoding="utf-8")
    page.set_content(html)
    for width in widths:
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            _picture(page, f"mail-{name}-{width}-{scheme}")
            wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= seen, f"{name} is {wide} px wide in a window of {seen}"
            found = violations(page, apart_from=NOT_OF_MAILS)
            assert not found, "\n".join(found)


def test_a_mail_without_our_rules_is_legible_too(page: Page) -> None:
    """Some programs drop the rules on top; what stands in place must do."""
    html = (GOLDEN / "mails" / "mixed.html").read_text(encoding="utf-8")
    start, end = html.index("<style>"), html.index("</style>")
    page.set_content(html[:start] + html[end + len("</style>") :])
    for width in (700, 390):
        page.set_viewport_size({"width": width, "height": 900})
        _picture(page, f"mail-bare-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not [each for each in Axe().run(page).response["violations"] if each["id"] == "color-contrast"]


def test_a_name_without_a_blank_widens_nothing(page: Page) -> None:
    html = (GOLDEN / "mails" / "mixed.html").read_text(encoding="utf-8")
    page.set_content(html.replace("EU DTC BV", "W" * 100))
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _picture(page: Page, name: str) -> None:
    if folder := os.environ.get("CLOSEBOARD_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
