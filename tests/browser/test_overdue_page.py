"""The escalation queue in real Chromium: every designed state, wide and narrow, light and dark, checked by axe."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from closing.facts.period_remarks import OverdueReason
from entities.models import LegalEntity, Membership
from periods.remarks import acknowledge, set_expected_close, set_overdue_reason
from tests.browser.board_states import no_entities, nothing_read, worked
from tests.browser.browser_user import BrowserUser, ClockAt, Database, NewBrowserUser, look_at_states
from tests.builders import CLOSED, MAY, OPEN, utc
from tests.db_builders import BUSY_GROUP_AT, save_busy_group, save_person, save_sample_group


def busy() -> datetime:
    save_busy_group()
    nadia = save_person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)
    said = utc("2026-06-16 09:30")
    set_overdue_reason(
        nadia, "NLDT", MAY, OverdueReason.BANK_OR_STATEMENT_MISSING, "IC balance with US Retail open", said
    )
    set_expected_close(nadia, "NLDT", MAY, utc("2026-06-18 00:00").date(), "once the bank file is in", said)
    acknowledge(nadia, "NLDT", MAY, "Called Sanne: the bank resends the file tonight.", said)
    set_expected_close(
        nadia, "FRSA", utc("2026-04-01 00:00").date(), utc("2026-06-16 00:00").date(), "", said
    )
    LegalEntity.objects.filter(code="DEVT").update(owner=None)
    return BUSY_GROUP_AT


def nothing_late() -> datetime:
    group = save_sample_group()
    group.read("2026-06-03 12:00", dict.fromkeys(group.entities, OPEN))
    return utc("2026-06-03 12:04")


def all_closed() -> datetime:
    group = save_sample_group()
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    return utc("2026-06-08 12:04")


def stale() -> datetime:
    save_busy_group()
    return BUSY_GROUP_AT + timedelta(hours=3)


STATES = {
    busy: "6 entities are overdue: 6 alerting, 0 watch",
    worked: "2 entities are overdue: 0 alerting, 2 watch",
    nothing_late: "No entity is overdue",
    all_closed: "No entity is overdue",
    stale: "6 entities are overdue: 6 alerting, 0 watch",
    nothing_read: "No entity is known to be overdue",
    no_entities: "Nobody closes May 2026",
}


def enter(reader: BrowserUser, path: str = "/past-deadline/") -> BrowserUser:
    """Come to the queue as Rosa."""
    reader.log_in(path=path)
    return reader


@look_at_states(STATES, busy, stale, all_closed)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state, save_person))
    reader = enter(new_reader())
    expect(reader.page.locator("h2").first).to_have_text(STATES[state])
    reader.look_from_everywhere(f"queue-{state.__name__}")


def test_an_acknowledgement_is_given_on_the_page(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database
) -> None:
    """Without scripts: the form posts, the page comes back and says who acknowledged what."""
    clock_at(story(busy, save_person))
    reader = enter(new_reader(javascript=False))
    queued = reader.page.locator("#queued-USRT")
    expect(queued).to_contain_text("Nobody has taken this over yet")
    queued.get_by_text("Take over", exact=False).locator("visible=true").last.click()
    queued.get_by_label("What happens next (optional)").fill("Dana closes it tonight")
    reader.picture("queue-acknowledge")
    queued.get_by_role("button", name="Take over").click()
    reader.page.wait_for_url(lambda url: "/past-deadline/" in url)
    expect(reader.page.locator("#queued-USRT")).to_contain_text(
        "Taken over by Rosa Bell, 10:42: “Dana closes it tonight”"
    )
    expect(reader.page.locator(".verdict")).to_contain_text("4 not taken over.")
    reader.picture("queue-acknowledged")


@pytest.mark.parametrize("widths", [(360,), pytest.param((768, 1024, 2560), marks=pytest.mark.slow)], ids=str)
def test_filters_and_months_together_at_any_width(
    widths: tuple[int, ...], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy, save_person))
    reader = enter(new_reader(dark=True))
    reader.page.get_by_text("Filters", exact=True).click()
    reader.page.get_by_label("Group").select_option("EUROPE")
    expect(reader.page.locator(".queued")).to_have_count(4)
    expect(reader.page.get_by_text("Only Group: Continental Europe")).to_be_visible()
    for width in widths:
        reader.look(width, "dark")
        reader.picture(f"queue-filtered-{width}")
        reader.assert_accessible()
        reader.assert_no_sideways_scroll()
    reader.page.get_by_role("link", name="Clear").click()
    expect(reader.page.locator(".queued")).to_have_count(6)


def test_the_past_is_marked(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(busy, save_person))
    reader = enter(new_reader(), "/past-deadline/?at=2026-06-16")
    expect(reader.page.get_by_text("This is the past:")).to_be_visible()
    expect(reader.page.locator(".queued").first).to_contain_text("Distribution SAS")
    reader.assert_accessible()
    reader.picture("queue-past")
    reader.page.get_by_role("link", name="Back to now").first.click()
    expect(reader.page.get_by_text("This is the past:")).to_have_count(0)


def test_the_queue_prints_whole_cards(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy, save_person))
    reader = enter(new_reader())
    reader.page.emulate_media(media="print", color_scheme="light")
    for gone in (".top", ".tools", ".filters", ".acknowledge"):
        expect(reader.page.locator(gone).first).to_be_hidden()
    expect(reader.page.locator("#queued-NLDT")).to_contain_text("sanne.de.wit@meridian.test")
    sheet = reader.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page[^s]", sheet)) == 1
    if folder := os.environ.get("CLOSEBOARD_PICTURES"):
        Path(folder, "queue.pdf").write_bytes(sheet)
    reader.page.set_viewport_size({"width": 1047, "height": 725})
    reader.picture("queue-print")
