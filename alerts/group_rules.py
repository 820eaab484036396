"""What groups have agreed about being told: for each entity, what the nearest group has said that says anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from alerts.models import AlertRules, EscalationStep
from closing.judging.notices import DUE_SOON_DAYS, ESCALATE_AFTER
from entities.models import Membership, from_root

Role = Membership.Role
Entities = Iterable[tuple[int, str]]  # ids with the paths of their groups
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for an entity; each of the two may come from another group.

    `due_soon_days` are working days; with `alerts_in_digest` its people may have alerts and reopenings in a digest.
    """

    due_soon_days: int = DUE_SOON_DAYS
    alerts_in_digest: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an escalation: so many days late, whoever holds these roles, and these people, hear as well.

    Whom an earlier step reached hears of the later ones too.
    """

    after_days: int
    roles: tuple[str, ...]
    people: tuple[int, ...] = ()


USUAL_STEPS = tuple(
    Step(days, roles)
    for days, roles in zip(
        ESCALATE_AFTER,
        ((Role.ADMINISTRATOR.value,), (Role.OWNER.value,)),
        strict=True,
    )
)


def alert_rules(entities: Entities) -> dict[int, Rules]:
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
    by_path: dict[str, Rules] = {}
    found = {}
    for pk, path in entities:
        if path not in by_path:
            usual = Rules()
            by_path[path] = Rules(
                nearest(days, path, usual.due_soon_days), nearest(digest, path, usual.alerts_in_digest)
            )
        found[pk] = by_path[path]
    return found


def escalations(entities: Entities) -> dict[int, tuple[int, ...]]:
    """After how many days late each step of the escalation of these entities comes, by id; at most two queries."""
    return {pk: tuple(step.after_days for step in steps) for pk, steps in escalation_steps(entities).items()}


def escalation_steps(entities: Entities) -> dict[int, Sequence[Step]]:
    """The steps that hold for each of these entities, by id, the first one first; at most two queries.

    They are those of the nearest group that has any, all of them; steps are never mixed from two groups.
    """
    by_path = steps_by_path()
    return {pk: nearest(by_path, path, USUAL_STEPS) for pk, path in entities}


def steps_by_path() -> dict[str, Sequence[Step]]:
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
    found: dict[str, list[Step]] = defaultdict(list)
    for pk, path, after, roles in rows:
        found[path].append(Step(after, tuple(roles), tuple(people[pk])))
    return {path: tuple(steps) for path, steps in found.items()}


def nearest(of_group: Mapping[str, _T], path: str, usual: _T) -> _T:
    """What the nearest group on the way up has said, or what is usual."""
    for above in reversed(from_root(path)):
        if above in of_group:
            return of_group[above]
    return usual
