"""Close tasks in real Chromium: a close with three people of different roles, in every look, and without scripts."""

from __future__ import annotations

from datetime import datetime

from playwright.sync_api import expect

from entities.models import Group, Person
from tests.browser.browser_user import (
    ROSA,
    BrowserUser,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import save_person
from tests.worklist.blocked_scenario import blocked
from tests.worklist.few_close_tasks import save_few_tasks, task_uid

DANA, OLAF = "dana.field@meridian.test", "olaf.other@meridian.test"


def close_at_noon() -> datetime:
    blocked()
    for email, name in ((DANA, "Dana Field"), (OLAF, "Olaf Other")):
        save_person(email, name, zone="Europe/London")
    rosa, dana = (Person.objects.get(email=email) for email in (ROSA, DANA))
    top = Group.objects.get(parent=None)
    save_few_tasks(top, rosa, dana, top, WORKED_EXAMPLE_AT)
    return WORKED_EXAMPLE_AT


def enter(new_reader: NewBrowserUser, email: str, path: str, *, javascript: bool) -> BrowserUser:
    reader = new_reader(javascript=javascript)
    reader.log_in(email, path)
    return reader


@with_and_without_scripts
def test_a_task_is_done_returned_and_signed_off_by_three_people(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser, javascript: bool
) -> None:
    clock_at(story(close_at_noon))
    flux = f"/tasks/{task_uid('NLDT', 'flux')}/"
    rosa = enter(new_reader, ROSA, flux, javascript=javascript)
    rosa.page.get_by_role("button", name="Mark done").click()
    expect(rosa.page.locator(".message")).to_contain_text("The task is done.")
    expect(rosa.page.get_by_role("button", name="Sign off")).to_have_count(0)
    dana = enter(new_reader, DANA, flux, javascript=javascript)
    dana.page.get_by_role("button", name="Return").click()
    expect(dana.page.get_by_role("alert")).to_contain_text("Give a reason")
    dana.page.locator("#reason").fill("Freight is missing")
    dana.page.get_by_role("button", name="Return").click()
    expect(dana.page.get_by_role("heading", level=2, name="Returned")).to_be_visible()
    rosa.open(flux)
    expect(rosa.page.locator(".task-history")).to_contain_text(
        "Dana Field: returned, because: Freight is missing"
    )
    rosa.page.get_by_role("button", name="Mark done").click()
    dana.open(flux)
    dana.page.get_by_role("button", name="Sign off").click()
    expect(dana.page.get_by_role("heading", level=2, name="Signed off")).to_be_visible()
    olaf = enter(new_reader, OLAF, f"/tasks/{task_uid('NLDT', 'lease')}/", javascript=javascript)
    olaf.page.get_by_role("button", name="Take over").click()
    expect(olaf.page.locator(".message")).to_contain_text("The task is given to Olaf Other.")
    olaf.open("/tasks/mine/?month=2026-05")
    olaf.page.get_by_label("Post leases, EU DTC BV").check()
    olaf.page.get_by_role("button", name="Mark the ticked tasks done").click()
    expect(olaf.page.locator(".message")).to_contain_text("1 task marked done.")
    dana.forgive("422")


@every_look
def test_the_pages_of_tasks_look_right_everywhere(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(close_at_noon))
    reader = new_reader()
    reader.log_in()
    for name, path in (
        ("tasks", "/tasks/?month=2026-05"),
        ("tasks-filtered", "/tasks/?month=2026-05&which=blocked"),
        ("tasks-mine", "/tasks/mine/?month=2026-05"),
        ("tasks-entity", "/entities/NLDT/tasks/?month=2026-05"),
        ("tasks-one", f"/tasks/{task_uid('NLDT', 'flux')}/"),
        ("tasks-templates", "/tasks/templates/?month=2026-05"),
    ):
        reader.open(path)
        reader.look_from_everywhere(name)
