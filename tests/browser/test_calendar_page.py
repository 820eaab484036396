"""The calendar in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from playwright.sync_api import expect

from tests.browser.board_states import (
    all_stale,
    busy,
    closed,
    no_deadlines,
    no_periods,
    not_due,
    nothing_read,
    on_hold_counts,
    worked,
)
from tests.browser.browser_user import ClockAt, Database, NewBrowserUser, look_at_states
from tests.browser.test_matrix import nobody_closes, too_many, wide_group
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import save_person, save_sample_group


def left_open() -> datetime:
    """One that nobody closes for months; the others did in time."""
    group = save_sample_group()
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED) | {"NLDT": OPEN})
    group.read("2026-08-20 11:58", dict.fromkeys(group.entities, CLOSED) | {"NLDT": OPEN})
    return utc("2026-08-20 12:00")


STATES = {
    worked: "2 overdue",
    busy: "5 overdue, 5 alerting",
    closed: "Every entity is closed",
    all_stale: "Nothing has been read since",
    nothing_read: "Nothing has been read yet",
    no_periods: "The ERP lists no periods",
    no_deadlines: "No deadline set",
    on_hold_counts: "Every entity is closed",
    not_due: "in 6 days",
    nobody_closes: "Nobody closes May 2026",
    wide_group: "Overdue",
    too_many: "More than 300 entities",
    left_open: "+72d",
}


@look_at_states(STATES, worked, busy, all_stale, wide_group, left_open)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state, save_person))
    reader = new_reader()
    reader.log_in(path="/calendar/" if state is not left_open else "/calendar/?month=2026-05")
    expect(reader.page.locator("main")).to_contain_text(STATES[state])
    reader.look_from_everywhere(f"calendar-{state.__name__}")
