"""The page of alerts through HTTP: what it says first, who was told what, what is found again, and what it costs."""

from __future__ import annotations

import re
import socket
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from alerts.channels import state as channel_state
from alerts.evaluate.run import run_evaluation
from alerts.mail.compose import compose_mail
from alerts.models import Channel, Delivery, DeliveryLine, Notice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from alerts.outbox.sending import send_due_mails
from alerts.reconciliation import reconcile_and_record
from closing.calendar.days import DateSpan
from closing.facts.readings import GapReason, ReadGap
from entities.models import LegalEntity, Membership, Person
from tests.alerts.evaluations import save_evaluation_span
from tests.alerts.scenarios import (
    ALERTED_AT,
    MINUTE,
    REPORTED_FACTS,
    deliveries_to,
    end_deliveries,
    evaluate_around_read,
    evaluate_now,
    mark_deliveries_sent,
    save_eu_dtc_alert,
    untell,
)
from tests.builders import CLOSED, FROM_JUNE, MAY, OPEN, utc
from tests.db_builders import SampleGroup, record_worked_example, save_person, save_sample_group
from tests.sample_entities import SampleEntity
from tests.settable_clock import SettableClock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_after_alert")]
PATH = "/alerts/"
ROSA, SANNE = "rosa.bell@meridian.test", "sanne.de.wit@meridian.test"


def browser(email: str = ROSA) -> Client:
    client = Client()
    client.force_login(Person.objects.get(email=email))
    return client


def page(client: Client, query: str = "") -> str:
    answer = client.get(PATH + query)
    assert answer.status_code == 200, answer.content.decode()
    return unescape(answer.content.decode())


def verdict(text: str) -> str:
    found = re.search(r'aria-label="Verdict">\s*<h2>([^<]+)</h2>', text)
    assert found is not None
    return found[1]


def open_now(text: str) -> list[str]:
    return re.findall(r'id="open-(\S+?)"', text)


def history(text: str) -> list[tuple[str, str]]:
    """(kind, entity) of each notice in the history, from its top."""
    _, _, below = text.partition("All notices")
    kinds = re.findall(r'class="kind-of">.*?<b>([^<]+)</b>', below)
    return list(zip(kinds, re.findall(r'class="of-whom"><a[^>]+>([^<]+)</a>', below), strict=True))


