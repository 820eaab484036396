"""The pages of the rules of groups: what each says itself, what it has from above, and whom a step would reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.routing.alert_policy import (
    EscalationStepRule,
    GroupAlertPolicy,
    InheritedAlertPolicy,
    effective_steps,
    inherited_policy,
    own_policies,
    own_policy,
    people_for_steps,
)
from alerts.routing.alert_policy_updates import MOST_STEPS
from alerts.routing.recipients import load_audiences, recipients
from board.web.board_request import BoardRequest
from closing.judging.notice_rules import NoticeKind
from entities.models import Group, LegalEntity, Membership, Person

SHOWN = 20  # entities whose escalation is told in full
_USUAL = "the usual"
_ROLES = tuple((role.value, role.label) for role in Membership.Role)


@dataclass(frozen=True, slots=True)
class StepInput:
    """One step as the form holds it."""

    number: int
    days: str = ""
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group in the list: how deep it stands, and its rules in words."""

    code: str
    name: str
    depth: int
    rules: Sequence[str]


@dataclass(frozen=True, slots=True)
class StepForm:
    """One step in the form; the last one is empty, for a new step."""

    number: int
    name: str
    days: str
    roles: Sequence[tuple[str, str, bool]]
    people: Sequence[tuple[str, str, bool]]
    chosen: Sequence[str]
    new: bool
    days_problem: str
    whom_problem: str


@dataclass(frozen=True, slots=True)
class EscalationPreview:
    """Whom each step of an entity's escalation tells as things are: "+10: Rosa Bell, Sanne de Wit"."""

    name: str
    code: str
    steps: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RulesPage:
    """Everything on the page of one group."""

    code: str
    name: str
    values: Mapping[str, str]
    problems: Mapping[str, str]
    due_soon_above: str
    digest: Sequence[tuple[str, str, bool]]
    steps: Sequence[StepForm]
    own_steps: bool
    steps_above: str
    steps_from: str
    previews: Sequence[EscalationPreview]
    left: int


@dataclass(frozen=True, slots=True)
class EligiblePeople:
    """The people whom the steps of a group may name, or name already, by id."""

    people: Mapping[int, Person]
    with_access: frozenset[int]

    def name(self, pk: int) -> str:
        person = self.people.get(pk)
        if person is None:
            return "somebody who may not see it"
        return (person.name or person.email) + (
            "" if pk in self.with_access else " (may not see it any more)"
        )


def eligible_people(group: Group) -> EligiblePeople:
    """The people whom the steps of a group may name, and those of them who may not see it any more."""
    seeing = people_for_steps(group)
    ids = {each.pk for each in seeing}
    gone = Person.objects.filter(pk__in={pk for step in own_policy(group).steps for pk in step.people} - ids)
    return EligiblePeople({each.pk: each for each in [*seeing, *gone.order_by("name")]}, frozenset(ids))


def initial_form_data(
    agreed: GroupAlertPolicy, named: EligiblePeople
) -> tuple[Mapping[str, str], Sequence[StepInput]]:
    """The form of what is agreed."""
    digest = {None: "", True: "yes", False: "no"}[agreed.alerts_in_digest]
    days = "" if agreed.due_soon_days is None else str(agreed.due_soon_days)
    steps = [
        StepInput(
            number, str(step.after_days), step.roles, tuple(named.people[pk].email for pk in step.people)
        )
        for number, step in enumerate(agreed.steps, start=1)
    ]
    return {"due_soon_days": days, "alerts_in_digest": digest}, steps


def groups_page(groups: Sequence[Group]) -> list[GroupLine]:
    """The groups in the order of their tree, each with what it says itself."""
    top, agreed = min(each.path.count("/") for each in groups), own_policies(groups)
    return [
        GroupLine(each.code, each.name, min(each.path.count("/") - top, 6), _in_a_line(agreed[each.pk]))
        for each in groups
    ]


def _in_a_line(agreed: GroupAlertPolicy) -> list[str]:
    found = []
    if agreed.due_soon_days is not None:
        found.append(f"due soon {_ahead(agreed.due_soon_days)}")
    if agreed.alerts_in_digest is not None:
        found.append("alerts may wait for a digest" if agreed.alerts_in_digest else "alerts always at once")
    if agreed.steps:
        found.append(f"escalation at {', '.join(f'+{step.after_days}' for step in agreed.steps)}")
    return found


