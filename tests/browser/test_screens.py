"""The pictures of the README: taken by a test, and taken anew when what they show has changed.

With UPDATE_SCREENS=1 they are written to docs/screens. Otherwise the words of each screen are compared with those of
its picture (tests/golden/screens), so that a picture cannot grow old unnoticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.board.year import YEAR_AT, save_a_year
from tests.browser.reader import NewReader
from tests.golden_files import assert_golden
from tests.saved import person

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
PAGES = {
    "board": "/",
    "matrix": "/matrix/",
    "calendar": "/calendar/",
    "past-deadline": "/past-deadline/",
    "entity": "/entities/NLDT/",
}


def test_the_pictures_of_the_readme(
    new_reader: NewReader,
    clock_at: Callable[[datetime], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock_at(YEAR_AT)
    save_a_year()
    person()
    reader = new_reader(1400, 900)
    reader.log_in()
    expect(reader.page.locator("#live")).to_be_visible()
    update = os.environ.get("UPDATE_SCREENS") == "1"
    if update:
        monkeypatch.setenv("UPDATE_GOLDEN", "1")
    folder = SCREENS if update else tmp_path
    for name, path in PAGES.items():
        reader.open(path)
        if name == "board":
            expect(reader.page.locator("#live")).to_be_visible()
        words = reader.page.locator("main").inner_text()
        assert_golden(f"screens/{name}.txt", words + "\n")
        reader.page.screenshot(path=folder / f"{name}.png")
        assert (folder / f"{name}.png").stat().st_size > 20_000
