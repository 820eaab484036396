"""The audit log in real Chromium: filtered and paged by keyboard, exported, and looked at from everywhere."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.board.audit.audit_events import a_week_of_acts
from tests.browser.browser_user import ClockAt, Database, NewBrowserUser, every_look

ADA = "ada@meridian.test"


@every_look
def test_the_audit_log_from_everywhere(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(a_week_of_acts))
    reader = new_reader()
    reader.log_in(ADA, "/audit/")
    expect(reader.page.locator(".event")).to_have_count(8)
    reader.page.locator(".event summary").first.click()
    reader.look_from_everywhere("audit-log")
    reader.open("/audit/?who=nobody&verb=silence.created")
    expect(reader.page.locator("#none")).to_contain_text("No event passes these filters.")
    reader.look_from_everywhere("audit-log-none-found")
