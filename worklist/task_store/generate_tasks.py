"""Generates the close tasks of entities' periods and groups' months when their time has come, once each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from closing.calendar.days import DateSpan, counts_for
from closing.calendar.instants import local_date, zone_named
from closing.calendar.months import is_quarter_end, is_year_end, month_end
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from closing.close_tasks.due_offsets import generated_from
from closing.close_tasks.generation import (
    ClosePeriod,
    ClosingGroup,
    TaskDraft,
    tasks_for_entity,
    tasks_for_group,
)
from closing.facts.readings import PeriodType
from entities.calendars import work_calendars
from entities.models import Group, LegalEntity, ancestor_paths
from periods.board_cache.change_feed import nudge_after_commit
from periods.expected_periods import is_expected
from periods.models import FiscalPeriod
from worklist.models import CloseTask, TaskAdoption
from worklist.task_store.closing_entities import closing_entities
from worklist.task_store.role_holders import TaskRoleHolders, role_holders
from worklist.task_store.task_rows import new_task
from worklist.template_store.templates_store import PublishedSet, published_templates

_LOOK_BACK = timedelta(days=31)  # a close that ended longer ago is over: adoption makes no tasks for it
_LOOK_AHEAD = timedelta(days=45)  # more than 10 working days, with a long holiday
_UNCOVERED = timedelta(days=14)  # 10 working days where no calendar says which these are
_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class GeneratedTasks:
    """How many tasks were generated, for how many periods and months, and what had no due date."""

    tasks: int = 0
    holders: int = 0
    problems: tuple[str, ...] = ()


def generate_tasks(as_of: datetime) -> GeneratedTasks:
    """Generate the tasks whose time has come at a moment, in one transaction for each group with tasks.

    Two runs at once make one set: each waits for the lock on the group's adoption and then finds what the other made.
    """
    runs = [
        _generate_for_group(group_id, as_of)
        for group_id in TaskAdoption.objects.order_by("group_id").values_list("group_id", flat=True)
    ]
    return GeneratedTasks(
        sum(run.tasks for run in runs),
        sum(run.holders for run in runs),
        tuple(dict.fromkeys(problem for run in runs for problem in run.problems)),
    )


def members_of_adoptions(also: Group | None = None) -> dict[int, int]:
    """The entities that have close tasks, with the group whose tasks they wait for: the nearest that has any.

    `also` is a group that counts as one with tasks although it has none.
    """
    by_path = {
        path: group_id for group_id, path in TaskAdoption.objects.values_list("group_id", "group__path")
    }
    if also is not None:
        by_path[also.path] = also.pk
    found = {}
    for entity_id, path in LegalEntity.objects.order_by("code").values_list("pk", "group__path"):
        nearest = next((by_path[above] for above in reversed(ancestor_paths(path)) if above in by_path), None)
        if nearest is not None:
            found[entity_id] = nearest
    return found


@transaction.atomic
def _generate_for_group(group_id: int, as_of: datetime) -> GeneratedTasks:
    adoption = (
        TaskAdoption.objects.select_for_update(of=("self",)).select_related("group").get(group=group_id)
    )
    members = [pk for pk, group in members_of_adoptions().items() if group == group_id]
    earliest = adoption.from_month or date.min
    periods = list(
        FiscalPeriod.objects.filter(
            entity__in=members,
            type=PeriodType.OPERATING.value,
            last_day__range=((as_of - _LOOK_BACK).date(), (as_of + _LOOK_AHEAD).date()),
            close_tasks=None,
            reporting_month__gte=earliest,
        )
        .select_related("entity__group", "entity__connection")
        .order_by("entity__code", "last_day")
    )
    run = _Run(adoption, members, periods, as_of)
    drafted = [*run.of_entities(periods), *run.of_group()]
    CloseTask.objects.bulk_create((task for task, _ in drafted), batch_size=_BATCH)
    if drafted:
        nudge_after_commit()
    problems = dict.fromkeys(f"{draft.holder_name}: {draft.problem}" for _, draft in drafted if draft.problem)
    holders = {(draft.key.level, draft.key.holder, draft.key.period) for _, draft in drafted}
    return GeneratedTasks(len(drafted), len(holders), tuple(problems))


class _Run:
    """All that the generation of one group needs, read once."""

    def __init__(
        self,
        adoption: TaskAdoption,
        members: Sequence[int],
        periods: Sequence[FiscalPeriod],
        as_of: datetime,
    ) -> None:
        self.adoption, self.as_of = adoption, as_of
        self.published: PublishedSet = published_templates(adoption.group_id)
        self.holders: TaskRoleHolders = role_holders()
        entities = {period.entity_id: period.entity for period in periods}
        ids = {entity.calendar_id for entity in entities.values()} | {adoption.calendar_id}
        self.calendars = work_calendars(ids, range(as_of.year - 1, as_of.year + 3))
        self.entities = closing_entities(entities.values(), adoption.group.code, self.calendars)
        ends = LegalEntity.objects.filter(pk__in=members).values_list("year_end_month", flat=True)
        self.year_end_month = Counter(ends).most_common(1)[0][0] if ends else 12

    def of_entities(self, periods: Iterable[FiscalPeriod]) -> list[tuple[CloseTask, TaskDraft]]:
        """The tasks of those periods whose time has come."""
        found = []
        for period in periods:
            entity = period.entity
            span = DateSpan(period.first_day, period.last_day)
            if is_expected(period.erp_key) and entity.connection_id is not None:
                continue  # the ERP has yet to name its days
            if not counts_for(span.last, entity.active_from, entity.active_to):
                continue
            if not self._begun(span, self.calendars[entity.calendar_id], entity.zone):
                continue
            month = period.reporting_month
            close = ClosePeriod(
                str(period.pk),
                span,
                month,
                is_quarter_end(month, entity.year_end_month),
                is_year_end(month, entity.year_end_month),
            )
            drafts = tasks_for_entity(self.published.templates, self.entities[entity.pk], close)
            where = {"entity": entity, "period": period, "month": month}
            found += self._rows(drafts, where, entity.group.path, entity.pk)
        return found

    def of_group(self) -> list[tuple[CloseTask, TaskDraft]]:
        """The tasks of the group's months whose time has come and that have none."""
        adoption = self.adoption
        calendar = self.calendars[adoption.calendar_id]
        group = ClosingGroup(
            adoption.group.code, adoption.group.name, calendar, adoption.zone, adoption.first_is
        )
        done = set(
            CloseTask.objects.filter(group=adoption.group_id).values_list("month", flat=True).distinct()
        )
        found = []
        earliest = adoption.from_month or date.min
        for month in self._months():
            span = DateSpan(month, month_end(month))
            if month in done or month < earliest or not self._begun(span, calendar, adoption.zone):
                continue
            close = ClosePeriod(
                month.isoformat(),
                span,
                month,
                is_quarter_end(month, self.year_end_month),
                is_year_end(month, self.year_end_month),
            )
            drafts = tasks_for_group(self.published.templates, group, close)
            found += self._rows(drafts, {"group": adoption.group, "month": month}, adoption.group.path, None)
        return found

    def _months(self) -> list[date]:
        today = local_date(self.as_of, zone_named(self.adoption.zone))
        first = (today - _LOOK_BACK).replace(day=1)
        months = []
        while first <= today + _LOOK_AHEAD:
            if month_end(first) >= today - _LOOK_BACK:
                months.append(first)
            first = month_end(first) + timedelta(days=1)
        return months

    def _begun(self, span: DateSpan, calendar: WorkdayCalendar, zone: str) -> bool:
        try:
            return self.as_of >= generated_from(span, calendar, zone, self.adoption.adopted_at)
        except CalendarUncovered:
            return local_date(self.as_of, zone_named(zone)) >= span.last - _UNCOVERED

    def _rows(
        self, drafts: Iterable[TaskDraft], where: Mapping[str, Any], path: str, entity_id: int | None
    ) -> list[tuple[CloseTask, TaskDraft]]:
        return [
            (
                new_task(
                    draft,
                    where,
                    self.published.row_of(draft.template).pk,
                    position,
                    self.holders.holder(draft.spec.owner_role, path, entity_id),
                    self.as_of,
                ),
                draft,
            )
            for position, draft in enumerate(drafts)
        ]
