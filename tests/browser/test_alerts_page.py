"""The page of alerts and the mails of a demo in real Chromium: each designed state at both widths, day and night."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from playwright.sync_api import expect
from pytest_django import Settings

from alerts.channels import state as channel_state
from alerts.models import Delivery, DeliveryLine
from entities.models import LegalEntity, Membership, Person
from tests.alerts.scenarios import (
    ALERTED_AT,
    REPORTED_FACTS,
    deliveries_to,
    end_deliveries,
    evaluate_around_read,
    mark_deliveries_sent,
    save_eu_dtc_alert,
)
from tests.browser.browser_user import (
    ROSA,
    BrowserUser,
    ClockAt,
    Database,
    NewBrowserUser,
    every_look,
    look_at_states,
)
from tests.builders import CLOSED, WORKED_EXAMPLE_AT, utc
from tests.db_builders import PASSWORD, record_worked_example, save_busy_group, save_person, save_sample_group

FOLDER_BACKEND = "django.core.mail.backends.filebased.EmailBackend"

pytestmark = pytest.mark.usefixtures("mails_leave")


def told() -> datetime:
    save_eu_dtc_alert()
    mark_deliveries_sent(utc("2026-06-15 12:02"))
    return utc("2026-06-15 12:05")


def busy() -> datetime:
    """Two weeks of nearly everything: escalated, cannot be sent, closed and cleared, reopened, waiting."""
    group = save_eu_dtc_alert()
    mark_deliveries_sent(utc("2026-06-15 12:02"))
    evaluate_around_read(group, utc("2026-06-17 06:00"))
    mark_deliveries_sent(utc("2026-06-17 06:02"), deliveries_to(ROSA))
    end_deliveries(
        Delivery.State.PARKED,
        utc("2026-06-17 06:02"),
        "The mail server said 550 5.1.1 <dana.whitfield@meridian.test>: no such mailbox",
        deliveries_to("dana.whitfield@meridian.test"),
    )
    evaluate_around_read(group, utc("2026-06-19 12:00"))
    evaluate_around_read(group, utc("2026-06-19 15:00"), REPORTED_FACTS | {"USRT": CLOSED})
    Delivery.objects.filter(state="waiting").update(attempts=2)
    evaluate_around_read(group, utc("2026-06-19 16:00"), REPORTED_FACTS | {"USRT": CLOSED})
    for n in range(8):
        somebody = save_person(f"f{n}@meridian.test", f"Finance Colleague {n}")
        made = Delivery.objects.create(
            recipient=somebody,
            made_at=ALERTED_AT,
            due_at=ALERTED_AT,
            message_id=f"<{n}@x>",
            state="sent",
            ended_at=utc("2026-06-15 12:02"),
        )
        DeliveryLine.objects.create(delivery=made, notice_id=_first(), recipient=somebody)
    return utc("2026-06-19 16:05")


def _first() -> int:
    alert = DeliveryLine.objects.filter(notice__kind="alert", notice__period__entity__code="NLDT")
    return alert.values_list("notice", flat=True)[0]


def nobody_to_notify() -> datetime:
    save_eu_dtc_alert()
    Delivery.objects.all().delete()
    return utc("2026-06-15 12:05")


def on_hold() -> datetime:
    save_eu_dtc_alert()
    channel_state.hold("The database was restored from a backup of 14 June.")
    return utc("2026-06-15 12:05")


def refused() -> datetime:
    save_eu_dtc_alert()
    channel_state.hold("The mail server said 535 5.7.8 authentication failed")
    from alerts.models import Channel  # noqa: PLC0415

    Channel.objects.update(held=False, paused_until=utc("2026-06-15 12:07"))
    return utc("2026-06-15 12:05")


def before_we_watched() -> datetime:
    group = save_sample_group()
    evaluate_around_read(group, ALERTED_AT)
    save_person()
    return utc("2026-06-15 12:05")


def nothing_yet() -> datetime:
    record_worked_example(save_sample_group())
    save_person()
    return WORKED_EXAMPLE_AT


def stale() -> datetime:
    save_busy_group()
    save_person()
    return utc("2026-06-17 12:42")


def no_entities() -> datetime:
    record_worked_example(save_sample_group())
    LegalEntity.objects.all().update(active_from="2026-07-01")
    save_person()
    return WORKED_EXAMPLE_AT


STATES = {
    told: "1 entity is alerting, everybody has been told",
    busy: "1 entity is alerting",
    nobody_to_notify: "1 entity is alerting; for 1 there is nobody to notify",
    on_hold: "Sending is on hold",
    refused: "The mail server refuses our mails: messages wait",
    before_we_watched: "1 entity is alerting, overdue before it was first read: no alert is sent",
    nothing_yet: "No entity is alerting",
    stale: "6 entities are alerting, nobody has been told about them yet",
    no_entities: "Nobody closes May 2026",
}


def nadia() -> None:
    """Somebody who administers everything."""
    save_person("nadia@meridian.test", "Nadia Ward", role=Membership.Role.ADMINISTRATOR)


def root() -> None:
    Person.objects.create_superuser("root@meridian.test", PASSWORD, name="Root")


def enter(reader: BrowserUser, path: str = "/alerts/", email: str = ROSA) -> BrowserUser:
    """Come to the page as somebody."""
    reader.log_in(email, path)
    return reader


@look_at_states(STATES, told, busy, refused, nothing_yet, no_entities)
def test_every_designed_state(
    state: Callable[[], datetime], new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(state))
    reader = enter(new_reader())
    expect(reader.page.locator("h2").first).to_contain_text(STATES[state])
    reader.look_from_everywhere(f"alerts-{state.__name__}")


@every_look
def test_without_a_mail_server_an_administrator_reads_what_to_do(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, settings: Settings
) -> None:
    settings.MAILS_LEAVE = False
    clock_at(reading(nothing_yet, nadia))
    reader = enter(new_reader(), email="nadia@meridian.test")
    expect(reader.page.locator(".verdict")).to_contain_text("Set MAIL_URL in the environment")
    reader.look_from_everywhere("alerts-no-server")


@every_look
def test_the_history_is_filtered_as_one_picks(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy))
    reader = enter(new_reader())
    notices = reader.page.locator(".all-told > li")
    every = notices.count()
    reader.page.get_by_label("Message", exact=True).select_option("Cannot be sent")
    expect(reader.page).to_have_url(reader.site + "/alerts/?message=parked")
    expect(notices).to_have_count(1)
    expect(notices).to_contain_text("US Retail Inc")
    reader.page.get_by_role("link", name="Clear").click()
    expect(notices).to_have_count(every)
    reader.page.get_by_label("Find an entity or owner").fill("sanne")
    expect(notices.filter(has_text="US Retail")).to_have_count(0)
    reader.page.get_by_label("Kind", exact=True).select_option("Cleared")
    expect(reader.page.locator("#none")).to_have_text("No notice passes these filters. Show all")
    reader.look_from_everywhere("alerts-none-found")


def test_it_works_without_scripts(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(busy))
    reader = enter(new_reader(javascript=False))
    reader.page.get_by_label("Message", exact=True).select_option("Cannot be sent")
    reader.page.get_by_role("button", name="Apply").click()
    expect(reader.page.locator(".all-told > li")).to_have_count(1)
    reader.page.get_by_role("link", name="Clear").click()
    expect(reader.page.locator(".all-told > li").first).to_be_visible()


def test_it_refreshes_itself(new_reader: NewBrowserUser, clock_at: ClockAt, story: Database) -> None:
    """What is sent in the meantime appears without a reload."""
    story(save_eu_dtc_alert)
    clock_at(utc("2026-06-15 12:05"))
    reader = enter(new_reader())
    expect(reader.page.locator("h2").first).to_contain_text("2 messages wait")
    mark_deliveries_sent(utc("2026-06-15 12:06"))
    reader.page.evaluate("htmx.trigger(document.getElementById('sheet'), 'refetch')")
    expect(reader.page.locator("h2").first).to_contain_text("everybody has been told")


@every_look
def test_the_entitys_page_tells_it_too(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database
) -> None:
    clock_at(reading(busy))
    reader = enter(new_reader(), "/entities/NLDT/")
    expect(reader.page.locator("#told")).to_contain_text("Notifications sent")
    reader.look_from_everywhere("alerts-entity")
    reader.page.locator("#told summary").first.click()
    expect(reader.page.locator("#told")).to_contain_text("Finance Colleague 7")


@every_look
def test_a_superuser_reads_the_mails_of_a_demo(
    new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database, settings: Settings, tmp_path: Path
) -> None:
    clock_at(reading(told, root))
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = FOLDER_BACKEND, str(tmp_path)
    reader = enter(new_reader(), email="root@meridian.test")
    reader.page.get_by_role("link", name="Read them").click()
    expect(reader.page.get_by_role("heading", name="No mail has been written yet")).to_be_visible()
    reader.look_from_everywhere("mails-none")
    with get_connection() as server:
        for n, name in enumerate(("EU DTC BV", "Ibérica SL")):
            mail = EmailMultiAlternatives(
                f"{name} +{n + 6} for May 2026",
                f"{name} is past its line.\n\nOpen it: http://localhost/",
                to=["Rosa Bell <rosa.bell@meridian.test>"],
                connection=server,
            )
            mail.attach_alternative(
                f"<html lang=en><head><title>x</title><style>p{{color:red}}</style></head><body>"
                f"<p style='font-weight:bold'>{name}</p><script>document.title='ran'</script>"
                f"<img alt='' src='http://evil.test/x.png'></body></html>",
                "text/html",
            )
            mail.send()
    reader.page.goto(reader.site + "/mail/")
    expect(reader.page.locator(".mails > li")).to_have_count(2)
    expect(reader.page.locator(".mails > li").first).to_contain_text("Ibérica SL +7 for May 2026")
    expect(reader.page.locator("pre").first).to_contain_text("Ibérica SL is past its line.")
    reader.look_from_everywhere("mails")
    with reader.page.expect_popup() as opened:
        reader.page.get_by_role("link", name="As HTML").first.click()
    html = opened.value
    expect(html.locator("p")).to_have_text("Ibérica SL")
    assert html.locator("p").evaluate("each => getComputedStyle(each).color") == "rgb(255, 0, 0)"
    assert html.title() == "x"  # nothing in it runs
    reader.forgive("evil.test", "script")


def test_a_test_message_is_answered_on_the_page(
    new_reader: NewBrowserUser, clock_at: ClockAt, story: Database
) -> None:
    clock_at(story(told, nadia))
    reader = enter(new_reader(javascript=False), email="nadia@meridian.test")
    reader.page.get_by_role("button", name="Send me a test message").click()
    expect(reader.page.locator(".message")).to_contain_text("A message to nadia@meridian.test was accepted")
    reader.picture("alerts-tried")
    reader.page.get_by_role("button", name="Send me a test message").click()
    expect(reader.page.locator(".message")).to_contain_text("Try again in a minute")
    reader.picture("alerts-tried-again")


def test_it_prints(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(busy))
    reader = enter(new_reader(1050))
    reader.page.emulate_media(media="print")
    expect(reader.page.locator("#filters")).to_be_hidden()
    expect(
        reader.page.get_by_text("Finance Colleague 7").first
    ).to_be_visible()  # on paper nobody opens anything
    reader.picture("alerts-print")


@every_look
def test_a_page_of_a_past_moment(new_reader: NewBrowserUser, clock_at: ClockAt, reading: Database) -> None:
    clock_at(reading(told) + timedelta(days=1))
    reader = enter(new_reader(), "/alerts/?at=2026-06-15T13:01")
    expect(reader.page.locator(".then")).to_contain_text("This is the past")
    expect(reader.page.locator(".episode")).to_contain_text("Waiting since 13:00")
    reader.look_from_everywhere("alerts-past")
