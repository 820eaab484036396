"""What mails say and carry: each kind in full in tests/golden/mails, and what must hold for any names."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from html import unescape
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from alerts.mail.compose import compose_mail, recipient_header, render_html
from alerts.mail.rows import EntityLookup, MessageContext
from alerts.mail.sections import MAX_ROWS, MIN_ROWS_A_SECTION, build_content, render_text
from alerts.mail.unsubscribe_links import read_unsubscribe_token
from alerts.models import Delivery, EscalationStep, Notice
from alerts.notices.entries import EntityNotice
from alerts.sanitize import header_line, one_line
from board.web.board_query import parse_query
from board.web.filters import matching_rows
from closing.facts.base import NativePeriodFacts
from closing.judging.notice_rules import NoticeKind
from closing.judging.standing import JudgingPolicy, LatenessUnit
from closing.scoreboard.row import Row
from entities.models import Group, LegalEntity, Membership, Person
from periods.snapshot.builder import take_snapshot
from tests.alerts.mail.mail_scenarios import BASE_URL, HOSTILE, MESSAGE_ID, STORIES, MailScenario
from tests.builders import (
    CLOSED,
    FROM_JUNE,
    FROM_MAY,
    MAY,
    ON_HOLD,
    OPEN,
    deadline,
    reads_until_close,
    row,
    utc,
)
from tests.golden_files import assert_golden
from tests.hypothesis_profiles import examples
from tests.sample_entities import NLDT, TWELVE_ENTITIES, UKHC, UKRT, USRT

pytestmark = pytest.mark.usefixtures("golden_sender")
NOON = utc("2026-06-15 12:00")
KEPT_HEADERS = (
    "Subject",
    "From",
    "To",
    "Message-ID",
    "Date",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
)


@cache
def mail_of(story: str) -> EmailMultiAlternatives:
    """The mail of a story, which is played once however many tests read it."""
    return STORIES[story]()


def received(mail: EmailMultiAlternatives) -> EmailMessage:
    """The mail as its receiver's program reads it."""
    found = message_from_bytes(mail.message().as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def words_of_html(html: str) -> str:
    """What a reader sees of HTML, with the address behind the words of each link, as the text has it."""
    body = html[html.index("<body") :]
    body = re.sub(r'<a [^>]*href="(https?[^"]*)"[^>]*>(.*?)</a>', r"\2 \1", body, flags=re.S)
    return _words(unescape(re.sub(r"<[^>]*>", " ", body)))


def words_of_text(text: str) -> str:
    """The same of text, without the marks that stand for lines and colours there."""
    subject, *lines = text.splitlines()
    kept = [re.sub(r"^\* ", "", line) for line in lines if not re.fullmatch("=+", line)]
    return _words(" ".join([subject, *kept]))


def _words(text: str) -> str:
    return " ".join(re.sub(r": (https?://)", r" \1", text).replace("·", " ").split())


def some_item(told: Row, kind: NoticeKind = NoticeKind.ALERT, **more: int) -> EntityNotice:
    return EntityNotice(Notice(kind=kind.value, period_id=told.entity_id, episode=1, **more), told, MAY)


def known(why: str = "You get this as finance of Meridian Group.") -> MessageContext:
    return MessageContext(NOON, ZoneInfo("Europe/London"), "London", BASE_URL, why)


def late(as_of: str = "2026-06-15 12:00") -> Row:
    return row(NLDT, *reads_until_close(NLDT, None), as_of=utc(as_of))


# --- each kind in full --------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", STORIES)
def test_the_mail_of_each_story(name: str) -> None:
    mail = received(mail_of(name))
    heads = "".join(f"{head}: {mail[head]}\n" for head in KEPT_HEADERS if head in mail)
    heads = re.sub(r"<(period|connection|group)-\d+-", r"<\1-N-", heads)
    text, html = part(mail, "plain"), part(mail, "html")
    assert_golden(f"mails/{name}.txt", f"{heads}\n{text}")
    assert_golden(f"mails/{name}.html", html)
    assert words_of_html(html) == words_of_text(text)
    assert len(mail.as_bytes()) < 150_000
    assert len(html.encode()) < 100_000  # mailboxes cut off what is longer
    assert not re.search(r"<(script|link|img|iframe|form|object)\b|url\(|@import|\son\w+=", html)
    links = re.findall(r'href="([^"]+)"', html)
    assert all(link.startswith((f"{BASE_URL}/", "mailto:")) for link in links)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("alert", "EU DTC BV is 6 days late for May 2026"),
        ("escalation", "Escalation, step 1: EU DTC BV is 10 days late for May 2026"),
        (
            "unconfirmed",
            "EU DTC BV cannot be read for May 2026: Open when last read, Sun 14 Jun 08:12",
        ),
        ("reopened", "US Retail Inc: May 2026 was reopened"),
        ("cleared", "EU DTC BV has closed May 2026, 8 days late; Meridian Group has closed May 2026"),
        ("due_soon", "Daily digest: 2 entities due soon, EU DTC BV in 4 days"),
        ("late", "Daily digest: EU DTC BV is 2 days late for May 2026"),
        ("no_deadline", "Daily digest: 4 entities with no deadline set"),
        ("stale", "4 entities not read since Thu 4 Jun 10:00: EU DTC BV, UK HoldCo and 2 more"),
        (
            "refused",
            "4 entities cannot be read: EU DTC BV, UK HoldCo and 2 more, access refused by meridian-prod",
        ),
        ("group_closed", "Meridian Group has closed May 2026, 7 working days after the end of the month"),
        ("many", "300 entities are more than 5 days late, Entity 001 Ltd by 6; 1 cannot be read"),
    ],
)
def test_the_subject_tells_the_count_and_the_worst(name: str, subject: str) -> None:
    assert mail_of(name).subject == subject


