"""Writes what people do with close tasks: each act with its event and audit event, in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.bulk_done import BulkResult, mark_done
from closing.close_tasks.erp_checks import UNCHECKED
from closing.close_tasks.task_acts import TaskAct, TaskActRefused, act_on, reassign
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskVerb
from entities.audit_trail import Verb, record_act, scope_of
from entities.models import Person
from infra.audit.recording import AuditedObject
from periods.board_cache.change_feed import nudge_after_commit
from worklist.models import CloseTask, TaskComment, TaskEvent
from worklist.recording.pair_facts import compare_after_revaluation
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import close_groups, index_of, locked_tasks, tasks_with_awaited
from worklist.task_store.task_people import people_of_tasks
from worklist.task_store.task_rows import (
    CHANGED_COLUMNS,
    event_row,
    key_of,
    record_of,
    set_changed_columns,
)

MOST_AT_ONCE = 1_000  # tasks marked done together
_AUDITED = {
    TaskVerb.DONE: Verb.TASK_DONE,
    TaskVerb.CONFIRMED: Verb.TASK_CONFIRMED,
    TaskVerb.UNDONE: Verb.TASK_UNDONE,
    TaskVerb.RETURNED: Verb.TASK_RETURNED,
    TaskVerb.SIGNED: Verb.TASK_SIGNED,
    TaskVerb.NOT_NEEDED: Verb.TASK_NOT_NEEDED,
    TaskVerb.NEEDED: Verb.TASK_NEEDED,
    TaskVerb.REASSIGNED: Verb.TASK_REASSIGNED,
}


class TaskNotAllowed(Exception):
    """The person may see the task, and not write on it."""


@transaction.atomic
def act_on_task(by: Person, uid: UUID, act: TaskAct, at: datetime, *, reason: str = "") -> CloseTask:
    """Do, undo, sign off, return, waive or need a task.

    All functions here raise CloseTask.DoesNotExist for a task that the person does not see, TaskNotAllowed for one
    that they only read, and TaskActRefused with a sentence for them.
    """
    task = locked_task(by, uid)
    people = people_of_tasks(by, [task], at)
    groups = close_groups()
    index = index_of(tasks_with_awaited([task], groups), groups, by)
    check = UNCHECKED
    if act in (TaskAct.DO, TaskAct.SIGN_OFF):
        check = check_results([task], at).get(task.pk, UNCHECKED)
    record, change = act_on(
        act, record_of(task), by.pk, people.of(task), at, index, check=check, reason=reason
    )
    store_change(task, record, change, by)
    compare_after_revaluation([task], at)
    return task


@transaction.atomic
def reassign_task(by: Person, uid: UUID, owner: Person, at: datetime, *, reason: str = "") -> CloseTask:
    """Give a task to a person who sees it; to oneself is to take it over."""
    task = locked_task(by, uid)
    if not CloseTask.objects.visible_to(owner).filter(pk=task.pk).exists():
        raise TaskActRefused(f"{owner.name or owner.email} does not see this task: give them a role first.")
    people = people_of_tasks(by, [task], at)
    record, change = reassign(record_of(task), owner.pk, by.pk, people.of(task), at, reason)
    store_change(task, record, change, by)
    return task


@transaction.atomic
def mark_tasks_done(by: Person, uids: Collection[UUID], at: datetime) -> BulkResult:
    """Mark many tasks done at once; skips, with the reason, whatever needs a second look.

    Raises ValueError for more than 1,000 tasks; tasks that the person does not see are left out.
    """
    if len(uids) > MOST_AT_ONCE:
        raise ValueError(f"Mark at most {MOST_AT_ONCE:,} tasks done at once.")
    visible = CloseTask.objects.visible_to(by).filter(uid__in=uids).values("pk")
    tasks = locked_tasks(Q(pk__in=visible))
    people = people_of_tasks(by, tasks, at)
    groups = close_groups()
    by_key = {key_of(task): task for task in tasks}
    checks = check_results(tasks, at)
    result = mark_done(
        by_key,
        by.pk,
        index_of(tasks_with_awaited(tasks, groups), groups, by),
        at,
        people_of=lambda record: people.of(by_key[record.key]),
        check_of=lambda record: checks.get(by_key[record.key].pk, UNCHECKED),
    )
    for record, change in zip(result.done, result.events, strict=True):
        store_change(by_key[record.key], record, change, by)
    compare_after_revaluation([by_key[record.key] for record in result.done], at)
    return result


@transaction.atomic
def comment_on_task(by: Person, uid: UUID, text: str, at: datetime) -> TaskComment:
    """Write a comment on a task; raises TaskActRefused for an empty one."""
    task = writable_task(by, uid, at)
    if not text.strip():
        raise TaskActRefused("Write a comment first.")
    comment = TaskComment.objects.create(task=task, text=text.strip(), by=by, at=at)
    record_act(Verb.TASK_COMMENTED, task_object(task), at=at, by=by, after={"comment": comment.text})
    nudge_after_commit()
    return comment


def task_object(task: CloseTask) -> AuditedObject:
    """A task as what is acted on, in the scope of its holder."""
    holder = task.holder
    label = f"{task.title}, {holder.name}, {month_and_year(task.month)}"
    return AuditedObject("task", str(task.uid), label, scope_of(holder))


def locked_task(by: Person, uid: UUID) -> CloseTask:
    """A task that the person sees, locked until the transaction ends; raises CloseTask.DoesNotExist."""
    visible = CloseTask.objects.visible_to(by).filter(uid=uid).values("pk")
    tasks = locked_tasks(Q(pk__in=visible))
    if not tasks:
        raise CloseTask.DoesNotExist
    return tasks[0]


def writable_task(by: Person, uid: UUID, at: datetime) -> CloseTask:
    """A task on which the person may write, or that is theirs, locked; raises TaskNotAllowed for another one."""
    task = locked_task(by, uid)
    people = people_of_tasks(by, [task], at)
    own = people.of(task)
    if not people.may_write(task) and by.pk not in {task.owner_id, *own.deputies, *own.reviewers}:
        raise TaskNotAllowed
    return task


def store_change(
    task: CloseTask, record: TaskRecord, change: TaskChange, by: Person, *, audited: bool = True
) -> None:
    """Write a changed task with its event, and with its audit event unless that of another act stands for it."""
    before = {"status": task.status, "owner": _name(task.owner)}
    set_changed_columns(task, record, change.at)
    task.save(update_fields=[name.removesuffix("_id") for name in CHANGED_COLUMNS])
    row: TaskEvent = event_row(task, change)
    row.save(force_insert=True)
    nudge_after_commit()
    if audited:
        after = {"status": task.status, "owner": _name(_person(task.owner_id))}
        record_act(
            _AUDITED[change.verb],
            task_object(task),
            at=change.at,
            by=by,
            before=before,
            after=after,
            reason=change.reason,
        )


def _person(pk: int | None) -> Person | None:
    return None if pk is None else Person.objects.get(pk=pk)


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""
