"""A close task with its status, and the events that change it (08-blockers-and-tasks 9.1).

A task is what its events made of its draft: `after_event` is the only function that changes one, so that the events
up to any past moment give the task as it was then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from closing.calendar.deadlines import Deadline
from closing.close_tasks.erp_checks import NO_CHECK, UNCHECKED, CheckResult, ErpCheck
from closing.close_tasks.generation import TaskDraft, TaskKey
from closing.close_tasks.task_templates import DependsOn


class TaskStatus(StrEnum):
    """The statuses that are stored; blocked, due today and overdue are derived."""

    OPEN = "open"
    DONE = "done"
    RETURNED = "returned"
    SIGNED_OFF = "signed_off"
    NOT_NEEDED = "not_needed"


class TaskVerb(StrEnum):
    """The kinds of events of a task."""

    DONE = "done"
    CONFIRMED = "confirmed"  # done although the ERP still showed work, with a reason
    UNDONE = "undone"
    RETURNED = "returned"
    SIGNED = "signed"
    NOT_NEEDED = "not_needed"
    NEEDED = "needed"
    REASSIGNED = "reassigned"
    LAPSED = "lapsed"  # the period was reopened
    MOVED = "moved"  # not finished when the period was reopened: belongs to the next round


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task of an entity's period or a group's month, with its status.

    `touched_by`: everybody who in this round did, undid or confirmed it. `owner` is None while nobody has its role.
    `check_at_done` is what the ERP showed when it was done. `lapsed_on`: finished before the period was reopened on
    that day. `understood` is false for a task that a newer version stored in words that this one does not know: it is
    never finished, and nobody acts on it here.
    """

    key: TaskKey
    holder_name: str
    title: str
    areas: tuple[str, ...]
    due: Deadline | None
    depends_on: tuple[DependsOn, ...] = ()
    check: ErpCheck = NO_CHECK
    sign_off: bool = False
    owner_role: str = ""
    reviewer_role: str = ""
    owner: int | None = None
    status: TaskStatus = TaskStatus.OPEN
    reason: str = ""
    touched_by: frozenset[int] = frozenset()
    done_by: int | None = None
    done_at: datetime | None = None
    signed_by: int | None = None
    signed_at: datetime | None = None
    confirmed_against_erp: bool = False
    check_at_done: CheckResult = UNCHECKED
    lapsed_on: date | None = None
    understood: bool = True

    @property
    def finished(self) -> bool:
        """Whether it satisfies what waits for it: not needed, or done and, where asked for, signed off.

        Also if it was finished before the period was reopened.
        """
        if not self.understood:
            return False
        if self.status is TaskStatus.DONE:
            return not self.sign_off
        return self.status in (TaskStatus.SIGNED_OFF, TaskStatus.NOT_NEEDED)

    @property
    def finished_at(self) -> datetime | None:
        """When it was done or, where a sign-off is asked for, signed off; None while it is not, or is not needed."""
        return (self.signed_at if self.sign_off else self.done_at) if self.finished else None


@dataclass(frozen=True, slots=True)
class TaskChange:
    """One act on a task: who, when, from which status to which, and why.

    `check` holds the readings that the actor saw. `owner` is the new owner of a reassigned task; `new_round` and
    `due` are what a moved task gets. `person` is None for a consequence of another act.
    """

    key: TaskKey
    verb: TaskVerb
    person: int | None
    at: datetime
    status_before: TaskStatus
    status_after: TaskStatus
    reason: str = ""
    check: CheckResult = UNCHECKED
    owner: int | None = None
    new_round: int | None = None
    due: Deadline | None = None
    on: date | None = None


def task_of_draft(draft: TaskDraft, owner: int | None = None) -> TaskRecord:
    """The open task that a draft becomes, with the person who has its role."""
    return TaskRecord(
        key=draft.key,
        holder_name=draft.holder_name,
        title=draft.title,
        areas=draft.spec.areas,
        due=draft.due,
        depends_on=draft.spec.depends_on,
        check=draft.spec.check,
        sign_off=draft.spec.sign_off,
        owner_role=draft.spec.owner_role,
        reviewer_role=draft.spec.reviewer_role,
        owner=owner,
    )


def after_event(task: TaskRecord, event: TaskChange) -> TaskRecord:
    """The task after an event; raises ValueError for an event of another task or of another status than its."""
    if event.key != task.key or event.status_before is not task.status:
        raise ValueError(
            f"an event of {event.key} ({event.status_before}) is none of {task.key} ({task.status})"
        )
    touched = {event.person} if event.verb in _TOUCHES and event.person is not None else set()
    task = replace(task, status=event.status_after, touched_by=task.touched_by | touched)
    match event.verb:
        case TaskVerb.DONE | TaskVerb.CONFIRMED:
            return replace(
                task,
                reason=event.reason,
                done_by=event.person,
                done_at=event.at,
                signed_by=None,
                signed_at=None,
                confirmed_against_erp=event.verb is TaskVerb.CONFIRMED,
                check_at_done=event.check,
            )
        case TaskVerb.SIGNED:
            return replace(task, signed_by=event.person, signed_at=event.at)
        case TaskVerb.UNDONE | TaskVerb.RETURNED | TaskVerb.NOT_NEEDED | TaskVerb.NEEDED:
            return replace(_without_done(task), reason=event.reason)
        case TaskVerb.REASSIGNED:
            return replace(task, owner=event.owner)
        case TaskVerb.LAPSED:
            return replace(task, lapsed_on=event.on)
        case TaskVerb.MOVED:
            moved = task if task.status is TaskStatus.RETURNED else _without_done(task)
            key = replace(task.key, round=task.key.round if event.new_round is None else event.new_round)
            return replace(moved, key=key, due=event.due)


def replay(task: TaskRecord, events: Iterable[TaskChange], upto: datetime | None = None) -> TaskRecord:
    """The task as its events, in order, made it, at a moment (None: now). Raises as `after_event`."""
    for event in events:
        if upto is None or event.at <= upto:
            task = after_event(task, event)
    return task


_TOUCHES = frozenset({TaskVerb.DONE, TaskVerb.CONFIRMED, TaskVerb.UNDONE})


def _without_done(task: TaskRecord) -> TaskRecord:
    return replace(
        task,
        done_by=None,
        done_at=None,
        signed_by=None,
        signed_at=None,
        confirmed_against_erp=False,
        check_at_done=UNCHECKED,
    )
