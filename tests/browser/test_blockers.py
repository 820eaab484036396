"""What is in the way of a close, in real Chromium: on the board, opened to its items, live, and without scripts."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import expect

from entities.models import Connection
from tests.browser.browser_user import ClockAt, Database, NewBrowserUser, every_look
from tests.browser.test_live import assert_never_reloaded, live
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import save_person
from tests.worklist.blocked_scenario import blocked_at_noon, in_the_way_of_eu_dtc
from tests.worklist.work_reads import begin_work, record_facts


@every_look
def test_the_board_says_what_is_in_the_way(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_at_noon))
    reader = new_reader()
    reader.log_in()
    row = reader.page.locator("#row-NLDT")
    expect(row.locator(".blocker")).to_have_text(
        ["61 lines not posted", "4 vendor invoices not posted", "+2", "1 not readable in full"]
    )
    reader.look_from_everywhere("blocked")
    row.locator(".blockers summary").click()
    expect(row.locator(".blockers li")).to_have_text(
        [
            "61 lines not posted, above 50; 2 approved, waiting to be posted",
            "4 vendor invoices not posted, due Tue 9 Jun",
            "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00",
            "no inventory close through 31 May 2026",
            "Finance & Operations does not show recurring journals",
        ]
    )
    reader.look_from_everywhere("blocked-opened")


def test_two_open_boards_change_as_the_lines_are_posted(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(blocked_at_noon))
    connection = Connection.objects.get()
    save_person("dana.field@meridian.test", "Dana Field", zone="America/New_York")
    pages = [live(new_reader()), live(new_reader(), "dana.field@meridian.test")]
    for page in pages:
        expect(page.locator("#row-NLDT .blocker").first).to_have_text("61 lines not posted")
        expect(page.locator("#row-UKRT .blocker").first).to_have_text(
            "intercompany with EU DTC BV 640.00 EUR"
        )
    at = WORKED_EXAMPLE_AT - timedelta(minutes=1)
    record_facts(begin_work(connection, at), in_the_way_of_eu_dtc(at, left=0))
    for page in pages:
        expect(page.locator("#row-NLDT .blocker")).to_have_text(["1 not readable in full"])
        expect(page.locator("#row-UKRT .blocker")).to_have_count(0)
        assert_never_reloaded(page)
