"""The alert policy of each entity: for each setting, that of the nearest group above that has one."""

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
    """What holds for an entity; each of the two may come from another group.

    `due_soon_days` are working days; with `alerts_in_digest` its people may have alerts and reopenings in a digest.
    """

    due_soon_days: int = DUE_SOON_DAYS
    alerts_in_digest: bool = False


@dataclass(frozen=True, slots=True)
class EscalationStepRule:
    """A step of an escalation: so many days late, whoever holds these roles, and these people, hear as well.

    Whom an earlier step reached hears of the later ones too.
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
    """The rules that hold for each of these entities, by id; one query whatever their number."""
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
    found = {}
    for pk, path in entities:
        if path not in by_path:
            usual = EffectiveAlertRules()
            by_path[path] = EffectiveAlertRules(
                inherited_value(days, path, usual.due_soon_days),
                inherited_value(digest, path, usual.alerts_in_digest),
            )
        found[pk] = by_path[path]
    return found


def effective_step_days(entities: EntityPaths) -> dict[int, tuple[int, ...]]:
    """After how many days late each step of the escalation of these entities comes, by id; at most two queries."""
    return {pk: tuple(step.after_days for step in steps) for pk, steps in effective_steps(entities).items()}


def effective_steps(entities: EntityPaths) -> dict[int, Sequence[EscalationStepRule]]:
    """The steps that hold for each of these entities, by id, the first one first; at most two queries.

    They are those of the nearest group that has any, all of them; steps are never mixed from two groups.
    """
    by_path = steps_by_path()
    return {pk: inherited_value(by_path, path, DEFAULT_STEPS) for pk, path in entities}


def steps_by_path() -> dict[str, Sequence[EscalationStepRule]]:
    """The steps of each group that has its own, by its path; in the order of their days, whatever their numbers."""
    rows = list(
        EscalationStep.objects.order_by("after_days").values_list("pk", "group__path", "after_days", "roles")
    )
    if not rows:
        return {}
    people: dict[int, list[int]] = defaultdict(list)
    chosen = EscalationStep.people.through.objects.order_by("person")
    for step, person in chosen.values_list("escalationstep", "person"):
        people[step].append(person)
    found: dict[str, list[EscalationStepRule]] = defaultdict(list)
    for pk, path, after, roles in rows:
        found[path].append(EscalationStepRule(after, tuple(roles), tuple(people[pk])))
    return {path: tuple(steps) for path, steps in found.items()}


def inherited_value(of_group: Mapping[str, _T], path: str, usual: _T) -> _T:
    """What the nearest group on the way up has said, or what is usual."""
    for inherited_policy in reversed(ancestor_paths(path)):
        if inherited_policy in of_group:
            return of_group[inherited_policy]
    return usual


@dataclass(frozen=True, slots=True)
class GroupAlertPolicy:
    """What one group has agreed itself; None and no steps where it says nothing."""

    due_soon_days: int | None = None
    alerts_in_digest: bool | None = None
    steps: Sequence[EscalationStepRule] = ()


@dataclass(frozen=True, slots=True)
class InheritedAlertPolicy:
    """What holds for a group that says nothing itself, and the names of the groups it comes from; "" is the usual."""

    rules: EffectiveAlertRules
    steps: Sequence[EscalationStepRule]
    due_soon_from: str = ""
    in_digest_from: str = ""
    steps_from: str = ""


def own_policy(group: Group) -> GroupAlertPolicy:
    """What this group has agreed itself."""
    return own_policies([group])[group.pk]


def own_policies(groups: Sequence[Group]) -> dict[int, GroupAlertPolicy]:
    """What each of these groups has agreed itself, by id; three queries at most, whatever their number."""
    rows, steps = AlertRules.objects.in_bulk([each.pk for each in groups]), steps_by_path()
    found = {}
    for each in groups:
        row, own = rows.get(each.pk), steps.get(each.path, ())
        found[each.pk] = (
            GroupAlertPolicy(row.due_soon_days, row.alerts_in_digest, own)
            if row
            else GroupAlertPolicy(steps=own)
        )
    return found


def inherited_policy(group: Group) -> InheritedAlertPolicy:
    """What the groups above this one have agreed, the nearest first."""
    paths = ancestor_paths(group.path)[:-1]
    names = dict(Group.objects.filter(path__in=paths).values_list("path", "name"))
    rows = {
        row.group.path: row
        for row in AlertRules.objects.filter(group__path__in=paths).select_related("group")
    }
    steps, usual = steps_by_path(), EffectiveAlertRules()
    inherited_value = list(reversed(paths))
    soon = next(
        (path for path in inherited_value if path in rows and rows[path].due_soon_days is not None), ""
    )
    digest = next(
        (path for path in inherited_value if path in rows and rows[path].alerts_in_digest is not None), ""
    )
    own = next((path for path in inherited_value if path in steps), "")
    days = rows[soon].due_soon_days if soon else None
    in_digest = rows[digest].alerts_in_digest if digest else None
    return InheritedAlertPolicy(
        EffectiveAlertRules(usual.due_soon_days if days is None else days, bool(in_digest)),
        steps.get(own, DEFAULT_STEPS),
        names.get(soon, ""),
        names.get(digest, ""),
        names.get(own, ""),
    )


def people_for_steps(group: Group) -> list[Person]:
    """The people who may see the whole group, by name: those whom a step may name."""
    held = Membership.objects.filter(group__path__in=ancestor_paths(group.path), person__is_active=True)
    people = Person.objects.filter(is_active=True)
    found = people.filter(pk__in=held.values("person")) | people.filter(is_superuser=True)
    return list(found.order_by("name", "email"))
