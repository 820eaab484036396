"""Asking the board other questions: filters, folds, order and moment, by mouse, by keyboard and without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import TimeoutError, expect

from tests.browser.board_states import busy as busy_group
from tests.browser.board_states import worked
from tests.browser.browser_user import BrowserUser, ClockAt, Database, NewBrowserUser, every_look
from tests.builders import OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import SampleEntity


def ids(reader: BrowserUser) -> list[str]:
    found: list[str] = reader.page.locator("#rows tr").evaluate_all("rows => rows.map(row => row.id)")
    return found


def codes(reader: BrowserUser) -> list[str]:
    return [each.removeprefix("row-") for each in ids(reader) if each.startswith("row-")]


def test_typing_narrows_the_rows_and_the_address(busy_user: BrowserUser) -> None:
    find = busy_user.page.get_by_label("Find an entity or owner")
    find.press_sequentially("hale", delay=20)
    expect(busy_user.page.locator("#chip-all")).to_have_text("All 2")
    expect(busy_user.page).to_have_url(busy_user.site + "/?q=hale")
    assert codes(busy_user) == ["UKHC", "UKRT"]
    expect(find).to_be_focused()
    expect(find).to_have_value("hale")
    busy_user.page.get_by_role("link", name="Clear").click()
    expect(busy_user.page.locator("#chip-all")).to_have_text("All 12")
    expect(find).to_have_value("")


def test_chips_count_and_choose(busy_user: BrowserUser) -> None:
    chips = busy_user.page.locator("#chips a")
    counted = {name: int(count) for name, count in (text.rsplit(" ", 1) for text in chips.all_inner_texts())}
    for name, count in counted.items():
        busy_user.page.locator("#chips").get_by_text(name).click()
        expect(busy_user.page.locator("#chips .here")).to_contain_text(name)
        assert len(codes(busy_user)) == count


@pytest.mark.slow
def test_axe_finds_nothing_behind_any_chip(busy_user: BrowserUser) -> None:
    names = [text.rsplit(" ", 1)[0] for text in busy_user.page.locator("#chips a").all_inner_texts()]
    for name in names:
        busy_user.page.locator("#chips").get_by_text(name).click()
        expect(busy_user.page.locator("#chips .here")).to_contain_text(name)
        busy_user.assert_accessible()


def test_grouping_and_order_are_kept_in_the_address(busy_user: BrowserUser) -> None:
    busy_user.page.get_by_label("Group by").select_option("Nothing")
    expect(busy_user.page.locator("#rows .group")).to_have_count(0)
    busy_user.page.locator("#more-filters-of").click()
    busy_user.page.get_by_label("Order").select_option("Name")
    expect(busy_user.page).to_have_url(busy_user.site + "/?by=none&sort=name")
    assert codes(busy_user) == sorted(codes(busy_user), key=lambda code: names(busy_user)[code].casefold())
    busy_user.page.reload()
    expect(busy_user.page.get_by_label("Group by")).to_have_value("none")
    busy_user.picture("filters-sorted")


def names(reader: BrowserUser) -> dict[str, str]:
    return {code: reader.page.locator(f"#to-{code}").inner_text() for code in codes(reader)}


def test_headings_fold_and_are_remembered(busy_user: BrowserUser) -> None:
    europe = busy_user.page.get_by_role("button", name="Continental Europe")
    expect(europe).to_have_attribute("aria-expanded", "true")
    europe.focus()
    busy_user.page.keyboard.press("Enter")
    expect(europe).to_have_attribute("aria-expanded", "false")
    expect(busy_user.page.locator("#row-NLDT")).to_have_count(0)
    expect(europe).to_be_focused()
    busy_user.assert_accessible()
    busy_user.page.reload()
    expect(europe).to_have_attribute("aria-expanded", "false")
    assert "fold" not in busy_user.page.url
    europe.click()
    expect(busy_user.page.locator("#row-NLDT")).to_be_visible()


def test_nothing_found_says_so_with_a_way_on(busy_user: BrowserUser) -> None:
    busy_user.page.get_by_label("Find an entity or owner").fill("atlantis")
    expect(busy_user.page.locator("#none")).to_contain_text("No entity or owner matches “atlantis”.")
    busy_user.assert_accessible()
    busy_user.picture("filters-none")
    busy_user.page.get_by_role("link", name="Show all 12 entities").click()
    assert len(codes(busy_user)) == 12


@every_look
def test_a_past_moment_is_marked_and_told_apart_from_now(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(worked, save_person))
    reader = new_reader()
    reader.log_in()
    reader.page.locator("#moments-of").click()
    reader.page.get_by_role("link", name="Fri 5 Jun", exact=True).click()
    expect(reader.page).to_have_url(reader.site + "/?at=2026-06-05")
    then = reader.page.locator("#then")
    expect(then).to_contain_text(
        "This is the past: the board as it was known on Sat 6 June 2026, 00:00 London"
    )
    expect(then).to_contain_text("Since then:")
    reader.page.locator("#since-of").click()
    expect(reader.page.locator("#since")).to_contain_text("UK Retail Ltd")
    expect(reader.page.locator(".stream")).to_have_count(0)
    reader.look_from_everywhere("past")
    then.get_by_role("link", name="Back to now").click()
    expect(reader.page.locator("#then")).to_have_count(0)


def test_what_means_nothing_is_told_with_a_way_on(busy_user: BrowserUser) -> None:
    busy_user.open("/?show=everything")
    expect(busy_user.page.get_by_role("main")).to_contain_text("There is no filter “everything”")
    busy_user.assert_accessible()
    busy_user.page.get_by_role("link", name="Show the latest, May 2026").click()
    assert len(codes(busy_user)) == 12
    busy_user.forgive("400")


def test_everything_works_without_script(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy_group, save_person))
    reader = new_reader(javascript=False)
    reader.log_in()
    reader.page.get_by_label("Find an entity or owner").fill("hale")
    reader.page.get_by_label("Group by").select_option("Owner")
    reader.page.get_by_role("button", name="Apply").click()
    rows = reader.page.locator("#rows .entity b")
    expect(rows).to_have_text(["UK HoldCo", "UK Retail Ltd"])
    reader.page.get_by_role("link", name="Clear").click()
    reader.page.get_by_role("button", name="Dana Whitfield").click()
    expect(reader.page.locator("#row-USRT")).to_have_count(0)
    reader.page.get_by_role("link", name="Alerting").click()
    expect(reader.page.locator("#chips .here")).to_contain_text("Alerting")
    reader.page.get_by_role("link", name="April 2026").click()
    expect(reader.page.get_by_role("heading", level=1)).to_have_text("April 2026")


def test_a_walk_by_keyboard_from_the_board_to_an_entity_and_back(busy_user: BrowserUser) -> None:
    busy_user.page.keyboard.press("Tab")
    expect(busy_user.page.get_by_text("Skip to the board")).to_be_focused()
    busy_user.page.keyboard.press("Enter")
    find = busy_user.page.get_by_label("Find an entity or owner")
    for _ in range(25):
        busy_user.page.keyboard.press("Tab")
        if find.evaluate("each => each === document.activeElement"):
            break
    busy_user.page.keyboard.type("dtc")
    expect(busy_user.page.locator("#chip-all")).to_have_text("All 1")
    link = busy_user.page.locator("#to-NLDT")
    for _ in range(25):
        busy_user.page.keyboard.press("Tab")
        if link.evaluate("each => each === document.activeElement"):
            break
    busy_user.page.keyboard.press("Enter")
    expect(busy_user.page.get_by_role("heading", level=1)).to_contain_text("EU DTC BV")
    busy_user.page.go_back()
    expect(busy_user.page.locator("#chip-all")).to_have_text("All 1")


def test_a_big_board_starts_folded_and_loads_what_is_opened(
    own_database: None, new_reader: NewBrowserUser, clock_at: ClockAt
) -> None:
    cast = [
        SampleEntity(
            f"E{n:03}",
            f"Entity {n}",
            "GB",
            "Europe/London",
            ("UK", "EUROPE")[n % 2],
            "Amira Hale",
            "",
            "",
            "",
        )
        for n in range(302)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-12 11:58", {who.code: OPEN for who in cast})
    clock_at(WORKED_EXAMPLE_AT)
    save_person()
    reader = new_reader()
    reader.log_in()
    assert sorted(ids(reader)) == ["group-EUROPE", "group-UK"]
    expect(reader.page.locator("#sum-UK")).to_contain_text("0/151 closed")
    reader.page.get_by_role("button", name="United Kingdom").click()
    expect(reader.page.locator("#row-E000")).to_be_visible()
    assert len(codes(reader)) == 151
    reader.page.get_by_label("Find an entity or owner").fill("entity 30")
    expect(reader.page.locator("#chip-all")).to_have_text("All 3")
    assert sorted(codes(reader)) == ["E030", "E300", "E301"]  # few enough to need no folding


@pytest.mark.slow
def test_another_question_ends_the_stream_of_the_one_before(busy_user: BrowserUser) -> None:
    opened: list[str] = []
    expect(busy_user.page.locator("#live")).to_be_visible()
    busy_user.page.on(
        "request", lambda request: opened.append(request.url) if "/live/" in request.url else None
    )
    busy_user.page.get_by_label("Group by").select_option("Nothing")
    expect(busy_user.page).to_have_url(busy_user.site + "/?by=none")
    busy_user.page.get_by_label("Group by").select_option("Owner")
    expect(busy_user.page).to_have_url(busy_user.site + "/?by=owner")
    expect(busy_user.page.locator(".stream")).to_have_count(1)
    asked = [url.removeprefix(busy_user.site) for url in opened]
    assert asked == ["/live/?by=none", "/live/?by=owner"]
    with pytest.raises(TimeoutError):  # no old stream comes back, although htmx would try at once
        busy_user.page.wait_for_event("request", lambda request: "/live/" in request.url, timeout=7000)
