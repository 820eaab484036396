"""Posts that no page sends: each form refuses them or takes them, and never fails, and shows what was typed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils.html import escape

from alerts.mail.unsubscribe_links import unsubscribe_token
from alerts.routing.silences import create_silence
from closing.judging.notice_rules import NoticeKind
from entities.models import Person
from entities.view_store import save_view
from periods.remarks import add_note
from tests.alerts.channels.destination_builders import save_destination
from tests.board.page_client import signed_in
from tests.builders import MAY, WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup

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
DESTINATION = {
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
FORMS = {
    "silence": Posted(
        "silences",
        {"place": "entity:NLDT", "last_day": "2026-06-18", "reason": "x", "next": "/", "back": "/"},
        kept=("last_day", "reason"),
    ),
    "lift": Posted("lift_silence", {"next": "/", "back": "/"}, {"pk": 1}),
    "preferences": Posted("subscriptions", PREFERENCES, kept=TIMES),
    "alert policy": Posted(
        "alert_rules_of", {"due_soon_days": "3", "alerts_in_digest": "yes", **STEP}, {"code": "UK"}
    ),
    "new destination": Posted("add_destination", DESTINATION, kept=("name",)),
    "destination": Posted("destination", DESTINATION, {"uid": "uid"}, kept=("name",)),
    "switch": Posted("switch_destination", {"on": "yes"}, {"uid": "uid"}),
    "unsubscribe": Posted("unsubscribe", {"undo": "x"}, {"token": "token"}),
    "deputy": Posted("deputy", {"deputy": "boss@meridian.test"}, NLDT),
    "note": Posted("remark", {"kind": "note", "text": "x", "next": "/"}, NLDT),
    "edit": Posted("remark", {"kind": "note", "text": "y", "replaces": "note"}, NLDT),
    "withdraw": Posted("remark", {"kind": "note", "replaces": "note", "withdraw": "1"}, NLDT),
    "reason": Posted("remark", {"kind": "overdue_reason", "reason": "other", "text": "x"}, NLDT),
    "expected": Posted("remark", {"kind": "expected_close", "expected_on": "2026-06-18", "text": ""}, NLDT),
    "acknowledgement": Posted("remark", {"kind": "acknowledgement", "text": ""}, NLDT),
    "view": Posted(
        "save_view",
        {"name": "x", "screen": "board", "query": "show=late", "back": "/", "keep_month": "1", "start": "1"},
        kept=("name",),
    ),
    "rename": Posted("rename_view", {"name": "x", "back": "/"}, {"view_id": 1}, kept=("name",)),
    "start": Posted("start_with_view", {"start": "yes", "back": "/"}, {"view_id": 1}),
}


def send(group: SampleGroup, name: str, *, alone: bool) -> None:
    """Send a form with each bad value in all its inputs at once, or in each input alone."""
    boss = Person.objects.create_superuser("boss@meridian.test", "a long enough password", name="Boss")
    client, form = signed_in(boss), FORMS[name]
    address = reverse(form.address, kwargs=dict(_arguments(form, group, boss)))
    fields = dict(form.fields)
    if "replaces" in fields:
        fields["replaces"] = str(add_note(boss, "NLDT", MAY, "x", WORKED_EXAMPLE_AT).pk)
    for what, values in BAD.items():
        for inputs in [[each] for each in fields] if alone else [list(fields)]:
            with transaction.atomic():
                answer = client.post(address, {**fields, **dict.fromkeys(inputs, values)})
                transaction.set_rollback(True)
            assert answer.status_code in TAKEN | REFUSED, (what, inputs)
            page = answer.content.decode()
            if answer.status_code == 422:
                assert 'class="error' in page, (what, inputs)
                typed = [f'value="{escape(values[-1])}"' for each in inputs if each in form.kept and values]
                assert all(page.count(each) >= typed.count(each) for each in typed), (what, inputs)


def _arguments(form: Posted, group: SampleGroup, boss: Person) -> Mapping[str, object]:
    """The arguments of the address, with what they name saved."""
    given = dict(form.arguments)
    if "uid" in given:
        given["uid"] = save_destination("slack", str(DESTINATION["url"]), "UK", by=boss).uid
    if "token" in given:
        given["token"] = unsubscribe_token(boss, (NoticeKind.LATE,))
    if "pk" in given:
        day = WORKED_EXAMPLE_AT.date()
        given["pk"] = create_silence(boss, group.entities["NLDT"], day, "x", WORKED_EXAMPLE_AT).pk
    if "view_id" in given:
        given["view_id"] = save_view(boss, "mine", "board", "").pk
    return given


@pytest.mark.parametrize("name", FORMS)
def test_a_form_of_bad_values_never_fails(meridian: SampleGroup, name: str) -> None:
    send(meridian, name, alone=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_one_bad_value_among_good_ones_never_fails(meridian: SampleGroup, name: str) -> None:
    send(meridian, name, alone=True)
