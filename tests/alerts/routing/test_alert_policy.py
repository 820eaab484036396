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
    effective_alert_rules,
    effective_step_days,
    effective_steps,
)
from closing.judging.notice_rules import ESCALATE_AFTER
from entities.models import Group, LegalEntity
from tests.db_builders import save_person, save_sample_group
from tests.sample_entities import TWELVE_ENTITIES

pytestmark = pytest.mark.django_db


def entities() -> list[tuple[int, str]]:
    return list(LegalEntity.objects.values_list("pk", "group__path"))


def step(group: str, number: int, after: int, *roles: str) -> EscalationStep:
    return EscalationStep.objects.create(
        group=Group.objects.get(code=group), step=number, after_days=after, roles=list(roles)
    )


def test_where_nobody_has_agreed_anything_the_usual_holds() -> None:
    group = save_sample_group()
    eu = group.entities["NLDT"].pk
    assert effective_alert_rules(entities())[eu] == EffectiveAlertRules(
        due_soon_days=2, alerts_in_digest=False
    )
    assert effective_step_days(entities())[eu] == ESCALATE_AFTER
    assert effective_steps(entities())[eu] == DEFAULT_STEPS


def test_each_rule_comes_from_the_nearest_group_that_says_it() -> None:
    group = save_sample_group()
    AlertRules.objects.create(
        group=Group.objects.get(code="MERIDIAN"), due_soon_days=4, alerts_in_digest=True
    )
    AlertRules.objects.create(group=Group.objects.get(code="EUROPE"), due_soon_days=0)
    AlertRules.objects.create(group=Group.objects.get(code="UK"), alerts_in_digest=False)
    found = effective_alert_rules(entities())
    assert found[group.entities["NLDT"].pk] == EffectiveAlertRules(0, alerts_in_digest=True)
    assert found[group.entities["UKHC"].pk] == EffectiveAlertRules(4, alerts_in_digest=False)
    assert found[group.entities["USRT"].pk] == EffectiveAlertRules(4, alerts_in_digest=True)


def test_the_steps_of_the_nearest_group_replace_those_above_as_a_whole() -> None:
    group = save_sample_group()
    rosa = save_person()
    step("MERIDIAN", 1, 8, "administrator")
    step("MERIDIAN", 2, 20, "owner")
    step("EUROPE", 1, 7).people.add(rosa)
    found = effective_steps(entities())
    assert found[group.entities["NLDT"].pk] == (EscalationStepRule(7, (), (rosa.pk,)),)
    assert found[group.entities["UKRT"].pk] == (
        EscalationStepRule(8, ("administrator",)),
        EscalationStepRule(20, ("owner",)),
    )
    assert effective_step_days(entities())[group.entities["UKRT"].pk] == (8, 20)


def test_steps_come_in_the_order_of_their_days() -> None:
    group = save_sample_group()
    step("MERIDIAN", 1, 12)
    step("MERIDIAN", 2, 9)
    assert effective_step_days(entities())[group.entities["NLDT"].pk] == (9, 12)


def test_the_rules_of_many_cost_as_many_queries_as_those_of_one() -> None:
    save_sample_group(TWELVE_ENTITIES)
    step("MERIDIAN", 1, 8, "administrator").people.add(save_person())
    many = entities()
    for asked in (many[:1], many):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(effective_alert_rules(asked)) == len(effective_step_days(asked)) == len(asked)
        assert len(queries) == 3