@pytest.mark.django_db
def test_the_worst_section_comes_first_and_each_is_ranked() -> None:
    text = part(received(mail_of("mixed")), "plain")
    headings = re.findall(r"^(.*)\n=+$", text, re.M)
    assert headings == [
        "2 entities are more than 5 days late",
        "1 entity cannot be read",
        "1 entity reopened",
        "1 connection partly read",
        "1 entity closed",
    ]
    names = re.findall(r"^\* (.*)$", text, re.M)
    assert names == [
        "EU DTC BV",
        "US Retail Inc",
        "UK Wholesale Ltd",
        "Distribution SAS",
        "meridian-prod",
        "Vertrieb GmbH",
    ]


@pytest.mark.django_db
def test_three_hundred_entities_stay_readable() -> None:
    text = part(received(mail_of("many")), "plain")
    past, unread = text.split("1 entity cannot be read\n")
    assert past.count("\n* ") == MAX_ROWS - 1
    assert unread.count("\n* ") == 1
    assert f"and {300 - (MAX_ROWS - 1)} more: {BASE_URL}/?" in past


# --- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_mails_of_one_episode_answer_to_one_root() -> None:
    scenario = MailScenario()
    fine: dict[str, NativePeriodFacts] = dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED)
    roots = []
    for moment, news in (
        ("2026-06-15 12:00", fine),
        ("2026-06-19 12:00", {}),
        ("2026-06-20 12:00", {"NLDT": FROM_JUNE}),
        ("2026-06-20 12:30", {}),
        ("2026-06-21 12:00", {"NLDT": FROM_MAY}),
    ):
        scenario.said |= news
        scenario.at(moment)
        if Delivery.objects.filter(recipient=scenario.rosa, state="waiting").exists():
            mail = received(scenario.mail())
            roots.append(mail["References"])
            assert mail["In-Reply-To"] == mail["References"]
            assert mail["Message-ID"] == MESSAGE_ID
            scenario.sent()
    alert, step, cleared, again = roots
    assert alert == step == cleared
    assert again == alert.replace("-1@", "-2@")


