"""Where things stand on a page, measured in real Chromium: in sight, in their cells, and whole on paper."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import Page, expect

from tests.board.audit.audit_events import a_week_of_acts
from tests.board.entity import entity_scenarios
from tests.browser.board_states import busy
from tests.browser.browser_user import BrowserUser, ClockAt, Database, NewBrowserUser
from tests.db_builders import save_person

RUNS_OUT = """() => [...document.querySelectorAll("main :is(li, td, th, dd, dt, p, h1, h2)")]
  .filter(e => e.offsetParent && !e.closest(".unseen, .sheet") && e.scrollWidth > e.clientWidth + 1)
  .filter(e => getComputedStyle(e).display !== "inline")
  .map(e => `${e.className}: ${e.textContent.trim().slice(0, 60)}`)"""
HIDDEN_DAYS = """() => {
  const sheet = document.querySelector(".sheet").getBoundingClientRect();
  const name = document.querySelector(".calendar tbody tr:not(.group) th").getBoundingClientRect();
  return [...document.querySelectorAll(".calendar thead th:nth-child(n + 2), .calendar td.day")]
    .filter(e => e.offsetParent).map(e => e.getBoundingClientRect())
    .filter(r => r.left < name.right - 1 || r.right > sheet.right + 1).length }"""
LARGER_THAN_THE_VERDICT = """() => {
  const size = e => parseFloat(getComputedStyle(e).fontSize), verdict = document.querySelector(".verdict h2");
  return [...document.querySelectorAll("body *")].filter(e => e.offsetParent && e !== verdict)
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => size(e) >= size(verdict)).map(e => e.textContent.trim().slice(0, 40)) }"""
PARTS_OF_THE_BAR = """() => [...document.querySelectorAll(".segments li")].map(li => {
  const box = e => e.getBoundingClientRect(), bar = box(li.querySelector("b")), word = box(li.querySelector("span"));
  const below = word.top >= bar.bottom - 1 && word.left >= box(li).left - 1 && word.right <= box(li).right + 1;
  return [li.querySelector("span").textContent.trim(), below] })"""


def enter(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, path: str = "/", width: int = 1400
) -> BrowserUser:
    """Rosa looks at the busy group."""
    clock_at(reading(busy, save_person))
    reader = new_reader(width, 844 if width < 600 else 900)
    reader.log_in(path=path)
    return reader


def assert_menu_in_sight(page: Page, width: int) -> None:
    for name, count in (("Overdue", "#count-past_deadline"), ("Alerts", "#count-alerts")):
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name=name)
        for each in (link, page.locator(count)):
            box = each.bounding_box()
            assert box is not None, name
            assert box["x"] >= 0, name
            assert box["x"] + box["width"] <= width, f"{name} ends at {box['x'] + box['width']}"
    assert page.evaluate("(n => n.scrollWidth <= n.clientWidth)(document.querySelector('.top nav'))")


def test_a_phone_shows_the_counts_and_the_verdict_first(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    """Overdue and Alerts with their counts, the verdict as the largest text, a word below each part of the bar."""
    reader = enter(new_reader, clock_at, reading, width=390)
    assert_menu_in_sight(reader.page, 390)
    for width in (390, 1400):
        reader.look(width, "light")
        assert reader.page.evaluate(LARGER_THAN_THE_VERDICT) == []
        parts = reader.page.evaluate(PARTS_OF_THE_BAR)
        assert {word for word, _ in parts} >= {"closed", "on hold", "open", "not read"}
        assert all(below for _, below in parts), parts
    reader.assert_no_sideways_scroll()


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 390, 600, 760])
def test_the_menu_is_in_sight_at_any_width(
    width: int, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    reader = enter(new_reader, clock_at, reading, width=width)
    for path in ("/", "/matrix/", "/past-deadline/", "/alerts/", "/entities/NLDT/"):
        reader.open(path)
        assert_menu_in_sight(reader.page, width)
        reader.assert_no_sideways_scroll()


@pytest.mark.slow
@pytest.mark.parametrize("width", [320, 360, 390, 760, 1400])
def test_the_audit_log_is_reached_and_whole_at_any_width(
    width: int, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    """Its link is in the person's menu, so that the navigation is the same for all."""
    clock_at(reading(a_week_of_acts))
    reader = new_reader(width)
    reader.log_in("ada@meridian.test", "/")
    page = reader.page
    page.locator("#person summary").click()
    box = page.get_by_role("link", name="Audit log").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    for summary in page.locator("main summary").all():
        summary.click()
    assert page.evaluate(RUNS_OUT) == []
    assert page.evaluate("(n => n.scrollWidth <= n.clientWidth)(document.querySelector('.top nav'))")
    reader.assert_no_sideways_scroll()