def flat(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


# --- the sentence on top --------------------------------------------------------------------------------------------


def test_everybody_has_been_told_only_once_the_server_took_it(alerted_meridian: SampleGroup) -> None:
    assert verdict(page(browser())) == "1 entity is alerting; 2 messages wait"
    mark_deliveries_sent(ALERTED_AT + MINUTE, deliveries_to(ROSA))
    assert verdict(page(browser())) == "1 entity is alerting; 1 message waits"
    mark_deliveries_sent(ALERTED_AT + MINUTE)
    text = page(browser())
    assert verdict(text) == "1 entity is alerting, everybody has been told"
    assert "EU DTC BV is furthest behind: 6 calendar days late for May 2026." in text
    assert "<title>1 entity is alerting, everybody has been told · Alerts · Closeboard</title>" in text


def test_a_line_left_out_for_two_minutes_falls_due_again_and_is_not_counted_as_told_until_then(
    alerted_meridian: SampleGroup, clock: SettableClock
) -> None:
    """Rosa has the alert. EU DTC BV is closed for two minutes just when Sanne's message is to leave."""
    mark_deliveries_sent(ALERTED_AT + MINUTE, deliveries_to(ROSA))
    alerted_meridian.read(ALERTED_AT + MINUTE, REPORTED_FACTS | {"NLDT": FROM_JUNE})
    send_due_mails(ALERTED_AT + MINUTE)
    evaluate_now(ALERTED_AT + 2 * MINUTE)
    send_due_mails(ALERTED_AT + 2 * MINUTE)
    assert not [sent for sent in mail.outbox if SANNE in sent.to[0]]
    alerted_meridian.read(ALERTED_AT + 3 * MINUTE, REPORTED_FACTS)
    evaluate_now(ALERTED_AT + 3 * MINUTE)
    clock.at = ALERTED_AT + 4 * MINUTE
    assert verdict(page(browser())) == "1 entity is alerting; 1 of 2 people has been told"
    assert send_due_mails(clock.at) == 1
    assert mail.outbox[-1].to == [f"Sanne de Wit <{SANNE}>"]
    assert verdict(page(browser())) == "1 entity is alerting, everybody has been told"
    assert send_due_mails(clock.at + MINUTE) == 0


def test_one_entity_that_was_never_read_is_not_the_whole_connection(db: None, clock: SettableClock) -> None:
    """EU DTC BV cannot be read from the first attempt on; the other three are read each minute."""
    group, rosa = save_sample_group(), save_person()
    facts = dict.fromkeys(("UKHC", "UKRT", "USRT"), OPEN)
    gap = [ReadGap("nldt", GapReason.NO_ACCESS, "No access to this company.")]
    group.read("2026-06-09 08:00", facts, gaps=gap)
    group.read("2026-06-09 08:35", facts, gaps=gap)
    clock.at = utc("2026-06-09 08:36")
    save_evaluation_span(clock.at)
    run_evaluation(clock.at)
    told = flat(page(browser(rosa.email)))
    assert "Connection not read" in told
    assert "Some of its entities were not read for longer than its limit" in told
    assert "EU DTC BV never read" in told
    assert "nothing was read" not in told.lower()
    (subject,) = Delivery.objects.filter(recipient=rosa, rhythm="at_once")
    items, _, as_of = relevant_items(subject, SendContext(clock.at))
    mail_to_rosa = compose_mail(subject, items, as_of)
    assert mail_to_rosa.subject == "1 entity cannot be read: EU DTC BV"
    assert "Partly read" in str(mail_to_rosa.body)


def test_a_message_that_cannot_be_sent_stands_on_top(alerted_meridian: SampleGroup) -> None:
    mark_deliveries_sent(ALERTED_AT + MINUTE, deliveries_to(ROSA))
    end_deliveries(
        Delivery.State.PARKED,
        ALERTED_AT + MINUTE,
        "The mail server said 550 no such user sanne@x",
        deliveries_to(SANNE),
    )
    assert verdict(page(browser())) == "1 entity is alerting; 1 message cannot be sent"


def test_nobody_to_notify_stands_on_top(alerted_meridian: SampleGroup) -> None:
    Delivery.objects.all().delete()
    text = page(browser())
    assert verdict(text) == "1 entity is alerting; for 1 there is nobody to notify"
    assert flat(text).count("Nobody to notify") >= 2  # the filter has the word as well


def test_without_a_mail_server_the_page_says_so_and_who_can_help(
    alerted_meridian: SampleGroup, settings: Settings
) -> None:
    settings.MAILS_LEAVE = False
    text = page(browser())
    assert verdict(text) == "No mail server is set: messages wait"
    assert "Ask an administrator to set one." in text
    assert "2 messages wait. 1 entity is alerting." in text
    assert "MAIL_URL" not in text
    save_person("nadia@meridian.test", "Nadia", role=Membership.Role.ADMINISTRATOR)
    text = page(browser("nadia@meridian.test"))
    assert "Set MAIL_URL in the environment and start again." in text
    assert "Send me a test message" not in text


def test_on_hold_until_somebody_releases_it(alerted_meridian: SampleGroup) -> None:
    channel_state.hold("Restored from a backup.")
    text = page(browser())
    assert verdict(text) == "Sending is on hold"
    assert "Restored from a backup" not in text
    save_person("nadia@meridian.test", "Nadia", role=Membership.Role.ADMINISTRATOR)
    assert "Restored from a backup." in page(browser("nadia@meridian.test"))
    channel_state.release()
    assert verdict(page(browser())) == "1 entity is alerting; 2 messages wait"


def test_a_server_that_refuses_us_is_said_with_the_next_try(
    alerted_meridian: SampleGroup, clock: SettableClock
) -> None:
    Channel.objects.create(
        name="email",
        paused_until=clock.at + timedelta(minutes=3),
        words="The mail server said 535 bad password",
    )
    text = page(browser())
    assert verdict(text) == "The mail server refuses our mails: messages wait"
    assert "It refused at 12:59 and is tried again at 13:04." in text
    assert "535" not in text
    save_person("nadia@meridian.test", "Nadia", role=Membership.Role.ADMINISTRATOR)
    assert "The mail server said 535 bad password." in page(browser("nadia@meridian.test"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("The mail server said 421 4.7.0 Try again later", "The mail server delays all mails: messages wait"),
        ("The mail server does not answer: timed out", "The mail server does not answer: messages wait"),
        ("The mail server hung up: EOF", "The mail server does not answer: messages wait"),
        (
            "No token to sign in to the mail server: The client secret has expired.",
            "No token for the mail server can be fetched: messages wait",
        ),
        (
            "The mail server said 550 5.7.1 Unable to relay",
            "The mail server refuses our mails: messages wait",
        ),
    ],
)
def test_what_keeps_mails_from_leaving_is_named(
    alerted_meridian: SampleGroup, clock: SettableClock, words: str, expected: str
) -> None:
    pause = clock.at + timedelta(minutes=1) if " 4" in words else None
    Channel.objects.create(name="email", paused_until=pause, words=words)
    text = page(browser())
    assert verdict(text) == expected
    assert ("It is tried again at 13:02." in text) == (pause is not None)


# --- what is open ---------------------------------------------------------------------------------------------------


def test_an_open_episode_with_its_notice_and_its_messages(alerted_meridian: SampleGroup) -> None:
    mark_deliveries_sent(utc("2026-06-15 12:02"), deliveries_to(ROSA))
    text = page(browser())
    assert open_now(text) == ["NLDT-2026-05"]
    told = flat(text)
    assert "+6d" in told
    assert "alerting since Mon 15 Jun" in told
    assert (
        "Alert 13:00 6 calendar days late, confirmed by the ERP at 12:59 Facts then: Open"
        " 6 calendar days late"
        " deadline Tue 9 Jun read 12:59 policy “Group close”, version 1"
        " Waiting since 13:00 to Sanne de Wit Sent 13:02 to Rosa Bell"
    ) in told


def test_whoever_was_late_before_we_watched_is_not_said_to_have_been_told(clock: SettableClock) -> None:
    group = save_sample_group()
    save_person()
    evaluate_around_read(group, ALERTED_AT)
    text = page(browser())
    assert open_now(text) == ["NLDT-2026-05"]
    assert verdict(text) == "1 entity is alerting, overdue before it was first read: no alert is sent"
    assert "No alert: its deadline had passed before it was first read." in text
    assert "No notice has been sent yet" in text
    assert "A message goes out when an entity is more than 5 days late." in text


def test_a_stale_reading_is_waited_for(clock: SettableClock) -> None:
    group = save_sample_group()
    record_worked_example(group)
    save_person()
    clock.at = utc("2026-06-12 14:00")
    group.read("2026-06-15 11:58", REPORTED_FACTS)
    clock.at = utc("2026-06-15 18:00")
    text = page(browser())
    assert "No alert yet: it waits for the next reading." in text
    assert "when last read" in text


def test_a_close_ends_it_and_the_history_stays(alerted_meridian: SampleGroup, clock: SettableClock) -> None:
    mark_deliveries_sent(ALERTED_AT)
    closed = REPORTED_FACTS | {"NLDT": CLOSED}
    alerted_meridian.read("2026-06-15 12:30", closed)
    clock.at = utc("2026-06-15 12:31")
    text = page(browser())
    assert open_now(text) == []
    assert verdict(text) == "No entity is alerting"
    assert history(text) == [("Alert", "EU DTC BV")]
    evaluate_around_read(alerted_meridian, utc("2026-06-15 12:33"), closed)
    evaluate_around_read(alerted_meridian, utc("2026-06-15 13:10"), closed)
    clock.at = utc("2026-06-15 13:11")
    assert history(page(browser())) == [("Cleared", "EU DTC BV"), ("Alert", "EU DTC BV")]


def test_a_reopening_is_open_again_with_the_notices_of_its_own_episode(
    alerted_meridian: SampleGroup, clock: SettableClock
) -> None:
    mark_deliveries_sent(ALERTED_AT)
    closed = REPORTED_FACTS | {"NLDT": CLOSED}
    evaluate_around_read(alerted_meridian, utc("2026-06-15 12:33"), closed)
    evaluate_around_read(alerted_meridian, utc("2026-06-15 13:10"), closed)
    evaluate_around_read(alerted_meridian, utc("2026-06-16 12:00"), REPORTED_FACTS)
    clock.at = utc("2026-06-16 12:01")
    text = page(browser())
    assert open_now(text) == ["NLDT-2026-05"]
    above, _, _ = text.partition("All notices")
    kinds = re.findall(r'class="kind-of">.*?<b>([^<]+)</b>', above)
    # Neither the first alert nor what cleared it.
    assert sorted(kinds) == ["Alert", "Permanent close undone", "Reopened"]
    assert len(history(text)) == 5


def test_the_past_is_told_as_it_was(alerted_meridian: SampleGroup, clock: SettableClock) -> None:
    mark_deliveries_sent(ALERTED_AT + timedelta(hours=1))
    clock.at = ALERTED_AT + timedelta(days=1)
    text = page(browser(), "?at=2026-06-15T13:10")
    assert "This is the past" in text
    assert verdict(text) == "1 entity is alerting"
    assert "Waiting since 13:00" in flat(text)
    assert "Sent" not in flat(text.partition("All notices")[0])
    assert history(page(browser(), "?at=2026-06-15T12:30")) == []


# --- every notice ---------------------------------------------------------------------------------------------------


def test_the_states_of_messages_in_words(alerted_meridian: SampleGroup, clock: SettableClock) -> None:
    told = flat(page(browser()))
    assert "Waiting since 13:00 to Rosa Bell, Sanne de Wit" in told
    Delivery.objects.filter(recipient__email=SANNE).update(
        attempts=2, due_at=utc("2026-06-15 12:20"), words="The mail server does not answer: timed out"
    )
    told = flat(page(browser()))
    assert "Waiting since 13:00 to Sanne de Wit Tried 2 times, next try 13:20." in told
    assert "timed out" not in told
    untell(SANNE)
    end_deliveries(
        Delivery.State.CANCELLED,
        ALERTED_AT,
        "closed before it was sent; something of another entity",
        deliveries_to(SANNE),
    )
    told = flat(page(browser()))
    assert "Not sent to Sanne de Wit : closed meanwhile" in told
    assert "another entity" not in told


def test_what_the_server_said_is_for_administrators(alerted_meridian: SampleGroup) -> None:
    end_deliveries(
        Delivery.State.PARKED,
        ALERTED_AT,
        "The mail server said 550 no such user: sanne@secret.test",
        deliveries_to(SANNE),
    )
    told = flat(page(browser()))
    assert "Cannot be sent to Sanne de Wit An administrator can see why." in told
    assert "secret" not in told
    save_person("nadia@meridian.test", "Nadia", role=Membership.Role.ADMINISTRATOR)
    assert "The mail server said 550 no such user: sanne@secret.test" in page(browser("nadia@meridian.test"))
    save_person("uma@meridian.test", "Uma", role=Membership.Role.ADMINISTRATOR, group="UK")
    Membership.objects.create(
        person=Person.objects.get(email="uma@meridian.test"),
        role=Membership.Role.AUDITOR,
        entity=alerted_meridian.entities["NLDT"],
    )
    assert "secret" not in page(browser("uma@meridian.test"))  # administers, but not this entity
    Person.objects.create_superuser("root@meridian.test", "x", name="Root")
    assert "secret" in page(browser("root@meridian.test"))


def test_many_people_fold_away(alerted_meridian: SampleGroup) -> None:
    alert = Notice.objects.get(kind="alert", period__entity__code="NLDT")
    for n in range(7):
        somebody = save_person(f"f{n}@meridian.test", f"Finance {n}")
        made = Delivery.objects.create(
            recipient=somebody, made_at=ALERTED_AT, due_at=ALERTED_AT, message_id=f"<{n}@x>"
        )
        DeliveryLine.objects.create(delivery=made, notice=alert, recipient=somebody)
    told = flat(page(browser()))
    assert "to Finance 0, Finance 1, Finance 2, Finance 3 and 5 more" in told
    assert "Who else Finance 4, Finance 5, Finance 6, Rosa Bell, Sanne de Wit" in told


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["US Retail Inc", "EU DTC BV"]),
        ("?kind=alert", ["US Retail Inc", "EU DTC BV"]),
        ("?kind=cleared", []),
        ("?message=sent", ["EU DTC BV"]),
        ("?message=waiting", ["US Retail Inc"]),
        ("?message=parked", []),
        ("?message=cancelled", []),
        ("?message=nobody", []),
        ("?for=2026-05", ["US Retail Inc", "EU DTC BV"]),
        ("?for=2026-04", []),
        ("?month=2026-04", []),
        ("?q=dtc", ["EU DTC BV"]),
        ("?q=dana", ["US Retail Inc"]),
        ("?q=USRT", ["US Retail Inc"]),
        ("?group=EUROPE", ["EU DTC BV"]),
        ("?group=NOWHERE", []),
        ("?owner=Sanne+de+Wit", ["EU DTC BV"]),
        ("?country=US", ["US Retail Inc"]),
        ("?erp=meridian-prod", ["US Retail Inc", "EU DTC BV"]),
        ("?erp=other", []),
    ],
)
def test_each_filter(rosa_after_two_alerts: Client, query: str, names: list[str]) -> None:
    text = page(rosa_after_two_alerts, query)
    assert [name for _, name in history(text)] == names
    assert ("No notice passes these filters." in text) is (names == [])
    assert open_now(text) == ["NLDT-2026-05", "USRT-2026-05"]  # what is open stays in sight


