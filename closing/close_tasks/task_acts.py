"""Who may do what with a close task, and the event of an act or its refusal (08-blockers-and-tasks 9.1, 9.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from closing.close_tasks.erp_checks import UNCHECKED, CheckResult, CheckVerdict
from closing.close_tasks.prerequisites import TaskIndex, waiting_words
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskStatus, TaskVerb, after_event


class TaskAct(StrEnum):
    """What a person does with a task."""

    DO = "do"
    UNDO = "undo"
    SIGN_OFF = "sign_off"
    RETURN = "return"
    NOT_NEEDED = "not_needed"
    NEEDED = "needed"


class TaskActRefused(ValueError):
    """A person may not do this with a task now; the message is a sentence for them."""


@dataclass(frozen=True, slots=True)
class TaskPeople:
    """The people of a task today.

    `deputies` stand in for its owner, who is absent; `reviewers` have the role that signs it off, `review_deputies`
    stand in for one of them. `may_assign` may give it to somebody else, `may_take_over` may give it to themselves.
    `carried_by` carried items of its check on purpose in this round.
    """

    deputies: frozenset[int] = frozenset()
    reviewers: frozenset[int] = frozenset()
    review_deputies: frozenset[int] = frozenset()
    may_assign: frozenset[int] = frozenset()
    may_take_over: frozenset[int] = frozenset()
    carried_by: frozenset[int] = frozenset()


NOBODY = TaskPeople()
_OPEN = (TaskStatus.OPEN, TaskStatus.RETURNED)
_FROM: dict[TaskAct, tuple[TaskStatus, ...]] = {
    TaskAct.DO: _OPEN,
    TaskAct.UNDO: (TaskStatus.DONE, TaskStatus.SIGNED_OFF),
    TaskAct.SIGN_OFF: (TaskStatus.DONE,),
    TaskAct.RETURN: (TaskStatus.DONE, TaskStatus.SIGNED_OFF),
    TaskAct.NOT_NEEDED: _OPEN,
    TaskAct.NEEDED: (TaskStatus.NOT_NEEDED,),
}
_TO = {
    TaskAct.DO: TaskStatus.DONE,
    TaskAct.UNDO: TaskStatus.OPEN,
    TaskAct.SIGN_OFF: TaskStatus.SIGNED_OFF,
    TaskAct.RETURN: TaskStatus.RETURNED,
    TaskAct.NOT_NEEDED: TaskStatus.NOT_NEEDED,
    TaskAct.NEEDED: TaskStatus.OPEN,
}
_VERBS = {
    TaskAct.DO: TaskVerb.DONE,
    TaskAct.UNDO: TaskVerb.UNDONE,
    TaskAct.SIGN_OFF: TaskVerb.SIGNED,
    TaskAct.RETURN: TaskVerb.RETURNED,
    TaskAct.NOT_NEEDED: TaskVerb.NOT_NEEDED,
    TaskAct.NEEDED: TaskVerb.NEEDED,
}
_NEEDS_REASON = {
    TaskAct.RETURN: "Give a reason: it tells the owner what to correct.",
    TaskAct.NOT_NEEDED: "Give the reason why the task is not needed.",
}
_WRONG_STATUS = {
    TaskStatus.OPEN: "This task is not done yet.",
    TaskStatus.RETURNED: "This task was returned and is not done again yet.",
    TaskStatus.DONE: "This task is already done.",
    TaskStatus.SIGNED_OFF: "This task is already signed off.",
    TaskStatus.NOT_NEEDED: "This task is marked as not needed.",
}


def refusal(
    act: TaskAct,
    task: TaskRecord,
    person: int,
    people: TaskPeople,
    index: TaskIndex,
    *,
    check: CheckResult = UNCHECKED,
    reason: str = "",
) -> str:
    """Why a person may not do this now, as a sentence with the next step; "" if they may.

    `index` has the tasks that it may wait for. A check that still shows work asks for a reason, nothing more.
    """
    if not task.understood:
        return "This task was stored by a newer Closeboard, and this page cannot read it: load it again in a minute."
    if task.lapsed_on is not None or index.superseded(task):
        return "The period was reopened after this task was finished: work on its next round."
    if task.status not in _FROM[act]:
        return _WRONG_STATUS[task.status]
    if act in (TaskAct.SIGN_OFF, TaskAct.RETURN) and not task.sign_off:
        return "This task needs no sign-off."
    words = _wrong_person(act, task, person, people)
    if words:
        return words
    if act in (TaskAct.DO, TaskAct.SIGN_OFF) and (awaited := index.unsatisfied(task)):
        return f"This task {waiting_words(task, awaited)}."
    if not reason.strip() and act in _NEEDS_REASON:
        return _NEEDS_REASON[act]
    if act is TaskAct.DO and check.verdict is CheckVerdict.SHOWS_WORK and not reason.strip():
        return f"{check.words}. Give a reason to mark the task done all the same."
    return ""


def act_on(
    act: TaskAct,
    task: TaskRecord,
    person: int,
    people: TaskPeople,
    at: datetime,
    index: TaskIndex,
    *,
    check: CheckResult = UNCHECKED,
    reason: str = "",
) -> tuple[TaskRecord, TaskChange]:
    """The task after an act, and its event; raises TaskActRefused with the sentence of `refusal`.

    A task done although its check still shows work is confirmed against the ERP, with the reason.
    """
    words = refusal(act, task, person, people, index, check=check, reason=reason)
    if words:
        raise TaskActRefused(words)
    verb = _VERBS[act]
    if act is TaskAct.DO and check.verdict is CheckVerdict.SHOWS_WORK:
        verb = TaskVerb.CONFIRMED
    seen = check if act in (TaskAct.DO, TaskAct.SIGN_OFF) else UNCHECKED
    event = TaskChange(task.key, verb, person, at, task.status, _TO[act], reason.strip(), seen)
    return after_event(task, event), event


def reassign(
    task: TaskRecord, owner: int, person: int, people: TaskPeople, at: datetime, reason: str = ""
) -> tuple[TaskRecord, TaskChange]:
    """The task with another owner, and the event; raises TaskActRefused.

    Its owner, their deputy and those who may assign give it to anybody; others may only take it over.
    """
    if owner == task.owner:
        raise TaskActRefused("This person owns the task already.")
    if task.lapsed_on is not None:
        raise TaskActRefused("The period was reopened after this task was finished: reassign its next round.")
    if task.finished:
        raise TaskActRefused("This task is finished: nobody has to do anything about it.")
    assigns = person == task.owner or person in people.deputies | people.may_assign
    takes_over = person == owner and person in people.may_take_over
    if not (assigns or takes_over):
        raise TaskActRefused(
            "Only its owner, their deputy or a manager of the close gives this task to another."
        )
    event = TaskChange(
        task.key, TaskVerb.REASSIGNED, person, at, task.status, task.status, reason.strip(), owner=owner
    )
    return after_event(task, event), event


def may_review(task: TaskRecord, person: int, people: TaskPeople) -> str:
    """Why a person may not sign off, return or waive this task, as a sentence; "" if they may.

    A reviewer neither owns the task nor did, undid or confirmed it in this round, nor carried its items on purpose;
    a deputy neither.
    """
    role = task.reviewer_role or "a reviewer"
    if person not in people.reviewers | people.review_deputies:
        return f"Only {role} or their deputy signs this task off."
    if person in task.touched_by:
        return "You did, undid or confirmed this task, so another person signs it off."
    if person in people.carried_by:
        return "You carried items of this task on purpose, so another person signs it off."
    if person == task.owner:
        return "You own this task, so another person signs it off."
    return ""


def _wrong_person(act: TaskAct, task: TaskRecord, person: int, people: TaskPeople) -> str:
    reviews = act in (TaskAct.SIGN_OFF, TaskAct.RETURN)
    waives = act in (TaskAct.NOT_NEEDED, TaskAct.NEEDED)
    if reviews or (waives and task.sign_off):
        return may_review(task, person, people)
    if task.owner is None:
        return "Nobody owns this task yet: take it over first."
    if person != task.owner and person not in people.deputies:
        return "Only its owner or their deputy does this: take the task over first."
    return ""
