"""The alert policy of each entity: each setting comes from the nearest group above that has one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from closing.judging.notice_rules import DUE_SOON_DAYS, ESCALATE_AFTER
from entities.models import Group, Membership, Person, ancestor_paths

Role = Membership.Role
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EffectiveAlertRules:
    """The alert rules of an entity (see AlertRules); each of the two may come from another group."""

    due_soon_days: int = DUE_SOON_DAYS
    alerts_in_digest: bool = False


@dataclass(frozen=True, slots=True)
class EscalationStepRule:
    """A step of an escalation: after so many days late it adds the holders of these roles, and these people.

    The recipients of an earlier step receive the later ones too.
    """

    after_days: int
    roles: tuple[str, ...]
    people: tuple[int, ...] = ()


DEFAULT_STEPS = tuple(
    EscalationStepRule(days, (role.value,))
    for days, role in zip(ESCALATE_AFTER, (Role.ADMINISTRATOR, Role.OWNER), strict=True)
)


@dataclass(frozen=True, slots=True)
class GroupAlertPolicy:
    """The settings that one group has itself; None and no steps where it has none."""

    due_soon_days: int | None = None
    alerts_in_digest: bool | None = None
    steps: Sequence[EscalationStepRule] = ()


@dataclass(frozen=True, slots=True)
class AlertPolicies:
    """The alert settings of every group that has any itself, by its path; the steps by their days."""

    due_soon_days: Mapping[str, int]
    alerts_in_digest: Mapping[str, bool]
    steps: Mapping[str, Sequence[EscalationStepRule]]

    def own(self, path: str) -> GroupAlertPolicy:
        """The settings that a group has itself."""
        return GroupAlertPolicy(
            self.due_soon_days.get(path), self.alerts_in_digest.get(path), self.steps.get(path, ())
        )

    def rules_of(self, path: str) -> EffectiveAlertRules:
        """The rules that apply to the entities of a group."""
        default = EffectiveAlertRules()
        return EffectiveAlertRules(
            inherited_value(self.due_soon_days, path, default.due_soon_days),
            inherited_value(self.alerts_in_digest, path, default.alerts_in_digest),
        )

    def steps_of(self, path: str) -> Sequence[EscalationStepRule]:
        """The escalation steps that apply to the entities of a group, the first one first, all of one group."""
        return inherited_value(self.steps, path, DEFAULT_STEPS)

    def step_days_of(self, path: str) -> tuple[int, ...]:
        """The days late at which each of these steps begins."""
        return tuple(step.after_days for step in self.steps_of(path))


def load_alert_policies() -> AlertPolicies:
    """The alert settings of all groups, in one query."""
    days: dict[str, int] = {}
    digest: dict[str, bool] = {}
    steps: dict[str, dict[int, EscalationStepRule]] = defaultdict(dict)
    fields = ("path", "alert_rules__due_soon_days", "alert_rules__alerts_in_digest")
    step_fields = ("after_days", "roles", "people")
    rows = Group.objects.order_by("path", "escalation_steps__after_days", "escalation_steps__people")
    for path, ahead, in_digest, after_days, roles, person in rows.values_list(
        *fields, *(f"escalation_steps__{name}" for name in step_fields)
    ):
        if ahead is not None:
            days[path] = ahead
        if in_digest is not None:
            digest[path] = in_digest
        if after_days is not None:
            before = steps[path].get(after_days)
            people = (*(before.people if before else ()), *([person] if person is not None else ()))
            steps[path][after_days] = EscalationStepRule(after_days, tuple(roles), people)
    return AlertPolicies(days, digest, {path: tuple(own.values()) for path, own in steps.items()})


def inherited_value(by_path: Mapping[str, _T], path: str, default: _T) -> _T:
    """The value of the nearest group at or above `path` that has one, or the default."""
    for ancestor in reversed(ancestor_paths(path)):
        if ancestor in by_path:
            return by_path[ancestor]
    return default


@dataclass(frozen=True, slots=True)
class InheritedAlertPolicy:
    """The settings of a group that has none itself, and the names of the groups they come from; "" is the default."""

    rules: EffectiveAlertRules
    steps: Sequence[EscalationStepRule]
    due_soon_from: str = ""
    in_digest_from: str = ""
    steps_from: str = ""


def inherited_policy(group: Group) -> InheritedAlertPolicy:
    """The settings that this group inherits from the groups above it, the nearest first."""
    above = ancestor_paths(group.path)[:-1]
    names = dict(Group.objects.filter(path__in=above).values_list("path", "name"))
    own, parent = load_alert_policies(), above[-1] if above else ""

    def name_of_nearest(by_path: Mapping[str, object]) -> str:
        return next((names[path] for path in reversed(above) if path in by_path), "")

    return InheritedAlertPolicy(
        own.rules_of(parent),
        own.steps_of(parent),
        name_of_nearest(own.due_soon_days),
        name_of_nearest(own.alerts_in_digest),
        name_of_nearest(own.steps),
    )


def people_for_steps(group: Group) -> list[Person]:
    """The people who may see the whole group, by name; only they may be named in a step."""
    members = Membership.objects.filter(group__path__in=ancestor_paths(group.path), person__is_active=True)
    people = Person.objects.filter(is_active=True)
    people = people.filter(pk__in=members.values("person")) | people.filter(is_superuser=True)
    return list(people.order_by("name", "email"))
