"""Reads close tasks with what they wait for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.db.models import Q

from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_templates import Reach
from entities.models import Group, LegalEntity, Person
from worklist.models import BlockerReading, CloseTask
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.task_store.task_rows import record_of

_OF_WHOM = ("entity__group", "group")
OTHERS = "another entity"  # in the place of a name that a reader may not see


@dataclass(frozen=True, slots=True)
class CloseGroups:
    """Which entities wait for the tasks of which group, and which trade with each other; all by code."""

    members: dict[str, frozenset[str]]
    close_groups: dict[str, str]
    partners: dict[str, frozenset[str]]


def close_groups() -> CloseGroups:
    """The groups with tasks and the counterparties of now; four queries."""
    members = members_of_adoptions()
    codes = dict(LegalEntity.objects.order_by().values_list("pk", "code"))
    groups = dict(Group.objects.order_by().filter(pk__in=members.values()).values_list("pk", "code"))
    of_group: dict[str, set[str]] = defaultdict(set)
    for entity_id, group_id in members.items():
        of_group[groups[group_id]].add(codes[entity_id])
    pairs = BlockerReading.objects.filter(partner__isnull=False, superseded_at=None)
    partners: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs.order_by().values_list("entity_id", "partner_id").distinct():
        if other is not None:
            partners[codes[one]].add(codes[other])
            partners[codes[other]].add(codes[one])
    return CloseGroups(
        {group: frozenset(them) for group, them in of_group.items()},
        {codes[entity_id]: groups[group_id] for entity_id, group_id in members.items()},
        {code: frozenset(them) for code, them in partners.items()},
    )


def index_of(tasks: Iterable[CloseTask], groups: CloseGroups, reader: Person | None = None) -> TaskIndex:
    """The index of these tasks, which should be all of a month, or all that one of them may wait for.

    The sentences of an index for a reader name no entity and no group that they do not see; one query.
    """
    tasks = list(tasks)
    records = [record_of(task) for task in tasks]
    if reader is not None:
        ids = [task.pk for task in tasks]
        seen = set(CloseTask.objects.visible_to(reader).filter(pk__in=ids).values_list("pk", flat=True))
        records = [
            record if task.pk in seen else replace(record, holder_name=OTHERS)
            for task, record in zip(tasks, records, strict=True)
        ]
    return TaskIndex(
        records, partners=groups.partners, members=groups.members, close_groups=groups.close_groups
    )


def tasks_of_month(month: date) -> list[CloseTask]:
    """All tasks of a reporting month, in the order of their holders and templates."""
    tasks = CloseTask.objects.filter(month=month).select_related(*_OF_WHOM)
    return list(tasks.order_by("entity__code", "group__code", "period_id", "position", "round"))


def tasks_around(tasks: Sequence[CloseTask]) -> list[CloseTask]:
    """These tasks with all others of their periods and months, and all of other holders that they wait for.

    One query, whatever their number.
    """
    wanted = Q(pk__in=[])
    for month, of_month in _by_month(tasks).items():
        codes = {code for task in of_month for code, reach in task.depends_on if reach != Reach.SAME.value}
        own = Q(period__in={task.period_id for task in of_month if task.period_id is not None})
        own |= Q(group__in={task.group_id for task in of_month if task.group_id is not None})
        wanted |= Q(month=month) & (own | Q(code__in=codes))
    found = CloseTask.objects.filter(wanted).select_related(*_OF_WHOM)
    return list(found.order_by("position", "round"))


def locked_tasks(where: Q, order: Collection[str] = ("pk",)) -> list[CloseTask]:
    """These tasks, locked until the transaction ends."""
    tasks = CloseTask.objects.filter(where).select_related(*_OF_WHOM)
    return list(tasks.order_by(*order).select_for_update(of=("self",)))


def _by_month(tasks: Iterable[CloseTask]) -> dict[date, list[CloseTask]]:
    found: dict[date, list[CloseTask]] = defaultdict(list)
    for task in tasks:
        found[task.month].append(task)
    return found
