"""Saved views in real Chromium: saved, named, started with, deleted and brought back, also without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from entities.models import Person
from entities.view_store import save_view
from tests.browser.browser_user import BrowserUser, NewBrowserUser, every_look, with_and_without_scripts
from tests.db_builders import save_person


def log_out(page: Page) -> None:
    page.locator("#person summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def check(reader: BrowserUser, name: str) -> None:
    """Look at what is shown on a wide and a narrow screen, by day and by night."""
    reader.look_from_everywhere(name)
    reader.look(1400, "light")


@with_and_without_scripts
def test_a_view_from_its_first_to_its_last_day(
    rosa_at_noon: Person, new_reader: NewBrowserUser, javascript: bool
) -> None:
    reader = new_reader(javascript=javascript)
    page = reader.page
    reader.log_in(path="/?show=late&by=owner")
    page.locator("#views-of").click()
    page.get_by_label("Save what you see as").fill("EU late")
    page.locator("#views").get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_contain_text("Saved “EU late”.")
    expect(page).to_have_url(f"{reader.site}/?show=late&by=owner")
    expect(page.locator("#views-of")).to_contain_text("EU late")

    page.locator("#views-of").click()
    page.get_by_role("link", name="Rename, delete, choose the start page").click()
    expect(page.get_by_role("heading", name="Saved views")).to_be_visible()
    page.get_by_text("Rename EU late").click()
    page.get_by_label("New name").fill("Late, by owner")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="called")).to_contain_text("“Late, by owner”")
    page.get_by_role("button", name="Make it my start page").click()
    expect(page.get_by_role("status").filter(has_text="start with")).to_be_visible()

    log_out(page)
    reader.open("/")
    reader.type_log_in()
    expect(page).to_have_url(f"{reader.site}/?show=late&by=owner")
    expect(page.locator("#row-NLDT")).to_be_visible()
    expect(page.locator("#row-UKHC")).to_have_count(0)
    page.get_by_role("link", name="Board", exact=True).click()
    expect(page).to_have_url(f"{reader.site}/")
    expect(page.locator("#row-UKHC")).to_be_visible()
    page.get_by_role("link", name="Closeboard").click()
    expect(page).to_have_url(f"{reader.site}/?show=late&by=owner")

    reader.open("/views/")
    page.get_by_role("button", name="Delete Late, by owner").click()
    expect(page.get_by_text("Deleted “Late, by owner”.")).to_be_visible()
    expect(page.get_by_role("heading", name="No saved views yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“Late, by owner” is back, as your start page.")).to_be_visible()
    expect(page.locator(".saved-views .start")).to_have_text("start page")
    page.get_by_role("button", name="Delete Late, by owner").click()
    page.get_by_role("link", name="Closeboard").click()
    expect(page).to_have_url(f"{reader.site}/")


@every_look
def test_every_designed_state(rosa_at_noon: Person, new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    page = reader.page
    reader.log_in(path="/")
    page.locator("#views-of").click()
    expect(page.get_by_text("No saved views yet.")).to_be_visible()
    check(reader, "views-menu-empty")
    reader.open("/views/")
    check(reader, "views-none")

    save_view(rosa_at_noon, "EU late", "board", "show=late&group=EUROPE", as_start=True)
    save_view(rosa_at_noon, "Two years, by ERP", "matrix", "by=erp&months=24")
    save_view(rosa_at_noon, "W" * 60, "past_deadline", "country=NL&owner=Sanne+de+Wit&sort=deadline")
    reader.open("/?show=late&group=EUROPE&at=2026-06-11T14:30&month=2026-05")
    page.locator("#views-of").click()
    expect(page.get_by_text("Keep May 2026")).to_be_visible()
    expect(page.locator("#views a.here")).to_contain_text("EU late")
    check(reader, "views-menu")

    page.get_by_label("Save what you see as").fill("eu late")
    page.locator("#views").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("You already have a view called “EU late”.")
    check(reader, "views-taken")
    page.get_by_role("button", name="Replace “eu late”").click()
    expect(page.get_by_role("status").filter(has_text="Replaced")).to_be_visible()
    check(reader, "views-message")

    reader.open("/views/")
    check(reader, "views-page")
    saved = page.locator(".saved-views li").filter(has=page.get_by_role("link", name="eu late"))
    saved.get_by_text("Rename eu late").click()
    saved.get_by_label("New name").fill("two years, BY erp")
    saved.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("You already have a view called “Two years, by ERP”.")
    check(reader, "views-rename-refused")
    page.get_by_role("button", name="Delete eu late").click()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    check(reader, "views-undo")
    reader.forgive("400")


@pytest.mark.parametrize("path", ["/", "/matrix/", "/calendar/", "/past-deadline/"])
def test_every_screen_has_the_menu_and_it_fits(
    rosa_at_noon: Person, new_reader: NewBrowserUser, path: str
) -> None:
    save_view(rosa_at_noon, "EU late", "board", "show=late&group=EUROPE")
    reader = new_reader(390)
    page = reader.page
    reader.log_in(path=path)
    page.locator("#views-of").click()
    expect(page.get_by_label("Save what you see as")).to_be_in_viewport()
    reader.assert_no_sideways_scroll()
    reader.assert_accessible()
    reader.picture(f"views-menu-{path.strip('/') or 'board'}-390")
    page.get_by_label("Save what you see as").fill("here")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    expect(page).to_have_url(reader.site + path)
    page.locator("#views-of").click()
    page.get_by_role("link", name="EU late").click()
    expect(page).to_have_url(f"{reader.site}/?show=late&group=EUROPE")


def test_nobody_else_sees_a_view(rosa_at_noon: Person, new_reader: NewBrowserUser) -> None:
    view = save_view(rosa_at_noon, "Rosa’s own", "board", "show=late", as_start=True)
    save_person("uma@meridian.test", "Uma", group="EUROPE")
    reader = new_reader()
    page = reader.page
    reader.log_in("uma@meridian.test")  # which leads to the board, not to Rosa's start page
    page.locator("#views-of").click()
    expect(page.get_by_text("No saved views yet.")).to_be_visible()
    assert "Rosa’s own" not in page.content()
    reader.open("/views/")
    expect(page.get_by_role("heading", name="No saved views yet")).to_be_visible()
    assert "Rosa’s own" not in page.content()
    for verb in ("rename", "delete", "restore", "start"):
        answer = page.request.get(f"{reader.site}/views/{view.pk}/{verb}/")
        assert answer.status in {404, 405}
        assert "Rosa" not in answer.text()


def test_the_page_of_views_by_keyboard(rosa_at_noon: Person, new_reader: NewBrowserUser) -> None:
    save_view(rosa_at_noon, "EU late", "board", "show=late&group=EUROPE")
    reader = new_reader()
    page = reader.page
    reader.log_in(path="/views/")
    page.locator(".saved-views a").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="start with")).to_be_visible()
    page.locator(".rename summary").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("New name")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("Late in Europe")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="called")).to_be_visible()
    page.locator(".rename summary").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Deleted “Late in Europe”.")).to_be_visible()
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Late in Europe")).to_be_visible()


def test_by_keyboard_and_escape(rosa_at_noon: Person, new_reader: NewBrowserUser) -> None:
    reader = new_reader()
    page = reader.page
    reader.log_in(path="/")
    page.locator("#views-of").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Save what you see as")).to_be_focused()
    page.keyboard.type("All of it")
    page.keyboard.press("Escape")
    expect(page.get_by_label("Save what you see as")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "views-of"
    page.keyboard.press("Enter")
    expect(page.get_by_label("Save what you see as")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_contain_text("Saved “All of it”.")
