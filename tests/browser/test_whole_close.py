"""A close from its first to its last task in real Chromium: three people, wide, on a phone and without scripts."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from playwright.sync_api import expect

from entities.models import Group, Membership, Person
from tests.browser.browser_user import ROSA, BrowserUser, ClockAt, Database, NewBrowserUser
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import save_person
from tests.worklist.blocked_scenario import blocked
from tests.worklist.few_close_tasks import task_uid
from tests.worklist.whole_close import CONTROLLER, PREPARER, REVIEWER, save_whole_close

DANA, OLAF = "dana.field@meridian.test", "olaf.other@meridian.test"
TASKS = "/entities/NLDT/tasks/?month=2026-05"


def close_to_come() -> datetime:
    blocked()
    save_person(DANA, "Dana Field", role=Membership.Role.ADMINISTRATOR, zone="Europe/London")
    save_person(OLAF, "Olaf Other", zone="Europe/London")
    rosa, dana, olaf = (Person.objects.get(email=email) for email in (ROSA, DANA, OLAF))
    people = {PREPARER: rosa, REVIEWER: dana, CONTROLLER: olaf}
    save_whole_close(Group.objects.get(parent=None), people, WORKED_EXAMPLE_AT)
    return WORKED_EXAMPLE_AT


def at(code: str, holder: str = "NLDT") -> str:
    return f"/tasks/{task_uid(holder, code)}/"


def press(reader: BrowserUser, path: str, button: str, reason: str = "") -> None:
    reader.open(path)
    if reason:
        reader.page.locator("#reason").fill(reason)
    reader.page.get_by_role("button", name=button, exact=True).click()


def stage(reader: BrowserUser, words: str) -> None:
    expect(reader.page.get_by_role("heading", level=2, name=words, exact=True)).to_be_visible()


def forced(reader: BrowserUser, path: str, act: str) -> tuple[int, str]:
    """The answer to an act whose button the page does not offer."""
    token = reader.page.locator("input[name=csrfmiddlewaretoken]").first.input_value()
    answer = reader.page.context.request.post(
        reader.page.url.split("/tasks/")[0] + f"{path}act/",
        form={"csrfmiddlewaretoken": token, "act": act},
        headers={"Referer": reader.page.url},
    )
    return answer.status, answer.text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "javascript"),
    [(1400, True), (390, True), (1400, False)],
    ids=["wide", "phone", "without scripts"],
)
def test_three_people_close_and_close_again(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser, width: int, *, javascript: bool
) -> None:
    clock_at(story(close_to_come))
    rosa, dana, olaf = (new_reader(width, javascript=javascript) for _ in range(3))
    for reader, email in ((rosa, ROSA), (dana, DANA), (olaf, OLAF)):
        reader.log_in(email, "/tasks/mine/?month=2026-05")

    def look(reader: BrowserUser, name: str) -> None:
        reader.picture(f"close-{name}-{width}{'' if javascript else '-plain'}")
        if javascript:
            reader.assert_accessible()
            reader.assert_no_sideways_scroll()

    # The preparer: a task ticked in the list, one against the check of the ERP, and one with a file.
    look(rosa, "mine")
    rosa.page.get_by_label("Run the recurring journals, EU DTC BV").check()
    rosa.page.get_by_role("button", name="Mark the ticked tasks done").click()
    expect(rosa.page.locator(".message")).to_contain_text("1 task marked done.")
    press(rosa, at("gl-post"), "Mark done all the same")
    expect(rosa.page.get_by_role("alert")).to_contain_text("61 lines are still not posted. Give a reason")
    look(rosa, "confirm")
    rosa.page.locator("#reason").fill("they belong to June")
    rosa.page.get_by_role("button", name="Mark done all the same").click()
    expect(rosa.page.locator("p.against")).to_have_text("marked done, ERP still shows 61 lines")
    rosa.open(at("bs-rec"))
    file = {"name": "Balance May.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1"}
    rosa.page.get_by_label("File, up to 10 MB").set_input_files(file)  # type: ignore[arg-type]
    rosa.page.get_by_role("button", name="Add the file").click()
    expect(rosa.page.locator(".task-support")).to_contain_text("Balance May.pdf")
    press(rosa, at("bs-rec"), "Mark done")
    stage(rosa, "Done, to be signed off")

    # The first person does not sign off; the second returns it, and signs off what is done again.
    expect(rosa.page.get_by_role("button", name="Sign off")).to_have_count(0)
    status, html = forced(rosa, at("bs-rec"), "sign_off")
    assert (status, "signs this task off" in html) == (422, True)
    press(dana, at("bs-rec"), "Return", "the bank is missing")
    stage(dana, "Returned")
    press(rosa, at("bs-rec"), "Mark done")
    press(dana, at("bs-rec"), "Sign off")
    stage(dana, "Signed off")
    look(dana, "signed")

    # The controller, and the last tasks of the group.
    press(olaf, at("sign"), "Mark done")
    press(dana, at("sign"), "Sign off")
    press(olaf, at("hold"), "Mark done all the same", "it closes tonight")
    for code in ("cons", "fs"):
        press(olaf, at(code, "MERIDIAN"), "Mark done")
        press(dana, at(code, "MERIDIAN"), "Sign off")
        stage(dana, "Signed off")
    dana.open("/tasks/?month=2026-05")
    expect(dana.page.get_by_role("row", name=re.compile("EU DTC BV"))).to_contain_text("5 of 5")
    expect(dana.page.get_by_role("row", name=re.compile("Meridian Group"))).to_contain_text("2 of 2")
    look(dana, "all-done")

    # The period is reopened: what lapses is shown first, then both rounds stand side by side.
    dana.open(TASKS)
    dana.page.get_by_role("link", name="open a second round").click()
    expect(dana.page.get_by_role("listitem").filter(has_text="Controller signs off")).to_contain_text(
        "lapses to “Signed before reopening”"
    )
    look(dana, "reopening")
    for due in dana.page.locator("input[type=date]").all():
        due.fill("2026-06-19")
    dana.page.get_by_label("Reason").select_option("Audit adjustment")
    dana.page.get_by_label("In words").fill("freight was booked twice")
    dana.page.get_by_role("button", name="Approve and open the second round").click()
    expect(dana.page.locator(".message")).to_contain_text("May 2026 has a second round of 5 tasks.")
    link = dana.page.get_by_role("link", name="Controller signs off", exact=True)
    signs = dana.page.get_by_role("listitem").filter(has=link)
    expect(signs).to_have_count(2)
    expect(signs.first).to_contain_text("Signed before reopening")
    expect(signs.last).to_contain_text("round 2")
    look(dana, "second-round")
    press(rosa, at("rec"), "Undo")
    dana.open(TASKS)
    link = dana.page.get_by_role("link", name="Post all open journals in every module", exact=True)
    expect(dana.page.get_by_role("listitem").filter(has=link)).to_contain_text("done before its dependency")
    look(dana, "before-its-dependency")
    for reader in (rosa, dana, olaf):
        reader.forgive("422")
