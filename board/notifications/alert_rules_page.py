"""Builds the alert rules pages of groups: own rules, inherited rules, and a preview of each step's recipients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.alert_policy import (
    EscalationStepRule,
    GroupAlertPolicy,
    inherited_policy,
    load_alert_policies,
    own_policies,
    own_policy,
    people_for_steps,
)
from alerts.routing.alert_policy_updates import MOST_STEPS
from alerts.routing.recipients import load_audiences, recipients
from board.notifications.forms import AlertPolicyForm, EscalationStepForm
from board.web.board_request import BoardRequest
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person

SHOWN = 20  # entities with a full preview of their escalation
_DEFAULT_SOURCE = "the default"
_ROLES = tuple((role.value, role.label) for role in Membership.Role)


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in the list: its depth, and its own rules as phrases."""

    code: str
    name: str
    depth: int
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class EscalationPreview:
    """The current recipients of each escalation step of an entity: "+10: Rosa Bell, Sanne de Wit"."""

    name: str
    code: str
    steps: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RulesPage:
    """The values of the page of one group."""

    code: str
    name: str
    form: AlertPolicyForm
    due_soon_above: str
    digest_above: str
    steps: Sequence[EscalationStepForm]
    own_steps: bool
    steps_above: str
    steps_from: str
    previews: Sequence[EscalationPreview]
    left: int


@dataclass(frozen=True, slots=True)
class EligiblePeople:
    """The people that the steps of a group may name, or already name, by id."""

    people: Mapping[int, Person]
    with_access: frozenset[int]

    def name(self, pk: int) -> str:
        person = self.people.get(pk)
        if person is None:
            return "a person without access"
        return (person.name or person.email) + ("" if pk in self.with_access else " (no longer has access)")


def eligible_people(group: Group) -> EligiblePeople:
    """The people that the steps of a group may name, and named people who may not see it any more."""
    with_access = people_for_steps(group)
    ids = {person.pk for person in with_access}
    without_access = Person.objects.filter(
        pk__in={pk for step in own_policy(group).steps for pk in step.people} - ids
    )
    return EligiblePeople(
        {person.pk: person for person in [*with_access, *without_access.order_by("name")]}, frozenset(ids)
    )


def groups_page(groups: Sequence[Group]) -> list[GroupLine]:
    """The groups in the order of their tree, each with its own rules."""
    top_level, policies = min(group.path.count("/") for group in groups), own_policies(groups)
    return [
        GroupLine(
            group.code,
            group.name,
            min(group.path.count("/") - top_level, 6),
            _rule_phrases(policies[group.pk]),
        )
        for group in groups
    ]


def _rule_phrases(policy: GroupAlertPolicy) -> list[str]:
    phrases = []
    if policy.due_soon_days is not None:
        phrases.append(f"due soon {_days_ahead(policy.due_soon_days)}")
    if policy.alerts_in_digest is not None:
        phrases.append("alerts may wait for a digest" if policy.alerts_in_digest else "alerts always at once")
    if policy.steps:
        phrases.append(f"escalation at {', '.join(f'+{step.after_days}' for step in policy.steps)}")
    return phrases


def rules_page(board_request: BoardRequest, group: Group, form: AlertPolicyForm | None) -> RulesPage:
    """The page with a rejected form, or that of the saved policy; the preview is of the saved rules."""
    inherited, eligible = inherited_policy(group), eligible_people(group)
    if form is None:
        emails = {pk: person.email for pk, person in eligible.people.items()}
        form = AlertPolicyForm(current=own_policy(group), emails=emails)
    previews, left = _previews(board_request, group)
    names = {person.email: eligible.name(pk) for pk, person in eligible.people.items()}
    steps = list(form.steps)
    for position, step in enumerate(steps, start=1):
        step.show(f"Step {position}", names)
    if len(steps) < MOST_STEPS:
        steps.append(EscalationStepForm(max((step.number for step in steps), default=0) + 1))
        steps[-1].show("Another step", names, new=True)
    digest = "May wait for a digest" if inherited.rules.alerts_in_digest else "Always at once"
    return RulesPage(
        code=group.code,
        name=group.name,
        form=form,
        due_soon_above=f"{_days_ahead(inherited.rules.due_soon_days)}, {_source(inherited.due_soon_from)}",
        digest_above=f"{digest} ({_source(inherited.in_digest_from)})",
        steps=steps,
        own_steps=bool(form.steps),
        steps_above="; ".join(_step_text(step, eligible) for step in inherited.steps),
        steps_from=_source(inherited.steps_from),
        previews=previews,
        left=left,
    )


def _days_ahead(days: int) -> str:
    if days == 0:
        return "on the day itself"
    return f"{days} working {'day' if days == 1 else 'days'} ahead"


def _source(name: str) -> str:
    return f"inherited from {name}" if name else _DEFAULT_SOURCE


def _step_text(step: EscalationStepRule, eligible: EligiblePeople) -> str:
    """A step in a few words: "+10 administrators, Rosa Bell"."""
    labels = dict(_ROLES)
    names = [_PLURALS.get(role, labels.get(role, role)) for role in step.roles]
    names += [eligible.name(pk) for pk in step.people]
    return f"+{step.after_days} {', '.join(names)}"


_PLURALS = {
    Membership.Role.OWNER.value: "owners",
    Membership.Role.FINANCE.value: "finance",
    Membership.Role.ADMINISTRATOR.value: "administrators",
    Membership.Role.AUDITOR.value: "auditors",
}


def _previews(board_request: BoardRequest, group: Group) -> tuple[list[EscalationPreview], int]:
    """The previews of the saved steps for the first entities of the group, and the number of further ones."""
    visible = board_request.entities().filter(group__path__startswith=group.path).order_by("name", "code")
    shown = list(visible.select_related("group")[:SHOWN])
    audiences = load_audiences([entity.pk for entity in shown])
    policies = load_alert_policies()
    steps = {entity.pk: policies.steps_of(entity.group.path) for entity in shown}
    people_by_step = {
        entity.pk: [
            recipients(
                NoticeKind.ESCALATION, number, audiences[entity.pk], board_request.now, steps=steps[entity.pk]
            )
            for number, _ in enumerate(steps[entity.pk], start=1)
        ]
        for entity in shown
    }
    person_ids = {
        person for steps_people in people_by_step.values() for people in steps_people for person in people
    }
    names = {
        pk: name or email
        for pk, name, email in Person.objects.filter(pk__in=person_ids).values_list("pk", "name", "email")
    }
    previews = [_preview(entity, steps[entity.pk], people_by_step[entity.pk], names) for entity in shown]
    return previews, max(0, visible.count() - SHOWN)


def _preview(
    entity: LegalEntity,
    steps: Sequence[EscalationStepRule],
    people_by_step: Sequence[set[int]],
    names: Mapping[int, str],
) -> EscalationPreview:
    return EscalationPreview(
        entity.name,
        entity.code,
        [
            (
                f"+{step.after_days}",
                ", ".join(sorted((names[pk] for pk in people), key=str.casefold)) or "nobody with access",
            )
            for step, people in zip(steps, people_by_step, strict=True)
        ],
    )
