"""What time alone does to an open board, by the server's clock, whatever the browser's own says."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.board_states import worked
from tests.browser.browser_user import STREAMS, ClockAt, Database, NewBrowserUser
from tests.builders import CLOSED, ON_HOLD, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import save_person, save_sample_group


def test_readings_age_by_the_servers_clock_also_where_nothing_is_heard(
    clock_at: ClockAt, new_reader: NewBrowserUser, reading: Database
) -> None:
    """The browser's clock is months away from the server's, the stream is blocked, and a poll finds nothing new."""
    reading(worked, save_person)
    reader = new_reader()
    page = reader.page
    page.clock.install()
    page.route(STREAMS, lambda route: route.abort())
    reader.log_in()
    page.clock.fast_forward(6_000)
    expect(page.locator("#row-NLDT .read time")).to_have_text("2 min")
    expect(page.locator("#row-NLDT")).not_to_have_class(re.compile(r"\bstale\b"))
    expect(page.locator("#moment")).to_have_text("Fri 12 June 2026, 13:00")
    expect(page.locator("#freshness")).to_have_text("All read within 2 min")

    page.clock.fast_forward(5 * 60_000)
    expect(page.locator("#row-NLDT .read time")).to_have_text("7 min")
    expect(page.locator("#freshness")).to_have_text("All read within 7 min")
    expect(page.locator("#moment")).to_have_text("Fri 12 June 2026, 13:05")
    expect(page.locator("#row-NLDT")).not_to_have_class(re.compile(r"\bstale\b"))

    page.clock.fast_forward(10 * 60_000)
    for code in ("NLDT", "USRT", "UKHC", "UKRT"):
        expect(page.locator(f"#row-{code}")).to_have_class(re.compile(r"\bstale\b"))
    expect(page.locator("#scoreboard")).to_have_class(re.compile(r"\bis-aged\b"))
    expect(page.locator("#row-NLDT .read time")).to_have_text("17 min")
    reader.forgive("ERR_FAILED", "htmx:", "seen=")  # hours in a moment end what is under way


def test_a_stale_reading_grows_older_too(
    own_database: None, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    group = save_sample_group()
    group.read("2026-06-12 11:00", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN})
    clock_at(WORKED_EXAMPLE_AT)
    save_person()
    reader = new_reader()
    page = reader.page
    page.clock.install()
    page.route(STREAMS, lambda route: route.abort())
    reader.log_in()
    expect(page.locator("#row-NLDT .read time")).to_have_text("1 h")
    page.clock.fast_forward(2 * 3600_000 + 6_000)
    expect(page.locator("#row-NLDT .read time")).to_have_text("3 h")
    expect(page.locator("#freshness")).to_have_text("4 of 4 not read")
    reader.forgive("ERR_FAILED", "htmx:", "seen=")  # hours in a moment end what is under way
