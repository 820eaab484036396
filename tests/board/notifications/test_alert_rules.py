"""The rules of groups through HTTP: who agrees them, what is inherited, what is refused, whom a step would reach."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import AlertRules, EscalationStep
from alerts.routing.alert_policy import EscalationStepRule, GroupAlertPolicy, load_alert_policies
from entities.models import Group, LegalEntity, Membership, Person
from periods.board_cache.cache import BOARD_CACHE
from tests.board.page_client import signed_in
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import TWELVE_ENTITIES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
Role = Membership.Role
EUROPE = "/alerts/rules/EUROPE/"


def text_of(answer: Any) -> str:
    content: bytes = answer.content
    return " ".join(unescape(re.sub(r"<(?!input|option)[^>]*>", " ", content.decode())).split())


def agreed(code: str = "EUROPE") -> GroupAlertPolicy:
    return load_alert_policies().own(Group.objects.get(code=code).path)


def test_the_groups_that_somebody_administers_and_what_each_says(nadia_in_unread_group: Client) -> None:
    AlertRules.objects.create(group=Group.objects.get(code="UK"), due_soon_days=1, alerts_in_digest=False)
    EscalationStep.objects.create(
        group=Group.objects.get(code="UK"), step=1, after_days=7, roles=[Role.OWNER.value]
    )
    text = text_of(nadia_in_unread_group.get("/alerts/rules/"))
    assert "Meridian Group inherited Americas inherited Continental Europe inherited" in text
    assert "United Kingdom due soon 1 working day ahead alerts always at once escalation at +7" in text
    uma = signed_in(save_person("uma@meridian.test", "Uma", group="UK", role=Role.ADMINISTRATOR))
    assert "Continental Europe" not in text_of(uma.get("/alerts/rules/"))
    assert uma.get(EUROPE).status_code == 404
    assert uma.post(EUROPE, {"due_soon_days": "1"}).status_code == 404


@pytest.mark.parametrize("role", [Role.OWNER, Role.FINANCE, Role.AUDITOR])
def test_nobody_else_has_these_pages(nadia_in_unread_group: Client, role: Role) -> None:
    client = signed_in(save_person("x@meridian.test", "X", role=role))
    assert client.get("/alerts/rules/").status_code == 404
    assert client.get(EUROPE).status_code == 404
    assert client.post(EUROPE, {"due_soon_days": "1"}).status_code == 404
    assert agreed() == GroupAlertPolicy()


def test_who_administers_an_entity_alone_agrees_nothing_for_its_group(nadia_in_unread_group: Client) -> None:
    x = save_person("x@meridian.test", "X", group=None)
    Membership.objects.create(person=x, role=Role.ADMINISTRATOR, entity=LegalEntity.objects.get(code="NLDT"))
    assert signed_in(x).get(EUROPE).status_code == 404
    assert signed_in(x).get("/entities/NLDT/deputy/").status_code == 200


def test_what_a_group_does_not_say_is_shown_with_where_it_comes_from(nadia_in_unread_group: Client) -> None:
    text = text_of(nadia_in_unread_group.get(EUROPE))
    assert "Empty: 2 working days ahead, the default" in text
    assert "Always at once (the default)" in text
    assert "+10 administrators; +15 owners the default" in text
    top = Group.objects.get(code="MERIDIAN")
    AlertRules.objects.create(group=top, due_soon_days=0, alerts_in_digest=True)
    step = EscalationStep.objects.create(group=top, step=1, after_days=9, roles=[Role.AUDITOR.value])
    step.people.add(Person.objects.get(name="Nadia Ward"))
    text = text_of(nadia_in_unread_group.get(EUROPE))
    assert "Empty: on the day itself, inherited from Meridian Group" in text
    assert "May wait for a digest (inherited from Meridian Group)" in text
    assert "+9 auditors, Nadia Ward inherited from Meridian Group" in text


def test_rules_are_kept_changed_and_taken_back(nadia_in_unread_group: Client) -> None:
    rosa = save_person()
    form = {
        "due_soon_days": "3",
        "alerts_in_digest": "no",
        "step-1-days": "12",
        "step-1-roles": ["owner", "auditor"],
        "step-2-days": "7",
        "step-2-people": [rosa.email],
        "step-3-days": "",
    }
    assert nadia_in_unread_group.post(EUROPE, form).status_code == 303
    assert agreed() == GroupAlertPolicy(
        3, False, (EscalationStepRule(7, (), (rosa.pk,)), EscalationStepRule(12, ("owner", "auditor")))
    )
    text = text_of(nadia_in_unread_group.get(EUROPE))
    assert 'name="step-1-days" maxlength="4" value="7"' in text
    assert f'name="step-1-people" value="{rosa.email}" checked' in text
    assert "These replace the inherited steps (+10 administrators; +15 owners, the default)." in text
    removed = {"step-1-days": "7", "step-1-people": [rosa.email], "step-2-days": "12", "step-2-remove": "on"}
    nadia_in_unread_group.post(EUROPE, removed)
    assert agreed() == GroupAlertPolicy(steps=(EscalationStepRule(7, (), (rosa.pk,)),))
    nadia_in_unread_group.post(EUROPE, {})
    assert agreed() == GroupAlertPolicy()


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"due_soon_days": "soon"}, "“soon” is not a number of days."),
        ({"due_soon_days": "99"}, "Between 0 and 20 working days ahead."),
        ({"alerts_in_digest": "maybe"}, "Choose one of these."),
        ({"step-1-days": "", "step-1-roles": "owner"}, "Enter the days late."),
        ({"step-1-days": "-3", "step-1-roles": "owner"}, "“-3” is not a number of days."),
        ({"step-4-days": "0", "step-4-roles": "owner"}, "Between 1 and 365 days late."),
        ({"step-1-days": "7"}, "Choose who is notified"),
        ({"step-1-days": "7", "step-1-roles": "king"}, "There is no such role."),
        (
            {"step-1-days": "7", "step-1-people": "paul@meridian.test"},
            "Choose among those who may see the group.",
        ),
        ({"step-1-days": "7", "step-1-people": "9"}, "Choose among those who may see the group."),
        (
            {"step-1-days": "7", "step-1-roles": "owner", "step-5-days": "7", "step-5-roles": "owner"},
            "Another step already starts 7 days late.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_typed(
    nadia_in_unread_group: Client, form: dict[str, str], words: str
) -> None:
    save_person("paul@meridian.test", "Paul", group="UK")
    answer = nadia_in_unread_group.post(EUROPE, form)
    assert answer.status_code == 422
    text = text_of(answer)
    assert words in text
    assert "Paul" not in text
    typed = form.get("due_soon_days") or next((form[key] for key in form if key.endswith("-days")), "")
    assert f'value="{typed}"' in text
    assert agreed() == GroupAlertPolicy()


def test_the_preview_tells_whom_each_step_reaches_today(nadia_in_unread_group: Client) -> None:
    sanne = LegalEntity.objects.get(code="NLDT").owner
    assert sanne is not None
    Membership.objects.create(person=sanne, role=Role.OWNER, entity=LegalEntity.objects.get(code="NLDT"))
    olga = save_person("olga@meridian.test", "Olga", role=Role.OWNER)
    text = text_of(nadia_in_unread_group.get(EUROPE))
    assert "EU DTC BV +10 Nadia Ward, Sanne de Wit +15 Nadia Ward, Olga, Sanne de Wit" in text
    assert "UK HoldCo" not in text
    Membership.objects.filter(person=olga).delete()
    assert "Olga" not in text_of(nadia_in_unread_group.get(EUROPE))


def test_who_was_named_and_may_not_see_it_any_more_is_pointed_out(nadia_in_unread_group: Client) -> None:
    rosa = save_person()
    nadia_in_unread_group.post(EUROPE, {"step-1-days": "7", "step-1-people": [rosa.email]})
    Membership.objects.filter(person=rosa).delete()
    text = text_of(nadia_in_unread_group.get(EUROPE))
    assert "People: Rosa Bell (no longer has access)" in text
    assert "EU DTC BV +7 Nadia Ward" in text  # administrators hear where nobody else is left
    keeps = nadia_in_unread_group.post(EUROPE, {"step-1-days": "8", "step-1-people": [rosa.email]})
    assert keeps.status_code == 303


def test_the_list_costs_the_same_however_many_groups_there_are(nadia_in_unread_group: Client) -> None:
    counts = []
    for many in (False, True):
        if many:
            top = Group.objects.get(code="MERIDIAN")
            for number in range(12):
                group = Group.objects.create(
                    code=f"G{number}", name=f"Group {number}", parent=top, path=f"MERIDIAN/G{number}/"
                )
                AlertRules.objects.create(group=group, due_soon_days=number)
        nadia_in_unread_group.get("/alerts/rules/")
        with CaptureQueriesContext(connection) as queries:
            nadia_in_unread_group.get("/alerts/rules/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_page_costs_the_same_however_many_stand_below() -> None:
    counts = []
    for cast in (TWELVE_ENTITIES[:2], TWELVE_ENTITIES):
        with transaction.atomic():
            save_sample_group(cast)
            client = signed_in(save_person("nadia@meridian.test", "Nadia Ward", role=Role.ADMINISTRATOR))
            client.get("/alerts/rules/MERIDIAN/")
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/alerts/rules/MERIDIAN/").status_code == 200
            counts.append(len(queries))
            transaction.set_rollback(True)
        BOARD_CACHE.clear()
    assert counts[0] == counts[1]


# --- deputies -------------------------------------------------------------------------------------------------------


def test_only_who_may_see_the_entity_can_be_its_deputy(nadia_in_unread_group: Client) -> None:
    paul = save_person("paul@meridian.test", "Paul", group="UK")
    where = "/entities/NLDT/deputy/"
    assert "Paul" not in text_of(nadia_in_unread_group.get(where))
    refused = nadia_in_unread_group.post(where, {"deputy": paul.email})
    assert refused.status_code == 422
    assert "Choose somebody who may see the entity." in text_of(refused)
    Membership.objects.create(person=paul, role=Role.AUDITOR, group=Group.objects.get(code="EUROPE"))
    assert nadia_in_unread_group.post(where, {"deputy": paul.email}).status_code == 303
    assert LegalEntity.objects.get(code="NLDT").deputy == paul
    assert "deputy Paul Change" in text_of(nadia_in_unread_group.get("/entities/NLDT/"))
    Membership.objects.filter(person=paul).delete()
    assert "Paul is the deputy and may not see EU DTC BV, so is not notified." in text_of(
        nadia_in_unread_group.get(where)
    )
    nadia_in_unread_group.post(where, {"deputy": ""})
    assert LegalEntity.objects.get(code="NLDT").deputy is None
