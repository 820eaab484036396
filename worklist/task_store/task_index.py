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
class WaitingIds:
    """The group of each entity with close tasks, and counterparties one way."""

    members: dict[int, int]
    pairs: list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CloseGroups:
    """Which entities wait for the tasks of which group, and which trade with each other, by code; `ids` by id."""

    members: dict[str, frozenset[str]]
    close_groups: dict[str, str]
    partners: dict[str, frozenset[str]]
    ids: WaitingIds


def close_groups() -> CloseGroups:
    """The groups with tasks and the counterparties of now; four queries."""
    members = members_of_adoptions()
    codes = dict(LegalEntity.objects.order_by().values_list("pk", "code"))
    groups = dict(Group.objects.order_by().filter(pk__in=members.values()).values_list("pk", "code"))
    of_group: dict[str, set[str]] = defaultdict(set)
    for entity_id, group_id in members.items():
        of_group[groups[group_id]].add(codes[entity_id])
    held = BlockerReading.objects.filter(partner__isnull=False, superseded_at=None)
    rows = held.order_by().values_list("entity_id", "partner_id").distinct()
    pairs = [(one, other) for one, other in rows if other is not None]
    partners: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        partners[codes[one]].add(codes[other])
        partners[codes[other]].add(codes[one])
    return CloseGroups(
        {group: frozenset(them) for group, them in of_group.items()},
        {codes[entity_id]: groups[group_id] for entity_id, group_id in members.items()},
        {code: frozenset(them) for code, them in partners.items()},
        WaitingIds(members, pairs),
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


def tasks_of_entity(entity_id: int, month: date) -> list[CloseTask]:
    """All tasks of an entity's reporting month, in the order of its periods and templates."""
    tasks = CloseTask.objects.filter(entity=entity_id, month=month).select_related(*_OF_WHOM)
    return list(tasks.order_by("period_id", "position", "round"))


def tasks_by_id(ids: Sequence[int]) -> list[CloseTask]:
    """These tasks, in the order of the ids; one query."""
    found = CloseTask.objects.filter(pk__in=ids).select_related(*_OF_WHOM).in_bulk()
    return [found[pk] for pk in ids if pk in found]


def tasks_with_awaited(tasks: Sequence[CloseTask], groups: CloseGroups) -> list[CloseTask]:
    """These tasks in all their rounds, with all that they wait for, and no others; two queries.

    Tasks of one entity share its object, since there may be thousands.
    """
    wanted = Q(pk__in=[])
    for month, of_month in _by_month(tasks).items():
        wanted |= Q(month=month) & _awaited(of_month, groups)
    found = list(CloseTask.objects.filter(wanted).select_related("group").order_by("position", "round"))
    entities = LegalEntity.objects.select_related("group").in_bulk(
        {task.entity_id for task in found} - {None}
    )
    for task in found:
        task.entity = entities.get(task.entity_id or 0)
    return found


def _awaited(tasks: Iterable[CloseTask], groups: CloseGroups) -> Q:
    """The tasks of one month and those that they wait for, by what each of them reaches."""
    codes: dict[str, set[str]] = defaultdict(set)
    holders: dict[str, set[str]] = defaultdict(set)
    periods, of_groups = set(), set()
    for task in tasks:
        code = task.holder.code
        periods.add(task.period_id)
        of_groups.add(task.group_id)
        codes[Reach.SAME].add(task.code)
        team = code if task.entity_id is None else groups.close_groups.get(code, "")
        for awaited, reach in task.depends_on:
            codes[reach].add(awaited)
            match reach:
                case Reach.PARTNERS:
                    holders[reach] |= {code, *groups.partners.get(code, ())}
                case Reach.ALL:
                    holders[reach] |= groups.members.get(team, frozenset())
                case Reach.GROUP:
                    holders[reach].add(team)
    own = (Q(period__in=periods - {None}) | Q(group__in=of_groups - {None})) & Q(code__in=codes[Reach.SAME])
    others = Q(entity__code__in=holders[Reach.PARTNERS], code__in=codes[Reach.PARTNERS])
    others |= Q(entity__code__in=holders[Reach.ALL], code__in=codes[Reach.ALL])
    return own | others | Q(group__code__in=holders[Reach.GROUP], code__in=codes[Reach.GROUP])


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
