"""What is in the way on the page of an entity, in real Chromium: opened, carried on purpose, undone, read again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from entities.models import Membership
from tests.browser.board_states import worked
from tests.browser.browser_user import (
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.db_builders import save_person
from tests.worklist.opened_scenario import opened_at_noon

pytestmark = pytest.mark.timeout(300)  # axe on a long page, four times
PAGE = "/entities/NLDT/"


def administrator() -> None:
    save_person("adam.noor@meridian.test", "Adam Noor", role=Membership.Role.ADMINISTRATOR)


@every_look
def test_each_number_opens_to_its_items(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(opened_at_noon, administrator))
    reader = new_reader()
    reader.log_in("adam.noor@meridian.test", PAGE)
    section = reader.page.locator("#work")
    expect(section.locator("h2")).to_contain_text("4 warnings, 3 notes, 3 not readable in full")
    for width in (390, 1400):
        reader.look(width, "light")
        reader.picture(f"entity-work-{width}")
    for number in (2, 3, 4):
        section.locator(f"#work-{number} > summary").click()
    section.locator("#work-clear > summary").click()
    reader.look_from_everywhere("entity-work-opened")
    reader.look(1400, "light")
    section.locator("#work-1 > summary").click()  # twenty rows, which axe would take a minute for
    expect(section.locator("#work-1 caption")).to_have_text("20 of 61 shown, the oldest first")
    link = section.locator("#work-1").get_by_role("link", name="Open GNJ-00001 in the ERP").first
    assert link.get_attribute("rel") == "noopener noreferrer"


@every_look
def test_the_forms_of_the_profile_and_of_carried_items(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(opened_at_noon, administrator))
    reader = new_reader()
    reader.log_in("adam.noor@meridian.test", PAGE)
    reader.page.get_by_role("link", name="Change the profile").click()
    expect(reader.page.get_by_role("heading", level=1)).to_have_text("Profile of EU DTC BV")
    reader.look_from_everywhere("entity-profile")
    reader.open(f"{PAGE}carried/?month=2026-05&fact=unposted_documents%7Cvendor_invoices%7C%7C")
    reader.look_from_everywhere("entity-carried-form")


@every_look
def test_without_any_reading_the_page_says_so(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(worked, save_person))
    reader = new_reader()
    reader.log_in(path=PAGE)
    expect(reader.page.locator("#work")).to_contain_text("No unfinished work has been read for EU DTC BV")
    reader.look_from_everywhere("entity-work-nothing")


@with_and_without_scripts
def test_items_are_carried_on_purpose_ended_and_given_back(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser, javascript: bool
) -> None:
    at = story(opened_at_noon)
    clock_at(at)
    reader = new_reader(javascript=javascript)
    reader.log_in(path=PAGE)
    page = reader.page
    page.locator("#work-2 > summary").click()
    page.locator("#work-2").get_by_role("link", name="Carry on purpose").click()
    page.get_by_role("button", name="Carry on purpose").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose at least one item.")
    reader.forgive("422")
    page.get_by_label("GNJ-00900").check()
    page.get_by_label("GNJ-00901").check()
    page.get_by_label("Because").fill("the supplier disputes them")
    page.get_by_role("button", name="Carry on purpose").click()
    expect(page.locator(".messages")).to_contain_text("2 items are carried on purpose until 30 June.")
    carried = page.locator("#work-2")
    expect(carried.locator("summary")).to_contain_text("2 more carried on purpose until 30 June, because the")
    carried.locator("summary").click()
    reader.picture(f"entity-carried-{javascript}")
    clock_at(at + timedelta(minutes=1))
    carried.get_by_role("button", name="End carrying GNJ-00900").click()
    expect(page.locator(".messages")).to_contain_text("it counts again")
    expect(page.locator("#work-2 summary")).to_contain_text("3 vendor invoices not posted")
    clock_at(at + timedelta(minutes=2))
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".messages")).to_contain_text("That is undone.")
    expect(page.locator("#work-2 summary")).to_contain_text("2 vendor invoices not posted")
    if javascript:  # axe waits for timers, which do not run without scripts
        reader.assert_accessible(contrast=False)
