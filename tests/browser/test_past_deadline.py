"""The escalation queue in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from entities.models import LegalEntity, Membership
from periods.remarks import acknowledge, expect_close, give_reason
from tests.browser.reader import NewReader, Reader
from tests.make import CLOSED, MAY, OPEN, WORKED_AT, utc
from tests.saved import BUSY_AT, PASSWORD, person, play_the_worked_example, save_a_busy_group, save_group

ClockAt = Callable[[datetime], None]


def busy() -> datetime:
    save_a_busy_group()
    nadia = person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)
    said = utc("2026-06-16 09:30")
    give_reason(nadia, "NLDT", MAY, "bank_or_statement_missing", "IC balance with US Retail open", said)
    expect_close(nadia, "NLDT", MAY, utc("2026-06-18 00:00").date(), "once the bank file is in", said)
    acknowledge(nadia, "NLDT", MAY, "Called Sanne: the bank resends the file tonight.", said)
    expect_close(nadia, "FRSA", utc("2026-04-01 00:00").date(), utc("2026-06-16 00:00").date(), "", said)
    LegalEntity.objects.filter(code="DEVT").update(owner=None)
    return BUSY_AT


def on_watch() -> datetime:
    play_the_worked_example(save_group())
    return WORKED_AT


def nothing_late() -> datetime:
    group = save_group()
    group.read("2026-06-03 12:00", dict.fromkeys(group.entities, OPEN))
    return utc("2026-06-03 12:04")


def all_closed() -> datetime:
    group = save_group()
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    return utc("2026-06-08 12:04")


def stale() -> datetime:
    save_a_busy_group()
    return BUSY_AT + timedelta(hours=3)


def nothing_read() -> datetime:
    save_group()
    return WORKED_AT


def no_entities() -> datetime:
    on_watch()
    LegalEntity.objects.all().update(active_from="2026-07-01")
    return WORKED_AT


STATES = {
    busy: "6 entities are past the alert line",
    on_watch: "Nobody is past the alert line",
    nothing_late: "Nobody is past the alert line",
    all_closed: "Nobody is past the alert line",
    stale: "6 entities are past the alert line",
    nothing_read: "Nobody is past the alert line",
    no_entities: "Nobody closes May 2026",
}


def enter(reader: Reader, path: str = "/past-deadline/") -> Reader:
    """Log in on the way to the queue."""
    reader.open(f"/login/?next={path}")
    reader.page.get_by_label("E-mail").fill("rosa.bell@meridian.test")
    reader.page.get_by_label("Password").fill(PASSWORD)
    reader.page.get_by_role("button", name="Log in").click()
    reader.page.wait_for_url(reader.site + path)
    return reader


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewReader, clock_at: ClockAt
) -> None:
    clock_at(state())
    person()
    reader = enter(new_reader())
    expect(reader.page.locator("h2").first).to_have_text(STATES[state])
    for width in (1400, 390):
        for scheme in ("light", "dark"):
            reader.look(width, scheme)
            reader.picture(f"queue-{state.__name__}-{width}-{scheme}")
            reader.assert_accessible()
            reader.assert_no_sideways_scroll()
