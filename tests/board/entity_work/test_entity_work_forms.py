"""Carrying items on purpose, the profile, and reading again: who may, what is refused, and undo."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from closing.blockers.blocker_facts import FactId
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.entity_profile import EntityProfile
from entities.models import Connection, LegalEntity, Membership
from infra.models import AuditEvent
from periods.models import SyncAttempt
from tests.board.page_client import signed_in
from tests.builders import WORKED_EXAMPLE_AT
from tests.db_builders import SampleGroup, save_person
from tests.settable_clock import SettableClock
from tests.worklist import opened_scenario
from tests.worklist.work_reads import begin_work, fact, record_facts
from worklist.models import CarriedItem, ProfileVersion
from worklist.recording.profiles import set_profile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
PAGE, CARRIED, PROFILE = "/entities/NLDT/", "/entities/NLDT/carried/", "/entities/NLDT/profile/"
INVOICES = {"month": "2026-05", "fact": "unposted_documents|vendor_invoices||"}
FIRST, SECOND = "1|100|GNJ-00900", "1|101|GNJ-00901"
CHOSEN = {**INVOICES, "item": [FIRST, SECOND], "until": "2026-06-30", "reason": "the supplier disputes them"}


def shown(answer: Any) -> str:
    text = re.sub(r"<(svg|title|script)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text))).replace(" ,", ",")


def undo_of(answer: Any) -> str:
    """The address of the button "Undo" beside the newest message."""
    return unescape(
        re.findall(r'<form method="post" action="([^"]+/undo/[^"]+)"', answer.content.decode())[-1]
    )


def verbs() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("verb", flat=True))


# --- carried on purpose -------------------------------------------------------------------------------------------


def test_the_form_offers_the_items_and_the_last_possible_day(rosa: Client) -> None:
    answer = rosa.get(f"{CARRIED}?{urlencode(INVOICES)}")
    assert answer.status_code == 200
    page = answer.content.decode()
    assert page.count('type="checkbox"') == 4
    assert 'max="2026-06-30"' in page
    assert "Unposted vendor invoices · May 2026 · 4 vendor invoices" in shown(answer)


def test_two_items_are_carried_named_and_given_back_by_undo(rosa: Client, clock: SettableClock) -> None:
    answer = rosa.post(CARRIED, CHOSEN, follow=True)
    assert "2 items are carried on purpose until 30 June." in shown(answer)
    because = (
        "2 vendor invoices not posted, due Tue 9 Jun; 2 more carried on purpose until 30 June, because the"
    )
    assert because in shown(answer)
    assert (
        "GNJ-00901 carried on purpose until 30 June by Rosa Bell, because the supplier disputes them"
        in shown(answer)
    )
    clock.at = WORKED_EXAMPLE_AT + timedelta(minutes=1)
    answer = rosa.post(undo_of(answer), {"back": PAGE}, follow=True)
    assert "That is undone." in shown(answer)
    assert "4 vendor invoices not posted" in shown(answer)
    assert verbs()[-2:] == ["carried.set", "carried.ended"]
    event = AuditEvent.objects.filter(verb="carried.set").get()
    assert event.after is not None
    assert (event.reason, event.after["item"]) == ("the supplier disputes them", ["GNJ-00900", "GNJ-00901"])


def test_one_is_ended_and_given_back_by_undo(rosa: Client, clock: SettableClock) -> None:
    rosa.post(CARRIED, CHOSEN)
    clock.at = WORKED_EXAMPLE_AT + timedelta(minutes=1)
    answer = rosa.post(f"{CARRIED}end/", {**INVOICES, "item": "GNJ-00900", "next": PAGE}, follow=True)
    assert "The item is no longer carried on purpose: it counts again." in shown(answer)
    assert CarriedItem.objects.filter(ended_at=None).count() == 1
    clock.at = WORKED_EXAMPLE_AT + timedelta(minutes=2)
    rosa.post(undo_of(answer), {"back": PAGE})
    assert CarriedItem.objects.filter(ended_at=None).count() == 2
    assert rosa.post(f"{CARRIED}end/", {**INVOICES, "item": "GNJ-1"}, follow=True).status_code == 200


def test_a_changed_amount_drops_the_mark_and_the_page_says_so(rosa: Client, opened: SampleGroup) -> None:
    rosa.post(CARRIED, CHOSEN)
    ids, _ = opened_scenario.journals(4, first=900)
    changed = FactId("GNJ-00900", 1, ids[0].amount + 7 if ids[0].amount is not None else None)
    at = WORKED_EXAMPLE_AT - timedelta(minutes=1)
    invoices = fact(
        "NLDT",
        BlockerKind.UNPOSTED_DOCUMENTS,
        4,
        at,
        part="vendor_invoices",
        ids=(changed, *ids[1:]),
    )
    record_facts(begin_work(opened.connection, at), [invoices])
    text = shown(rosa.get(PAGE))
    assert "3 vendor invoices not posted" in text
    assert "the amount has changed from 100.00 to 107.00, so it counts again" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item": []}, "Choose at least one item."),
        ({"item": ["x"]}, "One of these items is unknown."),
        (
            {"item": ["1|99|GNJ-00900"]},
            "GNJ-00900 has changed since the page was shown: its amount is 100.00 now.",
        ),
        ({"until": ""}, "Choose the day until which they are carried."),
        ({"until": "soon"}, "“soon” is not a date."),
        ({"until": "2026-06-11"}, "11 June 2026 has passed."),
        ({"until": "2026-07-01"}, "Carried at the latest until the end of the next period, 30 June 2026."),
        ({"reason": " "}, "Give the reason why they are carried."),
        ({"fact": "unposted_documents|customer_memos||"}, "Nothing is in the way"),
        ({"fact": "late_invoices|||"}, "Nothing of this is in the way any more"),
        ({"fact": "x"}, "Nothing of this is in the way any more"),
    ],
)
def test_a_refused_form_keeps_its_values_and_says_what_to_do(
    rosa: Client, change: dict[str, Any], words: str
) -> None:
    answer = rosa.post(CARRIED, CHOSEN | change)
    assert answer.status_code == 422
    assert words in shown(answer)
    if "fact" not in change and change.get("reason") is None:
        assert 'value="the supplier disputes them"' in answer.content.decode()
    assert not CarriedItem.objects.exists()


def test_undated_work_and_differences_are_carried_as_well(rosa: Client) -> None:
    undated = {"fact": "unposted_journals|||undated", "item": ["2||GNJ-77777"]}
    pair = {"fact": "intercompany_imbalance|NLDT/UKRT|EUR|", "item": ["1|640|NLDT/UKRT"]}
    for values in (undated, pair):
        assert rosa.post(CARRIED, CHOSEN | values).status_code == 303, values
    text = shown(rosa.get("/entities/UKRT/"))
    assert "1 carried on purpose until 30 June, because the supplier disputes them" in text


def test_who_only_reads_or_does_not_see_it_is_refused(opened: SampleGroup) -> None:
    audrey = signed_in(save_person("audrey.x@meridian.test", "Audrey", role=Membership.Role.AUDITOR))
    uma = signed_in(save_person("uma.x@meridian.test", "Uma", group="UK"))
    for client, status in ((audrey, 403), (uma, 404)):
        assert client.get(f"{CARRIED}?{urlencode(INVOICES)}").status_code == status
        assert client.post(CARRIED, CHOSEN).status_code == status
        assert client.post(f"{CARRIED}end/", {**INVOICES, "item": "x"}).status_code == status
        assert client.post(f"{CARRIED}undo/2026-06-12T12:00:00+00:00/").status_code == status
        assert client.post("/entities/NLDT/read/").status_code == status
    assert not CarriedItem.objects.exists()


# --- the profile --------------------------------------------------------------------------------------------------


def test_an_administrator_changes_the_profile_and_undoes_it(adam: Client, clock: SettableClock) -> None:
    form = adam.get(PROFILE)
    assert (
        "Without it, not applicable: inventory periods, cost adjustments, unposted inventory journals"
        in shown(form)
    )
    everything = [field for field in EntityProfile.__slots__ if field != "role"]
    adam.post(PROFILE, {"role": "operating", "feature": everything})
    first = ProfileVersion.objects.get()
    clock.at = WORKED_EXAMPLE_AT + timedelta(minutes=1)
    values = {"seen": first.set_at.isoformat(), "role": "holding", "feature": ["intercompany", "vat"]}
    answer = adam.post(PROFILE, values, follow=True)
    assert "The profile of EU DTC BV is saved." in shown(answer)
    assert "Profile : holding company with intercompany, VAT; without inventory" in shown(answer)
    assert "set by Adam Noor, 13:01" in shown(answer)
    clock.at = WORKED_EXAMPLE_AT + timedelta(minutes=2)
    answer = adam.post(undo_of(answer), {"back": PAGE}, follow=True)
    assert "The profile is as it was before." in shown(answer)
    assert ProfileVersion.objects.order_by("-set_at")[0].body == first.body
    assert verbs()[-3:] == ["entity.profile_set"] * 3


def test_the_second_administrator_sees_what_the_first_has_changed(adam: Client) -> None:
    entity = LegalEntity.objects.select_related("group").get(code="NLDT")
    ben = save_person("ben.x@meridian.test", "Ben Boss", role=Membership.Role.ADMINISTRATOR)
    set_profile(entity, EntityProfile(vat=False), by=ben, at=WORKED_EXAMPLE_AT - timedelta(minutes=1))
    answer = adam.post(PROFILE, {"seen": "", "role": "operating", "feature": ["inventory", "vat"]})
    assert answer.status_code == 422
    assert "changed while you had this page open, set by Ben Boss, 12:59" in shown(answer)
    assert "VAT: saved no, you chose yes" in shown(answer)
    seen = re.search(r'name="seen" value="([^"]+)"', answer.content.decode())
    assert seen is not None
    values = {"seen": unescape(seen.group(1)), "role": "operating", "feature": ["inventory", "vat"]}
    assert adam.post(PROFILE, values).status_code == 303


def test_the_profile_is_for_administrators(rosa: Client) -> None:
    assert rosa.get(PROFILE).status_code == 404
    assert rosa.post(PROFILE, {"role": "operating"}).status_code == 404
    assert PROFILE not in rosa.get(PAGE).content.decode()


def test_a_role_that_does_not_exist_is_refused(adam: Client) -> None:
    answer = adam.post(PROFILE, {"role": "emperor"})
    assert answer.status_code == 422
    assert "Choose the role of the entity." in shown(answer)


# --- read again now -----------------------------------------------------------------------------------------------


def test_reading_again_is_queued_once_a_minute_and_leaves_an_event(rosa: Client) -> None:
    answer = rosa.post("/entities/NLDT/read/", {"next": PAGE}, follow=True)
    assert "Reading now: the periods first, then what is in the way." in shown(answer)
    assert verbs()[-1] == "connection.read"
    assert "within the last minute" in shown(rosa.post("/entities/NLDT/read/", follow=True))


def test_what_cannot_be_read_now_says_until_when(rosa: Client, opened: SampleGroup) -> None:
    begin_work(opened.connection, WORKED_EXAMPLE_AT - timedelta(minutes=1))
    page = rosa.get(PAGE)
    assert "Reading now, since 12:59" in shown(page)
    assert 'hx-trigger="every 3s"' in page.content.decode()
    assert "It is being read already." in shown(rosa.post("/entities/NLDT/read/", follow=True))
    Connection.objects.update(paused=True)
    assert "The connection is paused." in shown(rosa.post("/entities/NLDT/read/", follow=True))
    assert SyncAttempt.objects.filter(outcome="running").count() == 0
