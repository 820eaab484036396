"""Matrix, calendar and queue stay open: they read themselves again, keep what people do, and say when they cannot."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.board_states import OPEN_NLDT
from tests.browser.browser_user import BrowserUser, ClockAt, NewBrowserUser, every_look
from tests.browser.site_server import SiteServer
from tests.browser.test_board_interaction import tab_to
from tests.builders import CLOSED, utc
from tests.db_builders import SampleGroup, save_person, save_sample_group

MINUTE = 61_000  # ms: until the next reading of a page
ALL = {"/matrix/", "/calendar/", "/past-deadline/"}

every_sheet = pytest.mark.parametrize("path", sorted(ALL))


def close_it(group: SampleGroup) -> None:
    group.read("2026-06-17 11:59", OPEN_NLDT | {"NLDT": CLOSED})


def opened(reader: BrowserUser, path: str) -> Page:
    """A page whose timers we turn, so that no story waits for a minute; a reload from here on loses the mark."""
    reader.page.clock.install()
    reader.log_in(path=path)
    reader.page.evaluate("window.never_reloaded = true")
    return reader.page


def expect_open(page: Page, path: str) -> None:
    match path:
        case "/matrix/":
            expect(page.locator("#row-NLDT td:last-child .cell b")).to_have_text("O")
        case "/calendar/":
            expect(page.locator("#row-NLDT .how .state")).to_have_text("Open")
        case _:
            expect(page.locator("#queued-NLDT")).to_contain_text("EU DTC BV")


def expect_closed(page: Page, path: str) -> None:
    match path:
        case "/matrix/":
            expect(page.locator("#row-NLDT td:last-child .cell b")).to_have_text("C")
        case "/calendar/":
            expect(page.locator("#row-NLDT .how .state")).to_have_text("Closed")
        case _:
            expect(page.locator("#queued-NLDT")).to_have_count(0)
    assert page.evaluate("window.never_reloaded === true"), "the page was loaded anew"


@every_sheet
def test_news_comes_in_by_itself_and_leaves_the_reader_where_they_are(
    path: str, meridian_days_later: SampleGroup, new_reader: NewBrowserUser
) -> None:
    page = opened(new_reader(1400, 400), path)
    find = page.get_by_label("Find an entity or owner")
    find.press_sequentially("DTC")
    expect(page).to_have_url(re.compile(re.escape(path) + r"\?q=DTC$"))
    expect_open(page, path)
    page.locator("#views-of").click()
    page.locator("#view-name").press_sequentially("Half a na")
    page.evaluate("scrollTo(0, 60)")
    before = page.evaluate("scrollY")
    assert before > 0
    close_it(meridian_days_later)
    page.clock.fast_forward(MINUTE)
    expect_closed(page, path)
    expect(page.locator("#view-name")).to_be_focused()
    expect(page.locator("#view-name")).to_have_value("Half a na")
    expect(find).to_have_value("DTC")
    expect(page.locator("#views")).to_have_attribute("open", "")
    lowest = page.evaluate("document.documentElement.scrollHeight - innerHeight")  # less is left of the queue
    assert page.evaluate("scrollY") == min(before, lowest)
    expect(page).to_have_url(re.compile(re.escape(path) + r"\?q=DTC$"))


@every_sheet
def test_a_page_that_comes_back_asks_and_the_past_does_not(
    path: str, meridian_days_later: SampleGroup, new_reader: NewBrowserUser
) -> None:
    come_back = "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    page = opened(new_reader(), path)
    expect_open(page, path)
    close_it(meridian_days_later)
    page.evaluate(come_back)
    expect_closed(page, path)

    page.goto(page.url.split("?")[0] + "?at=2026-06-16")
    expect(page.get_by_text("This is the past:")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(come_back)
    for _ in range(4):
        page.clock.fast_forward(MINUTE)
    expect(page.get_by_text("Live updates lost")).to_be_hidden()
    assert not asked
    page.get_by_role("link", name="Back to now").first.click()
    expect(page.get_by_text("This is the past:")).to_have_count(0)


@every_look
@every_sheet
def test_a_lost_server_is_said_and_what_was_missed_is_shown_once_it_is_back(
    path: str, meridian_days_later: SampleGroup, new_reader: NewBrowserUser, serving: SiteServer
) -> None:
    reader = new_reader()
    page = opened(reader, path)
    lost = page.get_by_text(re.compile(r"^Live updates lost at 13:0\d, trying again$"))
    serving.stop()
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(MINUTE)
    expect(lost).to_be_hidden()
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(MINUTE)
    page.clock.fast_forward(25_000)
    expect(lost).to_be_visible()
    expect_open(page, path)
    reader.look_from_everywhere(f"lost{path.replace('/', '-')}")
    close_it(meridian_days_later)
    serving.start()
    page.clock.fast_forward(MINUTE)
    expect_closed(page, path)
    expect(lost).to_be_hidden()
    reader.forgive("ERR_", "htmx:")


@every_sheet
def test_an_error_leaves_what_was_shown_and_is_said(
    path: str, meridian_days_later: SampleGroup, new_reader: NewBrowserUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = new_reader()
    page = opened(reader, path)
    title = page.title()
    with monkeypatch.context() as broken:
        broken.setattr("board.reports.report_page.render", None)
        for _ in range(2):
            with page.expect_response(re.compile(path)) as answer:
                page.clock.fast_forward(MINUTE)
            assert answer.value.status == 500
        page.clock.fast_forward(25_000)
        expect(page.get_by_text("Live updates lost at")).to_be_visible()
        expect_open(page, path)
        assert page.title() == title
    page.clock.fast_forward(MINUTE)
    expect(page.get_by_text("Live updates lost at")).to_be_hidden()
    with monkeypatch.context() as broken:
        broken.setattr("board.reports.report_page.render", None)
        page.get_by_label("Find an entity or owner").press_sequentially("DTC")
        expect(
            page.get_by_text("Live updates lost at")
        ).to_be_visible()  # at once: these rows are not filtered
        expect_open(page, path)
    reader.forgive("500", "htmx:")


@every_sheet
def test_the_first_reading_appears_by_itself(
    path: str, own_database: None, new_reader: NewBrowserUser, clock_at: ClockAt
) -> None:
    group = save_sample_group()
    clock_at(utc("2026-06-17 12:00"))
    save_person()
    page = opened(new_reader(), path)
    promised = page.get_by_text("The first reading appears here by itself")
    expect(promised).to_be_visible()
    group.read("2026-06-17 11:58", OPEN_NLDT)
    page.clock.fast_forward(MINUTE)
    expect(promised).to_have_count(0)
    expect_open(page, path)
    assert page.evaluate("window.never_reloaded === true"), "the page was loaded anew"


def test_the_calendar_by_keyboard_and_without_javascript(
    meridian_days_later: SampleGroup, new_reader: NewBrowserUser
) -> None:
    reader = new_reader()
    reader.log_in(path="/calendar/")
    page = reader.page
    tab_to(page, "Skip the calendar")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("sheet")
    tab_to(page, "EU DTC BV")
    page.keyboard.press("Enter")
    page.wait_for_url("**/entities/NLDT/?month=2026-05")
    plain = new_reader(390, 800, javascript=False)
    plain.log_in(path="/calendar/")
    plain.page.get_by_label("Find an entity or owner").fill("DTC")
    plain.page.get_by_role("button", name="Apply").click()
    expect(plain.page.locator("tr[id^=row-]")).to_have_count(1)
    plain.page.locator("#previous").click()
    expect(plain.page.get_by_role("heading", level=1)).to_have_text("April 2026")
    plain.assert_no_sideways_scroll()
