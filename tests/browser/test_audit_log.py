"""The audit log in real Chromium: filtered, paged and exported by keyboard, and looked at from everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.board.audit.audit_events import NOON, WHOLE, a_week_of_acts, save_events
from tests.browser.browser_user import (
    BrowserUser,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)

ADA = "ada@meridian.test"


def a_busy_week() -> None:
    """More events at one moment than fit on a page."""
    save_events([WHOLE] * 50, NOON)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element of a name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = "(e => (e.labels?.[0] ?? e).textContent.trim())(document.activeElement)"
        if page.evaluate(focused) == name:
            return
    raise AssertionError(f"Tab does not reach {name}")


@pytest.mark.slow
@with_and_without_scripts
def test_an_auditor_filters_pages_and_exports_by_keyboard(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database, javascript: bool
) -> None:
    clock_at(story(a_week_of_acts, a_busy_week))
    reader: BrowserUser = new_reader(javascript=javascript)
    reader.log_in(ADA, "/")
    page = reader.page
    page.locator("#person summary").focus()
    page.keyboard.press("Enter")
    tab_to(page, "Audit log")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("58 events in the last 30 days")
    expect(page.locator(".event")).to_have_count(50)
    tab_to(page, "Older")
    page.keyboard.press("Enter")
    expect(page.locator(".event")).to_have_count(8)
    tab_to(page, "Newer")
    page.keyboard.press("Enter")
    expect(page.locator(".event")).to_have_count(50)
    tab_to(page, "Act")
    page.keyboard.type("Silenced")
    tab_to(page, "Object")
    page.keyboard.type("nldt")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_contain_text("Only Act: Silenced · Object: “nldt”")
    expect(page.locator(".event")).to_have_count(1)
    expect(page.locator(".event")).to_contain_text("Because The auditors have the books until Thursday")
    tab_to(page, "Export CSV")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[6] for line in lines] == ["verb", "silence.created"]
    tab_to(page, "Clear filters")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{reader.site}/audit/")
    expect(page.locator(".seal")).to_contain_text("at 13:00")


@every_look
def test_the_audit_log_from_everywhere(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(a_week_of_acts))
    reader = new_reader()
    reader.log_in(ADA, "/audit/")
    expect(reader.page.locator(".event")).to_have_count(8)
    for summary in reader.page.locator("main summary").all():
        summary.click()
    reader.look_from_everywhere("audit-log")
    reader.open("/audit/?who=nobody&verb=silence.created")
    expect(reader.page.locator("#none")).to_contain_text("No event passes these filters.")
    reader.look_from_everywhere("audit-log-none-found")
    reader.page.locator("#person summary").click()
    reader.look_from_everywhere("audit-log-menu")