def rules_page(
    asked: BoardRequest,
    group: Group,
    values: Mapping[str, str],
    steps: Sequence[StepInput],
    problems: Mapping[str, str],
) -> RulesPage:
    """The page with this form; the preview tells what is kept, not what is typed."""
    inherited, named = inherited_policy(group), eligible_people(group)
    options = [(each.email, named.name(pk)) for pk, each in named.people.items()]
    reaches, left = _reaches(asked, group)
    forms = [_step(each, place, options, problems) for place, each in enumerate(steps, start=1)]
    if len(steps) < MOST_STEPS:
        number = max((each.number for each in steps), default=0) + 1
        forms.append(_step(StepInput(number), len(steps) + 1, options, problems, new=True))
    return RulesPage(
        code=group.code,
        name=group.name,
        values=values,
        problems=problems,
        due_soon_above=f"{_ahead(inherited.rules.due_soon_days)}, {_from(inherited.due_soon_from)}",
        digest=_digest(values.get("alerts_in_digest", ""), inherited),
        steps=forms,
        own_steps=bool(steps),
        steps_above="; ".join(_told(step, named) for step in inherited.steps),
        steps_from=_from(inherited.steps_from),
        previews=reaches,
        left=left,
    )


def _ahead(days: int) -> str:
    if days == 0:
        return "on the day itself"
    return f"{days} working {'day' if days == 1 else 'days'} ahead"


def _from(name: str) -> str:
    return f"from {name}" if name else _USUAL


def _digest(value: str, inherited: InheritedAlertPolicy) -> list[tuple[str, str, bool]]:
    told = "may wait for a digest" if inherited.rules.alerts_in_digest else "always at once"
    return [
        ("", f"As above: {told} ({_from(inherited.in_digest_from)})", value == ""),
        ("no", "Always at once", value == "no"),
        ("yes", "People may have them in a digest", value == "yes"),
    ]


def _step(
    typed: StepInput,
    place: int,
    options: Sequence[tuple[str, str]],
    problems: Mapping[str, str],
    *,
    new: bool = False,
) -> StepForm:
    key = f"step-{typed.number}"
    chosen = set(typed.people)
    return StepForm(
        number=typed.number,
        name="Another step" if new else f"Step {place}",
        days=typed.days,
        roles=[(value, label, value in typed.roles) for value, label in _ROLES],
        people=[(email, name, email in chosen) for email, name in options],
        chosen=[name for email, name in options if email in chosen],
        new=new,
        days_problem=problems.get(f"{key}-days", ""),
        whom_problem=problems.get(f"{key}-roles", "") or problems.get(f"{key}-people", ""),
    )


def _told(step: EscalationStepRule, named: EligiblePeople) -> str:
    """A step in a few words: "+10 administrators, Rosa Bell"."""
    labels = dict(_ROLES)
    whom = [_PLURALS.get(role, labels.get(role, role)) for role in step.roles]
    whom += [named.name(pk) for pk in step.people]
    return f"+{step.after_days} {', '.join(whom)}"


_PLURALS = {
    Membership.Role.OWNER.value: "owners",
    Membership.Role.FINANCE.value: "finance",
    Membership.Role.ADMINISTRATOR.value: "administrators",
    Membership.Role.AUDITOR.value: "auditors",
}


def _reaches(asked: BoardRequest, group: Group) -> tuple[list[EscalationPreview], int]:
    """Whom the steps that are agreed tell, for the first entities below; and how many more there are."""
    below = asked.entities().filter(group__path__startswith=group.path).order_by("name", "code")
    shown = list(below.select_related("group")[:SHOWN])
    around = load_audiences([each.pk for each in shown])
    steps = effective_steps((each.pk, each.group.path) for each in shown)
    told = {
        each.pk: [
            recipients(NoticeKind.ESCALATION, number, around[each.pk], asked.now, steps=steps[each.pk])
            for number, _ in enumerate(steps[each.pk], start=1)
        ]
        for each in shown
    }
    everybody = {person for own in told.values() for people in own for person in people}
    names = {
        pk: name or email
        for pk, name, email in Person.objects.filter(pk__in=everybody).values_list("pk", "name", "email")
    }
    reaches = [_reach(each, steps[each.pk], told[each.pk], names) for each in shown]
    return reaches, max(0, below.count() - SHOWN)


def _reach(
    entity: LegalEntity,
    steps: Sequence[EscalationStepRule],
    told: Sequence[set[int]],
    names: Mapping[int, str],
) -> EscalationPreview:
    return EscalationPreview(
        entity.name,
        entity.code,
        [
            (
                f"+{step.after_days}",
                ", ".join(sorted((names[pk] for pk in people), key=str.casefold)) or "nobody who may see it",
            )
            for step, people in zip(steps, told, strict=True)
        ],
    )