@pytest.mark.parametrize("query", ["?kind=x", "?message=lost", "?for=May", "?at=x"])
def test_a_filter_that_means_nothing_is_refused(alerted_meridian: SampleGroup, query: str) -> None:
    assert browser().get(PATH + query).status_code == 400


def test_a_view_keeps_the_filters_of_notices(rosa_after_two_alerts: Client) -> None:
    seen = {"name": "my alerts", "screen": "alerts", "query": "kind=alert&message=sent&for=2026-05&page=2"}
    rosa_after_two_alerts.post("/views/save/", seen)
    text = page(rosa_after_two_alerts)
    assert 'href="/alerts/?kind=alert&message=sent&for=2026-05"' in text
    assert "Alerts · kind: alert · message: sent · for: 2026-05" in flat(text)
    assert (
        "my alerts"
        in page(rosa_after_two_alerts, "?kind=alert&message=sent&for=2026-05").partition("Save what")[0]
    )


def test_only_what_a_person_may_see(rosa_after_two_alerts: Client) -> None:
    save_person("uma@meridian.test", "Uma", group="UK")
    text = page(browser("uma@meridian.test"))
    assert verdict(text) == "No entity is alerting"
    assert "No notice has been sent yet" in text
    for foreign in ("EU DTC", "NLDT", "US Retail", "Sanne", "Dana"):
        assert foreign not in text
    text = page(browser(SANNE))
    assert [name for _, name in history(text)] == ["EU DTC BV"]
    assert open_now(text) == ["NLDT-2026-05"]
    assert "Dana" not in text


