"""A reopened period: which sign-offs lapse, and the second round that follows (08-blockers-and-tasks 9.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from enum import StrEnum

from closing.calendar.date_phrases import full_date
from closing.calendar.deadlines import Deadline, join_with_and
from closing.close_tasks.due_offsets import due_on_day
from closing.close_tasks.erp_checks import UNCHECKED
from closing.close_tasks.generation import TaskKey
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskStatus, TaskVerb, after_event
from closing.close_tasks.task_templates import TaskLevel

_Place = tuple[TaskLevel, str, str]  # level, holder and period
LAPSING_CODES = frozenset({"sign", "bs-rec", "cons", "fs"})
REPEATED_CODES = LAPSING_CODES | {"hold"}


class ReopeningReason(StrEnum):
    """Why a period was reopened."""

    AUDIT_ADJUSTMENT = "audit adjustment"
    ERROR = "error"
    LATE_DOCUMENT = "late document"


@dataclass(frozen=True, slots=True)
class ReopeningApproval:
    """The approval of a reopening: reason with words, who approved it and when, and its day in the entity's zone.

    `due` gives the date, and time of day (None: end of day), of each code of the second round.
    """

    reason: ReopeningReason
    words: str
    approver: int
    at: datetime
    on: date
    due: Mapping[str, tuple[date, time | None]]


@dataclass(frozen=True, slots=True)
class SecondRound:
    """The consequences of a reopening.

    `changed` are tasks that lapsed or moved to the new round, each by its earlier key, with their events; `added` are
    the new tasks. All other tasks keep what they have, with `mark` beside them.
    """

    changed: Mapping[TaskKey, TaskRecord]
    events: tuple[TaskChange, ...]
    added: tuple[TaskRecord, ...]
    mark: str


class ReopeningRefused(ValueError):
    """A reopening cannot be approved like this; the message is a sentence with the next step."""


def codes_to_repeat(tasks: Iterable[TaskRecord]) -> list[str]:
    """The codes that a second round has, for which the approval gives due dates, in the order of the tasks."""
    return list(dict.fromkeys(task.key.code for task in _repeated(_newest(tasks))))


def second_round(
    tasks: Iterable[TaskRecord], approval: ReopeningApproval, owners: Collection[int]
) -> SecondRound:
    """What a reopening does to the tasks of its entity's period and of the groups above it in that month.

    `owners` own the entity. Finished tasks that are repeated lapse, `hold` alone stays done; each has a new open task
    in the next round of its holder. Repeated tasks that are not finished move to that round; where none is finished,
    there is no new round and they keep their due dates. A task that is not needed stays so.
    Raises ReopeningRefused for an approver who owns the entity, and without words or one of the due dates.
    """
    newest = _newest(tasks)
    concerned = _repeated(newest)
    _refuse(approval, codes_to_repeat(newest), owners)
    latest: dict[_Place, int] = {}
    for task in newest:
        latest[_place(task.key)] = max(latest.get(_place(task.key), 0), task.key.round)
    changed: dict[TaskKey, TaskRecord] = {}
    events: list[TaskChange] = []
    added: list[TaskRecord] = []
    for task in concerned:
        new_round = latest[_place(task.key)] + 1
        due = _due(task, approval)
        if not task.finished:
            event = _moved(task, approval, new_round, due)
            changed[task.key] = after_event(task, event)
            events.append(event)
            continue
        if task.key.code in LAPSING_CODES:
            event = _event(task, TaskVerb.LAPSED, task.status, approval)
            changed[task.key] = after_event(task, event)
            events.append(event)
        added.append(_again(task, new_round, due))
    return SecondRound(changed, tuple(events), tuple(added), f"period reopened on {full_date(approval.on)}")


def _newest(tasks: Iterable[TaskRecord]) -> list[TaskRecord]:
    newest: dict[tuple[TaskLevel, str, str, str], TaskRecord] = {}
    for task in tasks:
        place = (*_place(task.key), task.key.code)
        if place not in newest or newest[place].key.round < task.key.round:
            newest[place] = task
    return list(newest.values())


def _place(key: TaskKey) -> _Place:
    return key.level, key.holder, key.period


def _repeated(newest: Iterable[TaskRecord]) -> list[TaskRecord]:
    """The tasks of a second round: of holders where one of them is finished, without those not needed."""
    tasks = [
        task
        for task in newest
        if task.key.code in REPEATED_CODES and task.status is not TaskStatus.NOT_NEEDED
    ]
    places = {_place(task.key) for task in tasks if task.finished}
    return [task for task in tasks if _place(task.key) in places]


def _refuse(approval: ReopeningApproval, codes: Collection[str], owners: Collection[int]) -> None:
    if approval.approver in owners:
        raise ReopeningRefused("The owner does not approve the reopening: ask somebody else to approve it.")
    if not approval.words.strip():
        raise ReopeningRefused("Say in words why the period is reopened.")
    missing = [code for code in codes if code not in approval.due]
    if missing:
        raise ReopeningRefused(f"Give a due date for {join_with_and(missing)}.")


def _due(task: TaskRecord, approval: ReopeningApproval) -> Deadline:
    day, at = approval.due[task.key.code]
    return due_on_day(day, at, task.due.zone if task.due else "UTC")


def _event(task: TaskRecord, verb: TaskVerb, after: TaskStatus, approval: ReopeningApproval) -> TaskChange:
    reason = f"{approval.reason}: {approval.words.strip()}"
    return TaskChange(
        task.key, verb, approval.approver, approval.at, task.status, after, reason, on=approval.on
    )


def _moved(task: TaskRecord, approval: ReopeningApproval, new_round: int, due: Deadline) -> TaskChange:
    """An open or returned task stays so; one done and not signed off yet is open again."""
    after = TaskStatus.OPEN if task.status is TaskStatus.DONE else task.status
    return replace(_event(task, TaskVerb.MOVED, after, approval), new_round=new_round, due=due)


def _again(task: TaskRecord, new_round: int, due: Deadline) -> TaskRecord:
    return replace(
        task,
        key=replace(task.key, round=new_round),
        due=due,
        status=TaskStatus.OPEN,
        reason="",
        touched_by=frozenset(),
        done_by=None,
        done_at=None,
        signed_by=None,
        signed_at=None,
        confirmed_against_erp=False,
        check_at_done=UNCHECKED,
        lapsed_on=None,
    )
