"""The escalation queue through HTTP: who stands in it, what is said of them, who may acknowledge, what it costs."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.evaluate.overdue import evaluate_overdue
from closing.calendar.days import DateSpan
from closing.facts.period_remarks import OverdueReason
from entities.models import LegalEntity, Membership, Person
from periods.models import PolicyVersion
from periods.remarks import acknowledge, set_expected_close, set_overdue_reason
from tests.board.page_client import signed_in
from tests.builders import CLOSED, MAY, ON_HOLD, OPEN, utc
from tests.db_builders import (
    BUSY_GROUP_AT,
    SampleGroup,
    record_worked_example,
    save_busy_group,
    save_person,
    save_sample_group,
)
from tests.sample_entities import SampleEntity
from tests.settable_clock import SettableClock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_on_15_june")]
APRIL = date(2026, 4, 1)
APRIL_DAYS = DateSpan(APRIL, date(2026, 4, 30))
PATH = "/past-deadline/"


def page(client: Client, query: str = "") -> str:
    answer = client.get(PATH + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def queued(text: str) -> list[str]:
    """The codes in the queue, from its top."""
    return re.findall(r'id="queued-(\w+)"', text)


def parts(text: str) -> dict[str, list[str]]:
    """The codes under each heading of the page."""
    sections = re.split(r'<section class="part-of-queue" id="', text)[1:]
    return {section.partition('"')[0]: queued(section) for section in sections}


def answer(text: str) -> str:
    found = re.search(r"<h2>([^<]+)</h2>", text)
    assert found is not None
    return found[1]


# --- who stands in the queue --------------------------------------------------------------------------------------


def test_both_parts_who_is_over_the_alert_line_and_who_is_on_watch(rosa_on_15_june: Client) -> None:
    text = page(rosa_on_15_june)
    assert parts(text) == {"alerting": ["NLDT"], "watch": ["USRT"]}
    assert answer(text) == "2 entities are overdue: 1 alerting, 1 watch"
    assert "EU DTC BV is furthest behind for May 2026: 6 calendar days late." in text
    assert "1 not taken over." in text
    assert "alerting since Mon 15 Jun" in text
    assert "watch, alerting from Wed 17 Jun" in text
    assert "more than 5 days late</small>" in text
    assert "1 to 5 days late, no alert yet</small>" in text
    assert "<title>2 entities are overdue: 1 alerting, 1 watch · Overdue · Closeboard</title>" in text
    assert '<h1 class="of-queue">Overdue</h1>' in text


def test_the_worked_examples_three_days_are_on_the_list(rosa_on_15_june: Client) -> None:
    text = page(rosa_on_15_june, "?at=2026-06-12T13:00")
    assert parts(text) == {"watch": ["NLDT", "USRT"]}
    assert answer(text) == "2 entities are overdue: 0 alerting, 2 watch"
    assert "watch, alerting from Mon 15 Jun" in text
    assert ">+3d</b>" in text


def test_the_menu_counts_what_the_page_lists(rosa_on_15_june: Client) -> None:
    text = page(rosa_on_15_june)
    assert '<span class="count" id="count-past_deadline">2</span>' in text
    assert '<span class="count" id="count-alerts">1</span>' in text
    assert re.search(r'aria-current="page" href="/past-deadline/">Overdue ', text)
    for path in ("/", "/alerts/", "/matrix/", "/calendar/"):
        other = rosa_on_15_june.get(path).content.decode()
        assert 'id="count-past_deadline">2<' in other
        assert "Past deadline" not in other


def test_the_headline_is_of_what_the_search_shows(rosa_on_15_june: Client) -> None:
    text = page(rosa_on_15_june, "?q=whitfield")
    assert queued(text) == ["USRT"]
    assert answer(text) == "1 of 2 overdue entities shown: 0 alerting, 1 watch"
    assert "US Retail Inc is furthest behind for May 2026: 4 calendar days late." in text
    assert "EU DTC BV is furthest" not in text
    text = page(rosa_on_15_june, "?q=zzz")
    assert queued(text) == []
    assert answer(text) == "No overdue entity or owner matches “zzz”"
    assert "2 are overdue in all." in text
    assert "Nobody is" not in text


def test_a_calm_answer_only_when_all_is_closed_and_fresh(
    meridian_on_15_june: SampleGroup, clock: SettableClock
) -> None:
    meridian_on_15_june.read("2026-06-15 11:59", dict.fromkeys(meridian_on_15_june.entities, CLOSED))
    client = signed_in(save_person())
    text = page(client)
    assert answer(text) == "No entity is overdue"
    assert "May 2026: Group closed on 15 June" in text
    assert 'class="done"' in text
    clock.at += timedelta(hours=1)
    text = page(client)
    assert answer(text) == "No entity is known to be overdue"
    assert "4 not read, so there may be more." in text
    assert 'class="done"' not in text


def test_who_cannot_be_confirmed_stays_and_is_said_to_be_unconfirmed(
    rosa_on_15_june: Client, clock: SettableClock
) -> None:
    clock.at = utc("2026-06-15 16:00")
    text = page(rosa_on_15_june)
    assert queued(text) == ["NLDT", "USRT"]
    assert "when last read" in text
    assert "Not read since 12:58" in text
    assert "2 not read, as when last read." in text


def test_older_months_stand_in_the_queue_too_together_with_the_entitys_other_months(
    meridian_on_15_june: SampleGroup,
) -> None:
    left_open = {"UKHC": CLOSED, "UKRT": OPEN, "USRT": CLOSED, "NLDT": OPEN}
    meridian_on_15_june.read("2026-06-15 11:59", left_open, span=APRIL_DAYS)
    text = page(signed_in(save_person()))
    assert parts(text) == {"alerting": ["NLDT", "UKRT"], "watch": ["USRT"]}
    assert answer(text) == "3 entities are overdue: 2 alerting, 1 watch"
    assert "2 of an older month." in text
    assert re.findall(r'aria-label="(EU DTC BV|UK Retail Ltd), (\w+ 2026)"', text) == [
        ("EU DTC BV", "April 2026"),
        ("EU DTC BV", "May 2026"),
        ("UK Retail Ltd", "April 2026"),
    ]
    assert queued(page(signed_in(Person.objects.get(name="Rosa Bell")), "?month=2026-04")) == ["NLDT", "UKRT"]


def test_a_past_moment_knows_what_was_open_then() -> None:
    meridian = save_sample_group()
    record_worked_example(meridian)
    everybody = dict.fromkeys(meridian.entities, CLOSED)
    meridian.read("2026-06-12 11:59", everybody | {"UKRT": OPEN}, span=APRIL_DAYS)
    meridian.read("2026-06-15 11:58", everybody | {"USRT": ON_HOLD, "NLDT": OPEN})
    meridian.read("2026-06-15 11:59", everybody, span=APRIL_DAYS)  # closed since
    client = signed_in(save_person())
    assert parts(page(client)) == {"alerting": ["NLDT"], "watch": ["USRT"]}
    text = page(client, "?at=2026-06-12T13:00")
    assert parts(text) == {"alerting": ["UKRT"], "watch": ["NLDT", "USRT"]}
    assert "This is the past" in text
    assert "Take over<" not in text


def test_only_so_many_older_months_are_looked_at(
    meridian_on_15_june: SampleGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.reports.overdue_queue.OLDER_MONTHS", 1)
    march = DateSpan(date(2026, 3, 1), date(2026, 3, 31))
    for span in (march, APRIL_DAYS):
        meridian_on_15_june.read("2026-06-15 11:59", {"UKRT": OPEN}, span=span)
    text = page(signed_in(save_person()))
    assert "1 older month with periods left open is not shown here; the matrix shows it." in text


# --- what is said of them -----------------------------------------------------------------------------------------


def test_what_is_in_the_way_is_what_is_known(
    meridian_on_15_june: SampleGroup, rosa_on_15_june: Client, clock: SettableClock
) -> None:
    sanne = save_person("sanne@meridian.test", "Sanne de Wit")
    assert "No reason given yet." in page(rosa_on_15_june)
    at = utc("2026-06-15 08:30")
    set_overdue_reason(
        sanne, "NLDT", MAY, OverdueReason.BANK_OR_STATEMENT_MISSING, "ING sends it tonight", at
    )
    set_expected_close(sanne, "NLDT", MAY, date(2026, 6, 16), "", at)
    text = page(rosa_on_15_june)
    assert "Open: posting allowed" not in text
    assert "Bank file or statement missing: “ING sends it tonight” (Sanne de Wit, 09:30)" in text
    assert "Expected Tue 16 Jun by Sanne de Wit" in text
    clock.at = utc("2026-06-18 12:00")
    assert "Was expected on Tue 16 Jun, which has passed, by Sanne de Wit" in page(rosa_on_15_june)


def test_a_reason_that_a_policy_asks_for_is_missed(rosa_on_15_june: Client) -> None:
    PolicyVersion.objects.update(overdue_reason_required=True)
    assert "No reason given, though its policy asks for one." in page(rosa_on_15_june)


def test_the_owner_and_how_to_reach_them(rosa_on_15_june: Client) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='EU & "DTC"\r\nbcc: x@evil.test')
    text = page(rosa_on_15_june)
    assert (
        'href="mailto:sanne.de.wit@meridian.test?subject=EU%20%26%20%22DTC%22%0D%0Abcc%3A%20x%40evil' in text
    )
    assert "%2C%20May%202026%3A%206%20calendar%20days%20past%20the%20deadline" in text
    LegalEntity.objects.filter(code="NLDT").update(owner=None)
    text = page(rosa_on_15_june, "?country=NL")
    assert "No owner" in text
    assert "mailto:" not in text


def test_over_the_line_since_a_reopening_is_when_that_episode_went_over(
    meridian_on_15_june: SampleGroup, clock: SettableClock
) -> None:
    states = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": CLOSED}
    meridian_on_15_june.read("2026-06-16 12:00", states)
    meridian_on_15_june.read("2026-06-20 12:00", states | {"NLDT": OPEN})
    clock.at = utc("2026-06-20 12:01")
    client = signed_in(save_person())
    assert "alerting<" in page(client)  # nobody evaluated, so nobody can tell since when
    evaluate_overdue(utc("2026-06-20 12:01"))
    clock.at = utc("2026-06-22 12:00")
    meridian_on_15_june.read("2026-06-22 11:58", states | {"NLDT": OPEN})
    text = page(client)
    assert "alerting since Sat 20 Jun" in text
    assert "alerting since Wed 17 Jun" in text  # US Retail, which was never closed


def test_lateness_in_working_days_says_so(rosa_on_15_june: Client, clock: SettableClock) -> None:
    PolicyVersion.objects.update(lateness_unit="working_days", alert_after_days=2)
    text = page(rosa_on_15_june)
    assert ">+4wd</b>" in text
    assert "4 working days late" in text
    assert "alerting since Fri 12 Jun" in text


def test_a_name_is_text_wherever_it_stands(rosa_on_15_june: Client) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    assert "<script>alert" not in page(rosa_on_15_june)


# --- filters, and who may see and do what -------------------------------------------------------------------------


def test_the_filters_of_the_address_apply(meridian_on_15_june: SampleGroup, clock: SettableClock) -> None:
    clock.at = utc("2026-06-17 12:00")
    meridian_on_15_june.read(
        "2026-06-17 11:58", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}
    )
    client = signed_in(save_person())
    assert queued(page(client)) == ["NLDT", "USRT"]
    for query, codes in (
        ("?group=AMERICAS", ["USRT"]),
        ("?q=dtc", ["NLDT"]),
        ("?owner=Dana+Whitfield", ["USRT"]),
        ("?country=NL", ["NLDT"]),
        ("?erp=meridian-prod", ["NLDT", "USRT"]),
    ):
        assert queued(page(client, query)) == codes
    text = page(client, "?group=UK")
    assert answer(text) == "No overdue entity passes these filters"
    assert "Only Group: United Kingdom" in text
    assert "Show all overdue" in text


def test_somebody_elses_late_entities_are_neither_shown_nor_counted(meridian_on_15_june: SampleGroup) -> None:
    meridian_on_15_june.read(
        "2026-06-15 11:59",
        dict.fromkeys(meridian_on_15_june.entities, CLOSED) | {"NLDT": OPEN},
        span=APRIL_DAYS,
    )
    client = signed_in(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
    text = page(client)
    assert queued(text) == []
    assert "May 2026: Group closed on 8 June" in text
    for foreign in ("EU DTC BV", "NLDT", "US Retail", "Americas", "Sanne", "alerting from"):
        assert foreign not in text


def test_without_a_role_the_next_step_is_named(meridian_on_15_june: SampleGroup) -> None:
    text = page(signed_in(save_person("nina@meridian.test", "Nina", group=None)))
    assert answer(text) == "You have no entities yet"
    assert "Ask an administrator" in text


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Membership.Role.FINANCE, True),
        (Membership.Role.ADMINISTRATOR, True),
        (Membership.Role.OWNER, False),
        (Membership.Role.AUDITOR, False),
    ],
)
def test_only_who_may_write_can_acknowledge(
    meridian_on_15_june: SampleGroup, role: Membership.Role, may: bool
) -> None:
    text = page(signed_in(save_person(role=role)))
    assert queued(text) == ["NLDT", "USRT"]
    assert ('action="/entities/NLDT/remarks/"' in text) is may
    assert ('name="kind" value="acknowledgement"' in text) is may


def test_an_acknowledgement_says_who_when_and_what_happens_next(
    meridian_on_15_june: SampleGroup, rosa_on_15_june: Client, clock: SettableClock
) -> None:
    nadia = save_person("nadia@meridian.test", "Nadia Ward")
    states = {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN}
    meridian_on_15_june.read("2026-06-15 12:01", states)
    acknowledge(nadia, "NLDT", MAY, "Called Sanne.", utc("2026-06-15 12:05"))
    clock.at = utc("2026-06-15 12:10")
    text = page(rosa_on_15_june)
    assert "Taken over by Nadia Ward, 13:05: “Called Sanne.”" in text
    assert "All taken over." in text
    assert "Take over again<" in text
    assert "Nobody has taken this over yet" in page(rosa_on_15_june, "?at=2026-06-15T13:04")


# --- what it costs ------------------------------------------------------------------------------------------------


def many(count: int) -> SampleGroup:
    zones = ("Europe/London", "Europe/Amsterdam")
    cast = [
        SampleEntity(
            f"E{n:03}", f"Entity {n}", ("GB", "NL")[n % 2], zones[n % 2], "UK", "Amira Hale", "", "", ""
        )
        for n in range(count)
    ]
    group = save_sample_group(cast)
    for span in (APRIL_DAYS, DateSpan(MAY, date(2026, 5, 31))):
        group.read("2026-06-15 11:58", {who.code: OPEN for who in cast}, span=span)
    return group


def queries(client: Client, query: str = "") -> int:
    with CaptureQueriesContext(connection) as counted:
        text = page(client, query)
    assert queued(text)
    assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in counted)
    return len(counted)


def test_the_page_costs_the_same_few_statements_at_any_size_and_writes_nothing() -> None:
    group = many(3)
    client = signed_in(save_person())
    page(client)
    few = queries(client), queries(client, "?at=2026-06-15T12:59")
    for code in group.entities:
        LegalEntity.objects.filter(code=code).update(name=f"Renamed {code}")
    more = LegalEntity.objects.get(code="E000")
    for n in range(40):
        copy = LegalEntity.objects.get(pk=more.pk)
        copy.pk, copy.code, copy.name, copy.erp_id = None, f"X{n:03}", f"More {n}", f"x{n}"
        copy.save()
        group.entities[copy.code] = copy
    for span in (APRIL_DAYS, DateSpan(MAY, date(2026, 5, 31))):
        group.read("2026-06-15 11:59", dict.fromkeys(group.entities, OPEN), span=span)
    page(client)
    assert (queries(client), queries(client, "?at=2026-06-15T12:59")) == few
    assert few[0] <= 37


def test_a_long_queue_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("board.reports.overdue_page.PAGE_SIZE", 2)
    many(5)
    client = signed_in(save_person())
    assert len(queued(page(client))) == 2
    assert 'href="/past-deadline/?page=2" rel="next"' in page(client)
    last = page(client, "?page=3")
    assert len(queued(last)) == 1
    assert "Page 3 of 3" in last
    assert queued(page(client, "?page=99")) == queued(last)
    assert queued(page(client, "?page=x")) == queued(page(client))
    shown = [code for at in (1, 2, 3) for code in queued(page(client, f"?page={at}"))]
    assert sorted(shown) == [f"E{n:03}" for n in range(5)]


def test_the_busy_group_in_its_order(clock: SettableClock) -> None:
    save_busy_group()
    clock.at = BUSY_GROUP_AT
    assert queued(page(signed_in(save_person()))) == ["FRSA", "NLDT", "ESIB", "UKWS", "DEVT", "USRT"]
