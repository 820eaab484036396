"""Posts that no page sends: each form refuses them or takes them, and never fails, and shows what was typed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.routing.preferences import NotificationPreferences
from alerts.routing.silences import create_silence
from closing.judging.notice_rules import NoticeKind
from entities.models import Person
from entities.view_store import save_view
from periods.remarks import add_note
from tests.alerts.channels.destination_builders import save_destination
from tests.board.page_client import signed_in
from tests.builders import MAY, WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup
from tests.worklist.work_reads import FIRST_INVOICE, begin_work, record_facts, two_invoices

pytestmark = pytest.mark.django_db
TAKEN, REFUSED = {200, 303}, {400, 403, 404, 422}
BAD: Mapping[str, Sequence[str]] = {
    "nothing": (),
    "blank": (" \t\r\n",),
    "NUL": ("a\0b",),
    "no such choice": ("<nonsense>",),
    "two values": ("2026-06-18", "1"),
    "letters of another script": ("٣ 😀\u202e",),
    "a huge number": ("9" * 5000,),
    "a huge text": ("x" * 100_000,),
}


@dataclass(frozen=True)
class Posted:
    """A post that is accepted, and the inputs whose text comes back after an error."""

    address: str
    fields: Mapping[str, str | Sequence[str]]
    arguments: Mapping[str, object] = field(default_factory=dict)
    kept: Sequence[str] = ()


STEP = {"step-1-days": "7", "step-1-roles": ["owner"], "step-1-people": ["boss@meridian.test"]}
DESTINATION: dict[str, Any] = {
    "name": "#close",
    "kind": "slack",
    "group": "UK",
    "kinds": ["alert"],
    "url": "https://hooks.slack.com/services/T0/B0/x",
}
PREFERENCES = {
    "digest_at": "07:30",
    "digest_weekday": "1",
    "quiet_from": "22:00",
    "quiet_until": "06:30",
    "calendar": "NL",
    "rests_on_days_off": "on",
    "away_from": "2026-07-01",
    "away_until": "2026-07-14",
    "kind-late": "weekly",
}
TIMES = ("digest_at", "quiet_from", "quiet_until", "away_from", "away_until")
NLDT = {"code": "NLDT"}
FORMS = [
    Posted(
        "silences",
        {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": "x", "next": "/", "back": "/"},
        kept=("last_day", "reason"),
    ),
    Posted("lift_silence", {"next": "/", "back": "/"}, {"pk": 1}),
    Posted("subscriptions", PREFERENCES, kept=TIMES),
    Posted("alert_rules_of", {"due_soon_days": "3", "alerts_in_digest": "yes", **STEP}, {"code": "UK"}),
    Posted("add_destination", DESTINATION, kept=("name",)),
    Posted("destination", DESTINATION, {"uid": "uid"}, kept=("name",)),
    Posted("switch_destination", {"on": "yes"}, {"uid": "uid"}),
    Posted("unsubscribe", {"undo": "x"}, {"token": "token"}),
    Posted("deputy", {"deputy": "boss@meridian.test"}, NLDT),
    Posted("profile", {"seen": "", "role": "holding", "feature": ["vat", "payroll"]}, NLDT),
    Posted("carried", FIRST_INVOICE, NLDT, kept=("until", "reason")),
    Posted("end_carried", {**FIRST_INVOICE, "item": "V-1", "next": "/"}, NLDT),
    Posted("read_again", {"next": "/"}, NLDT),
    Posted("remark", {"kind": "note", "text": "x", "next": "/"}, NLDT),
    Posted("remark", {"kind": "note", "text": "y", "replaces": "note"}, NLDT),
    Posted("remark", {"kind": "note", "replaces": "note", "withdraw": "1"}, NLDT),
    Posted("remark", {"kind": "overdue_reason", "reason": "other", "text": "x"}, NLDT),
    Posted("remark", {"kind": "expected_close", "expected_on": "2026-06-18", "text": ""}, NLDT),
    Posted("remark", {"kind": "acknowledgement", "text": ""}, NLDT),
    Posted(
        "save_view",
        {"name": "x", "screen": "board", "query": "show=late", "back": "/", "keep_month": "1", "start": "1"},
        kept=("name",),
    ),
    Posted("rename_view", {"name": "x", "back": "/"}, {"view_id": 1}, kept=("name",)),
    Posted("start_with_view", {"start": "yes", "back": "/"}, {"view_id": 1}),
]


def send(client: Client, address: str, form: Posted, bad: Mapping[str, Sequence[str]]) -> int:
    """Send the form with these values in place of its own, and return the status of the answer.

    A refused form shows an error and what was typed.
    """
    with transaction.atomic():
        answer = client.post(address, {**form.fields, **bad})
        transaction.set_rollback(True)
    assert answer.status_code in TAKEN | REFUSED
    if answer.status_code == 422:
        page = answer.content.decode()
        assert 'class="error' in page
        typed = Counter(escape(values[-1]) for name, values in bad.items() if name in form.kept and values)
        assert all(page.count(f'value="{text}"') >= count for text, count in typed.items())
    return answer.status_code


def stories(group: SampleGroup) -> Iterator[tuple[Client, str, Posted]]:
    """Each form with its address, and a client of an administrator of everything."""
    boss = Person.objects.create_superuser("boss@meridian.test", "a long enough password", name="Boss")
    now = WORKED_EXAMPLE_AT
    attempt = begin_work(group.connection, now)
    record_facts(attempt, [two_invoices("NLDT", now)])
    made = {
        "uid": save_destination("slack", DESTINATION["url"], "UK", by=boss).uid,
        "token": unsubscribe_token(boss, (NoticeKind.LATE,)),
        "pk": create_silence(boss, group.entities["UKHC"], now.date(), "x", now).pk,
        "view_id": save_view(boss, "mine", "board", "").pk,
    }
    inputs = {
        "replaces": str(add_note(boss, "NLDT", MAY, "x", now).pk),
        "undo": NotificationPreferences().token(boss),
    }
    for form in FORMS:
        arguments = {name: made.get(name, value) for name, value in form.arguments.items()}
        fields = {name: inputs.get(name, value) for name, value in form.fields.items()}
        yield signed_in(boss), reverse(form.address, kwargs=arguments), replace(form, fields=fields)


def test_a_form_of_nonsense_never_fails(meridian: SampleGroup) -> None:
    for client, address, form in stories(meridian):
        send(client, address, form, dict.fromkeys(form.fields, ("<nonsense>\0",)))


@pytest.mark.slow
def test_the_forms_without_bad_values_are_taken(meridian: SampleGroup) -> None:
    for client, address, form in stories(meridian):
        assert send(client, address, form, {}) in TAKEN, address


@pytest.mark.slow
@pytest.mark.parametrize("what", BAD)
def test_bad_values_never_fail_a_form_together_or_alone(meridian: SampleGroup, what: str) -> None:
    for client, address, form in stories(meridian):
        for names in [form.fields, *([name] for name in form.fields)]:
            send(client, address, form, dict.fromkeys(names, BAD[what]))
