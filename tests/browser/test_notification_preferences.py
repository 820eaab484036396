"""What people and groups arrange about being told, in real Chromium: chosen, refused, undone, without scripts too."""

from __future__ import annotations

from playwright.sync_api import expect

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.models import AlertRules, EscalationStep, Subscription
from alerts.routing.preferences import load_preferences
from closing.judging.notice_rules import NoticeKind
from closing.judging.notification_schedule import Cadence
from entities.models import Group, LegalEntity, Membership, Person
from tests.browser.browser_user import (
    BrowserUser,
    NewBrowserUser,
    every_look,
    with_and_without_scripts,
)
from tests.db_builders import save_person


def enter(reader: BrowserUser, where: str, email: str = "rosa.bell@meridian.test") -> BrowserUser:
    reader.log_in(email, where)
    return reader


@with_and_without_scripts
def test_a_person_says_what_they_get(
    rosa_after_alert: Person, new_reader: NewBrowserUser, javascript: bool
) -> None:
    reader = enter(new_reader(javascript=javascript), "/alerts/")
    page = reader.page
    page.get_by_role("link", name="Notifications").click()
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()
    expect(page.locator(".coming")).to_contain_text("The next daily digest comes tomorrow 08:00 London time")
    late = page.get_by_role("group", name="Overdue", exact=True)
    expect(late.get_by_label("Daily digest")).to_be_checked()
    late.get_by_label("Weekly digest").check()
    page.get_by_role("group", name="Due soon").get_by_label("Never").check()
    page.get_by_label("Quiet hours from").fill("22:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("until", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Quiet hours need a beginning and an end.")).to_be_visible()
    expect(page.get_by_role("group", name="Due soon").get_by_label("Never")).to_be_checked()
    assert not Subscription.objects.exists()
    page.get_by_label("until", exact=True).fill("06:30")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message")).to_contain_text("Your notifications are saved.")
    expect(page.locator(".coming")).to_contain_text(
        "The next weekly digest comes Mon 22 Jun 08:00 London time"
    )
    assert load_preferences(rosa_after_alert).cadences == {
        NoticeKind.LATE: Cadence.WEEKLY,
        NoticeKind.DUE_SOON: Cadence.NEVER,
    }
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".message")).to_contain_text("The change is undone.")
    expect(page.get_by_role("button", name="Restore the defaults")).to_have_count(0)
    assert load_preferences(rosa_after_alert).cadences == {}
    reader.forgive("422")


@every_look
def test_the_page_of_what_one_gets_from_everywhere(
    rosa_after_alert: Person, new_reader: NewBrowserUser
) -> None:
    reader = enter(new_reader(), "/alerts/subscriptions/")
    reader.look_from_everywhere("subscriptions-usual")
    AlertRules.objects.create(group=Group.objects.get(code="EUROPE"), alerts_in_digest=True)
    LegalEntity.objects.filter(code__in=["UKHC", "UKRT"]).update(owner=rosa_after_alert)
    nadia = save_person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)
    LegalEntity.objects.filter(code="UKHC").update(deputy=nadia)
    LegalEntity.objects.filter(code="NLDT").update(deputy=rosa_after_alert)
    reader.look(1400, "light")
    reader.open("/alerts/subscriptions/")
    page = reader.page
    page.get_by_role("group", name="Overdue", exact=True).get_by_label("Weekly digest").check()
    page.get_by_label("Away from").fill("2026-06-15")
    page.get_by_label("until (last day away)").fill("2026-06-26")
    page.get_by_label("Quiet hours from").fill("12:00")
    page.get_by_label("until", exact=True).fill("14:00")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".coming")).to_contain_text("You are away until Fri 26 Jun.")
    reader.look_from_everywhere("subscriptions-arranged")
    page.get_by_label("Away from").fill("")
    page.get_by_label("Digests come at").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Digests need a time")).to_be_visible()
    reader.look_from_everywhere("subscriptions-refused")
    reader.forgive("422")


def test_it_can_be_done_by_keyboard(rosa_after_alert: Person, new_reader: NewBrowserUser) -> None:
    reader = enter(new_reader(), "/alerts/subscriptions/")
    page = reader.page
    page.get_by_role("group", name="Overdue", exact=True).get_by_label("Daily digest").focus()
    page.keyboard.press("ArrowRight")
    expect(
        page.get_by_role("group", name="Overdue", exact=True).get_by_label("Weekly digest")
    ).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator(".message")).to_contain_text("Your notifications are saved.")
    assert load_preferences(rosa_after_alert).cadences == {NoticeKind.LATE: Cadence.WEEKLY}


