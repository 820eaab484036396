"""Reopened periods: the tasks that a second round concerns, and the approval that gives it to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django.db import transaction
from django.db.models import Q

from closing.close_tasks.generation import TaskKey
from closing.close_tasks.second_rounds import ReopeningApproval, ReopeningRefused, second_round
from entities.access import writable_entities
from entities.audit_trail import Verb, entity_object, record_act
from entities.models import LegalEntity, Person
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import FiscalPeriod
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import TaskNotAllowed, store_change
from worklist.task_store.task_index import close_groups, locked_tasks
from worklist.task_store.task_rows import again, key_of, record_of


@transaction.atomic
def approve_reopening(by: Person, code: str, period_id: int, approval: ReopeningApproval) -> list[CloseTask]:
    """Give the second round of tasks to a reopened period; returns its tasks.

    The approver is the person, who may write on the entity and does not own it. Raises LegalEntity.DoesNotExist,
    FiscalPeriod.DoesNotExist, TaskNotAllowed and ReopeningRefused.
    """
    entity = LegalEntity.objects.visible_to(by).select_related("group").get(code=code)
    if not writable_entities(by).filter(pk=entity.pk).exists():
        raise TaskNotAllowed
    period = FiscalPeriod.objects.get(pk=period_id, entity=entity)
    approval = replace(approval, approver=by.pk)
    tasks = {key_of(task): task for task in locked_tasks(_of_close(entity, period))}
    if not any(task.period_id == period.pk for task in tasks.values()):
        raise ReopeningRefused("This period has no tasks.")
    owners = [] if entity.owner_id is None else [entity.owner_id]
    round_ = second_round(map(record_of, tasks.values()), approval, owners)
    if not round_.added:
        raise ReopeningRefused(
            "No sign-off of this period stands, so nothing lapses and no second round is needed."
        )
    for change in round_.events:
        store_change(tasks[change.key], round_.changed[change.key], change, by, audited=False)
    added = [again(_earlier(tasks.values(), record.key), record, approval.at) for record in round_.added]
    CloseTask.objects.bulk_create(added)
    record_act(
        Verb.REOPENING_APPROVED,
        entity_object(entity),
        at=approval.at,
        by=by,
        after={
            "period": period.name,
            "reason": approval.reason.value,
            "tasks": ", ".join(record.key.code for record in round_.added),
        },
        reason=approval.words.strip(),
    )
    nudge_after_commit()
    return added


def tasks_of_reopening(entity: LegalEntity, period: FiscalPeriod) -> list[CloseTask]:
    """The tasks of an entity's period, and those of its group's month, whose sign-offs rest on it; five queries."""
    tasks = CloseTask.objects.filter(_of_close(entity, period)).select_related("entity__group", "group")
    return list(tasks.order_by("position", "round"))


def _of_close(entity: LegalEntity, period: FiscalPeriod) -> Q:
    group = close_groups().close_groups.get(entity.code, "")
    return Q(period=period) | Q(group__code=group, month=period.reporting_month)


def _earlier(tasks: Iterable[CloseTask], key: TaskKey) -> CloseTask:
    """The newest earlier round of a task."""
    same = [
        task
        for task in tasks
        if (each := key_of(task))
        and (each.level, each.holder, each.code) == (key.level, key.holder, key.code)
    ]
    return max(same, key=lambda task: task.round)
