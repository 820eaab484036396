"""Finds the entities whose open amounts in foreign currency are shown to be revalued (08-blockers-and-tasks 6)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q

from closing.blockers.blocker_kinds import BlockerKind, excluded_because
from closing.blockers.blocker_policy import KindTracking
from closing.close_tasks.task_record import TaskStatus
from entities.models import LegalEntity, ancestor_paths
from worklist.models import BlockerPolicyVersion, BlockerReading, CloseTask, ProfileVersion
from worklist.weighing_policies import combined_policy, profile_of

REVALUATION_TASK = "sub-fx"
_KIND = BlockerKind.REVALUATION_NOT_RUN


def revalued_entities(
    periods: Mapping[int, int], entities: Iterable[LegalEntity]
) -> frozenset[tuple[int, int]]:
    """(entity, period) of each of these periods (id: entity) whose revaluation is shown done.

    Shown is: the blocker `revaluation_not_run` is clear, by its count, by the profile or by a policy that says it is
    not needed; or the task `sub-fx` of the newest round is done. The entities come with their groups.
    """
    never = _not_applicable(list(entities))
    facts = BlockerReading.objects.filter(
        ~Q(body__has_any_keys=["at_least", "doubt"]),
        period__in=periods,
        kind=_KIND.value,
        count=0,
        superseded_at=None,
    )
    tasks = CloseTask.objects.filter(period__in=periods, code=REVALUATION_TASK).order_by("round")
    status = dict(tasks.values_list("period", "status"))  # of the newest round
    done = {
        period
        for period, word in status.items()
        if word in (TaskStatus.DONE.value, TaskStatus.SIGNED_OFF.value)
    }
    done |= set(facts.values_list("period", flat=True))
    return frozenset(
        (entity, period) for period, entity in periods.items() if period in done or entity in never
    )


def _not_applicable(entities: Collection[LegalEntity]) -> set[int]:
    """The entities whose profile or policy says that they have nothing to revalue."""
    ids = {entity.pk for entity in entities}
    profiles = dict(
        ProfileVersion.objects.filter(entity__in=ids).order_by("set_at").values_list("entity", "body")
    )
    policies = BlockerPolicyVersion.objects.order_by("set_at")
    of_group: dict[str, Any] = dict(policies.filter(entity=None).values_list("group__path", "body"))
    of_entity: dict[int, Any] = dict(policies.filter(entity__in=ids).values_list("entity", "body"))
    found = set()
    for one in entities:
        bodies = [of_group.get(path) for path in ancestor_paths(one.group.path)] + [of_entity.get(one.pk)]
        policy = combined_policy(body for body in bodies if body is not None)
        if policy.tracks(_KIND) is KindTracking.NO or excluded_because(
            profile_of(profiles.get(one.pk)), _KIND
        ):
            found.add(one.pk)
    return found