@pytest.mark.django_db
@pytest.mark.parametrize("name", STORIES)
def test_one_click_switches_a_mail_off_unless_something_in_it_is_promised(name: str) -> None:
    # Played anew where its link is followed into the database.
    followed = name in {"cleared", "due_soon", "late", "no_deadline", "stale", "refused", "group_closed"}
    mail = received(STORIES[name]() if followed else mail_of(name))
    text = part(mail, "plain")
    if followed:
        link = mail["List-Unsubscribe"].strip()  # it is long, and so it stands on the next line
        found = re.fullmatch(rf"<{BASE_URL}/alerts/unsubscribe/([^/>]+)/>", link)
        assert found is not None
        whose, kinds = read_unsubscribe_token(found[1])
        assert whose.email in mail["To"]
        waits = Notice.objects.filter(deliveries__recipient=whose, deliveries__state="waiting")
        assert kinds <= {NoticeKind(each) for each in waits.values_list("kind", flat=True)}
        assert NoticeKind(name) in kinds
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "cannot be switched off" not in text
    else:
        assert mail["List-Unsubscribe"] is None
        assert mail["List-Unsubscribe-Post"] is None
        assert "Alerts and reopenings cannot be switched off" in text
    assert f"Choose your notifications: {BASE_URL}/alerts/subscriptions/" in text


