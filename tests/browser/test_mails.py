"""Each mail of tests/golden/mails in real Chromium: wide and narrow, light and dark, as a mail program shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

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
def test_a_mail_is_legible_everywhere(mail_page: Page, name: str, widths: tuple[int, ...]) -> None:
    html = (GOLDEN / "mails" / f"{name}.html").read_text(encoding="utf-8")
    mail_page.set_content(html)
    for width in widths:
        for scheme in SCHEMES:
            mail_page.set_viewport_size({"width": width, "height": 900})
            mail_page.emulate_media(color_scheme=scheme)
            _picture(mail_page, f"mail-{name}-{width}-{scheme}")
            wide, seen = mail_page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
            assert wide <= seen, f"{name} is {wide} px wide in a window of {seen}"
            found = violations(mail_page, apart_from=NOT_OF_MAILS)
            assert not found, "\n".join(found)


def test_a_mail_without_our_rules_is_legible_too(mail_page: Page) -> None:
    """Some programs drop the rules on top; what stands in place must do."""
    html = (GOLDEN / "mails" / "mixed.html").read_text(encoding="utf-8")
    start, end = html.index("<style>"), html.index("</style>")
    mail_page.set_content(html[:start] + html[end + len("</style>") :])
    for width in (700, 390):
        mail_page.set_viewport_size({"width": width, "height": 900})
        _picture(mail_page, f"mail-bare-{width}")
        assert mail_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not [
            each for each in Axe().run(mail_page).response["violations"] if each["id"] == "color-contrast"
        ]


def test_a_name_without_a_blank_widens_nothing(mail_page: Page) -> None:
    html = (GOLDEN / "mails" / "mixed.html").read_text(encoding="utf-8")
    mail_page.set_content(html.replace("EU DTC BV", "W" * 100))
    for width in (390, 320):
        mail_page.set_viewport_size({"width": width, "height": 900})
        assert mail_page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _picture(mail_page: Page, name: str) -> None:
    if folder := os.environ.get("CLOSEBOARD_PICTURES"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        mail_page.screenshot(path=f"{folder}/{name}.png", full_page=True)
