"""People using the board: with the keyboard, without JavaScript, over a refresh and when things break."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.browser.reader import NewReader, Reader
from tests.make import CLOSED, ON_HOLD, OPEN, WORKED_AT
from tests.saved import PASSWORD, Meridian, person, play_the_worked_example, save_group

ClockAt = Callable[[datetime], None]


@pytest.fixture
def meridian(site: str, clock_at: ClockAt) -> Meridian:
    group = save_group()
    play_the_worked_example(group)
    person()
    return group


def focused(page: Page) -> str:
    """What has the focus, as a person would name it."""
    name: str = page.evaluate(
        "(document.activeElement.innerText || document.activeElement.name || '').trim()"
    )
    return name.replace("\n", " ")


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called so, with its focus to be seen on the way."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == name:
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"the focus on {name} cannot be seen"
            return
    pytest.fail(f"Tab never comes to {name}")


def test_all_the_way_by_keyboard(meridian: Meridian, new_reader: NewReader) -> None:
    reader = new_reader()
    page = reader.page
    reader.open("/")
    assert focused(page) == "username"  # the login's first field waits for typing
    page.keyboard.type("rosa.bell@meridian.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="May 2026")).to_be_visible()

    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the board"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    tab_to(page, "‹ April 2026")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="April 2026")).to_be_visible()
    tab_to(page, "Latest: May 2026")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="May 2026")).to_be_visible()
    tab_to(page, "Tue 9 Jun WD6")
    page.keyboard.press("Enter")
    expect(page.get_by_text("6th working day after Sun 31 May 2026, Netherlands")).to_be_visible()
    page.keyboard.press("Escape")
    assert focused(page) == "Tue 9 Jun WD6"


def test_everything_works_without_javascript(meridian: Meridian, new_reader: NewReader) -> None:
    reader = new_reader(javascript=False)
    reader.log_in()
    page = reader.page
    expect(page.locator("h2")).to_have_text("Not closed: 2 of 4 outstanding")
    page.get_by_text("Tue 9 Jun").first.click()
    expect(page.get_by_text("6th working day after Sun 31 May 2026, Netherlands")).to_be_visible()
    page.locator("#next-month").click()
    expect(page.get_by_role("heading", name="June 2026")).to_be_visible()
    page.locator("#person summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(reader.site + "/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def open_with_a_hand_on_the_clock(reader: Reader) -> Page:
    """The board in a page whose timers we turn, so that no test waits half a minute."""
    reader.page.clock.install()
    reader.log_in()
    return reader.page


def test_a_refresh_shows_the_news_and_keeps_the_readers_place(
    meridian: Meridian, new_reader: NewReader
) -> None:
    reader = new_reader()
    page = open_with_a_hand_on_the_clock(reader)
    page.locator("#due-of-NLDT").focus()
    page.keyboard.press("Enter")
    with page.expect_response(re.compile("seen=")) as same:
        page.clock.fast_forward(31_000)
    assert same.value.status == 204

    meridian.read("2026-06-12 11:59", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": CLOSED, "NLDT": ON_HOLD})
    page.clock.fast_forward(31_000)
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    expect(page).to_have_title("Not closed: 1 of 4 outstanding · May 2026 · Closeboard")
    expect(page.locator("#row-NLDT .state")).to_have_text("On hold")
    expect(page.get_by_text("6th working day after Sun 31 May 2026, Netherlands")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "due-of-NLDT"


def test_a_session_that_ended_leads_to_the_login_and_back(meridian: Meridian, new_reader: NewReader) -> None:
    page = open_with_a_hand_on_the_clock(reader := new_reader())
    page.goto(reader.site + "/?month=2026-05")
    Session.objects.all().delete()
    cache.clear()
    page.clock.fast_forward(31_000)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert page.url == f"{reader.site}/login/?next=/%3Fmonth%3D2026-05"
    assert page.locator("#scoreboard").count() == 0


def test_a_lost_connection_is_said_and_taken_back(
    meridian: Meridian, new_reader: NewReader, clock_at: ClockAt
) -> None:
    page = open_with_a_hand_on_the_clock(reader := new_reader())
    lost = page.get_by_text("No connection to Closeboard")
    expect(lost).to_be_hidden()
    page.context.set_offline(True)
    page.clock.fast_forward(31_000)
    expect(lost).to_be_visible()
    reader.assert_accessible()
    reader.picture("lost")
    page.context.set_offline(False)
    meridian.read(WORKED_AT, {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": CLOSED, "NLDT": OPEN})
    page.clock.fast_forward(31_000)
    expect(lost).to_be_hidden()
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    reader.forgive("ERR_INTERNET_DISCONNECTED", "htmx:")


def test_logging_out_forgets_the_board(meridian: Meridian, new_reader: NewReader) -> None:
    reader = new_reader()
    reader.log_in()
    reader.page.locator("#person summary").click()
    reader.page.get_by_role("button", name="Log out").click()
    expect(reader.page.get_by_role("heading", name="Log in")).to_be_visible()
    assert not [each for each in reader.page.context.cookies() if "session" in each["name"]]
    reader.page.go_back()
    expect(reader.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_browser_refuses_what_is_inline_and_the_stories_would_notice(
    meridian: Meridian, new_reader: NewReader
) -> None:
    reader = new_reader()
    reader.log_in()
    reader.page.evaluate("document.body.setAttribute('style', 'color: red')")
    reader.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<style>b { color: red }</style>')")
    assert reader.page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert sum("Content Security Policy" in each for each in reader.complaints) == 2
    reader.forgive("Content Security Policy")
