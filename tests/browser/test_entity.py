"""The page of an entity in real Chromium: every designed state, by keyboard, and what people write on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.board.entity_stories import STORIES, rosa
from tests.browser.reader import NewReader, Reader
from tests.saved import PASSWORD

ClockAt = Callable[[datetime], None]


def log_in_at(reader: Reader, path: str, email: str = "rosa.bell@meridian.test") -> None:
    """Follow a link from a mail: the login, and then the page."""
    reader.open(f"/login/?next={quote(path)}")
    reader.page.get_by_label("E-mail").fill(email)
    reader.page.get_by_label("Password").fill(PASSWORD)
    reader.page.get_by_role("button", name="Log in").click()
    reader.page.wait_for_url(reader.site + path)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_designed_state(
    story: Callable[[], datetime], new_reader: NewReader, clock_at: ClockAt
) -> None:
    code, sentence = STORIES[story]
    clock_at(story())
    rosa()
    reader = new_reader()
    log_in_at(reader, f"/entities/{code}/?month=2026-05")
    expect(reader.page.locator("main h2").first).to_have_text(sentence)
    for width in (1400, 390):
        for scheme in ("light", "dark"):
            reader.look(width, scheme)
            reader.assert_accessible()
            reader.assert_no_sideways_scroll()
            reader.picture(f"entity-{story.__name__}-{width}-{scheme}")
