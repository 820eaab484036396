"""Who may do what with which close task today."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from closing.blockers.blocker_kinds import BlockerKind
from closing.calendar.instants import local_date, zone_named
from closing.close_tasks.erp_checks import ErpCheck
from closing.close_tasks.task_acts import TaskPeople
from closing.close_tasks.template_cells import stored_check
from entities.access import Role, administered_entities, groups_with_role, writable_entities
from entities.models import Group, LegalEntity, Person
from worklist.models import CarriedItem, CloseTask
from worklist.task_store.role_holders import TaskRoleHolders, deputies_on, role_holders

_WRITES_ON_GROUPS = Q(role__in=[Role.FINANCE, Role.ADMINISTRATOR])
_ADMINISTERS = Q(role=Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class PeopleOfTasks:
    """The people of many tasks as seen by one person, who may assign or take over where their role says so."""

    person: int
    writes_on: frozenset[tuple[str, int]]
    administers: frozenset[tuple[str, int]]
    holders: TaskRoleHolders
    deputies: Mapping[int, frozenset[int]]
    carried: Mapping[int, list[tuple[str, str, int, datetime]]]

    def may_write(self, task: CloseTask) -> bool:
        """Whether the person may write on the holder of a task."""
        return _scope(task) in self.writes_on

    def of(self, task: CloseTask) -> TaskPeople:
        """The people of a task; `entity__group` and `group` should be selected with it."""
        reviewer = self.reviewer(task)
        mine = frozenset({self.person})
        carried = self.carried.get(task.period_id or 0, []) if task.erp_check else []
        check = stored_check(task.erp_check) if carried else ErpCheck()
        return TaskPeople(
            deputies=self.deputies.get(task.owner_id or 0, frozenset()),
            reviewers=frozenset() if reviewer is None else frozenset({reviewer}),
            review_deputies=self.deputies.get(reviewer or 0, frozenset()),
            may_assign=mine if _scope(task) in self.administers else frozenset(),
            may_take_over=mine if self.may_write(task) else frozenset(),
            carried_by=frozenset(
                by for kind, part, by, at in carried if at >= task.generated_at and check.names(kind, part)
            ),
        )

    def reviewer(self, task: CloseTask) -> int | None:
        """Who has the role that signs a task off."""
        return reviewer_of(task, self.holders)

    def stands_in_for(self) -> frozenset[int]:
        """The absent people whose deputy the person is."""
        return frozenset(owner for owner, deputies in self.deputies.items() if self.person in deputies)


def reviewer_of(task: CloseTask, holders: TaskRoleHolders) -> int | None:
    """Who has the role that signs a task off; `entity__group` and `group` should be selected with it."""
    if not task.reviewer_role:
        return None
    if task.entity is not None:
        return holders.holder(task.reviewer_role, task.entity.group.path, task.entity_id)
    assert task.group is not None  # a constraint of the table
    return holders.holder(task.reviewer_role, task.group.path)


def people_of_tasks(person: Person, tasks: Iterable[CloseTask], at: datetime) -> PeopleOfTasks:
    """The people of these tasks; days of absence count in the zone of the person who acts."""
    return PeopleOfTasks(
        person.pk,
        _scopes(writable_entities(person), groups_with_role(person, _WRITES_ON_GROUPS)),
        _scopes(administered_entities(person), groups_with_role(person, _ADMINISTERS)),
        role_holders(),
        deputies_on(local_date(at, zone_named(person.zone))),
        _carried([task for task in tasks if task.period_id is not None and task.erp_check]),
    )


def _carried(tasks: Iterable[CloseTask]) -> dict[int, list[tuple[str, str, int, datetime]]]:
    """Kind, part, person and moment of the items carried on purpose, by period; of counterparties in both periods."""
    periods: dict[tuple[str, date], int] = {
        (task.entity.code, task.month): task.period_id
        for task in tasks
        if task.entity is not None and task.period_id is not None
    }
    pair = BlockerKind.INTERCOMPANY_IMBALANCE.value
    of_both = Q(kind=pair, period__reporting_month__in={month for _, month in periods})
    items = CarriedItem.objects.filter(Q(period__in=periods.values()) | of_both).order_by("pk")
    columns = ("period_id", "period__reporting_month", "kind", "part", "by_id", "at")
    carried: dict[int, list[tuple[str, str, int, datetime]]] = defaultdict(list)
    for own, month, kind, part, by, since in items.values_list(*columns):
        partners = part.split("/") if kind == pair else []
        for period in {own, *(periods.get((code, month)) for code in partners)}:
            if period is not None:
                carried[period].append((kind, part, by, since))
    return carried


def _scopes(entities: Iterable[LegalEntity], groups: Iterable[Group]) -> frozenset[tuple[str, int]]:
    return frozenset({*(("entity", each.pk) for each in entities), *(("group", each.pk) for each in groups)})


def _scope(task: CloseTask) -> tuple[str, int]:
    if task.entity_id is not None:
        return "entity", task.entity_id
    assert task.group_id is not None  # a constraint of the table
    return "group", task.group_id
