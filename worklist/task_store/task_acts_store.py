"""Writes what people do with close tasks: each act with its event and audit event, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q

from closing.calendar.date_phrases import month_and_year
from closing.close_tasks.bulk_done import BulkResult, mark_done
from closing.close_tasks.erp_checks import UNCHECKED
from closing.close_tasks.generation import TaskKey
from closing.close_tasks.second_rounds import ReopeningApproval, ReopeningRefused, second_round
from closing.close_tasks.task_acts import TaskAct, TaskActRefused, act_on, reassign
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskVerb
from closing.close_tasks.task_templates import LinkKind
from closing.close_tasks.template_cells import parse_link
from entities.access import writable_entities
from entities.audit_trail import Verb, entity_object, record_act, scope_of
from entities.models import LegalEntity, Person
from infra.audit.recording import AuditedObject
from periods.board_cache.change_feed import nudge_after_commit
from periods.models import FiscalPeriod
from worklist.models import CloseTask, TaskComment, TaskEvent, TaskSupport
from worklist.task_store.task_checks import check_results
from worklist.task_store.task_index import close_groups, index_of, locked_tasks, tasks_around
from worklist.task_store.task_people import people_of_tasks
from worklist.task_store.task_rows import (
    CHANGED_COLUMNS,
    again,
    event_row,
    key_of,
    record_of,
    set_changed_columns,
)

LARGEST_FILE = 10 * 1024 * 1024  # bytes
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
    task = _locked(by, uid)
    people = people_of_tasks(by, [task], at)
    index = index_of(tasks_around([task]), close_groups(), by)
    check = UNCHECKED
    if act in (TaskAct.DO, TaskAct.SIGN_OFF):
        check = check_results([task], at).get(task.pk, UNCHECKED)
    record, change = act_on(
        act, record_of(task), by.pk, people.of(task), at, index, check=check, reason=reason
    )
    _store(task, record, change, by)
    return task


@transaction.atomic
def reassign_task(by: Person, uid: UUID, owner: Person, at: datetime, *, reason: str = "") -> CloseTask:
    """Give a task to a person who sees it; to oneself is to take it over."""
    task = _locked(by, uid)
    if not CloseTask.objects.visible_to(owner).filter(pk=task.pk).exists():
        raise TaskActRefused(f"{owner.name or owner.email} does not see this task: give them a role first.")
    people = people_of_tasks(by, [task], at)
    record, change = reassign(record_of(task), owner.pk, by.pk, people.of(task), at, reason)
    _store(task, record, change, by)
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
    around = tasks_around(tasks)
    by_key = {key_of(task): task for task in tasks}
    checks = check_results(tasks, at)
    result = mark_done(
        by_key,
        by.pk,
        index_of(around, close_groups(), by),
        at,
        people_of=lambda record: people.of(by_key[record.key]),
        check_of=lambda record: checks.get(by_key[record.key].pk, UNCHECKED),
    )
    for record, change in zip(result.done, result.events, strict=True):
        _store(by_key[record.key], record, change, by)
    return result


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
    groups = close_groups()
    of_month = Q(period=period) | Q(
        group__code=groups.close_groups.get(code, ""), month=period.reporting_month
    )
    tasks = {key_of(task): task for task in locked_tasks(of_month)}
    if not any(task.period_id == period.pk for task in tasks.values()):
        raise ReopeningRefused("This period has no tasks.")
    owners = [] if entity.owner_id is None else [entity.owner_id]
    round_ = second_round(map(record_of, tasks.values()), approval, owners)
    for change in round_.events:
        _store(tasks[change.key], round_.changed[change.key], change, by, audited=False)
    added = [again(_earlier(tasks, record.key), record, approval.at) for record in round_.added]
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
    return added


@transaction.atomic
def comment_on_task(by: Person, uid: UUID, text: str, at: datetime) -> TaskComment:
    """Write a comment on a task; raises TaskActRefused for an empty one."""
    task = _writable(by, uid, at)
    if not text.strip():
        raise TaskActRefused("Write a comment first.")
    comment = TaskComment.objects.create(task=task, text=text.strip(), by=by, at=at)
    record_act(Verb.TASK_COMMENTED, task_object(task), at=at, by=by, after={"comment": comment.text})
    return comment


@transaction.atomic
def add_link(
    by: Person, uid: UUID, label: str, url: str, at: datetime, *, allowed_hosts: Collection[str] | None
) -> TaskSupport:
    """Support a task with a link to an allowed host; raises TaskActRefused for another one."""
    task = _writable(by, uid, at)
    try:
        link = parse_link(LinkKind.URL, url, allowed_hosts)
    except ValueError as error:
        raise TaskActRefused(f"{error}.") from None
    if link is None:
        raise TaskActRefused("Give the address of the link.")
    support = TaskSupport.objects.create(
        task=task, label=label.strip() or link.target, url=link.target, by=by, at=at
    )
    record_act(Verb.TASK_SUPPORT_ADDED, task_object(task), at=at, by=by, after={"link": support.url})
    return support


@transaction.atomic
def add_file(by: Person, uid: UUID, name: str, content: bytes, at: datetime) -> TaskSupport:
    """Support a task with a file of up to 10 MB, kept in Django's storage; raises TaskActRefused for another one."""
    task = _writable(by, uid, at)
    if not content:
        raise TaskActRefused("The file is empty.")
    if len(content) > LARGEST_FILE:
        raise TaskActRefused("The file is larger than 10 MB: add a link to it instead.")
    digest = hashlib.sha256(content).hexdigest()
    stored_as = default_storage.save(f"task-support/{task.uid}/{digest}", ContentFile(content))
    support = TaskSupport.objects.create(
        task=task,
        label=name.strip()[-200:] or "file",
        stored_as=stored_as,
        size=len(content),
        sha256=digest,
        by=by,
        at=at,
    )
    record_act(
        Verb.TASK_SUPPORT_ADDED,
        task_object(task),
        at=at,
        by=by,
        after={"file": support.label, "sha256": digest, "bytes": len(content)},
    )
    return support


def task_object(task: CloseTask) -> AuditedObject:
    """A task as what is acted on, in the scope of its holder."""
    holder = task.holder
    label = f"{task.title}, {holder.name}, {month_and_year(task.month)}"
    return AuditedObject("task", str(task.uid), label, scope_of(holder))


def _locked(by: Person, uid: UUID) -> CloseTask:
    visible = CloseTask.objects.visible_to(by).filter(uid=uid).values("pk")
    tasks = locked_tasks(Q(pk__in=visible))
    if not tasks:
        raise CloseTask.DoesNotExist
    return tasks[0]


def _writable(by: Person, uid: UUID, at: datetime) -> CloseTask:
    """A task on which the person may write, or that is theirs."""
    task = _locked(by, uid)
    people = people_of_tasks(by, [task], at)
    own = people.of(task)
    if not people.may_write(task) and by.pk not in {task.owner_id, *own.deputies, *own.reviewers}:
        raise TaskNotAllowed
    return task


def _store(
    task: CloseTask, record: TaskRecord, change: TaskChange, by: Person, *, audited: bool = True
) -> None:
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


def _earlier(tasks: dict[TaskKey, CloseTask], key: TaskKey) -> CloseTask:
    """The newest earlier round of a task."""
    same = [
        task
        for other, task in tasks.items()
        if (other.level, other.holder, other.code) == (key.level, key.holder, key.code)
    ]
    return max(same, key=lambda task: task.round)


def _person(pk: int | None) -> Person | None:
    return None if pk is None else Person.objects.get(pk=pk)


def _name(person: Person | None) -> str:
    return (person.name or person.email) if person is not None else ""
