"""Close tasks and their events as rows, and rows as the records of `closing.close_tasks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any

from closing.calendar.deadlines import Deadline
from closing.close_tasks.erp_checks import (
    UNCHECKED,
    CheckResult,
    CheckVerdict,
    ErpState,
    StateReading,
    WorkReading,
)
from closing.close_tasks.generation import TaskDraft, TaskKey
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskStatus, TaskVerb, replay
from closing.close_tasks.task_templates import DependsOn, Reach, TaskLevel
from closing.close_tasks.template_cells import check_cell, stored_check
from worklist.models import CloseTask, TaskEvent


def key_of(task: CloseTask, round_: int | None = None) -> TaskKey:
    """The key of a task, or of another round of it; a period is its id as text, a group's month its first day."""
    number = task.round if round_ is None else round_
    if task.entity is not None:
        return TaskKey(TaskLevel.ENTITY, task.entity.code, str(task.period_id), number, task.code)
    assert task.group is not None  # a constraint of the table
    return TaskKey(TaskLevel.GROUP, task.group.code, task.month.isoformat(), number, task.code)


def record_of(task: CloseTask) -> TaskRecord:
    """The task as it is; `entity` and `group` should be selected with it.

    One that a newer version stored in words that this one does not know is not `understood`.
    """
    record = _drafted(task, task.round, task.owner_id, _due_of(task))
    try:
        status, check = TaskStatus(task.status), check_from_json(task.check_at_done)
    except (LookupError, TypeError, ValueError):
        return replace(record, understood=False)
    return replace(
        record,
        status=status,
        reason=task.reason,
        touched_by=frozenset(task.touched_by),
        done_by=task.done_by_id,
        done_at=task.done_at,
        signed_by=task.signed_by_id,
        signed_at=task.signed_at,
        confirmed_against_erp=task.confirmed_against_erp,
        check_at_done=check,
        lapsed_on=task.lapsed_on,
    )


def record_as_of(task: CloseTask, events: Iterable[TaskEvent], as_of: datetime) -> TaskRecord:
    """The task as its events, in order, had made it at a moment."""
    first = task.as_generated
    record = _drafted(task, first["round"], first["owner"], due_from_json(first["due"]))
    for event in events:
        if event.at <= as_of:
            try:
                change = change_of(event, record.key)
            except (LookupError, TypeError, ValueError):
                return replace(record, understood=False)
            record = replay(record, [change])
    return record


def change_of(event: TaskEvent, key: TaskKey) -> TaskChange:
    """An event as a change of the task, whose key before it is given."""
    details: Mapping[str, Any] = event.details
    return TaskChange(
        key=key,
        verb=TaskVerb(event.verb),
        person=event.person_id,
        at=event.at,
        status_before=TaskStatus(event.status_before),
        status_after=TaskStatus(event.status_after),
        reason=event.reason,
        check=check_from_json(event.check_result),
        owner=event.owner_id,
        new_round=details.get("round"),
        due=due_from_json(details.get("due")),
        on=date.fromisoformat(details["on"]) if details.get("on") else None,
    )


def event_row(task: CloseTask, change: TaskChange) -> TaskEvent:
    """The row of a change."""
    details: dict[str, Any] = {
        "round": change.new_round,
        "due": due_to_json(change.due),
        "on": change.on.isoformat() if change.on else None,
    }
    return TaskEvent(
        task=task,
        verb=change.verb.value,
        person_id=change.person,
        at=change.at,
        status_before=change.status_before.value,
        status_after=change.status_after.value,
        reason=change.reason,
        check_result=check_to_json(change.check),
        owner_id=change.owner,
        details={name: value for name, value in details.items() if value is not None},
    )


CHANGED_COLUMNS = (
    *("round", "due_on", "due_at", "due_zone", "due_label", "due_words", "owner_id", "status", "reason"),
    *("touched_by", "done_by_id", "done_at", "signed_by_id", "signed_at", "confirmed_against_erp"),
    *("check_at_done", "lapsed_on", "changed_at"),
)


def set_changed_columns(task: CloseTask, record: TaskRecord, at: datetime) -> None:
    """Give a task the columns of what an event made of it; the caller saves it."""
    _set_due(task, record.due)
    task.round, task.owner_id, task.status = record.key.round, record.owner, record.status.value
    task.reason, task.touched_by = record.reason, sorted(record.touched_by)
    task.done_by_id, task.done_at = record.done_by, record.done_at
    task.signed_by_id, task.signed_at = record.signed_by, record.signed_at
    task.confirmed_against_erp = record.confirmed_against_erp
    task.check_at_done = check_to_json(record.check_at_done)
    task.lapsed_on, task.changed_at = record.lapsed_on, at


