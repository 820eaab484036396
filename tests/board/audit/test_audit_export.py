"""The CSV of the audit log: exactly the page's filter, sealed first, provable, safe, and one batch in memory."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from io import StringIO
from typing import cast

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client

from board.audit.audit_export import event_lines
from entities.audit_trail import Verb
from infra.audit.canonical import sha256
from infra.audit.origin import Origin, acting
from infra.audit.recording import AuditedObject
from infra.models import AuditEvent, AuditSeal
from tests.board.audit.audit_events import EUROPE, NOON, UK, WHOLE, auditor, save_event, save_events
from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
PATH = "/export/audit.csv"
SIGNED = (
    *("at", "verb", "actor_kind", "actor_id", "actor", "through", "object_kind", "object_id", "object"),
    *("scope", "before", "after", "reason", "request_id", "address"),
)


def export(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = cast("StreamingHttpResponse", client.post(PATH + query))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    content = b"".join(cast("list[bytes]", answer.streaming_content)).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(content, newline="")))


def test_it_holds_the_events_of_the_filter_and_no_others(meridian: SampleGroup) -> None:
    reader = signed_in(auditor("EUROPE"))
    ids = save_events([EUROPE] * 120)
    save_event(EUROPE, NOON, Verb.SILENCE_ENDED)
    save_event(EUROPE, NOON - timedelta(days=40))
    save_event(UK)
    save_event(WHOLE)
    rows = export(reader, "?verb=remark.note_added")
    assert [int(row["id"]) for row in rows] == ids[::-1]
    assert len(export(reader)) == 121
    assert len(export(reader, "?from=2026-01-01&to=2026-06-12")) == 122


def test_it_seals_first_and_each_row_can_be_proven(ada: Client) -> None:
    with acting(Origin("page", request_id="6f1a", address="203.0.113.9")):
        save_event(
            EUROPE,
            NOON + timedelta(microseconds=1),
            before={"deputy": None},
            after={"deputy": "Zoë; Bell", "days": [1, 2]},
            reason='"quoted"\nin two lines',
        )
    (row,) = export(ada)
    seal = AuditSeal.objects.get()
    assert (row["seal"], seal.events) == ("1", 1)
    assert row["at"] == "2026-06-12T12:00:00.000001+00:00"
    assert (row["request_id"], row["address"], row["through"]) == ("6f1a", "203.0.113.9", "page")
    values: dict[str, object] = {name: row[name] for name in SIGNED}
    for name in ("before", "after"):
        values[name] = json.loads(row[name])
    values["at"] = datetime.fromisoformat(row["at"])
    values["actor_id"] = int(row["actor_id"]) if row["actor_id"] else None
    assert sha256(list(values.values())) == row["digest"]
    assert export(ada)[0]["seal"] == "1", "a second export has nothing left to seal"


def test_no_text_is_run_as_a_formula(ada: Client) -> None:
    save_event(
        AuditedObject("view", "=cmd|x", "+evil"), reason="@SUM(A1)", after={"=1": "-2"}, by=None, before=None
    )
    (row,) = export(ada)
    assert (row["object"], row["object_id"], row["reason"]) == ("'+evil", "'=cmd|x", "'@SUM(A1)")
    assert row["after"] == '{"=1":"-2"}'
    assert (row["before"], row["actor"], row["actor_id"]) == ("", "Closeboard", "")


def test_rows_are_read_in_batches_from_a_cursor_of_the_server(meridian: SampleGroup) -> None:
    """However many events there are, the process holds one batch of them."""
    save_events([UK] * 2_100)
    lines = event_lines(AuditEvent.objects.order_by("-at", "-id"))
    assert next(lines).startswith("id,at,actor_kind,")
    next(lines)
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_cursors WHERE statement LIKE '%infra_auditevent%'")
        (statement,) = cursor.fetchall()
    assert "NO SCROLL CURSOR" in statement[0]
    assert sum(1 for _ in lines) == 2_099


def test_it_is_a_form_with_a_token_and_no_link(meridian: SampleGroup) -> None:
    person = auditor()
    assert signed_in(person).get(PATH).status_code == 405
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(person)
    assert careful.post(PATH).status_code == 403
    assert not AuditSeal.objects.exists()
    answer = signed_in(person).post(f"{PATH}?from=soon")
    assert answer.status_code == 400


def test_its_name_says_when_it_was_made(ada: Client) -> None:
    assert 'filename="closeboard-audit-20260612T1200Z.csv"' in ada.post(PATH)["Content-Disposition"]
