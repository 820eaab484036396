"""The tasks and dates that templates would give: one entity, or a group, in a month."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from closing.calendar.days import DateSpan
from closing.calendar.months import is_quarter_end, is_year_end, month_end
from closing.calendar.workdays import WorkdayCalendar
from closing.close_tasks.due_offsets import owner_holiday
from closing.close_tasks.generation import (
    ClosePeriod,
    ClosingEntity,
    ClosingGroup,
    TaskDraft,
    tasks_for_entity,
    tasks_for_group,
)
from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_record import TaskRecord, task_of_draft
from closing.close_tasks.task_templates import Reach, TemplateSet, TemplateVersion
from closing.facts.readings import PeriodType
from entities.calendars import work_calendars
from entities.models import LegalEntity, Person
from periods.models import FiscalPeriod
from worklist.models import TaskAdoption
from worklist.task_store.closing_entities import closing_entities
from worklist.task_store.generate_tasks import members_of_adoptions
from worklist.task_store.role_holders import TaskRoleHolders, role_holders
from worklist.task_store.task_index import OTHERS, close_groups

# The working days of these people, by id, of those who have a calendar of their own.
CalendarsOfPeople = Callable[[Collection[int]], Mapping[int, WorkdayCalendar]]


@dataclass(frozen=True, slots=True)
class PreviewTask:
    """A task that a template would give: its draft, who would own it, and the warnings about its date."""

    draft: TaskDraft
    owner: int | None
    reviewer: int | None
    warnings: tuple[str, ...]


class TemplatePreview:
    """The tasks that templates of a group with close tasks would give in a month; its queries are made once.

    `reader` is the person who sees it: the warnings name no entity that they do not see.
    """

    def __init__(self, adoption: TaskAdoption, templates: TemplateSet, month: date, reader: Person) -> None:
        self.adoption, self.templates, self.month = adoption, templates, month
        members = [
            pk for pk, group in members_of_adoptions(adoption.group).items() if group == adoption.group_id
        ]
        entities = LegalEntity.objects.filter(pk__in=members).select_related("group", "connection")
        self._entities = {entity.pk: entity for entity in entities.order_by("code")}
        ids = {entity.calendar_id for entity in self._entities.values()} | {adoption.calendar_id}
        self._calendars = work_calendars(ids, range(month.year - 1, month.year + 3))
        self._closing = closing_entities(self._entities.values(), adoption.group.code, self._calendars)
        self._seen = set(
            LegalEntity.objects.visible_to(reader).filter(pk__in=members).values_list("pk", flat=True)
        )
        self._holders: TaskRoleHolders = role_holders()
        periods = FiscalPeriod.objects.filter(
            entity__in=members, reporting_month=month, type=PeriodType.OPERATING.value
        )
        self._spans = {
            pk: DateSpan(first, last)
            for pk, first, last in periods.order_by("last_day").values_list(
                "entity_id", "first_day", "last_day"
            )
        }

    @property
    def entities(self) -> list[LegalEntity]:
        """The entities that the reader sees, by name."""
        seen = [entity for pk, entity in self._entities.items() if pk in self._seen]
        return sorted(seen, key=lambda entity: entity.name)

    @property
    def year_end_month(self) -> int:
        """The month with which the year of most entities ends."""
        ends = [entity.year_end_month for entity in self._entities.values()]
        return max(set(ends), key=ends.count) if ends else 12

    def first_is(self, entity: LegalEntity | None) -> int:
        """The number, 0 or 1, of the first working day where the entity, or the group, counts."""
        return self.adoption.first_is if entity is None else self._closing[entity.pk].first_is

    def of_entity(self, entity: LegalEntity, calendars_of: CalendarsOfPeople) -> list[PreviewTask]:
        """The tasks of one entity, with warnings about its owners' days off and about other entities' calendars."""
        drafts = tasks_for_entity(self.templates, self._closing[entity.pk], self._period(entity.pk))
        records = [task_of_draft(draft) for draft in drafts]
        return self._tasks(
            drafts,
            records,
            self._index(records, entity.pk),
            entity.group.path,
            entity.pk,
            calendars_of,
        )

    def of_group(self, calendars_of: CalendarsOfPeople) -> list[PreviewTask]:
        """The tasks of the group's own month."""
        drafts = self._group_drafts(self.templates)
        records = [task_of_draft(draft) for draft in drafts]
        index = self._index(records, None)
        return self._tasks(drafts, records, index, self.adoption.group.path, None, calendars_of)

    def counts(self) -> list[tuple[LegalEntity, int, int]]:
        """How many tasks each entity that the reader sees would get in the month, and how many without a due date."""
        found = []
        for entity in self.entities:
            drafts = tasks_for_entity(self.templates, self._closing[entity.pk], self._period(entity.pk))
            found.append((entity, len(drafts), sum(draft.due is None for draft in drafts)))
        return found

    def count_of_group(self) -> int:
        """How many tasks the group itself would get in the month."""
        return len(self._group_drafts(self.templates))

    def _group_drafts(self, templates: TemplateSet) -> tuple[TaskDraft, ...]:
        adoption = self.adoption
        group = ClosingGroup(
            adoption.group.code,
            adoption.group.name,
            self._calendars[adoption.calendar_id],
            adoption.zone,
            adoption.first_is,
        )
        month, year_end = self.month, self.year_end_month
        close = ClosePeriod(
            month.isoformat(),
            DateSpan(month, month_end(month)),
            month,
            is_quarter_end(month, year_end),
            is_year_end(month, year_end),
        )
        return tasks_for_group(templates, group, close)

    def _period(self, entity_id: int) -> ClosePeriod:
        """The entity's period of the month as read, or as the calendar has it."""
        span = self._spans.get(entity_id) or DateSpan(self.month, month_end(self.month))
        year_end = self._entities[entity_id].year_end_month
        return ClosePeriod(
            self.month.isoformat(),
            span,
            self.month,
            is_quarter_end(self.month, year_end),
            is_year_end(self.month, year_end),
        )

    def _index(self, records: Sequence[TaskRecord], entity_id: int | None) -> TaskIndex:
        """These tasks with those of others that they wait for."""
        groups = close_groups()
        awaited = {
            each.code for record in records for each in record.depends_on if each.reach is not Reach.SAME
        }
        others: list[TaskRecord] = []
        if awaited:
            few = _only(self.templates, awaited)
            for pk, closing in self._closing.items():
                if pk != entity_id:
                    others += self._others(few, pk, closing)
            if entity_id is not None:
                others += [task_of_draft(draft) for draft in self._group_drafts(few)]
        return TaskIndex(
            [*records, *others],
            partners=groups.partners,
            members=groups.members,
            close_groups=groups.close_groups,
        )

    def _others(self, templates: TemplateSet, pk: int, closing: ClosingEntity) -> list[TaskRecord]:
        records = map(task_of_draft, tasks_for_entity(templates, closing, self._period(pk)))
        if pk in self._seen:
            return list(records)
        return [replace(record, holder_name=OTHERS) for record in records]

    def _tasks(
        self,
        drafts: Sequence[TaskDraft],
        records: Sequence[TaskRecord],
        index: TaskIndex,
        path: str,
        entity_id: int | None,
        calendars_of: CalendarsOfPeople,
    ) -> list[PreviewTask]:
        def holder(role: str) -> int | None:
            return self._holders.holder(role, path, entity_id) if role else None

        owners = [holder(draft.spec.owner_role) for draft in drafts]
        calendars = calendars_of({owner for owner in owners if owner is not None})
        found = []
        for draft, record, owner in zip(drafts, records, owners, strict=True):
            warnings = [draft.problem, *index.due_too_early(record)]
            calendar = calendars.get(owner or 0)
            if draft.due is not None and calendar is not None:
                warnings.append(owner_holiday(draft.due, calendar))
            reviewer = holder(draft.spec.reviewer_role) if draft.spec.sign_off else None
            found.append(PreviewTask(draft, owner, reviewer, tuple(dict.fromkeys(filter(None, warnings)))))
        return found


def _only(templates: TemplateSet, codes: set[str]) -> TemplateSet:
    """The rows of these codes, which wait for nothing."""

    def few(template: TemplateVersion | None) -> TemplateVersion | None:
        if template is None:
            return None
        tasks = tuple(replace(task, depends_on=()) for task in template.tasks if task.code in codes)
        return replace(template, tasks=tasks)

    month = few(templates.month)
    assert month is not None  # a set has one
    return TemplateSet(month, few(templates.quarter), few(templates.year))
