"""Silences in real Chromium: made on the entity's page, seen live on an open board, listed, lifted, undone."""

from __future__ import annotations

from playwright.sync_api import expect

from alerts.models import Silence
from alerts.routing.silences import create_silence
from entities.models import Group, LegalEntity, Membership, Person
from tests.browser.browser_user import (
    BrowserUser,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.builders import utc
from tests.db_builders import save_person

AT = utc("2026-06-15 12:05")
WHY = "The auditors have the books until Thursday; the close date is agreed with them"


def enter(reader: BrowserUser, where: str, email: str = "rosa.bell@meridian.test") -> BrowserUser:
    reader.log_in(email, where)
    return reader


@with_and_without_scripts
def test_rosa_silences_eu_dtc_on_its_page_and_lifts_it_again(
    rosa_after_alert: Person, new_reader: NewBrowserUser, javascript: bool
) -> None:
    reader = enter(new_reader(javascript=javascript), "/entities/NLDT/?month=2026-05")
    page = reader.page
    page.get_by_text("Silence the alerts of this entity").click()
    page.get_by_label("Silence until the end of").fill("2026-06-18")
    page.get_by_label("Because").fill(WHY)
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".message")).to_contain_text("EU DTC BV is silenced until Thu 18 Jun.")
    expect(page.locator("#said .silenced")).to_contain_text(f"Silenced until Thu 18 Jun by Rosa Bell: {WHY}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Silenced")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".message")).to_contain_text("The silence of EU DTC BV is lifted.")
    expect(page.locator("#said .silenced")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".message")).to_contain_text("EU DTC BV is silenced again until Thu 18 Jun.")
    reader.open("/alerts/")
    page.get_by_role("link", name="Silences").click()
    expect(page.locator(".silences-now")).to_contain_text(WHY)
    page.get_by_label("Entity or group").select_option(label="EU DTC BV (NLDT)")
    page.get_by_label("Until the end of").fill("2026-06-20")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_label("Because")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Give a reason in a few words")).to_be_visible()
    expect(page.get_by_label("Until the end of")).to_have_value("2026-06-20")
    page.get_by_label("Because").fill("A longer audit")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator(".silences-now .silence-of")).to_have_count(1)
    page.get_by_role("button", name="Lift the silence of EU DTC BV").click()
    expect(page.locator(".silences-now")).to_contain_text("No silence is in force")
    assert Silence.objects.filter(lifted_at=None).count() == 0
    reader.forgive("422")


def test_an_open_board_hears_of_a_silence_and_of_its_end(
    rosa_after_alert: Person, new_reader: NewBrowserUser
) -> None:
    reader = enter(new_reader(), "/?month=2026-05")
    row = reader.page.locator("#row-NLDT")
    expect(row.locator(".silenced")).to_have_count(0)
    other = enter(new_reader(), "/alerts/silences/")
    other.page.get_by_label("Entity or group").select_option(label="EU DTC BV (NLDT)")
    other.page.get_by_label("Until the end of").fill("2026-06-18")
    other.page.get_by_label("Because").fill("An audit")
    other.page.get_by_role("button", name="Silence", exact=True).click()
    expect(row.locator(".silenced")).to_contain_text("Silenced until Thu 18 Jun by Rosa Bell: An audit")
    other.page.get_by_role("button", name="Lift the silence of EU DTC BV").click()
    expect(row.locator(".silenced")).to_have_count(0)


@every_look
def test_silences_from_everywhere(rosa_after_alert: Person, new_reader: NewBrowserUser) -> None:
    reader = enter(new_reader(), "/alerts/silences/")
    reader.look_from_everywhere("silences-empty")
    nldt = LegalEntity.objects.get(code="NLDT")
    create_silence(rosa_after_alert, nldt, AT.date().replace(day=17), "Bank holiday", AT)
    create_silence(rosa_after_alert, nldt, AT.date().replace(day=18), WHY, AT)
    create_silence(
        rosa_after_alert,
        Group.objects.get(code="UK"),
        AT.date().replace(day=30),
        "Moving to a new ledger",
        AT,
    )
    for where, name in (
        ("/alerts/silences/", "silences"),
        ("/?month=2026-05", "silences-board"),
        ("/entities/NLDT/?month=2026-05", "silences-entity"),
        ("/past-deadline/", "silences-past-deadline"),
        ("/alerts/", "silences-alerts"),
    ):
        reader.open(where)
        expect(reader.page.get_by_text("ilenced").first).to_be_visible()
        reader.look_from_everywhere(name)
    reader.open("/alerts/silences/")
    reader.page.get_by_role("button", name="Silence", exact=True).click()
    expect(reader.page.get_by_text("Choose what to silence")).to_be_visible()
    reader.look_from_everywhere("silences-refused")
    reader.forgive("422")


@every_look
def test_an_auditor_reads(rosa_after_alert: Person, new_reader: NewBrowserUser) -> None:
    save_person("ada@meridian.test", "Ada", role=Membership.Role.AUDITOR)
    create_silence(rosa_after_alert, LegalEntity.objects.get(code="NLDT"), AT.date().replace(day=18), WHY, AT)
    reader = enter(new_reader(), "/alerts/silences/", "ada@meridian.test")
    expect(reader.page.get_by_text("You can only read")).to_be_visible()
    expect(reader.page.get_by_role("button", name="Lift")).to_have_count(0)
    reader.look_from_everywhere("silences-auditor")
