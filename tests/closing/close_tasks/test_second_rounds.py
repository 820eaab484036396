"""A reopened period: sign-offs that lapse, and the second round (08 9.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from closing.close_tasks.prerequisites import TaskIndex, TaskStage
from closing.close_tasks.second_rounds import (
    ReopeningApproval,
    ReopeningReason,
    ReopeningRefused,
    SecondRound,
    codes_to_repeat,
    second_round,
)
from closing.close_tasks.task_record import TaskRecord, TaskStatus, TaskVerb, replay
from closing.close_tasks.task_templates import TaskLevel
from tests.closing.close_tasks.task_builders import ALICE, BOB, CARA, drafted, group_tasks, index

DONE, SIGNED, NOT_NEEDED = TaskStatus.DONE, TaskStatus.SIGNED_OFF, TaskStatus.NOT_NEEDED
CODES = ["bs-rec", "sign", "hold", "cons", "fs"]
AT = datetime(2026, 6, 12, 9, tzinfo=UTC)


def _approval(**changes: Any) -> ReopeningApproval:
    known: dict[str, Any] = {
        "reason": ReopeningReason.LATE_DOCUMENT,
        "words": "an invoice of May",
        "approver": CARA,
        "at": AT,
        "on": date(2026, 6, 12),
        "due": {code: (date(2026, 6, 15 + n), time(12)) for n, code in enumerate(CODES)},
    }
    return ReopeningApproval(**{**known, **changes})


def _closed(**statuses: TaskStatus) -> list[TaskRecord]:
    """All tasks of the entity and its group, finished but for those given (with _ for -)."""
    tasks = []
    for task in [*drafted().values(), *group_tasks()]:
        status = statuses.get(task.key.code.replace("-", "_"), SIGNED if task.sign_off else DONE)
        tasks.append(
            replace(task, status=status, touched_by=frozenset({ALICE}), done_by=ALICE, signed_by=BOB)
        )
    return tasks


def _after(tasks: list[TaskRecord], reopened: SecondRound) -> TaskIndex:
    return index([*(reopened.changed.get(task.key, task) for task in tasks), *reopened.added])


def _by_code(month: TaskIndex, round_: int) -> dict[str, TaskRecord]:
    return {task.key.code: task for task in month if task.key.round == round_}


def test_sign_offs_lapse_and_a_second_round_follows() -> None:
    tasks = _closed()
    assert codes_to_repeat(tasks) == CODES
    reopened = second_round(tasks, _approval(), {ALICE})
    assert reopened.mark == "period reopened on 12 June 2026"
    month = _after(tasks, reopened)
    first, second = _by_code(month, 1), _by_code(month, 2)
    assert {code for code, task in first.items() if task.lapsed_on} == {"sign", "bs-rec", "cons", "fs"}
    assert {month.stage(first[code]) for code in ("sign", "bs-rec", "cons", "fs")} == {
        TaskStage.SIGNED_BEFORE_REOPENING
    }
    assert month.stage(first["hold"]) is TaskStage.DONE
    assert list(second) == CODES
    for task in second.values():
        assert (task.status, task.touched_by, task.done_by, task.signed_by) == (
            TaskStatus.OPEN,
            frozenset(),
            None,
            None,
        )
    assert second["sign"].due is not None
    assert second["sign"].due.explanation == "agreed date: Tue 16 June 2026, 12:00 London time"
    assert second["cons"].key.level is TaskLevel.GROUP


def test_events_of_a_reopening_name_the_approver_and_the_reason() -> None:
    tasks = _closed()
    reopened = second_round(tasks, _approval(), {ALICE})
    assert {(event.verb, event.person, event.reason) for event in reopened.events} == {
        (TaskVerb.LAPSED, CARA, "late document: an invoice of May")
    }
    by_key = {task.key: task for task in tasks}
    for event in reopened.events:
        assert replay(by_key[event.key], [event]) == reopened.changed[event.key]


def test_dependencies_of_the_second_round() -> None:
    tasks = _closed()
    month = _after(tasks, second_round(tasks, _approval(), {ALICE}))
    second = _by_code(month, 2)
    waits = {code: sorted(each.key.code for each in month.unsatisfied(task)) for code, task in second.items()}
    assert waits == {
        "bs-rec": [],
        "sign": ["bs-rec"],
        "hold": ["sign"],
        "cons": ["hold"],
        "fs": ["cons"],
    }


def test_a_group_that_has_not_consolidated_yet_keeps_its_tasks_and_dates() -> None:
    tasks = _closed(cons=TaskStatus.OPEN, fs=TaskStatus.OPEN)
    assert codes_to_repeat(tasks) == ["bs-rec", "sign", "hold"]
    reopened = second_round(tasks, _approval(), {ALICE})
    month = _after(tasks, reopened)
    cons = _by_code(month, 1)["cons"]
    assert cons == next(task for task in tasks if task.key.code == "cons")
    assert month.waits_in_words(cons) == "waits for “Set the period On hold or close it” of UKRT Ltd"


def test_what_is_not_finished_moves_to_the_second_round() -> None:
    tasks = _closed(sign=DONE, hold=TaskStatus.RETURNED)
    reopened = second_round(tasks, _approval(), {ALICE})
    month = _after(tasks, reopened)
    second = _by_code(month, 2)
    moved = [event for event in reopened.events if event.verb is TaskVerb.MOVED]
    assert [(event.key.code, event.new_round) for event in moved] == [("sign", 2), ("hold", 2)]
    assert (second["sign"].status, second["sign"].done_by, second["hold"].status) == (
        TaskStatus.OPEN,
        None,
        TaskStatus.RETURNED,
    )
    assert second["hold"].due is not None
    assert second["hold"].due.due_on == date(2026, 6, 17)


def test_a_task_that_is_not_needed_stays_so() -> None:
    tasks = _closed(bs_rec=NOT_NEEDED)
    assert "bs-rec" not in codes_to_repeat(tasks)
    month = _after(tasks, second_round(tasks, _approval(), {ALICE}))
    assert month.unsatisfied(_by_code(month, 2)["sign"]) == []


def test_a_period_reopened_before_anything_was_signed_keeps_its_round() -> None:
    tasks = _closed(**dict.fromkeys(["bs_rec", "sign", "hold", "cons", "fs"], TaskStatus.OPEN))
    reopened = second_round(tasks, _approval(due={}), {ALICE})
    assert (reopened.changed, reopened.events, reopened.added) == ({}, (), ())


def test_a_second_reopening_gives_a_third_round() -> None:
    tasks = _closed()
    month = _after(tasks, second_round(tasks, _approval(), {ALICE}))
    finished = [
        replace(task, status=SIGNED if task.sign_off else DONE) if task.key.round == 2 else task
        for task in month
    ]
    again = second_round(finished, _approval(), {ALICE})
    assert [(task.key.code, task.key.round) for task in again.added] == [(code, 3) for code in CODES]
    assert {key.round for key in again.changed} == {2}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"approver": ALICE}, "The owner does not approve the reopening"),
        ({"words": " "}, "Say in words why"),
        ({"due": {}}, "Give a due date for bs-rec, sign, hold, cons and fs"),
    ],
)
def test_an_approval_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ReopeningRefused, match=words):
        second_round(_closed(), _approval(**changes), {ALICE})