def new_task(
    draft: TaskDraft,
    holder: Mapping[str, Any],
    template_id: int,
    position: int,
    owner: int | None,
    at: datetime,
) -> CloseTask:
    """The row of a draft; `holder` gives its entity and period, or its group, and its month."""
    spec = draft.spec
    task = CloseTask(
        **holder,
        code=draft.key.code,
        template_id=template_id,
        position=position,
        title=draft.title,
        areas=list(spec.areas),
        depends_on=[[each.code, each.reach.value] for each in spec.depends_on],
        erp_check=check_cell(spec.check),
        sign_off=spec.sign_off,
        owner_role=spec.owner_role,
        reviewer_role=spec.reviewer_role,
        link_kind=spec.link.kind.value if spec.link else "",
        link_target=spec.link.target if spec.link else "",
        hint=spec.hint,
        problem=draft.problem,
        as_generated=_as_generated(draft.key.round, owner, draft.due),
        generated_at=at,
        round=draft.key.round,
        owner_id=owner,
        changed_at=at,
    )
    _set_due(task, draft.due)
    return task


def again(task: CloseTask, record: TaskRecord, at: datetime) -> CloseTask:
    """The row of a task in a later round, with everything of its draft but round and due date."""
    copy = CloseTask(
        **{name: getattr(task, name) for name in _COPIED},
        as_generated=_as_generated(record.key.round, record.owner, record.due),
        generated_at=at,
    )
    set_changed_columns(copy, record, at)
    return copy


def due_to_json(due: Deadline | None) -> list[str] | None:
    """A due date for a JSON column: day, time of day, zone, label and explanation."""
    if due is None:
        return None
    at = due.cut_off.isoformat() if due.cut_off else ""
    return [due.due_on.isoformat(), at, due.zone, due.label, due.explanation]


def due_from_json(value: list[str] | None) -> Deadline | None:
    """The due date of `due_to_json`."""
    if value is None:
        return None
    day, at, zone, label, words = value
    return Deadline(date.fromisoformat(day), zone, time.fromisoformat(at) if at else None, label, words)


def check_to_json(result: CheckResult) -> dict[str, Any] | None:
    """What a check came to, for a JSON column; None where nothing was checked."""
    if result == UNCHECKED:
        return None
    return {
        "verdict": result.verdict.value,
        "words": result.words,
        "remaining": result.remaining,
        "work": [
            [
                *(each.kind, each.part, each.level, each.count, each.because, each.at_least, each.undecided),
                *(each.fact, each.read_at.isoformat() if each.read_at else None),
            ]
            for each in result.work
        ],
        "states": [
            [each.state.value, each.holds, each.because, each.read_at.isoformat() if each.read_at else None]
            for each in result.states
        ],
    }


def check_from_json(value: Mapping[str, Any] | None) -> CheckResult:
    """The result of `check_to_json`."""
    if value is None:
        return UNCHECKED
    return CheckResult(
        CheckVerdict(value["verdict"]),
        value["words"],
        value["remaining"],
        tuple(
            WorkReading(kind, part, level, count, because, at_least, undecided, fact, _moment(at))
            for kind, part, level, count, because, at_least, undecided, fact, at in value["work"]
        ),
        tuple(
            StateReading(ErpState(state), holds, because, _moment(at))
            for state, holds, because, at in value["states"]
        ),
    )


_REACHES = frozenset(Reach)
_COPIED = (
    *("entity_id", "group_id", "period_id", "month", "code", "template_id", "position", "title", "areas"),
    *(
        "depends_on",
        "erp_check",
        "sign_off",
        "owner_role",
        "reviewer_role",
        "link_kind",
        "link_target",
        "hint",
    ),
)


def _drafted(task: CloseTask, round_: int, owner: int | None, due: Deadline | None) -> TaskRecord:
    """The open task of a draft, with the round, owner and due date of a moment."""
    holder = task.holder
    waits_for = [DependsOn(code, Reach(reach)) for code, reach in task.depends_on if reach in _REACHES]
    return TaskRecord(
        key=key_of(task, round_),
        holder_name=holder.name,
        title=task.title,
        areas=tuple(task.areas),
        due=due,
        depends_on=tuple(waits_for),
        check=stored_check(task.erp_check),
        sign_off=task.sign_off,
        owner_role=task.owner_role,
        reviewer_role=task.reviewer_role,
        owner=owner,
        understood=len(waits_for) == len(task.depends_on),
    )


def _as_generated(round_: int, owner: int | None, due: Deadline | None) -> dict[str, Any]:
    return {"round": round_, "owner": owner, "due": due_to_json(due)}


def _due_of(task: CloseTask) -> Deadline | None:
    if task.due_on is None:
        return None
    return Deadline(task.due_on, task.due_zone, task.due_at, task.due_label, task.due_words)


def _set_due(task: CloseTask, due: Deadline | None) -> None:
    task.due_on = due.due_on if due else None
    task.due_at = due.cut_off if due else None
    task.due_zone = due.zone if due else ""
    task.due_label = due.label if due else ""
    task.due_words = due.explanation if due else ""


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
