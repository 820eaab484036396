"""The board in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.board_states import STATES, all_stale, busy, closed, no_entities, not_due, worked
from tests.browser.browser_user import (
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    look_at_states,
    violations,
)
from tests.builders import CLOSED, OPEN
from tests.db_builders import (
    save_person,
    save_sample_group,
)
from tests.sample_entities import SampleEntity

slow = pytest.mark.slow
SCREENS = Path(__file__).parents[2] / "docs" / "screens"


@look_at_states(STATES, worked, busy, closed, all_stale, no_entities, not_due)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state, save_person))
    reader = new_reader()
    reader.log_in()
    expect(reader.page.locator("h2")).to_have_text(STATES[state])
    expect(reader.page).to_have_title(re.compile(re.escape(STATES[state])))
    reader.look_from_everywhere(state.__name__)


@every_look
def test_the_plain_pages(new_reader: NewBrowserUser, reading: Database) -> None:
    reading(worked, save_person)
    reader = new_reader()
    for name, path in (("login", "/login/"), ("404", "/nowhere")):
        reader.open(path)
        reader.look_from_everywhere(name)
    reader.forgive("404")


def test_pale_words_are_found_where_contrast_is_looked_at(new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    reader.open("/login/")
    page = reader.page
    page.evaluate("document.querySelector('label').style.color = '#ddd'")
    assert [found.partition(":")[0] for found in violations(page)] == ["color-contrast"]
    assert violations(page, contrast=False) == []


def test_a_wrong_password_is_said_in_words(new_reader: NewBrowserUser, story: Database) -> None:
    story(worked, save_person)  # a refused sign-in is counted
    reader = new_reader()
    reader.open("/login/")
    reader.page.get_by_label("E-mail").fill("rosa.bell@meridian.test")
    reader.page.get_by_label("Password").fill("not it")
    reader.page.keyboard.press("Enter")
    expect(reader.page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(reader.page.get_by_label("E-mail")).to_have_value("rosa.bell@meridian.test")
    reader.assert_accessible()
    reader.picture("login-error")


@pytest.mark.parametrize("width", [320, 2560, *(pytest.param(n, marks=slow) for n in (360, 768, 1024, 1920))])
def test_any_screen(width: int, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(busy, save_person))
    reader = new_reader(width, 1440 if width == 2560 else 900)
    reader.log_in()
    reader.assert_no_sideways_scroll()
    reader.picture(f"width-{width}")


def test_what_folds_opens_within_the_page(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database
) -> None:
    clock_at(story(busy, save_person))
    reader = new_reader(dark=True)
    reader.log_in()
    reader.page.get_by_text("Tue 9 Jun").first.click()
    words = "6th working day after Sun 31 May 2026, Netherlands calendar"
    expect(reader.page.get_by_text(words)).to_be_visible()
    expect(reader.page.get_by_text(words)).to_contain_text("It ends with the day in Amsterdam.")
    reader.assert_accessible()
    reader.picture("explained")
    reader.page.get_by_text("two modules restricted").click()
    expect(reader.page.get_by_text(words)).to_be_hidden()
    expect(reader.page.get_by_text("Ledger only for user group FINCLOSE")).to_be_visible()
    reader.page.keyboard.press("Escape")
    expect(reader.page.get_by_text("Ledger only for user group FINCLOSE")).to_be_hidden()
    reader.page.get_by_text("Rosa Bell: menu").locator("..").click()
    expect(reader.page.locator("#person .menu")).to_contain_text("RoleFinance")
    expect(reader.page.locator("#person .menu")).to_be_visible()
    reader.assert_accessible()
    reader.picture("menu")
    reader.page.get_by_role("button", name="Log out").click()
    reader.page.wait_for_url("**/login/")


def test_a_month_that_is_none(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    reading(worked, save_person)
    reader = new_reader()
    reader.log_in()
    reader.open("/?month=May")
    expect(reader.page.get_by_role("heading")).to_have_text("That cannot be shown")
    expect(reader.page.get_by_role("main")).to_contain_text("No such month: “May”.")
    reader.assert_accessible()
    reader.picture("no-such-month")
    reader.page.get_by_role("link", name="Show the latest, May 2026").click()
    expect(reader.page.get_by_role("heading", name="May 2026")).to_be_visible()
    reader.forgive("400")


def test_one_printed_page_for_25_entities(
    own_database: None, new_reader: NewBrowserUser, clock_at: ClockAt
) -> None:
    cast = [
        SampleEntity(f"E{n:02}", f"Entity {n} Ltd", "GB", "Europe/London", "UK", "Amira Hale", "", "", "")
        for n in range(25)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-01 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-12 11:58", {who.code: (OPEN, CLOSED)[n % 2] for n, who in enumerate(cast)})
    save_person()
    reader = new_reader()
    reader.log_in()
    pdf = reader.page.pdf(prefer_css_page_size=True, print_background=True)
    reader.page.emulate_media(media="print")
    expect(reader.page.locator("#to-wall")).to_be_hidden()
    reader.page.emulate_media(media="screen")
    if folder := os.environ.get("CLOSEBOARD_PICTURES"):
        Path(folder, "print.pdf").write_bytes(pdf)
        reader.page.emulate_media(media="print")
        reader.page.set_viewport_size({"width": 1047, "height": 725})
        reader.picture("print")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


def test_the_screenshot_of_the_readme(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, tmp_path: Path
) -> None:
    """With UPDATE_SCREENS=1 it is written to docs/screens/board.png, for the README."""
    clock_at(reading(worked, save_person))
    reader = new_reader(1400, 780)
    reader.log_in()
    folder = SCREENS if os.environ.get("UPDATE_SCREENS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    reader.page.screenshot(path=folder / "board.png")
    assert (folder / "board.png").stat().st_size > 20_000
