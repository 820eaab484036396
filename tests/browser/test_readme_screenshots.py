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
from pytest_django import Settings

from closing.facts.readings import GapReason, ReadGap
from entities.models import Connection, LegalEntity, Membership
from tests.alerts.scenarios import evaluate_now, mark_deliveries_sent
from tests.board.reports.year_of_closes import CODES
from tests.browser.browser_user import Database, NewBrowserUser
from tests.browser.test_matrix import year
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_person
from tests.golden_files import assert_golden

SCREENS = Path(__file__).parents[2] / "docs" / "screens"
PAGES = {
    "board": "/",
    "matrix": "/matrix/",
    "calendar": "/calendar/",
    "past-deadline": "/past-deadline/",
    "entity": "/entities/NLDT/",
    "alerts": "/alerts/",
}


def tell() -> datetime:
    """Everybody who owns an entity past its line is told, five minutes after the other pictures; returns when."""
    group = SampleGroup(Connection.objects.get(), {each.code: each for each in LegalEntity.objects.all()})
    for entity in group.entities.values():
        assert entity.owner is not None
        Membership.objects.create(person=entity.owner, role=Membership.Role.OWNER, entity=entity)
    closed = dict.fromkeys(("UKHC", "UKRT", "IEOP", "FRSA", "USHQ", "CALC"), CLOSED)
    said = dict.fromkeys(CODES, OPEN) | closed | {"USRT": ON_HOLD, "UKWS": ON_HOLD}
    del said["ESIB"]
    evaluate_now(utc("2026-06-17 09:43"))
    gone = ReadGap("esib", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    group.read("2026-06-17 09:44", said, gaps=[gone])
    evaluate_now(utc("2026-06-17 09:45"))
    mark_deliveries_sent(utc("2026-06-17 09:46"))
    return utc("2026-06-17 09:47")


def test_the_pictures_of_the_readme(
    story: Database,
    new_reader: NewBrowserUser,
    clock_at: Callable[[datetime], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    settings.MAILS_LEAVE = True
    clock_at(story(year, save_person))
    reader = new_reader(1400, 900)
    reader.log_in()
    expect(reader.page.locator("#live")).to_be_visible()
    update = os.environ.get("UPDATE_SCREENS") == "1"
    if update:
        monkeypatch.setenv("UPDATE_GOLDEN", "1")
    folder = SCREENS if update else tmp_path
    for name, path in PAGES.items():
        if name == "alerts":
            clock_at(tell())
        reader.open(path)
        if name == "board":
            expect(reader.page.locator("#live")).to_be_visible()
        words = reader.page.locator("main").inner_text()
        assert_golden(f"screens/{name}.txt", words + "\n")
        reader.page.screenshot(path=folder / f"{name}.png")
        assert (folder / f"{name}.png").stat().st_size > 20_000
