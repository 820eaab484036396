"""Work by file in real Chromium: sent, looked at, saved in part, in every look, and without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.browser_user import (
    BrowserUser,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.worklist.blocked_scenario import blocked_at_noon
from tests.worklist.work_files import RUNS, WORK, run, work, workbook_file
from worklist.recording.work_file import SentFile


def sent_file() -> SentFile:
    """Two counts, one of them wrong, and a close that is reversed by nobody."""
    return workbook_file(
        {
            WORK: [
                work(Kind="approvals_waiting", Count=7, Note="Expense reports of the sales team"),
                work("UKRT", "many"),
            ],
            RUNS: [run("2026-04-30", "2026-05-05 18:05")],
        },
        name="what no ERP shows, May 2026.xlsx",
    )


def open_preview(reader: BrowserUser, file: SentFile) -> None:
    page = reader.page
    page.get_by_label("Workbook (.xlsx) or CSV in UTF-8").set_input_files(
        {"name": file.name, "mimeType": "application/octet-stream", "buffer": file.content}
    )
    page.get_by_role("button", name="Show what would change").click()


@pytest.mark.slow
@with_and_without_scripts
def test_a_file_is_looked_at_and_its_good_rows_are_saved(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser, javascript: bool
) -> None:
    clock_at(story(blocked_at_noon))
    reader = new_reader(javascript=javascript)
    reader.log_in(path="/work/upload/")
    open_preview(reader, sent_file())
    expect(reader.page.locator(".file-problems")).to_contain_text("Unfinished work, row 3, Count")
    expect(reader.page.locator(".file-table")).to_contain_text("items waiting for approval, May 2026")
    reader.page.get_by_role("button", name="Save the 2 good rows").click()
    expect(reader.page.get_by_role("heading", level=2, name="2 rows saved")).to_be_visible()
    reader.open("/")
    row = reader.page.locator("#row-NLDT")
    row.locator(".blockers summary").click()
    expect(row.locator(".blockers")).to_contain_text("by file, Rosa Bell, 12 Jun")


@every_look
@pytest.mark.slow
def test_the_pages_of_files_look_right_everywhere(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(blocked_at_noon))
    reader = new_reader()
    reader.log_in(path="/work/upload/")
    reader.look_from_everywhere("work-upload")
    reader.page.get_by_role("button", name="Show what would change").click()
    reader.look_from_everywhere("work-upload-refused")
    open_preview(reader, sent_file())
    reader.look_from_everywhere("work-preview")
    reader.page.get_by_role("button", name="Save the 2 good rows").click()
    reader.look_from_everywhere("work-result")
    reader.forgive("422")
