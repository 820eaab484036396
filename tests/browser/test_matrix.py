"""The matrix in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

import pytest
from playwright.sync_api import expect

from entities.models import LegalEntity
from tests.board.year import YEAR_AT, save_a_year
from tests.browser.reader import NewReader
from tests.browser.test_board import all_stale, busy, no_deadlines, no_periods, nothing_read, on_hold_counts
from tests.cast import Who
from tests.make import CLOSED, OPEN, utc
from tests.saved import person, save_group

ClockAt = Callable[[datetime], None]


def year() -> datetime:
    save_a_year()
    return YEAR_AT


def nobody_closes() -> datetime:
    busy()
    LegalEntity.objects.update(active_from="2026-07-01")
    return YEAR_AT


def crowd(count: int) -> datetime:
    """So many entities in two groups; every third one is closed."""
    zones = {"UK": ("GB", "Europe/London"), "EUROPE": ("NL", "Europe/Amsterdam")}
    cast = [
        Who(f"E{n:03}", f"Entity {n} with a rather long name", *zones[group], group, "Amira Hale", "", "", "")
        for n in range(count)
        for group in (("UK", "EUROPE")[n % 2],)
    ]
    group = save_group(cast)
    group.read("2026-06-01 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-08 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-12 11:58", {who.code: (OPEN, OPEN, CLOSED)[n % 3] for n, who in enumerate(cast)})
    return utc("2026-06-12 12:00")


def wide_group() -> datetime:
    return crowd(40)


def too_many() -> datetime:
    return crowd(310)


# What the page says, and what its first cell of the newest month says.
STATES = {
    year: "on time 77.6 % of 143 due, below 90 %",
    busy: "12 entities × 12 months",
    all_stale: "No reading is fresh",
    nothing_read: "Nothing has been read yet",
    no_periods: "The ERP lists no periods for May 2026",
    no_deadlines: "without a deadline",
    on_hold_counts: "On hold counts as closed",
    nobody_closes: "Nobody closes June 2025 – May 2026",
    wide_group: "40 entities × 12 months",
    too_many: "More than 300 entities",
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewReader, clock_at: ClockAt
) -> None:
    clock_at(state())
    person()
    reader = new_reader()
    reader.log_in()
    reader.open("/matrix/")
    expect(reader.page.locator("main")).to_contain_text(re.compile(re.escape(STATES[state])))
    for width in (1400, 390):
        for scheme in ("light", "dark"):
            reader.look(width, scheme)
            reader.picture(f"matrix-{state.__name__}-{width}-{scheme}")
            reader.assert_accessible()
            reader.assert_no_sideways_scroll()
