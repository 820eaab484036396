"""The matrix in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from playwright.sync_api import Page, expect

from entities.models import LegalEntity
from tests.board.reports.year_of_closes import YEAR_AT, save_year_of_closes
from tests.browser.board_states import all_stale, busy, no_deadlines, no_periods, nothing_read, on_hold_counts
from tests.browser.browser_user import BrowserUser, ClockAt, Database, NewBrowserUser, look_at_states
from tests.browser.test_board_interaction import tab_to
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import SampleEntity


def year() -> datetime:
    save_year_of_closes()
    return YEAR_AT


def nobody_closes() -> datetime:
    busy()
    LegalEntity.objects.update(active_from="2026-07-01")
    return YEAR_AT


def crowd(count: int) -> datetime:
    """So many entities in two groups; every third one is closed."""
    zones = {"UK": ("GB", "Europe/London"), "EUROPE": ("NL", "Europe/Amsterdam")}
    cast = [
        SampleEntity(
            f"E{n:03}", f"Entity {n} with a rather long name", *zones[group], group, "Amira Hale", "", "", ""
        )
        for n in range(count)
        for group in (("UK", "EUROPE")[n % 2],)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-01 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-08 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-12 11:58", {who.code: (OPEN, OPEN, CLOSED)[n % 3] for n, who in enumerate(cast)})
    return utc("2026-06-12 12:00")


def wide_group() -> datetime:
    return crowd(40)


def too_many() -> datetime:
    return crowd(310)


# What the page says, and what its first cell of the newest month says.
STATES = {
    year: "on time 77.6 % of 143 due, below 90 %",
    busy: "12 entities × 12 months",
    all_stale: "Nothing has been read since",
    nothing_read: "Nothing has been read yet",
    no_periods: "The ERP lists no periods for May 2026",
    no_deadlines: "no deadline set",
    on_hold_counts: "On hold counts as closed",
    nobody_closes: "Nobody closes June 2025 – May 2026",
    wide_group: "40 entities × 12 months",
    too_many: "More than 300 entities",
}


@look_at_states(STATES, year, busy, all_stale, too_many)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state, save_person))
    reader = new_reader()
    reader.log_in(path="/matrix/")
    expect(reader.page.locator("main")).to_contain_text(STATES[state])
    reader.look_from_everywhere(f"matrix-{state.__name__}")


# --- people using it ----------------------------------------------------------------------------------------------


def open_matrix(reader: BrowserUser, query: str = "") -> Page:
    reader.log_in(path=f"/matrix/{query}")
    return reader.page


def seen_codes(page: Page) -> list[str]:
    return [each.get_attribute("id") or "" for each in page.locator("tr[id^=row-]").all()]


def test_a_filter_applies_as_soon_as_it_is_chosen(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy, save_person))
    page = open_matrix(new_reader(), "?months=6")
    page.get_by_label("Find an entity or owner").press_sequentially("retail")
    expect(page.locator("tr[id^=row-]")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/matrix/\?q=retail&months=6$"))
    expect(page.get_by_label("Find an entity or owner")).to_be_focused()
    page.get_by_label("Group by").select_option("Owner")
    expect(page.locator("tr.group")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/matrix/\?q=retail&by=owner&months=6$"))
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tr[id^=row-]")).to_have_count(12)
    page.locator("#chip-late").click()
    assert set(seen_codes(page)) == {"row-NLDT", "row-ESIB", "row-UKWS", "row-DEVT", "row-USRT"}


def test_everything_works_without_javascript(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(too_many, save_person))
    page = open_matrix(new_reader(javascript=False))
    page.get_by_role("link", name="United Kingdom").click()
    expect(page.locator("tr[id^=row-]")).to_have_count(155)
    page.get_by_role("link", name="6 months", exact=True).click()
    expect(page.locator("thead th")).to_have_count(7)
    expect(page.locator("tr[id^=row-]")).to_have_count(155)
    page.get_by_label("Find an entity or owner").fill("E012")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("tr[id^=row-]")).to_have_count(1)
    page.locator("#moments summary").click()
    page.get_by_role("link", name="Wed 10 Jun").click()
    expect(page.get_by_text("This is the past:")).to_be_visible()
    page.get_by_role("link", name="Back to now").first.click()
    expect(page.get_by_text("This is the past:")).to_have_count(0)
    page.locator("#previous").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("June 2025 – November 2025")


def test_all_the_way_by_keyboard(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(busy, save_person))
    page = open_matrix(new_reader())
    tab_to(page, "Skip the matrix")
    expect(page.get_by_role("link", name="Skip the matrix")).to_be_in_viewport()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("sheet")
    tab_to(page, "EU DTC BV")
    page.keyboard.press("Tab")
    cell = "EU DTC BV, June 2025: Unknown, the ERP lists no period for June 2025"
    expect(page.get_by_role("link", name=cell)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/entities/NLDT/?month=2025-06")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("June 2025 – May 2026")


def test_a_phone_shows_the_newest_month_first_and_keeps_names_in_sight(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(wide_group, save_person))
    reader = new_reader(390, 800)
    page = open_matrix(reader)
    expect(page.get_by_role("columnheader", name="May 2026")).to_be_in_viewport()
    expect(page.get_by_role("columnheader", name="June 2025")).not_to_be_in_viewport()
    sheet = page.locator(".sheet")
    sheet.evaluate("sheet => { sheet.scrollIntoView(); sheet.scrollTo(-9999, 1200); }")
    expect(page.get_by_role("columnheader", name="June 2025")).to_be_in_viewport(ratio=0.9)
    name = page.locator("tbody th[scope=row] a").filter(visible=True)
    assert any(0 <= (each.bounding_box() or {"x": -1})["x"] < 40 for each in name.all()[15:25])
    reader.assert_no_sideways_scroll()