@with_and_without_scripts
def test_a_group_agrees_its_escalation(
    nadia_after_alert: Person, new_reader: NewBrowserUser, javascript: bool
) -> None:
    reader = enter(new_reader(javascript=javascript), "/alerts/", nadia_after_alert.email)
    page = reader.page
    page.get_by_role("link", name="Rules").click()
    expect(page.locator(".rules-list > li")).to_have_count(4)
    page.get_by_role("link", name="Continental Europe").click()
    expect(page.locator(".inherited")).to_contain_text("+10 administrators; +15 owners the default")
    first = page.get_by_role("group", name="Another step", exact=True)
    first.get_by_label("Days late").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Choose who is notified: a role, or a person by name.")).to_be_visible()
    assert not EscalationStep.objects.exists()
    step = page.get_by_role("group", name="Step 1", exact=True)
    step.get_by_label("Rosa Bell").check()
    page.get_by_label("Working days before a deadline").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message")).to_contain_text("The alert rules of Continental Europe are saved.")
    expect(page.locator(".reaches")).to_contain_text("+7 Rosa Bell, Sanne de Wit")
    step.get_by_label("Remove").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".reaches")).to_contain_text("+10 Nadia Ward, Rosa Bell, Sanne de Wit")
    assert not EscalationStep.objects.exists()
    assert AlertRules.objects.get().due_soon_days == 3
    reader.forgive("422")


@every_look
def test_the_pages_of_rules_from_everywhere(nadia_after_alert: Person, new_reader: NewBrowserUser) -> None:
    group = Group.objects.get(code="MERIDIAN")
    AlertRules.objects.create(group=group, due_soon_days=4, alerts_in_digest=True)
    for number, (days, role) in enumerate(((8, "administrator"), (20, "owner")), start=1):
        EscalationStep.objects.create(group=group, step=number, after_days=days, roles=[role])
    EscalationStep.objects.get(step=1).people.set(Person.objects.filter(name__in=["Rosa Bell", "Nadia Ward"]))
    reader = enter(new_reader(), "/alerts/rules/", nadia_after_alert.email)
    reader.look_from_everywhere("rules")
    reader.open("/alerts/rules/MERIDIAN/")
    reader.look_from_everywhere("rules-own")
    reader.open("/alerts/rules/EUROPE/")
    expect(reader.page.locator(".inherited")).to_contain_text("from Meridian Group")
    reader.look_from_everywhere("rules-inherited")
    reader.page.get_by_label("Working days before a deadline").fill("many")
    reader.page.get_by_label("Days late").fill("500")
    reader.page.get_by_role("button", name="Save").click()
    expect(reader.page.get_by_text("“many” is not a number of days.")).to_be_visible()
    reader.look_from_everywhere("rules-refused")
    reader.forgive("422")


@every_look
def test_a_deputy_is_named_and_shown_beside_the_owner(
    nadia_after_alert: Person, new_reader: NewBrowserUser
) -> None:
    reader = enter(new_reader(), "/entities/NLDT/", nadia_after_alert.email)
    page = reader.page
    expect(page.locator("#entity-head")).to_contain_text("no deputy")
    page.get_by_role("link", name="Name one who stands in for the owner").click()
    page.get_by_label("Deputy").select_option("Rosa Bell")
    reader.look_from_everywhere("deputy")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message")).to_contain_text("Rosa Bell is the deputy of EU DTC BV now.")
    expect(page.locator("#entity-head")).to_contain_text("deputy Rosa Bell")
    reader.look_from_everywhere("deputy-named")
    uma = save_person("uma@meridian.test", "Uma", role=Membership.Role.AUDITOR)
    other = enter(new_reader(), "/entities/NLDT/", uma.email)
    expect(other.page.locator("#entity-head")).to_contain_text("deputy Rosa Bell")
    expect(other.page.get_by_role("link", name="who stands in")).to_have_count(0)


def test_a_mail_is_switched_off_by_whoever_holds_its_link(
    rosa_after_alert: Person, new_reader: NewBrowserUser
) -> None:
    reader = new_reader(javascript=False)
    reader.open(
        f"/alerts/unsubscribe/{unsubscribe_token(rosa_after_alert, [NoticeKind.DUE_SOON, NoticeKind.LATE])}/"
    )
    page = reader.page
    reader_sees = page.get_by_role("heading")
    expect(reader_sees).to_have_text("Switch these mails off?")
    page.get_by_role("button", name="Switch them off").click()
    expect(reader_sees).to_have_text("Switched off")
    assert load_preferences(rosa_after_alert).cadences == {
        NoticeKind.DUE_SOON: Cadence.NEVER,
        NoticeKind.LATE: Cadence.NEVER,
    }
    page.get_by_role("button", name="Undo: send them again").click()
    expect(reader_sees).to_have_text("Switched on again")
    assert load_preferences(rosa_after_alert).cadences == {}
    page.get_by_role("link", name="Choose your notifications").click()
    reader.type_log_in(rosa_after_alert.email)
    expect(page.get_by_role("heading", name="Notifications")).to_be_visible()


@every_look
def test_the_pages_behind_a_link_from_everywhere(
    rosa_after_alert: Person, new_reader: NewBrowserUser
) -> None:
    reader = new_reader()
    reader.open(
        f"/alerts/unsubscribe/{unsubscribe_token(rosa_after_alert, [NoticeKind.DUE_SOON, NoticeKind.LATE])}/"
    )
    reader.look_from_everywhere("unsubscribe-asked")
    reader.page.get_by_role("button", name="Switch them off").click()
    expect(reader.page.get_by_role("heading")).to_have_text("Switched off")
    reader.look_from_everywhere("unsubscribe-done")
    reader.open("/alerts/unsubscribe/nonsense/")
    expect(reader.page.get_by_role("heading")).to_have_text("This link does not work")
    reader.look_from_everywhere("unsubscribe-unknown")
    reader.forgive("404")