@pytest.mark.django_db
def test_one_click_is_offered_over_https_only(settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    mail = received(STORIES["late"]())
    assert mail["List-Unsubscribe"].strip().startswith("<http://localhost:8000/alerts/unsubscribe/")
    assert mail["List-Unsubscribe-Post"] is None


@pytest.mark.django_db
def test_the_steps_of_a_mail_are_those_of_the_group() -> None:
    scenario = MailScenario()
    group = Group.objects.get(code="EUROPE")
    for step, days in enumerate((7, 12, 20), start=1):
        EscalationStep.objects.create(group=group, step=step, after_days=days, roles=["finance"])
    scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    scenario.at("2026-06-15 12:00")
    scenario.sent()
    scenario.at("2026-06-16 12:00")
    assert "Escalation: Step 1 of 3, due at 7 calendar days late." in part(received(scenario.mail()), "plain")
    EscalationStep.objects.all().delete()
    assert "Escalation: Step 1 of 2, due at 10 calendar days late." in part(
        received(scenario.mail()), "plain"
    )


@pytest.mark.django_db
def test_a_deputy_hears_why_they_are_told() -> None:
    scenario = MailScenario()
    carl = Person.objects.create(email="carl.ng@meridian.test", name="Carl Ng")
    nldt = LegalEntity.objects.get(code="NLDT")
    Membership.objects.create(person=carl, role=Membership.Role.AUDITOR, entity=nldt)
    LegalEntity.objects.filter(pk=nldt.pk).update(deputy=carl)
    scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    scenario.at("2026-06-15 12:00")
    text = part(received(scenario.mail(carl)), "plain")
    assert "You get this as deputy of the owner of EU DTC BV." in text


@pytest.mark.django_db
def test_a_mail_of_several_episodes_answers_to_none() -> None:
    mail = received(mail_of("mixed"))
    assert mail["References"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"


@pytest.mark.django_db
def test_statements_do_not_grow_with_what_is_told() -> None:
    scenario = MailScenario(TWELVE_ENTITIES)
    scenario.at("2026-06-15 12:00")
    delivery, items = scenario.told()
    assert len(items) > 8
    counts = []
    for some in (items[:2], items):
        with CaptureQueriesContext(connection) as counted:
            compose_mail(delivery, some, scenario.now)
        counts.append(len(counted))
    assert counts == [3, 3]


# --- why, links, and what is true at this moment ------------------------------------------------------------------


@pytest.mark.django_db
def test_each_hears_why_they_are_told() -> None:
    scenario = MailScenario()
    sanne = scenario.group.entities["NLDT"].owner
    assert sanne is not None
    Membership.objects.create(person=sanne, role="owner", entity=scenario.group.entities["NLDT"])
    root = Person.objects.create(email="root@meridian.test", name="Root", is_superuser=True)
    scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    scenario.at("2026-06-15 12:00")
    assert "\nYou get this as finance of Meridian Group.\n" in str(scenario.mail().body)
    assert "\nYou get this as owner of EU DTC BV.\n" in str(scenario.mail(sanne).body)
    delivery, items = scenario.told()
    delivery.recipient = root
    assert "\nYou get this as administrator of Closeboard.\n" in str(compose_mail(delivery, items, NOON).body)


@pytest.mark.django_db
def test_times_are_those_of_the_recipient() -> None:
    scenario = MailScenario()
    scenario.at("2026-06-08 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED)
    scenario.at("2026-06-15 12:00")
    assert "As of Mon 15 June 2026, 13:00 London time." in str(scenario.mail().body)
    Person.objects.filter(pk=scenario.rosa.pk).update(zone="Asia/Tokyo")
    assert "As of Mon 15 June 2026, 21:00 Tokyo time." in str(scenario.mail().body)


@pytest.mark.django_db
def test_the_link_leads_to_exactly_what_is_listed() -> None:
    scenario = MailScenario(TWELVE_ENTITIES)
    scenario.at("2026-06-09 15:00", UKHC=CLOSED, UKRT=CLOSED, USRT=CLOSED, UKWS=CLOSED)
    scenario.at("2026-06-15 12:00", FRSA=CLOSED)
    text = str(scenario.mail().body)
    (url,) = re.findall(r"See them on the board of May 2026: (\S+)", text)
    assert url.startswith(f"{BASE_URL}/?")
    told = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    asked = parse_query(told, ZoneInfo("Europe/London"))
    board = take_snapshot(LegalEntity.objects.visible_to(scenario.rosa), MAY, scenario.now)
    listed = set(re.findall(r"^\* (.*)$", text, re.M))
    assert {each.name for each in matching_rows(board, asked)} == listed
    assert len(listed) == 6
    assert f"See every entity that is alerting: {BASE_URL}/past-deadline/" in text


def test_working_days_are_called_so() -> None:
    told = late()
    told = replace(told, standing=replace(told.standing, unit=LatenessUnit.WORKING_DAYS), alert_after_days=3)
    said = build_content([some_item(told)], known())
    assert said.subject == "EU DTC BV is 6 working days late for May 2026"
    assert "+6 working days late" in render_text(said)
    assert "more than 3 working days late" in render_text(said)


def test_what_cannot_be_confirmed_is_no_fact() -> None:
    told = row(NLDT, *reads_until_close(NLDT, None), as_of=NOON, read_at="2026-06-15 09:12")
    said = build_content([some_item(told)], known())
    assert said.subject == "EU DTC BV was 6 days late for May 2026 when last read"
    assert "Open, not read since Mon 15 Jun 10:12" in render_text(said)
    assert "Last read Mon 15 Jun 10:12, 2 h before this mail." in render_text(said)
    closed = row(
        NLDT, *reads_until_close(NLDT, CLOSED, "2026-06-14 12:00"), as_of=NOON, read_at="2026-06-15 09:12"
    )
    said = build_content([some_item(closed, NoticeKind.CLEARED)], known())
    assert said.subject == "EU DTC BV had closed May 2026 when last read, 5 days late"
    assert said.sections[0].rows[0].kind == "unknown"


def test_what_was_unconfirmed_and_was_read_since_is_told_as_it_is() -> None:
    said = build_content([some_item(late(), NoticeKind.UNCONFIRMED)], known())
    assert said.subject == "EU DTC BV is 6 days late for May 2026"


def test_who_is_not_past_the_line_any_more_is_not_said_to_be() -> None:
    another = replace(deadline(NLDT), due_on=date(2026, 6, 14))
    said = build_content(
        [some_item(row(NLDT, *reads_until_close(NLDT, None), as_of=NOON, due=another))], known()
    )
    assert said.subject == "EU DTC BV no longer alerts for May 2026"


def test_two_notices_of_one_period_are_one_row() -> None:
    told = late("2026-06-20 12:00")
    said = build_content([some_item(told), some_item(told, NoticeKind.ESCALATION, step=1)], known())
    assert said.subject == "Escalation, step 1: EU DTC BV is 11 days late for May 2026"
    assert [len(section.rows) for section in said.sections] == [1]


def test_lines_that_differ_are_not_given_one_number() -> None:
    other = row(UKRT, *reads_until_close(UKRT, None), as_of=NOON, policy=JudgingPolicy(alert_after_days=3))
    said = build_content([some_item(late()), some_item(other)], known())
    assert said.subject == "2 entities are alerting, EU DTC BV by 6 days"


def test_a_count_says_how_many_of_it_are_unconfirmed() -> None:
    unread = row(UKRT, *reads_until_close(UKRT, None), as_of=NOON, read_at="2026-06-15 09:12")
    closed = row(
        UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-12 12:00"), as_of=NOON, read_at="2026-06-15 09:12"
    )
    items = [some_item(late()), some_item(unread), some_item(closed, NoticeKind.CLEARED)]
    said = build_content(items, known())
    assert (
        said.subject
        == "2 entities are more than 5 days late (1 as last read), EU DTC BV by 6; 1 closed (as last read)"
    )
    assert said.sections[1].note == "It counted as closed when last read."


def test_an_older_month_comes_with_a_board_of_its_own() -> None:
    april = replace(late(), standing=replace(late().standing, days_late=36))
    other = row(UKRT, *reads_until_close(UKRT, None), as_of=NOON)
    items = [
        some_item(late()),
        EntityNotice(Notice(kind="alert", period_id=7, episode=1), april, date(2026, 4, 1)),
        some_item(other),
    ]
    said = build_content(items, known())
    assert said.subject == "2 entities are more than 5 days late, EU DTC BV by 36"
    (section,) = said.sections
    assert [each.subtitle for each in section.rows] == [
        "NLDT, April 2026",
        "NLDT, May 2026",
        "UKRT, May 2026",
    ]
    assert [each.url.removeprefix(BASE_URL) for each in section.links] == [
        "/past-deadline/",
        "/?month=2026-05&show=alerting",
        "/?month=2026-04&show=alerting&owner=Sanne+de+Wit",
    ]


def test_what_was_opened_again_and_is_past_the_line_is_one_row_that_says_both() -> None:
    reads = (*reads_until_close(NLDT, CLOSED, "2026-06-08 12:00"), ("2026-06-15 11:00", OPEN))
    told = row(NLDT, *reads, as_of=NOON)
    notice = Notice(pk=5, kind="reopened", period_id=0, change_id=1)
    undone = replace(known(), reopened_at={5: utc("2026-06-15 11:00")})
    said = build_content([EntityNotice(notice, told, MAY), some_item(told)], undone)
    assert said.subject == "EU DTC BV is 6 days late for May 2026"
    facts = {fact.name: fact.text for fact in said.sections[0].rows[0].details}
    assert facts["Reopened"] == "Seen Mon 15 Jun 12:00. It was closed on Mon 8 June 2026."


def test_one_of_two_periods_of_a_month_is_not_told_as_the_month() -> None:
    said = build_content([some_item(late(), NoticeKind.CLEARED)], known())
    assert said.subject == "EU DTC BV has closed one of its periods of May 2026"
    assert said.sections[0].rows[0].state == "Open"


def test_no_section_pushes_another_out() -> None:
    rows = [replace(late(), code=f"E{number}", name=f"E{number}") for number in range(60)]
    closed = row(UKHC, *reads_until_close(UKHC, CLOSED, "2026-06-12 12:00"), as_of=NOON)
    gone = [replace(closed, code=f"C{number}", name=f"C{number}") for number in range(9)]
    items = [*map(some_item, rows), *(some_item(each, NoticeKind.CLEARED) for each in gone)]
    said = build_content(items, known())
    assert [len(section.rows) for section in said.sections] == [
        MAX_ROWS - MIN_ROWS_A_SECTION,
        MIN_ROWS_A_SECTION,
    ]
    assert [section.more.text for section in said.sections if section.more] == ["and 15 more", "and 4 more"]


def test_on_hold_that_counts_as_closed_says_so() -> None:
    policy = JudgingPolicy(on_hold_counts_as_closed=True)
    told = row(USRT, *reads_until_close(USRT, ON_HOLD, "2026-06-14 12:00"), as_of=NOON, policy=policy)
    said = build_content([some_item(told, NoticeKind.CLEARED)], known())
    assert said.subject == "US Retail Inc has put May 2026 on hold, 3 days late"
    assert "On hold, counts as closed" in render_text(said)


TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "div",
    "table",
    "tr",
    "td",
    "h1",
    "p",
    "a",
    "b",
    "bdi",
    "br",
    "span",
}


# --- names may hold anything --------------------------------------------------------------------------------------

ANY = st.text(st.characters(exclude_categories=()), max_size=120) | st.text(
    st.sampled_from("\r\n\0\x0b\x0c\x85\u2028\u2029\u202e\u200f\u200b\ufeff\ud800 :=?<>&\"'aB%é有😀\t*."),
    max_size=60,
)


@given(ANY, st.integers(1, 200))
def test_a_line_is_one_line(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert len(line) <= longest
    assert line.splitlines() in ([], [line])
    assert line == " ".join(line.split())
    assert not set(line) & set("\r\n\0\x0b\x0c\x85\u2028\u2029\u202e\u202d\u2066\u200e\u200f\ufeff")
    assert one_line(line, longest) == line
    line.encode()


@given(ANY, ANY)
@examples(300)
def test_any_name_gives_a_mail_with_one_subject_and_no_other_header(name: str, person: str) -> None:
    told = replace(late(), name=name, owner=name, because=name, read_error=name)
    said = build_content(
        [some_item(told)],
        replace(known(), entities={0: EntityLookup(None, name, "sanne@meridian.test", "MERIDIAN/")}),
    )
    to = recipient_header(Person(email="rosa@meridian.test", name=person))
    mail = EmailMultiAlternatives(header_line(said.subject), render_text(said), to=[to])
    mail.attach_alternative(render_html(said), "text/html")
    found = received(mail)
    assert sorted(found.keys()) == [
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ]
    assert found["Subject"].strip() == header_line(said.subject)  # folded before a first word that is long
    assert [each.addr_spec for each in found["To"].addresses] == ["rosa@meridian.test"]
    display = found["To"].addresses[0].display_name  # Python keeps the blanks between encoded words
    assert "".join(display.split()) == "".join(header_line(person, 60).split())
    assert max(map(len, mail.message().as_bytes().split(b"\n"))) < 998
    html, text = part(found, "html"), part(found, "plain")
    assert words_of_html(html) == words_of_text(text)
    tags = set(re.findall(r"<([a-z0-9]+)", html))
    assert tags <= TAGS
    assert set(re.findall(r'href="([^"]+)"', html)) == {
        f"{BASE_URL}/",
        f"{BASE_URL}/entities/NLDT/?month=2026-05",
        "mailto:sanne@meridian.test",
    }
    ours = (
        "See ",
        said.subject,
        "* ",
        "  ",
        "It is more than",
        "closed.",
        "As of Mon",
        "You get this",
        f"Closeboard: {BASE_URL}",
    )
    assert all(line.startswith(ours) for line in text.splitlines() if line), text


def test_the_hostile_name_in_a_subject() -> None:
    said = build_content([some_item(replace(late(), name=HOSTILE))], known())
    assert said.subject.startswith("Évil Bcc: all@meridian.test Owner: nobody gnirts<script>")
    assert "=?" not in header_line(said.subject)