@pytest.mark.slow
def test_no_day_of_the_calendar_hides_behind_the_names(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    """From 1280 to 1920 px, with two weeks of days and with all that a calendar shows at most."""
    reader = enter(new_reader, clock_at, reading, "/calendar/")
    for path in ("/calendar/", "/calendar/?month=2026-04"):
        reader.open(path)
        for width in (1280, 1366, 1440, 1600, 1700, 1920):
            reader.look(width, "light")
            assert reader.page.evaluate(HIDDEN_DAYS) == 0, (path, width)
            sheet = reader.page.locator(".sheet").bounding_box()
            assert sheet is not None
            assert sheet["width"] >= width - 80, "the sheet uses the window"
            reader.assert_no_sideways_scroll()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/matrix/", "/matrix/?months=36", "/calendar/", "/calendar/?month=2026-04"])
def test_matrix_and_calendar_print_whole(
    path: str, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    """Without scrollers and hatching, and small enough for a mail."""
    reader = enter(new_reader, clock_at, reading, path)
    page = reader.page
    page.emulate_media(media="print", color_scheme="light")
    page.set_viewport_size({"width": 1047, "height": 725})
    wide, room = page.evaluate("(s => [s.scrollWidth, s.clientWidth])(document.querySelector('.sheet'))")
    assert wide <= room + 1
    assert page.evaluate("getComputedStyle(document.querySelector('.sheet')).overflow") == "visible"
    hatched = """() => [...document.querySelectorAll("main *")]
      .filter(e => e.offsetParent && getComputedStyle(e).backgroundImage.includes("gradient"))
      .map(e => e.className)"""
    assert page.evaluate(hatched) == []
    rows = page.locator(".sheet tbody tr").count()
    assert rows >= 12
    assert len(page.pdf(prefer_css_page_size=True)) < 500_000


@pytest.mark.slow
@pytest.mark.parametrize("story", entity_scenarios.STORIES, ids=lambda story: story.__name__)
def test_nothing_runs_out_of_its_cell(
    story: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(story, entity_scenarios.rosa))
    reader = new_reader()
    code, _ = entity_scenarios.STORIES[story]
    reader.log_in(email="rosa.bell@meridian.test", path=f"/entities/{code}/?month=2026-05")
    for width in (1400, 1050, 390, 360):
        reader.look(width, "light")
        assert reader.page.evaluate(RUNS_OUT) == [], width
        reader.assert_no_sideways_scroll()


@pytest.mark.slow
def test_a_form_that_opens_takes_the_focus(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    reader = enter(new_reader, clock_at, reading, "/entities/NLDT/")
    page = reader.page
    for summary, field in (
        ("#expect-of", "expected_on"),
        ("#reason-of", "reason"),
        ("#acknowledge-of", "text"),
        ("#silence-it", "last_day"),
    ):
        page.locator(summary).click()
        expect(page.locator(f"details[open] [name={field}]:focus")).to_have_count(1)
        page.locator(summary).click()
    page.get_by_role("link", name="Take over", exact=True).click()
    expect(page.locator("#acknowledge-text")).to_be_focused()
    reader.open("/past-deadline/")
    page.locator("#acknowledge-of-USRT-2026-05").click()
    expect(page.locator("#acknowledge-USRT-2026-05 textarea")).to_be_focused()
    reader.open("/")
    page.locator("#views-of").click()
    expect(page.locator("#view-name")).to_be_focused()
    page.locator("#person summary").click()
    expect(page.locator("#person button")).not_to_be_focused()
