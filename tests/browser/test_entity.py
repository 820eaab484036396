"""The page of an entity in real Chromium: every designed state, by keyboard, and what people write on it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import expect

from entities.models import Connection, LegalEntity, Membership
from tests.board.entity.entity_scenarios import (
    STORIES,
    on_watch_without_a_reason,
    over_the_line,
    perhaps_on_time,
    read,
    reopened,
    running,
    stale,
)
from tests.board.entity.entity_scenarios import rosa as make_rosa
from tests.browser.browser_user import ClockAt, Database, NewBrowserUser, every_look, look_at_states
from tests.browser.test_board_interaction import focused, tab_to
from tests.builders import CLOSED, utc
from tests.db_builders import SampleGroup, save_person

SCREENS = Path(__file__).parents[2] / "docs" / "screens"


@look_at_states(STORIES, over_the_line, on_watch_without_a_reason, reopened, perhaps_on_time, running, stale)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    code, sentence = STORIES[state]
    clock_at(reading(state, make_rosa))
    reader = new_reader()
    reader.log_in(path=f"/entities/{code}/?month=2026-05")
    expect(reader.page.locator("main h2").first).to_have_text(sentence)
    reader.look_from_everywhere(f"entity-{state.__name__}")


def test_a_note_by_keyboard_alone(new_reader: NewBrowserUser, clock_at: ClockAt, story: Database) -> None:
    """From a link in a mail: the login, and then the page."""
    clock_at(story(over_the_line))
    path = "/entities/NLDT/?month=2026-05"
    reader = new_reader()
    reader.open(f"/login/?next={quote(path)}")
    reader.type_log_in()
    page = reader.page
    page.wait_for_url(reader.site + path)
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the board"
    page.keyboard.press("Enter")
    tab_to(page, "Change on which the close is expected")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Expected to close on")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Expected to close on")).to_be_hidden()
    tab_to(page, "text")
    assert page.evaluate("document.activeElement.id") == "note-text"
    page.keyboard.type("Bank file is in.")
    page.keyboard.press("Tab")
    assert focused(page) == "Save note"
    page.keyboard.press("Enter")
    expect(page.get_by_text("The note is saved.")).to_be_visible()
    written = page.locator(".timeline > li").filter(has_text="Bank file is in.")
    expect(written).to_have_count(1)
    expect(written).to_contain_text("Rosa Bell wrote")
    reader.assert_accessible()
    assert page.url.startswith(f"{reader.site}/entities/NLDT/?month=2026-05#remark-")
    reader.picture("entity-note-kept")


def test_the_forms_without_javascript_and_what_they_refuse(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database
) -> None:
    clock_at(story(on_watch_without_a_reason, make_rosa))
    reader = new_reader(javascript=False)
    reader.log_in(path="/entities/NLDT/")
    page = reader.page
    page.get_by_role("link", name="Take over").click()
    expect(
        page.get_by_label("What happens next (optional)")
    ).to_be_visible()  # the link opens what it leads to
    page.get_by_text("Give a reason").click()
    page.get_by_label("Why it is overdue").select_option("Another reason")
    page.locator("#reason").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Describe the other reason in a few words.")
    expect(page.get_by_label("Why it is overdue")).to_have_value("other")
    page.get_by_label("In a few words (needed for another reason)").fill("The server room was flooded.")
    page.locator("#reason").get_by_role("button", name="Save").click()
    expect(page.get_by_text("reason missing")).to_have_count(0)
    expect(page.locator("#said")).to_contain_text("Another reasonThe server room was flooded.")
    page.get_by_text("Give a date").click()
    page.get_by_label("Expected to close on").fill("2026-06-18")
    page.locator("#expect").get_by_role("button", name="Save").click()
    expect(page.locator("#standing")).to_contain_text("Expected on Thu 18 June, says Rosa Bell.")
    reader.forgive("422")


@every_look
def test_refused_forms_are_designed_too(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(on_watch_without_a_reason, make_rosa))
    reader = new_reader()
    reader.log_in(path="/entities/NLDT/")
    page = reader.page
    page.get_by_text("Give a date").click()
    page.get_by_label("Expected to close on").fill("2026-01-05")
    page.locator("#expect").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("Mon 5 January 2026 is past. Choose today or later.")
    reader.look_from_everywhere("entity-refused-form")
    reader.forgive("422")


def make_olga() -> None:
    save_person("olga@meridian.test", "Olga", role=Membership.Role.OWNER)


def test_who_only_reads_and_who_may_not_write(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(over_the_line, make_olga))
    reader = new_reader()
    reader.log_in("olga@meridian.test", "/entities/NLDT/")
    expect(reader.page.get_by_text("You can only read this entity.")).to_be_visible()
    expect(reader.page.get_by_role("button", name="Save note")).to_have_count(0)
    reader.assert_accessible()
    reader.picture("entity-reads-only")


def test_the_past_is_marked_and_leads_back_to_now(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(over_the_line, make_rosa))
    reader = new_reader()
    reader.log_in(path="/entities/NLDT/?month=2026-05&at=2026-06-12")
    page = reader.page
    expect(page.get_by_text("This is the past:")).to_be_visible()
    for scheme in ("light", "dark"):
        reader.look(1400, scheme)
        reader.assert_accessible()
        reader.picture(f"entity-past-{scheme}")
    page.locator("#then a").click()
    expect(page.locator("main h2").first).to_have_text("8 days past its deadline of Tue 9 June")


def test_an_open_page_follows_the_erp_and_keeps_what_is_being_typed(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database
) -> None:
    clock_at(story(on_watch_without_a_reason, make_rosa))
    reader = new_reader()
    reader.page.clock.install()
    reader.log_in(path="/entities/NLDT/?month=2026-05")
    page = reader.page
    page.get_by_label("Write a note").fill("Half a sen")
    page.get_by_text("Give a date").click()
    group = SampleGroup(Connection.objects.get(), {"NLDT": LegalEntity.objects.get()})
    read(group, "2026-06-12 12:01", CLOSED)
    clock_at(utc("2026-06-12 12:02"))
    with page.expect_response(lambda answer: "seen=" in answer.url):
        page.clock.fast_forward(61_000)
    expect(page.locator("main h2").first).to_have_text(
        "Closed late on Fri 12 June, 3 days past its deadline of Tue 9 June"
    )
    expect(page.locator("#entity-head .state")).to_have_text("Closed")
    expect(page.locator("#news")).to_contain_text("There is something new in the history below.")
    expect(page).to_have_title(re.compile("^EU DTC BV: Closed late on Fri 12 June"))
    expect(page.get_by_label("Write a note")).to_have_value("Half a sen")
    expect(page.get_by_label("Expected to close on")).to_be_visible()
    reader.assert_accessible()


def test_the_screenshot_of_the_documents(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, tmp_path: Path
) -> None:
    """With UPDATE_SCREENS=1 it is written to docs/screens/entity.png."""
    clock_at(reading(over_the_line, make_rosa))
    reader = new_reader(1400, 1150)
    reader.log_in(path="/entities/NLDT/?month=2026-05")
    folder = SCREENS if os.environ.get("UPDATE_SCREENS") == "1" else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    reader.page.screenshot(path=folder / "entity.png")
    assert (folder / "entity.png").stat().st_size > 20_000
