"""The section "In the way" of an entity's page: every line, the items behind it, and who sees what of it."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.entity_profile import EntityProfile
from entities.models import Group, LegalEntity, Membership, Person
from tests.board.page_client import signed_in
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup, save_person
from tests.golden_files import assert_golden
from tests.worklist import opened_scenario
from tests.worklist.few_close_tasks import save_few_tasks
from tests.worklist.work_reads import begin_work, fact, record_facts
from worklist.recording.profiles import set_profile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PAGE = "/entities/NLDT/"


def section(client: Client, address: str = PAGE) -> str:
    """The HTML of the section."""
    answer = client.get(address)
    assert answer.status_code == 200
    found = re.search(r'<div id="work">.*?</section>', answer.content.decode(), re.S)
    assert found is not None
    return found.group(0)


def words(html: str) -> str:
    """Its text, one line for each element that has some."""
    text = re.sub(r"<(svg)\b.*?</\1>", "", html, flags=re.S)
    lines = (
        re.sub(r"\s+", " ", line).strip() for line in unescape(re.sub(r"<[^>]+>", "\n", text)).split("\n")
    )
    return "\n".join(line for line in lines if line) + "\n"


def test_every_line_and_what_stands_behind_it(rosa: Client) -> None:
    assert_golden("entity_work.txt", words(section(rosa)))


def test_a_link_leads_to_the_erp_and_nowhere_else(rosa: Client, opened: SampleGroup) -> None:
    html = section(rosa)
    links = re.findall(r'<a href="(https?://[^"]+)" rel="([^"]+)"', html)
    assert {unescape(url) for url, _ in links} == {opened_scenario.ERP_PAGE}
    assert {rel for _, rel in links} == {"noopener noreferrer"}
    opened.connection.base_url = "https://other.operations.dynamics.com"
    opened.connection.save()
    assert 'href="http' not in section(rosa)


def test_the_other_company_is_named_to_who_sees_both_only(rosa: Client) -> None:
    assert "UK Retail Ltd 640.00 EUR apart" in words(section(rosa))
    sanne = signed_in(save_person("sanne.x@meridian.test", "Sanne X", group="EUROPE"))
    foreign = section(sanne)
    assert "Intercompany with an entity that you may not see" in foreign
    for text in ("UKRT", "UK Retail", "640.00", "126,360.00", "24200"):
        assert text not in foreign


def test_the_past_is_as_it_was_known_then_and_has_no_forms(rosa: Client) -> None:
    then = section(rosa, f"{PAGE}?month=2026-05&at=2026-06-10")
    assert "5 items waiting for approval" in then
    assert "61 lines" not in then
    assert "<form" not in then
    assert "61 lines" in section(rosa)


def test_without_a_reading_the_page_says_so_and_what_is_next(meridian: SampleGroup) -> None:
    client = signed_in(save_person())
    text = words(section(client))
    assert (
        "No unfinished work has been read for EU DTC BV: Finance & Operations “meridian-prod” has not" in text
    )
    assert "The first reading follows the reading of its periods." in text
    LegalEntity.objects.filter(code="NLDT").update(connection=None)
    assert "it is not connected to an ERP" in words(section(client))


def test_what_the_profile_excludes_is_not_applicable(rosa: Client, opened: SampleGroup) -> None:
    set_profile(
        LegalEntity.objects.select_related("group").get(code="NLDT"),
        EntityProfile(inventory=False),
        by=Person.objects.get(email="rosa.bell@meridian.test"),
        at=WORKED_EXAMPLE_AT - timedelta(hours=1),
    )
    text = words(section(rosa))
    assert "1 not applicable\nInventory periods: not applicable: no inventory" in text
    assert "set by Rosa" in text
    assert "Does not apply: inventory periods, cost adjustments, unposted inventory journals" in text


def test_who_only_reads_has_no_forms(opened: SampleGroup) -> None:
    audrey = signed_in(save_person("audrey.x@meridian.test", "Audrey", role=Membership.Role.AUDITOR))
    html = section(audrey)
    assert "<form" not in html
    assert "Carry on purpose" not in html


def test_tasks_are_counted_and_stand_beside_the_work_that_they_check(
    rosa: Client, opened: SampleGroup
) -> None:
    by = Person.objects.get(email="rosa.bell@meridian.test")
    top = Group.objects.get(code="MERIDIAN")
    save_few_tasks(top, by, by, top, WORKED_EXAMPLE_AT)
    html = section(rosa)
    assert 'href="/entities/NLDT/tasks/?month=2026-05">0 of 4 close tasks done</a>' in html
    recurring = html[html.index("does not show recurring journals") :]
    assert re.search(
        r'<a href="/tasks/[^"]+/">Run the recurring journals</a> <small class="beside">open', recurring
    )


def test_the_statements_do_not_grow_with_the_facts(rosa: Client, opened: SampleGroup) -> None:
    def statements() -> int:
        rosa.get(PAGE)
        with CaptureQueriesContext(connection) as ran:
            rosa.get(PAGE)
        return len(ran)

    before = statements()
    at = WORKED_EXAMPLE_AT - timedelta(minutes=1)
    documents = [
        fact("NLDT", BlockerKind.UNPOSTED_DOCUMENTS, number, at, part=part)
        for number, part in enumerate(("vendor_memos", "project_journals", "expense_journals"), start=1)
    ]
    pairs = [
        fact("NLDT", BlockerKind.INTERCOMPANY_IMBALANCE, 1, at, part=part, currency="EUR", doubt=None)
        for part in ("NLDT/UKHC", "NLDT/USRT")
    ]
    record_facts(begin_work(opened.connection, at), [*documents, *pairs])
    assert "1 vendor credit memo" in section(rosa)
    assert statements() == before
