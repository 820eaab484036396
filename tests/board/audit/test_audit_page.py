"""The page of the audit log: who reads which events, what its filters find, its pages, and what it costs."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from board.audit.event_list import MOST_COUNTED, PAGE_SIZE
from board.audit.event_words import VERB_HEADINGS
from entities.audit_trail import Verb
from entities.models import Group, LegalEntity, Membership, Person
from infra.audit.origin import Actor, Origin, acting
from infra.audit.recording import AuditedObject
from infra.audit.sealing import seal_events
from infra.models import AuditSeal
from periods.models import DeadlinePolicy
from tests.board.audit.audit_events import EUROPE, NOON, UK, WHOLE, auditor, save_event, save_events
from tests.board.audit.audit_html import PATH, heading, link, numbered, objects, page, walk
from tests.board.page_client import signed_in
from tests.builders import utc
from tests.db_builders import PASSWORD, SampleGroup, save_person

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Role = Membership.Role
ALL_THREE = ["UK HoldCo", "Rosa Bell", "EU DTC BV"]


# --- who reads what -------------------------------------------------------------------------------------------------


def save_one_of_each() -> None:
    for minutes, target in enumerate((EUROPE, WHOLE, UK)):
        save_event(target, NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
@pytest.mark.parametrize(
    ("group", "seen"),
    [("MERIDIAN", ALL_THREE), ("EUROPE", ["EU DTC BV"]), ("UK", ["UK HoldCo"]), ("AMERICAS", [])],
)
def test_a_role_for_a_group_shows_its_events_and_one_for_the_root_all(
    meridian: SampleGroup, role: Membership.Role, group: str, seen: list[str]
) -> None:
    save_one_of_each()
    text = page(signed_in(auditor(group, role)))
    assert objects(text) == seen
    assert heading(text).startswith(f"{len(seen) or 'No'} event{'' if len(seen) < 2 else 's'} ")


def test_a_superuser_reads_every_event(meridian: SampleGroup) -> None:
    save_one_of_each()
    root = Person.objects.create_superuser("root@meridian.test", PASSWORD, name="Root")
    assert objects(page(signed_in(root))) == ALL_THREE


def test_events_of_a_second_group_of_companies_stay_there(meridian: SampleGroup) -> None:
    Group.objects.create(code="MERIDIAN2", name="Another", path="MERIDIAN2/")
    save_event(AuditedObject("group", "MERIDIAN2", "Another", "MERIDIAN2/"))
    assert objects(page(signed_in(auditor()))) == []


@pytest.mark.parametrize("role", [Role.FINANCE, Role.OWNER, None])
def test_others_get_403_within_the_frame_and_no_link(
    meridian: SampleGroup, role: Membership.Role | None
) -> None:
    person = save_person(
        "x@meridian.test", "Xena", group="MERIDIAN" if role else None, role=role or Role.OWNER
    )
    Membership.objects.create(person=person, role=Role.ADMINISTRATOR, entity=meridian.entities["NLDT"])
    client = signed_in(person)
    for answer in (client.get(PATH), client.post(reverse("export_audit_csv"))):
        assert answer.status_code == 403
        assert 'aria-label="Main"' in answer.content.decode()
    assert "Audit log" not in client.get("/").content.decode()


def test_the_person_menu_leads_there(ada: Client) -> None:
    assert '<a href="/audit/">Audit log</a>' in ada.get("/").content.decode()
    assert '<a aria-current="page" href="/audit/">Audit log</a>' in page(ada)


def test_signed_out_one_signs_in_first(client: Client) -> None:
    assert client.get(f"{PATH}?who=rosa")["Location"] == "/login/?next=/audit/%3Fwho%3Drosa"


def test_an_entity_that_moved_elsewhere_takes_its_events_along(meridian: SampleGroup) -> None:
    """Its events of before belong to no group that the reader of now audits; those of others stay."""
    reader = signed_in(auditor("EUROPE"))
    save_event(EUROPE)
    save_event(AuditedObject("entity", "GONE", "Gone BV", "MERIDIAN/EUROPE/"), NOON - DAY)
    policy = DeadlinePolicy.objects.create(code="NLDT-CLOSE", name="EU", entity=meridian.entities["NLDT"])
    save_event(AuditedObject("policy", policy.code, "EU close", "MERIDIAN/EUROPE/"), NOON + DAY / 24)
    assert objects(page(reader)) == ["EU close", "EU DTC BV", "Gone BV"]
    LegalEntity.objects.filter(code="NLDT").update(group=Group.objects.get(code="UK"))
    text = page(reader)
    assert objects(text) == ["Gone BV"]
    assert heading(text).startswith("1 event ")
    assert "NLDT" not in page(reader, "?object=NLDT").replace('value="NLDT"', "").replace("“NLDT”", "")


def test_the_newest_seal_is_shown_to_those_who_read_all_that_it_covers(meridian: SampleGroup) -> None:
    save_one_of_each()
    seal_events(NOON + timedelta(minutes=5))
    digest = AuditSeal.objects.get().digest
    assert f"<code>{digest[:12]}</code> at 13:05" in page(signed_in(auditor()))
    other = save_person("ed@meridian.test", "Ed", role=Role.AUDITOR, group="EUROPE")
    assert digest[:12] not in page(signed_in(other))


def test_the_page_says_how_long_events_are_kept(ada: Client, settings: Settings) -> None:
    assert "events are kept for ever." in page(ada)
    settings.AUDIT_RETENTION_DAYS = 400
    assert "events are kept for 400 days." in page(ada)


# --- filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", ["late", "command", "signed in", "EU DTC BV"]),
        ("?verb=person.signed_in", ["signed in"]),
        ("?verb=silence.ended", []),
        ("?who=OPERATOR", ["command"]),
        ("?who=bell@meri", ["signed in"]),
        ("?who=%25", []),
        ("?object=dtc", ["EU DTC BV"]),
        ("?object=nldt", ["EU DTC BV"]),
        ("?through=command", ["command"]),
        ("?through=command&who=rosa", []),
        ("?from=2026-06-12", ["late", "command", "signed in", "EU DTC BV"]),
        ("?to=2026-06-11", ["early", "old"]),
        ("?from=2026-06-11&to=2026-06-11", ["early"]),
        ("?to=2026-05-13", ["old"]),
        ("?from=2026-01-01", ["late", "command", "signed in", "EU DTC BV", "early", "old"]),
    ],
)
def test_filters_find(meridian: SampleGroup, query: str, seen: list[str]) -> None:
    rosa = save_person()
    save_event(AuditedObject("view", "9", "late"), utc("2026-06-12 22:59"))
    with acting(Origin("command")):
        save_event(AuditedObject("view", "9", "command"), NOON, by=Actor("operator", "the operator"))
    save_event(
        AuditedObject("view", "9", "signed in"),
        NOON - timedelta(minutes=1),
        Verb.SIGNED_IN,
        by=Actor("person", "R. B.", rosa.pk),
    )
    save_event(EUROPE, utc("2026-06-11 23:01"))
    if "2026" in query:
        save_event(AuditedObject("view", "9", "early"), utc("2026-06-11 22:59"))  # the day before, in London
    save_event(AuditedObject("view", "9", "old"), utc("2026-05-13 22:59"))
    text = page(signed_in(auditor()), query)
    assert objects(text) == seen
    assert heading(text).startswith(f"{len(seen) or 'No'} event")
    if not seen:
        assert 'No event passes these filters. <a href="/audit/">Show the last 30 days</a>' in text


def test_the_page_says_its_filters_and_keeps_them(ada: Client) -> None:
    save_event(UK)
    text = page(ada, "?verb=remark.note_added&who=rosa&object=UKHC&through=program&from=2025-12-31")
    assert heading(text) == "1 event from 31 December 2025 to 12 June 2026"
    assert "Only Act: Note added · Who: “rosa” · Object: “UKHC” · Through: Closeboard" in text
    assert '<option value="remark.note_added" selected>Note added</option>' in text
    assert 'name="from" value="2025-12-31"' in text
    assert '<a class="clear" id="clear-filters" href="/audit/">' in text
    export = "?from=2025-12-31&to=2026-06-12&verb=remark.note_added&who=rosa&object=UKHC&through=program"
    assert f'action="/export/audit.csv{export}"' in text


def test_without_a_filter_it_shows_thirty_days(ada: Client) -> None:
    text = page(ada)
    assert heading(text) == "No event in the last 30 days, from 14 May to 12 June 2026"
    assert "Nothing was recorded in this time." in text
    assert "Export CSV" not in text
    assert "clear-filters" not in text
    assert heading(page(ada, "?from=2026-06-12")) == "No event on 12 June 2026"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?from=soon", "“soon” is not a date. Write it like 2026-06-18."),
        ("?to=2026-02-30", "“2026-02-30” is not a date."),
        ("?to=9999-12-31", "The audit log has no events of 31 December 9999."),
        (
            "?from=2026-06-12&to=2026-06-11",
            "A period cannot begin on 12 June 2026 and end on 11 June 2026.",
        ),
        ("?verb=nothing", "There is no act “nothing” in the audit log."),
        ("?through=fax", "There is no origin “fax”; there are page, link, command, task, program."),
        (f"?who={'x' * 201}", "The search text is longer than 200 letters."),
        ("?object=%00", "The search text is longer than 200 letters."),
        ("?older=2", "There is no page “2” of the audit log."),
        ("?newer=20260612T120000.000000-x", "There is no page “20260612T120000.000000-x” of the audit log."),
        (f"?older=20260612T120000.000000-{2**63}", "There is no page"),
    ],
)
def test_bad_input_gets_a_sentence(ada: Client, query: str, sentence: str) -> None:
    answer = ada.get(PATH + query)
    assert answer.status_code == 400
    assert sentence in unescape(answer.content.decode())


def test_every_act_has_a_heading_in_the_filter(ada: Client) -> None:
    assert {verb.value.partition(".")[0] for verb in Verb} == VERB_HEADINGS.keys()
    options = re.findall(r'<option value="(\w+\.\w+)"', page(ada))
    assert sorted(options) == sorted(Verb)


# --- pages ----------------------------------------------------------------------------------------------------------


def test_pages_follow_each_other_over_equal_moments(ada: Client) -> None:
    """Thousands of events may have one moment, as those of a group file: no page repeats or skips one."""
    count = 2 * PAGE_SIZE + 20
    save_events(numbered(count))
    older = walk(ada, "Older", "?object=n")
    assert [len(each) for each in older] == [PAGE_SIZE, PAGE_SIZE, 20]
    assert [name for names in older for name in names] == [f"n{number}" for number in reversed(range(count))]
    last = page(ada, link(page(ada, link(page(ada), "Older")), "Older"))
    assert objects(last) == older[2]
    back = walk(ada, "Newer", link(last, "Newer"))
    assert back == [older[1], older[0]]


def test_new_events_do_not_shift_a_page(ada: Client) -> None:
    save_events(numbered(PAGE_SIZE + 5))
    first = page(ada)
    second = page(ada, link(first, "Older"))
    save_event(UK, NOON + timedelta(minutes=1))
    assert objects(page(ada, link(first, "Older"))) == objects(second) == ["n4", "n3", "n2", "n1", "n0"]
    newest = page(ada, link(second, "Newer"))
    assert objects(newest)[0] == "n54", "the page before it, as the reader knows it"
    assert objects(page(ada, link(newest, "Newer")))[0] == "UK HoldCo"
    assert link(page(ada), "Newer") == ""
    assert objects(page(ada, "?older=20250101T000000.000000-1")) == []


def test_more_events_than_are_counted_are_said_to_be_more(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.audit.event_list.MOST_COUNTED", 3)
    monkeypatch.setattr("board.audit.audit_page.MOST_COUNTED", 3)
    save_events(numbered(3))
    assert heading(page(ada)).startswith("3 events ")
    save_event(UK)
    assert heading(page(ada)).startswith("More than 3 events ")
    assert MOST_COUNTED == 10_000
