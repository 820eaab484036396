"""Words that a newer version stored: each page shows them as not readable, in words, and never fails or shows 0."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from closing.blockers.blocker_kinds import BlockerKind
from entities.models import Group, LegalEntity, Person
from tests.worklist.blocked_scenario import READ_AT
from tests.worklist.work_reads import begin_work, lines, may_of, record_facts
from worklist.models import BlockerPolicyVersion, BlockerReading, CarriedItem, ProfileVersion

PAGES = ("/", "/entities/NLDT/", "/past-deadline/", "/matrix/", "/wall/", "/tasks/")
FILES = ("/export/board.csv", "/export/past-deadline.csv")
LATER = READ_AT + timedelta(minutes=1)
LINES = "what is stored of unposted journal lines is not understood by this Closeboard"


def store(kind: str, body: dict[str, Any], **columns: Any) -> None:
    """A fact of EU DTC BV's May as a newer version stores it, in the place of one in force."""
    period = may_of("NLDT")
    key = {"entity_id": period.entity_id, "period_id": period.pk, "kind": kind}
    BlockerReading.objects.filter(**key, superseded_at=None).update(superseded_at=LATER)
    source = {"source": "newer.csv", "source_as_of": LATER}
    BlockerReading.objects.create(**{"count": 7, **key, **source, **columns}, body=body, read_at=LATER)


def texts(client: Client) -> dict[str, str]:
    """Each page and file as its reader sees it; all must answer."""
    found = {}
    for address in (*PAGES, *FILES):
        answer = client.get(address)
        assert answer.status_code == 200, address
        found[address] = html.unescape(answer.getvalue().decode())
    return found


@pytest.mark.parametrize(
    ("kind", "columns", "body", "short", "because"),
    [
        (
            "payroll_runs",
            {},
            {"unit": "lines"},
            "not readable in full: recurring journals, payroll runs",
            "what is stored of payroll runs is not understood by this Closeboard",
        ),
        ("unposted_journals", {}, {"unit": "parcels"}, "not readable in full: unposted journal lines", LINES),
        (
            "unposted_journals",
            {"count": 1},
            {"unit": "lines", "doubt": "eclipse"},
            "not readable in full: unposted journal lines",
            LINES,
        ),
        (
            "unposted_journals",
            {},
            {"unit": "lines", "items": "none"},
            "not readable in full: unposted journal lines",
            LINES,
        ),
        (
            "unposted_documents",
            {"part": "lease_invoices"},
            {"unit": "documents"},
            "not readable in full: recurring journals, unposted documents: lease invoices",
            "what is stored of unposted documents: lease invoices is not understood by this Closeboard",
        ),
    ],
    ids=["kind", "unit", "doubt", "shape", "part"],
)
def test_a_fact_in_unknown_words_is_not_readable_and_fails_no_page(
    rosa_blocked: Client, kind: str, columns: dict[str, Any], body: dict[str, Any], short: str, because: str
) -> None:
    store(kind, body, **columns)
    found = texts(rosa_blocked)
    assert because in found["/"]
    assert "0 lines" not in found["/"]
    for address in ("/past-deadline/", "/export/board.csv"):
        assert short in found[address], address
    out = StringIO()
    moment = "2026-06-12T12:00:00Z"
    call_command("scoreboard", "--month", "2026-05", "--as-of", moment, "--format", "json", stdout=out)
    (row,) = [row for row in json.loads(out.getvalue())["entities"] if row["code"] == "NLDT"]
    (unread,) = [one for one in row["blockers"] if one["because"] == because]
    assert (unread["level"], unread["count"]) == ("not_readable", None)


def test_an_unknown_word_of_a_policy_makes_its_kind_not_readable(rosa_blocked: Client) -> None:
    body = {
        "tracking": {"unposted_journals": "on_request", "payroll_runs": "yes"},
        "inventory_close_needed": "at_year_end",
        "unposted_warn_above": 50,
    }
    group = Group.objects.get(code="MERIDIAN")
    BlockerPolicyVersion.objects.create(group=group, body=body, set_at=LATER)
    found = texts(rosa_blocked)
    for named in ("unposted journal lines", "inventory periods"):
        assert f"the policy for {named} is not understood by this Closeboard" in found["/"]
    assert "61 lines" not in found["/"]
    assert "not readable in full: unposted journal lines" in found["/export/board.csv"]
    nearer = {"tracking": {"unposted_journals": "yes"}}
    entity = LegalEntity.objects.get(code="NLDT")
    BlockerPolicyVersion.objects.create(entity=entity, body=nearer, set_at=LATER)
    assert "61 lines not posted" in html.unescape(rosa_blocked.get("/").content.decode())


def test_unknown_words_of_profiles_marks_and_earlier_facts_fail_no_page_and_no_later_read(
    rosa_blocked: Client,
) -> None:
    period = may_of("NLDT")
    person = Person.objects.get(email="rosa.bell@meridian.test")
    ProfileVersion.objects.create(
        entity_id=period.entity_id, body={"role": "branch", "leases": True}, set_at=LATER
    )
    CarriedItem.objects.create(
        entity_id=period.entity_id,
        period=period,
        kind="payroll_runs",
        item="P1",
        units=1,
        until=period.last_day.replace(month=7),
        reason="known",
        by=person,
        at=LATER,
    )
    store("unposted_journals", {"unit": "parcels"})
    store("payroll_runs", {"unit": "parcels"})
    texts(rosa_blocked)
    source = LegalEntity.objects.get(code="NLDT").connection
    assert source is not None
    attempt = begin_work(source, LATER + timedelta(minutes=1))
    record_facts(attempt, [lines("NLDT", 12, attempt.started_at)])
    row = BlockerReading.objects.get(
        period=period, kind=BlockerKind.UNPOSTED_JOURNALS.value, superseded_at=None
    )
    assert row.count == 12
    assert BlockerReading.objects.filter(kind="payroll_runs", superseded_at=None).exists()
