"""People using the board: with the keyboard, without JavaScript, over a refresh and when things break."""

from __future__ import annotations

import re

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tests.browser.browser_user import ROSA, STREAMS, BrowserUser, NewBrowserUser
from tests.builders import CLOSED, ON_HOLD, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import PASSWORD, SampleGroup


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


def test_all_the_way_by_keyboard(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    page = reader.page
    reader.open("/")
    expect(page.locator("[name=username]")).to_be_focused()  # a moment after the page is there
    assert focused(page) == "username"  # the login's first field waits for typing
    page.keyboard.type(ROSA)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="May 2026")).to_be_visible()

    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the board"
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
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


def test_everything_works_without_javascript(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    reader = new_reader(javascript=False)
    reader.log_in()
    page = reader.page
    expect(page.locator("h2")).to_have_text("Not closed: 2 of 4 outstanding")
    page.locator("#due-of-NLDT").click()
    expect(page.get_by_text("6th working day after Sun 31 May 2026, Netherlands")).to_be_visible()
    page.locator("#find").fill("UK")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#rows .entity b")).to_have_text(["UK HoldCo", "UK Retail Ltd"])
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("#rows .entity b")).to_have_count(4)
    page.locator("#fold-UK").click()
    expect(page.locator("#rows .entity b")).to_have_text(["EU DTC BV", "US Retail Inc"])
    page.locator("#next-month").click()
    expect(page.get_by_role("heading", name="June 2026")).to_be_visible()
    page.locator("#person summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto(reader.site + "/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def open_with_a_hand_on_the_clock(reader: BrowserUser) -> Page:
    """The board in a page whose timers we turn, so that no test waits half a minute."""
    reader.page.clock.install()
    reader.log_in()
    return reader.page


def test_a_page_that_comes_back_asks_and_shows_what_was_missed(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    """As after a laptop was shut; what is pushed meanwhile is told in test_live."""
    reader = new_reader()
    page = reader.page
    page.route(STREAMS, lambda route: route.abort())
    reader.log_in()
    page.locator("#due-of-NLDT").focus()
    page.keyboard.press("Enter")
    with page.expect_response(re.compile("seen=")) as same:
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    assert same.value.status == 204

    meridian.read("2026-06-12 11:59", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": CLOSED, "NLDT": ON_HOLD})
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    expect(page).to_have_title("Not closed: 1 of 4 outstanding · May 2026 · Closeboard")
    expect(page.locator("#row-NLDT .state")).to_have_text("On hold")
    expect(page.get_by_text("6th working day after Sun 31 May 2026, Netherlands")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "due-of-NLDT"
    reader.forgive("ERR_FAILED", "htmx:")


def test_going_back_from_an_entity_shows_what_is_true_now(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    reader = new_reader()
    page = reader.page
    reader.log_in()
    expect(page.locator("#row-NLDT .state")).to_have_text("Open")
    page.locator("#to-NLDT").click()
    expect(page.get_by_role("heading", name="EU DTC BV")).to_be_visible()
    meridian.read(WORKED_EXAMPLE_AT, {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": CLOSED})
    page.go_back()
    expect(page.locator("#row-NLDT .state")).to_have_text("Closed")
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")


def test_a_session_that_ended_leads_to_the_login_and_back(
    meridian: SampleGroup, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sessions are looked at every 15 seconds otherwise.
    monkeypatch.setattr("board.live.hub.ACCESS_CHECK_SECONDS", 1.0)
    reader = new_reader()
    page = reader.page
    reader.log_in()
    page.goto(reader.site + "/?month=2026-05")
    Session.objects.all().delete()
    cache.clear()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=20_000)
    assert page.url == f"{reader.site}/login/?next=/%3Fmonth%3D2026-05"
    assert page.locator("#scoreboard").count() == 0
    reader.forgive("401")


def test_a_lost_connection_is_said_and_taken_back(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    page = reader.page
    page.clock.install()  # so that nobody waits half a minute
    reader.log_in()
    expect(page.locator("#live")).to_be_visible()
    lost = page.get_by_text("Live updates lost at")
    expect(lost).to_be_hidden()
    page.context.set_offline(True)
    page.route(STREAMS, lambda route: route.abort())  # a stream that is open may outlive the switch
    page.clock.fast_forward(61_000)
    expect(lost).to_be_visible()
    expect(page.locator("#live")).to_be_hidden()
    reader.assert_accessible()
    reader.picture("lost")
    meridian.read(WORKED_EXAMPLE_AT, {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": CLOSED, "NLDT": OPEN})
    page.unroute(STREAMS)
    page.context.set_offline(False)
    page.clock.fast_forward(31_000)
    expect(lost).to_be_hidden()
    expect(page.locator("h2")).to_have_text("Not closed: 1 of 4 outstanding")
    reader.forgive("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "htmx:")


def test_logging_out_forgets_the_board(meridian: SampleGroup, new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    reader.log_in()
    reader.page.locator("#person summary").click()
    reader.page.get_by_role("button", name="Log out").click()
    expect(reader.page.get_by_role("heading", name="Log in")).to_be_visible()
    assert not [each for each in reader.page.context.cookies() if "session" in each["name"]]
    reader.page.go_back()
    expect(reader.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_the_browser_refuses_what_is_inline_and_the_stories_would_notice(
    meridian: SampleGroup, new_reader: NewBrowserUser
) -> None:
    reader = new_reader()
    reader.log_in()
    reader.page.evaluate("document.body.setAttribute('style', 'color: red')")
    reader.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<style>b { color: red }</style>')")
    assert reader.page.evaluate("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert sum("Content Security Policy" in each for each in reader.complaints) == 2
    reader.forgive("Content Security Policy")