def test_without_a_role_the_next_step_is_named(alerted_meridian: SampleGroup) -> None:
    save_person("nina@meridian.test", "Nina", group=None)
    assert "Ask an administrator to give you a role" in page(browser("nina@meridian.test"))


def test_a_name_is_text_wherever_it_stands(alerted_meridian: SampleGroup) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    Person.objects.filter(email=SANNE).update(name="<script>alert(2)</script>")
    assert "<script>alert" not in browser().get(PATH).content.decode()


def test_the_history_comes_in_pages(rosa_after_two_alerts: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.notifications.alerts_page.PAGE_SIZE", 1)
    first, second = (
        page(rosa_after_two_alerts, "?kind=alert"),
        page(rosa_after_two_alerts, "?kind=alert&page=2"),
    )
    assert [name for _, name in history(first)] == ["US Retail Inc"]
    assert [name for _, name in history(second)] == ["EU DTC BV"]
    assert 'href="/alerts/?kind=alert&page=2" rel="next"' in first
    assert "Page 2 of 2" in second
    assert "1 more is not shown here." in first


def test_htmx_gets_the_sheet_alone(alerted_meridian: SampleGroup) -> None:
    answer = browser().get(PATH, headers={"HX-Request": "true"})
    assert b"<html" not in answer.content
    assert b'id="sheet"' in answer.content


# --- a message to oneself -------------------------------------------------------------------------------------------


def test_an_administrator_sends_themself_a_message_once_a_minute(nadia_after_alert: Client) -> None:
    assert "Send me a test message" in page(nadia_after_alert)
    text = nadia_after_alert.post("/alerts/try/", follow=True).content.decode()
    assert "A message to nadia@meridian.test was accepted by the mail server." in text
    (message,) = mail.outbox
    assert message.to == ["Nadia Ward <nadia@meridian.test>"]
    assert "/alerts/" in message.body
    text = nadia_after_alert.post("/alerts/try/", follow=True).content.decode()
    assert "You have just sent one. Try again in a minute." in text
    assert len(mail.outbox) == 1


def test_what_the_server_answers_is_said(nadia_after_alert: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    text = nadia_after_alert.post("/alerts/try/", follow=True).content.decode()
    assert "The message could not be sent just now." in text
    assert "Connection refused" in text


def test_while_redis_is_away_no_test_message_is_sent(nadia_after_alert: Client, settings: Settings) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": away}}
        text = nadia_after_alert.post("/alerts/try/", follow=True).content.decode()
    assert "Redis does not answer, so nothing was sent." in text
    assert mail.outbox == []


def test_a_message_to_oneself_needs_a_server_and_an_administrator(
    nadia_after_alert: Client, settings: Settings
) -> None:
    settings.MAILS_LEAVE = False
    assert "No mail server is named" in nadia_after_alert.post("/alerts/try/", follow=True).content.decode()
    assert mail.outbox == []
    assert browser().post("/alerts/try/").status_code == 403
    assert "Send me a test message" not in page(browser())


# --- on other pages -------------------------------------------------------------------------------------------------


def test_the_entitys_page_says_who_was_told_of_the_month_shown(alerted_meridian: SampleGroup) -> None:
    mark_deliveries_sent(utc("2026-06-15 12:02"))
    told = flat(unescape(browser().get("/entities/NLDT/").content.decode()))
    assert "Alert 13:00 6 calendar days late, confirmed by the ERP at 12:59" in told
    assert "Sent 13:02 to Rosa Bell, Sanne de Wit" in told
    for path in ("/entities/UKHC/", "/entities/NLDT/?month=2026-04", "/entities/NLDT/?at=2026-06-15T12:30"):
        assert "confirmed by the ERP at" not in browser().get(path).content.decode()


def test_the_queue_says_where_nobody_could_be_told(alerted_meridian: SampleGroup) -> None:
    assert "Nobody to notify" not in browser().get("/past-deadline/").content.decode()
    Delivery.objects.all().delete()
    assert "Nobody to notify" in browser().get("/past-deadline/").content.decode()
    assert "Nobody to notify" not in browser().get("/past-deadline/?at=2026-06-15T12:30").content.decode()


# --- the mails of a demo --------------------------------------------------------------------------------------------


def test_the_mails_in_a_folder_are_read_by_superusers_only(
    alerted_meridian: SampleGroup, settings: Settings, tmp_path: Path
) -> None:
    Person.objects.create_superuser("root@meridian.test", "x", name="Root")
    root, rosa = browser("root@meridian.test"), browser()
    assert root.get("/mail/").status_code == 404  # mails are sent
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "not yet")
    assert rosa.get("/mail/").status_code == 404
    assert "No mail has been written yet" in root.get("/mail/").content.decode()
    with mail.get_connection() as server:
        for number in range(3):
            message = mail.EmailMultiAlternatives(
                f"Mail <{number}>", "Größe\n" + "-" * 79 + "\nmore", to=["x@meridian.test"], connection=server
            )
            message.attach_alternative("<p onclick='alert(1)'>HTML</p>", "text/html")
            message.send()
    text = root.get("/mail/").content.decode()
    assert re.findall(r"<h2>(.*?)</h2>", text)[:1] == ["Mail &lt;2&gt;"]
    assert "Größe" in text
    (address, *_) = re.findall(r'href="(/mail/[^"]+/)"', text)
    answer = root.get(address)
    assert answer.content == b"<p onclick='alert(1)'>HTML</p>"
    policy = answer["Content-Security-Policy"]
    for part in ("default-src 'none'", "sandbox", "frame-ancestors 'none'", "form-action 'none'"):
        assert part in policy
    assert "script-src" not in policy
    assert rosa.get(address).status_code == 404
    for key in ("x", "..", "20260612-120000-1-1"):
        assert root.get(f"/mail/{key}/").status_code == 404


# --- what it costs --------------------------------------------------------------------------------------------------


def many(count: int) -> SampleGroup:
    cast = [
        SampleEntity(f"E{n:03}", f"Entity {n}", "GB", "Europe/London", "UK", "Amira Hale", "", "", "")
        for n in range(count)
    ]
    group = save_sample_group(cast)
    save_person()
    said = dict.fromkeys(group.entities, OPEN)
    april = DateSpan(MAY.replace(month=4), MAY.replace(month=4, day=30))
    group.read("2026-05-04 12:00", said, span=april)
    group.read("2026-06-01 12:00", said)
    group.read(ALERTED_AT - 2 * MINUTE, said, span=april)
    group.read(ALERTED_AT - MINUTE, said)
    evaluate_around_read(group, ALERTED_AT + 3 * MINUTE, said)
    return group


@pytest.mark.parametrize("entities", [2, 20])
def test_the_page_costs_the_same_few_statements_at_any_size_and_writes_nothing(
    entities: int, clock: SettableClock
) -> None:
    many(entities)
    clock.at = ALERTED_AT + 4 * MINUTE
    client = browser()
    page(client)
    with CaptureQueriesContext(connection) as counted:
        text = page(client)
    assert len(open_now(text)) == 2 * entities
    assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in counted)
    assert len(counted) == 47, "\n".join(each["sql"][:160] for each in counted)


def test_the_proof_of_last_night_is_for_who_sees_everything(client: Client) -> None:
    save_eu_dtc_alert()
    Person.objects.create_superuser("root@meridian.test", "x", name="Root")
    reconcile_and_record(ALERTED_AT)
    client.force_login(Person.objects.get(email=ROSA))
    assert "Proof of the alerts" not in client.get(PATH).content.decode()
    client.force_login(Person.objects.get(email="root@meridian.test"))
    assert "the history requires 1 alert; no differences" in client.get(PATH).content.decode()
    Delivery.objects.update(state="parked", ended_at=ALERTED_AT)
    reconcile_and_record(ALERTED_AT + MINUTE)
    page = client.get(PATH).content.decode()
    assert "1 difference" in page
    assert "EU DTC BV, May 2026: its alert has reached nobody" in page
