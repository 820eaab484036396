"""Rules of groups: the nearest group that has said something counts, each rule for itself and steps as a whole."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import AlertRules, EscalationStep
from alerts.routing.alert_policy import (
    DEFAULT_STEPS,
    EffectiveAlertRules,
    EscalationStepRule,
    load_alert_policies,
)
from closing.judging.notice_rules import ESCALATE_AFTER
from entities.models import Group
from tests.db_builders import save_person, save_sample_group

pytestmark = pytest.mark.django_db
EUROPE, UK, AMERICAS = (f"MERIDIAN/{code}/" for code in ("EUROPE", "UK", "AMERICAS"))


def step(group: str, number: int, after: int, *roles: str) -> EscalationStep:
    return EscalationStep.objects.create(
        group=Group.objects.get(code=group), step=number, after_days=after, roles=list(roles)
    )


def test_where_nobody_has_agreed_anything_the_usual_holds() -> None:
    save_sample_group()
    policies = load_alert_policies()
    assert policies.rules_of(EUROPE) == EffectiveAlertRules(due_soon_days=2, alerts_in_digest=False)
    assert policies.step_days_of(EUROPE) == ESCALATE_AFTER
    assert policies.steps_of(EUROPE) == DEFAULT_STEPS


def test_each_rule_comes_from_the_nearest_group_that_says_it() -> None:
    save_sample_group()
    AlertRules.objects.create(
        group=Group.objects.get(code="MERIDIAN"), due_soon_days=4, alerts_in_digest=True
    )
    AlertRules.objects.create(group=Group.objects.get(code="EUROPE"), due_soon_days=0)
    AlertRules.objects.create(group=Group.objects.get(code="UK"), alerts_in_digest=False)
    policies = load_alert_policies()
    assert policies.rules_of(EUROPE) == EffectiveAlertRules(0, alerts_in_digest=True)
    assert policies.rules_of(UK) == EffectiveAlertRules(4, alerts_in_digest=False)
    assert policies.rules_of(AMERICAS) == EffectiveAlertRules(4, alerts_in_digest=True)


def test_the_steps_of_the_nearest_group_replace_those_above_as_a_whole() -> None:
    save_sample_group()
    rosa, paul = save_person(), save_person("paul@meridian.test", "Paul")
    step("MERIDIAN", 1, 8, "administrator")
    step("MERIDIAN", 2, 20, "owner")
    step("EUROPE", 1, 7).people.add(paul, rosa)
    policies = load_alert_policies()
    assert policies.steps_of(EUROPE) == (EscalationStepRule(7, (), (rosa.pk, paul.pk)),)
    assert policies.steps_of(UK) == (
        EscalationStepRule(8, ("administrator",)),
        EscalationStepRule(20, ("owner",)),
    )
    assert policies.step_days_of(UK) == (8, 20)


def test_steps_come_in_the_order_of_their_days() -> None:
    save_sample_group()
    step("MERIDIAN", 1, 12)
    step("MERIDIAN", 2, 9)
    assert load_alert_policies().step_days_of(EUROPE) == (9, 12)


def test_the_rules_of_many_groups_cost_one_query() -> None:
    save_sample_group()
    step("MERIDIAN", 1, 8, "administrator").people.add(save_person())
    AlertRules.objects.create(group=Group.objects.get(code="UK"), alerts_in_digest=False)
    with CaptureQueriesContext(connection) as queries:
        policies = load_alert_policies()
        assert [policies.step_days_of(path) for path in (EUROPE, UK)] == [(8,), (8,)]
        assert not policies.rules_of(UK).alerts_in_digest
    assert len(queries) == 1
