"""The wall screen in real Chromium: every designed state at the sizes of a wall, by day and night, no scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.board_states import busy, no_entities, nothing_read, worked
from tests.browser.browser_user import SCHEMES, BrowserUser, ClockAt, Database, NewBrowserUser, Scheme
from tests.builders import CLOSED, OPEN, WORKED_EXAMPLE_AT, utc
from tests.db_builders import record_worked_example, save_person, save_sample_group
from tests.sample_entities import SampleEntity


def closed() -> datetime:
    group = save_sample_group()
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    return utc("2026-06-08 12:04")


def stale() -> datetime:
    record_worked_example(save_sample_group())
    return WORKED_EXAMPLE_AT + timedelta(hours=3)


def long_names() -> datetime:
    cast = [
        SampleEntity(
            f"L{n}",
            f"Compagnie Générale de Distribution et de Commerce International numéro {n}",
            *("GB", "Europe/London", "UK", "Amira Hale", "", "", ""),
        )
        for n in range(8)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN))
    return WORKED_EXAMPLE_AT


STATES = {
    worked: "Not closed: 2 of 4 outstanding",
    busy: "Not closed: 6 of 12 outstanding",
    closed: "Group closed on 8 June, 3 days early",
    stale: "Unknown: 4 of 4 not read",
    nothing_read: "Unknown: 4 of 4 entities",
    no_entities: "Nobody closes May 2026",
    long_names: "Not closed: 8 of 8 outstanding",
}


def enter(reader: BrowserUser, path: str = "/wall/") -> BrowserUser:
    """Come to the wall as Rosa."""
    reader.log_in(path=path)
    return reader


def assert_fits(reader: BrowserUser) -> None:
    """Nothing is below the edge of a screen that nobody can scroll."""
    high, seen = reader.page.evaluate("[document.documentElement.scrollHeight, innerHeight]")
    assert high <= seen, f"the page is {high} px high on a screen of {seen}"
    reader.assert_no_sideways_scroll()


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state, save_person))
    reader = enter(new_reader(1920, 1080, javascript=False))
    expect(reader.page.locator("h1")).to_have_text(STATES[state])
    for width, height in ((1920, 1080), (2560, 1440), (390, 844)):
        for scheme in SCHEMES:
            reader.page.set_viewport_size({"width": width, "height": height})
            reader.page.emulate_media(color_scheme=scheme)
            reader.picture(f"wall-{state.__name__}-{width}-{scheme}")
            if width > 1000:
                assert_fits(reader)
            reader.assert_no_sideways_scroll()


@pytest.mark.parametrize("number", [2, 3])
def test_the_screens_of_the_round(
    number: int, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy, save_person))
    reader = enter(new_reader(1920, 1080, javascript=False), f"/wall/?screen={number}")
    reader.picture(f"wall-round-{number}")
    assert_fits(reader)
    expect(reader.page.locator(".of-round")).to_contain_text(f"{number} of 3")


def test_a_round_turns_by_itself_without_scripts(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.scoreboard.wall.REFRESH_SECONDS", 1)
    clock_at(reading(busy, save_person))
    reader = enter(new_reader(1920, 1080, javascript=False), "/wall/?by=erp")
    reader.page.wait_for_url(reader.site + "/wall/?by=erp&screen=2")
    expect(reader.page.locator("h2").first).to_contain_text("meridian-prod")
    reader.page.wait_for_url(reader.site + "/wall/?by=erp")
    expect(reader.page.locator(".of-round")).to_contain_text("Furthest behind · 1 of")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_axe_finds_nothing_on_a_wall(
    scheme: Scheme, new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy, save_person))
    reader = enter(new_reader(1920, 1080))
    for path in ("/wall/", "/wall/?screen=2", "/wall/?group=UK", "/wall/?at=2026-06-10T12:00"):
        reader.open(path)
        reader.page.emulate_media(color_scheme=scheme)
        reader.assert_accessible()
    reader.picture("wall-past")
