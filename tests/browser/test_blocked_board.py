"""What is in the way on the board, the matrix and the wall in real Chromium: filter, roll-up, cause and tasks."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from closing.close_tasks.task_acts import TaskAct
from entities.models import Connection, Person
from tests.browser.browser_user import (
    ROSA,
    SCHEMES,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.browser.test_live import assert_never_reloaded, live
from tests.browser.test_wall import assert_fits
from tests.builders import WORKED_EXAMPLE_AT
from tests.worklist.blocked_scenario import blocked_group_with_tasks, in_the_way_of_eu_dtc
from tests.worklist.few_close_tasks import task_uid
from tests.worklist.work_reads import begin_work, record_facts
from worklist.task_store.task_acts_store import act_on_task

pytestmark = pytest.mark.slow
CAUSE = "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd."

FOUR_KINDS = "recurring journals, inventory periods, depreciation journals, bank reconciliations"
SILENT = f"Finance & Operations does not show unposted journal lines, {FOUR_KINDS}"


@every_look
def test_the_board_rolls_up_what_is_in_the_way(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader()
    reader.log_in()
    page = reader.page
    expect(page.locator("#verdict .detail")).to_contain_text(CAUSE)
    europe = page.locator("#group-EUROPE .blocker")
    expect(europe).to_have_text(
        ["61 lines not posted", "4 vendor invoices not posted", "+2", "1 not readable in full"]
    )
    expect(page.locator("#row-NLDT .tasks-bar")).to_have_text("2 of 4 tasks 2 overdue")
    reader.look_from_everywhere("rolled-up")
    page.locator("#group-AMERICAS .blockers summary").click()
    expect(page.locator("#group-AMERICAS .blockers li")).to_have_text(
        [
            "7 lines not posted",
            "1 intercompany counterparty out of step: 307.69 GBP",
            "not readable for 1 entity: " + FOUR_KINDS,
        ]
    )
    reader.look_from_everywhere("rolled-up-opened")


@with_and_without_scripts
def test_a_sum_leads_to_its_rows_and_the_filter_says_so(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, javascript: bool
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader(javascript=javascript)
    reader.log_in()
    page = reader.page
    page.locator("#group-EUROPE .blockers summary").click()
    page.get_by_role("link", name="61 lines not posted").click()
    page.wait_for_url("**/?blocked=unposted_journals&group=EUROPE")
    expect(page.locator("#rows tr[id^=row-]")).to_have_count(1)
    expect(page.get_by_label("Blocked by")).to_have_value("unposted_journals")
    page.get_by_role("link", name="Clear").click()
    page.get_by_label("Blocked by").select_option("intercompany_imbalance")
    if not javascript:
        page.get_by_role("button", name="Apply").click()
    expect(page.locator("#rows tr[id^=row-]")).to_have_count(3)
    expect(page.locator("#pick-blocked option:checked")).to_have_text("Intercompany balances (3)")
    page.locator("#row-NLDT .tasks-bar").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("EU DTC BV")


def test_a_closed_entity_does_not_shout_what_cannot_be_read(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader()
    reader.log_in()
    closed = reader.page.locator("#row-UKHC .blockers")
    expect(closed.locator(".blocker")).to_have_text(["6 not readable in full"])
    closed.locator("summary").click()
    expect(closed.locator("li")).to_have_text(
        [
            "unposted customer invoices: none seen; released but unposted ones look posted",
            SILENT,
        ]
    )
    reader.picture("closed-not-readable")


def test_the_matrix_says_what_is_in_the_way_of_a_cell_without_a_mouse(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader()
    reader.log_in(path="/matrix/")
    words = (
        "EU DTC BV, May 2026: Open, 3 calendar days late, watch: alert line at 5 calendar days. In the way:"
        " 61 lines not posted, 4 vendor invoices not posted, intercompany with UK Retail Ltd 640.00 EUR,"
        " inventory close missing; not readable in full: recurring journals"
    )
    cell = reader.page.get_by_role("link", name=words)
    expect(cell).to_have_attribute("title", words)
    cell.focus()
    reader.page.keyboard.press("Shift+Tab")
    reader.page.keyboard.press("Tab")
    expect(cell).to_be_focused()
    expect(cell.locator(".unseen")).to_be_in_viewport(ratio=1)
    for width, scheme in ((1400, "light"), (390, "dark")):
        reader.look(width, scheme)  # type: ignore[arg-type]
        expect(cell.locator(".unseen")).to_be_in_viewport(ratio=1)
        reader.picture(f"matrix-blocked-{width}-{scheme}")
    reader.assert_accessible()


def test_the_wall_says_it_in_its_line(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader(1920, 1080, javascript=False)
    reader.log_in(path="/wall/")
    expect(reader.page.locator(".answer")).to_contain_text(CAUSE)
    expect(reader.page.locator(".of-work")).to_have_text(
        [
            "61 lines not posted, +3, 1 not readable",
            "7 lines left behind, +1, 4 not readable",
            "",
            "intercompany with EU DTC BV 640.00 EUR, +1",
        ]
    )
    for width, height in ((1920, 1080), (2560, 1440), (390, 844)):
        for scheme in SCHEMES:
            reader.page.set_viewport_size({"width": width, "height": height})
            reader.page.emulate_media(color_scheme=scheme)
            reader.picture(f"wall-blocked-{width}-{scheme}")
            if width > 1000:
                assert_fits(reader)
            reader.assert_no_sideways_scroll()


def test_row_sums_cause_and_bar_change_on_two_open_boards(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(blocked_group_with_tasks))
    pages = [live(new_reader()) for _ in range(2)]
    for page in pages:
        expect(page.locator("#verdict")).to_contain_text(CAUSE)
        expect(page.locator("#group-EUROPE .blocker").first).to_have_text("61 lines not posted")
    at = WORKED_EXAMPLE_AT - timedelta(minutes=1)
    record_facts(begin_work(Connection.objects.get(), at), in_the_way_of_eu_dtc(at, left=0))
    act_on_task(
        Person.objects.get(email=ROSA), task_uid("NLDT", "hold"), TaskAct.DO, at, reason="it is today"
    )
    for page in pages:
        expect(page.locator("#group-EUROPE .blocker")).to_have_text(["1 not readable in full"])
        expect(page.locator("#verdict")).not_to_contain_text("root cause")
        expect(page.locator("#row-NLDT .tasks-bar")).to_have_text("3 of 4 tasks 1 overdue")
        expect(page.locator("#pick-blocked option")).to_have_count(5)
        assert_never_reloaded(page)


@every_look
def test_the_queue_is_filtered_by_what_is_in_the_way(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(blocked_group_with_tasks))
    reader = new_reader()
    reader.log_in(path="/past-deadline/")
    page = reader.page
    page.get_by_label("Blocked by").select_option("inventory_not_closed")
    expect(page.locator(".part-of-queue li[id]")).to_have_count(1)
    expect(page.get_by_text("Only Blocked by: inventory periods")).to_be_visible()
    reader.look_from_everywhere("queue-blocked")
