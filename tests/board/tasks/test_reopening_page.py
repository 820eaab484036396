"""A reopened period: its second round is shown before it is approved, by somebody who does not own the entity."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from tests.board.page_client import signed_in
from tests.builders import CLOSED, MAY, OPEN
from tests.periods.recorded_reads import facts_of_all, read
from tests.worklist.close_task_builders import person, record, task_of
from worklist.models import CloseTask

pytestmark = pytest.mark.django_db
URL = reverse("task_reopening", args=["NLDT"]) + "?month=2026-05"
DUES = {f"due-{code}": "2026-06-12" for code in ("sign", "bs-rec", "hold", "cons", "fs")}
WHY = {"reason": "audit adjustment", "words": "freight was booked twice"}


def finish(anna: Person, holder: str = "NLDT") -> None:
    done = {"done_by": anna, "done_at": "2026-06-03T09:00Z", "signed_at": "2026-06-03T10:00Z"}
    rita = Person.objects.get(name="Rita Reviewer")
    tasks = CloseTask.objects.filter(month=MAY)
    (tasks.filter(entity__code=holder) | tasks.filter(entity=None)).update(
        status="signed_off", signed_by=rita, **done
    )
    CloseTask.objects.filter(entity__code=holder, sign_off=False).update(status="done", signed_by=None)


def test_the_page_shows_what_lapses_before_anything_happens(reviewer_client: Client, anna: Person) -> None:
    finish(anna)
    html = reviewer_client.get(URL).content.decode()
    assert "The ERP does not show that this period was reopened" in html
    for title in ("Controller signs off", "Consolidate", "Financial statements"):
        assert f"<b>{title}</b>" in html
    assert "by Rita Reviewer: lapses to “Signed before reopening”" in re.sub(r"\s+", " ", html)
    assert "by Anna Owner: stays done, and is done again" in html
    assert "Run the recurring journals" not in html
    assert record("sign").lapsed_on is None


def test_an_approval_opens_the_second_round_and_both_are_shown(reviewer_client: Client, anna: Person) -> None:
    finish(anna)
    refused = reviewer_client.post(URL, {**DUES, **WHY, "due-sign": "soon", "words": ""})
    html = refused.content.decode()
    assert refused.status_code == 422
    assert "“soon” is not a date." in html
    assert "Say in words why the period is reopened." in html
    assert 'value="2026-06-12"' in html
    assert not CloseTask.objects.filter(round=2).exists()
    html = reviewer_client.post(URL, {**DUES, **WHY, "at-sign": "15:00"}, follow=True).content.decode()
    assert "May 2026 has a second round of 5 tasks." in html
    assert "Period reopened on 3 June 2026" in html
    assert html.count(">Controller signs off</a>") == 2
    assert "Signed before reopening" in html
    assert "round 2" in html
    second = record("sign", round_=2)
    assert second.due is not None
    assert (second.due.due_on.isoformat(), str(second.due.cut_off)) == ("2026-06-12", "15:00:00")
    audited = AuditEvent.objects.get(verb="period.reopening_approved")
    assert audited.after is not None
    assert (audited.reason, audited.after["reason"]) == ("freight was booked twice", "audit adjustment")
    html = reviewer_client.get(reverse("task", args=[task_of("sign").uid])).content.decode()
    assert "The period was reopened after this task was finished: work on its next round." in html


def test_a_second_yes_changes_nothing_more(reviewer_client: Client, anna: Person) -> None:
    finish(anna)
    reviewer_client.post(URL, {**DUES, **WHY})
    again = reviewer_client.post(URL, {**DUES, **WHY})
    assert again.status_code == 422
    assert "No sign-off of this period stands" in again.content.decode()
    assert not CloseTask.objects.filter(round=3).exists()
    assert AuditEvent.objects.filter(verb="period.reopening_approved").count() == 1


def test_the_owner_of_the_entity_does_not_approve(owner_client: Client, anna: Person) -> None:
    finish(anna)
    LegalEntity.objects.filter(code="NLDT").update(owner=anna)
    html = owner_client.get(URL).content.decode()
    assert "You own EU DTC BV, so somebody else approves its second round" in html
    assert "Approve and open" not in html
    response = owner_client.post(URL, {**DUES, **WHY})
    assert response.status_code == 422
    assert not CloseTask.objects.filter(round=2).exists()


def test_who_only_reads_does_not_open_the_form(anna: Person) -> None:
    finish(anna)
    auditor = signed_in(person("Audrey Auditor", role="auditor"))
    assert auditor.get(URL).status_code == 403
    assert auditor.post(URL, {**DUES, **WHY}).status_code == 403
    assert "reopening/" not in auditor.get(reverse("entity_tasks", args=["NLDT"])).content.decode()


def test_the_evidence_of_the_erp_stands_beside_the_tasks(
    source: Connection, reviewer_client: Client, anna: Person
) -> None:
    finish(anna)
    read(source, "2026-06-03 11:56", {**facts_of_all(), "NLDT": CLOSED})
    read(source, "2026-06-03 11:57", {**facts_of_all(), "NLDT": OPEN})
    html = reviewer_client.get(reverse("entity_tasks", args=["NLDT"]) + "?month=2026-05").content.decode()
    assert "The ERP shows that May 2026 was reopened, seen 12:57; it is open again." in html
    assert "Sign-offs from before still count." in html
    assert f'href="{URL}"' in html
