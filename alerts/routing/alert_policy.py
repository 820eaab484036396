"""The alert policy of each entity: each setting comes from the nearest group above that has one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from alerts.models import AlertRules, EscalationStep
from closing.judging.notice_rules import DUE_SOON_DAYS, ESCALATE_AFTER
from entities.models import Group, Membership, Person, ancestor_paths

Role = Membership.Role
EntityPaths = Iterable[tuple[int, str]]  # ids with the paths of their groups
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EffectiveAlertRules:
    """The alert rules of an entity; each of the two may come from another group.

    `due_soon_days` are working days; with `alerts_in_digest` its people may have alerts and reopenings in a digest.
    """

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
    EscalationStepRule(days, roles)
    for days, roles in zip(
        ESCALATE_AFTER,
        ((Role.ADMINISTRATOR.value,), (Role.OWNER.value,)),
        strict=True,
    )
)


def effective_alert_rules(entities: EntityPaths) -> dict[int, EffectiveAlertRules]:
    """The rules that apply to each of these entities, by id; one query whatever their number."""
    days: dict[str, int] = {}
    digest: dict[str, bool] = {}
    for path, ahead, in_digest in AlertRules.objects.values_list(
        "group__path", "due_soon_days", "alerts_in_digest"
    ):
        if ahead is not None:
            days[path] = ahead
        if in_digest is not None:
            digest[path] = in_digest
    by_path: dict[str, EffectiveAlertRules] = {}
    rules = {}
    for pk, path in entities:
        if path not in by_path:
            default = EffectiveAlertRules()
            by_path[path] = EffectiveAlertRules(
                inherited_value(days, path, default.due_soon_days),
                inherited_value(digest, path, default.alerts_in_digest),
            )
        rules[pk] = by_path[path]
    return rules


def effective_step_days(entities: EntityPaths) -> dict[int, tuple[int, ...]]:
    """The days late at which each escalation step of these entities begins, by id; at most two queries."""
    return {pk: tuple(step.after_days for step in steps) for pk, steps in effective_steps(entities).items()}


def effective_steps(entities: EntityPaths) -> dict[int, Sequence[EscalationStepRule]]:
    """The escalation steps of each of these entities, by id, the first one first; at most two queries.

    All come from the nearest group that has any; steps of two groups are never mixed.
    """
    by_path = steps_by_path()
    return {pk: inherited_value(by_path, path, DEFAULT_STEPS) for pk, path in entities}


def steps_by_path() -> dict[str, Sequence[EscalationStepRule]]:
    """The steps of each group that has its own, by its path, in the order of their days, whatever their numbers."""
    rows = list(
        EscalationStep.objects.order_by("after_days").values_list("pk", "group__path", "after_days", "roles")
    )
    if not rows:
        return {}
    people: dict[int, list[int]] = defaultdict(list)
    chosen = EscalationStep.people.through.objects.order_by("person")
    for step, person in chosen.values_list("escalationstep", "person"):
        people[step].append(person)
    by_path: dict[str, list[EscalationStepRule]] = defaultdict(list)
    for pk, path, days, roles in rows:
        by_path[path].append(EscalationStepRule(days, tuple(roles), tuple(people[pk])))
    return {path: tuple(steps) for path, steps in by_path.items()}


def inherited_value(by_path: Mapping[str, _T], path: str, default: _T) -> _T:
    """The value of the nearest group at or above `path` that has one, or the default."""
    for ancestor in reversed(ancestor_paths(path)):
        if ancestor in by_path:
            return by_path[ancestor]
    return default


@dataclass(frozen=True, slots=True)
class GroupAlertPolicy:
    """The settings that one group has itself; None and no steps where it has none."""

    due_soon_days: int | None = None
    alerts_in_digest: bool | None = None
    steps: Sequence[EscalationStepRule] = ()


@dataclass(frozen=True, slots=True)
class InheritedAlertPolicy:
    """The settings of a group that has none itself, and the names of the groups they come from; "" is the default."""

    rules: EffectiveAlertRules
    steps: Sequence[EscalationStepRule]
    due_soon_from: str = ""
    in_digest_from: str = ""
    steps_from: str = ""


def own_policy(group: Group) -> GroupAlertPolicy:
    """The settings that this group has itself."""
    return own_policies([group])[group.pk]


def own_policies(groups: Sequence[Group]) -> dict[int, GroupAlertPolicy]:
    """The settings that each of these groups has itself, by id; three queries at most, whatever their number."""
    rows, steps = AlertRules.objects.in_bulk([group.pk for group in groups]), steps_by_path()
    policies = {}
    for group in groups:
        row, own = rows.get(group.pk), steps.get(group.path, ())
        policies[group.pk] = (
            GroupAlertPolicy(row.due_soon_days, row.alerts_in_digest, own)
            if row
            else GroupAlertPolicy(steps=own)
        )
    return policies


def inherited_policy(group: Group) -> InheritedAlertPolicy:
    """The settings that this group inherits from the groups above it, the nearest first."""
    paths = ancestor_paths(group.path)[:-1]
    names = dict(Group.objects.filter(path__in=paths).values_list("path", "name"))
    rows = {
        row.group.path: row
        for row in AlertRules.objects.filter(group__path__in=paths).select_related("group")
    }
    steps, default = steps_by_path(), EffectiveAlertRules()
    nearest_first = list(reversed(paths))
    soon = next((path for path in nearest_first if path in rows and rows[path].due_soon_days is not None), "")
    digest = next(
        (path for path in nearest_first if path in rows and rows[path].alerts_in_digest is not None), ""
    )
    steps_path = next((path for path in nearest_first if path in steps), "")
    days = rows[soon].due_soon_days if soon else None
    in_digest = rows[digest].alerts_in_digest if digest else None
    return InheritedAlertPolicy(
        EffectiveAlertRules(default.due_soon_days if days is None else days, bool(in_digest)),
        steps.get(steps_path, DEFAULT_STEPS),
        names.get(soon, ""),
        names.get(digest, ""),
        names.get(steps_path, ""),
    )


def people_for_steps(group: Group) -> list[Person]:
    """The people who may see the whole group, by name; only they may be named in a step."""
    members = Membership.objects.filter(group__path__in=ancestor_paths(group.path), person__is_active=True)
    people = Person.objects.filter(is_active=True)
    people = people.filter(pk__in=members.values("person")) | people.filter(is_superuser=True)
    return list(people.order_by("name", "email"))
