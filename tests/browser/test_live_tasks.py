"""Open pages of tasks: what others do appears without a reload, and what a person types stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from closing.close_tasks.task_acts import TaskAct
from entities.models import Person
from tests.browser.browser_user import ROSA, ClockAt, Database, NewBrowserUser
from tests.browser.test_close_tasks import DANA, close_at_noon
from tests.builders import WORKED_EXAMPLE_AT
from tests.worklist.few_close_tasks import task_uid
from worklist.task_store.task_acts_store import act_on_task, comment_on_task, reassign_task

FLUX = f"/tasks/{task_uid('NLDT', 'flux')}/"


def live(new_reader: NewBrowserUser, path: str, email: str = ROSA) -> Page:
    reader = new_reader()
    reader.log_in(email, path)
    expect(reader.page.locator("#live")).to_be_visible()
    reader.page.evaluate("window.never_reloaded = true")
    return reader.page


def act(email: str, code: str, what: TaskAct, reason: str = "") -> None:
    by = Person.objects.get(email=email)
    act_on_task(by, task_uid("NLDT", code), what, WORKED_EXAMPLE_AT, reason=reason)


def test_what_another_does_appears_on_an_open_task_and_typed_words_stay(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(close_at_noon))
    page = live(new_reader, FLUX, DANA)
    page.get_by_label("Comment", exact=True).fill("freight looks")
    page.get_by_label("Comment", exact=True).focus()
    act(ROSA, "flux", TaskAct.DO)
    expect(page.get_by_role("heading", level=2, name="Done, to be signed off")).to_be_visible()
    expect(page.get_by_role("button", name="Sign off")).to_be_visible()
    expect(page.locator("#announced")).to_have_text("The tasks have changed.")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("freight looks")
    expect(page.get_by_label("Comment", exact=True)).to_be_focused()
    page.keyboard.type(" high")
    expect(page.get_by_label("Comment", exact=True)).to_have_value("freight looks high")
    assert page.evaluate("window.never_reloaded")


@pytest.mark.slow
def test_a_field_that_would_go_with_typed_words_waits_for_its_reader(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(close_at_noon))
    page = live(new_reader, FLUX)
    page.locator("#reason").fill("it is too late for")
    dana = Person.objects.get(email=DANA)
    reassign_task(Person.objects.get(email=ROSA), task_uid("NLDT", "flux"), dana, WORKED_EXAMPLE_AT)
    expect(page.locator("#typing")).to_be_visible()
    expect(page.locator("#reason")).to_have_value("it is too late for")
    page.get_by_role("link", name="Show the change").click()
    expect(page.locator("dl")).to_contain_text("Dana Field")
    expect(page.locator("#reason")).to_have_count(0)


@pytest.mark.slow
def test_the_lists_change_while_they_are_open(
    story: Database, clock_at: ClockAt, new_reader: NewBrowserUser
) -> None:
    clock_at(story(close_at_noon))
    whole = live(new_reader, "/tasks/?month=2026-05")
    mine = live(new_reader, "/tasks/mine/?month=2026-05")
    entity = live(new_reader, "/entities/NLDT/tasks/?month=2026-05")
    task = live(new_reader, f"/tasks/{task_uid('NLDT', 'lease')}/")
    mine.get_by_label("Post leases, UK HoldCo").check()
    act(ROSA, "lease", TaskAct.DO)
    expect(whole.get_by_role("row").filter(has_text="EU DTC BV")).to_contain_text("1 of 4")
    expect(mine.get_by_label("Post leases, EU DTC BV")).to_have_count(0)
    expect(mine.get_by_label("Post leases, UK HoldCo")).to_be_checked()
    expect(entity.locator("li").filter(has_text="Post leases")).to_contain_text("done Fri 12 June")
    comment_on_task(Person.objects.get(email=DANA), task_uid("NLDT", "lease"), "thank you", WORKED_EXAMPLE_AT)
    expect(task.locator(".task-history")).to_contain_text("thank you")
    for page in (whole, mine, entity, task):
        assert page.evaluate("window.never_reloaded")
