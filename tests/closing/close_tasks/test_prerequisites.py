"""What waits for what: own tasks, counterparties, all members, the group, periods and rounds (08 9.1, 9.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from closing.calendar.deadlines import Deadline
from closing.calendar.workdays import WorkdayCalendar
from closing.close_tasks.due_offsets import DueOffset, due_of
from closing.close_tasks.prerequisites import TaskStage
from closing.close_tasks.task_record import TaskRecord, TaskStatus
from closing.close_tasks.task_templates import DependsOn, Reach, TaskLevel
from tests.closing.close_tasks.task_builders import index, period, task
from tests.closing.core_builders import ENGLAND, IRELAND

DONE, SIGNED, NOT_NEEDED = TaskStatus.DONE, TaskStatus.SIGNED_OFF, TaskStatus.NOT_NEEDED


@pytest.mark.parametrize(
    ("status", "sign_off", "satisfied"),
    [
        (TaskStatus.OPEN, False, False),
        (TaskStatus.RETURNED, True, False),
        (DONE, False, True),
        (DONE, True, False),
        (SIGNED, True, True),
        (NOT_NEEDED, True, True),
        (NOT_NEEDED, False, True),
    ],
)
def test_when_a_dependency_is_satisfied(status: TaskStatus, sign_off: bool, satisfied: bool) -> None:
    first, second = task("a", status=status, sign_off=sign_off), task("b", "a")
    found = index(first, second)
    assert [(each.task.key.code, each.satisfied) for each in found.prerequisites(second)] == [
        ("a", satisfied)
    ]
    assert found.blocked(second) is not satisfied


def test_of_partners_asks_the_entity_and_its_counterparties_that_have_the_task() -> None:
    ic = task("ic", "of partners: gl-post", holder="A")
    tasks = index(
        ic,
        task("gl-post", holder="A", status=DONE),
        task("gl-post", holder="B"),
        task("gl-post", holder="C", status=DONE),
        task("gl-post", holder="FAR"),
        partners={"A": ["B", "C", "WITHOUT"]},
    )
    assert [each.key.holder for each in tasks.unsatisfied(ic)] == ["B"]
    assert tasks.waits_in_words(ic) == "waits for “Gl-Post” of B Ltd"


def test_of_partners_asks_the_entity_itself_too() -> None:
    ic = task("ic", "of partners: gl-post", holder="A")
    tasks = index(ic, task("gl-post", holder="A"), partners={})
    assert tasks.waits_in_words(ic) == "waits for “Gl-Post”"


def test_of_all_asks_every_member_that_has_the_task_in_every_period_of_the_month() -> None:
    cons = task("cons", "hold of all", holder="EMEA", level=TaskLevel.GROUP)
    tasks = index(
        cons,
        task("hold", holder="A", period="P5"),
        task("hold", holder="A", period="P6", status=DONE),
        task("hold", holder="B", status=NOT_NEEDED),
        task("hold", holder="ELSEWHERE"),
        task("gl-post", holder="C"),
        members={"EMEA": ["A", "B", "C", "D"]},
    )
    assert [(each.key.holder, each.key.period) for each in tasks.unsatisfied(cons)] == [("A", "P5")]
    many = index(
        cons,
        [task("hold", holder=f"E{number}") for number in range(4)],
        members={"EMEA": [f"E{n}" for n in range(4)]},
    )
    assert many.waits_in_words(cons) == "waits for “Hold” of 4 entities"


def test_a_member_of_the_group_waits_for_all_members_and_for_the_group() -> None:
    elim = task("elim", "hold of all", holder="ELIM")
    audit = replace(task("audit", holder="A"), depends_on=(DependsOn("cons", Reach.GROUP),))
    cons = task("cons", holder="EMEA", level=TaskLevel.GROUP, holder_name="EMEA")
    tasks = index(elim, audit, cons, task("hold", holder="A"))
    assert tasks.waits_in_words(elim) == "waits for “Hold” of A Ltd"
    assert tasks.waits_in_words(audit) == "waits for “Cons” of EMEA"


def test_own_tasks_come_first_in_words() -> None:
    last = task("z", "a, b; of partners: c", holder="A")
    tasks = index(
        last,
        task("a", holder="A"),
        task("b", holder="A"),
        task("c", holder="B"),
        task("c", holder="C"),
        partners={"A": ["B", "C"]},
    )
    assert tasks.waits_in_words(last) == "waits for “A”, “B” and “C” of B Ltd and C Ltd"
    assert tasks.waits_in_words(task("none")) == ""


def test_a_done_task_whose_dependency_was_undone_later_is_marked_not_blocked() -> None:
    first, second = task("a"), task("b", "a", status=DONE)
    tasks = index(first, second)
    assert tasks.done_before_its_dependency(second)
    assert not tasks.blocked(second)
    assert not tasks.done_before_its_dependency(first)
    tasks.replace(replace(first, status=DONE))
    assert not tasks.done_before_its_dependency(second)


def test_a_copy_keeps_changes_to_itself() -> None:
    first, second = task("a"), task("b", "a")
    tasks = index(first, second)
    copy = tasks.copy()
    copy.replace(replace(first, status=DONE))
    assert (tasks.blocked(second), copy.blocked(second)) == (True, False)
    with pytest.raises(KeyError):
        copy.replace(task("c"))


def test_who_waits_for_a_task() -> None:
    a, b, c = task("a"), task("b", "a"), task("c", "a, b")
    dependents = index(a, b, c).dependents()
    assert [each.key.code for each in dependents[a.key]] == ["b", "c"]
    assert c.key not in dependents


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({}, TaskStage.READY),
        ({"depends_on": (DependsOn("first"),)}, TaskStage.BLOCKED),
        ({"status": TaskStatus.RETURNED, "sign_off": True}, TaskStage.RETURNED),
        (
            {"status": TaskStatus.RETURNED, "sign_off": True, "depends_on": (DependsOn("first"),)},
            TaskStage.BLOCKED,
        ),
        ({"status": DONE}, TaskStage.DONE),
        ({"status": DONE, "sign_off": True}, TaskStage.TO_SIGN_OFF),
        ({"status": SIGNED, "sign_off": True}, TaskStage.SIGNED_OFF),
        ({"status": NOT_NEEDED}, TaskStage.NOT_NEEDED),
        (
            {"status": SIGNED, "sign_off": True, "lapsed_on": date(2026, 6, 12)},
            TaskStage.SIGNED_BEFORE_REOPENING,
        ),
        ({"status": DONE, "lapsed_on": date(2026, 6, 12)}, TaskStage.DONE_BEFORE_REOPENING),
    ],
)
def test_where_a_task_stands(changes: dict[str, Any], stage: TaskStage) -> None:
    one = task("one", **changes)
    assert index(task("first"), one).stage(one) is stage


def _due(
    at: time | None = None, calendar: WorkdayCalendar = ENGLAND, zone: str = "Europe/London"
) -> Deadline:
    """The first working day after May 2026."""
    return due_of(DueOffset(1, at=at), period().span, calendar, zone)


def test_calendars_that_put_a_task_before_one_of_another_entity() -> None:
    """1 June is a holiday in Ireland, so the first working day there is the second in England."""
    ic = task("ic", "of partners: gl-post", holder="UK", due=_due())
    post = task("gl-post", holder="IE", due=_due(calendar=IRELAND))
    tasks = index(ic, post, partners={"UK": ["IE"]})
    assert tasks.due_too_early(ic) == ["Due Mon 1 June, before “Gl-Post” of IE Ltd, due Tue 2 June"]


def test_a_later_end_of_day_elsewhere_is_no_warning_but_a_later_hour_here_is() -> None:
    ic = task("ic", "of partners: post", holder="UK", due=_due())
    tasks = index(ic, task("post", holder="US", due=_due(zone="America/New_York")), partners={"UK": ["US"]})
    assert tasks.due_too_early(ic) == []
    sooner = task("ic", "of partners: post", holder="UK", due=_due(time(10)))
    hours = index(sooner, task("post", holder="US", due=_due(time(12))), partners={"UK": ["US"]})
    assert hours.due_too_early(sooner) == []
    second = task("b", "a", due=_due(time(10)))
    warned = index(second, task("a", due=_due(time(12))))
    assert warned.due_too_early(second) == ["Due Mon 1 June 10:00, before “A”, due Mon 1 June 12:00"]


# --- rounds


def _second_rounds() -> tuple[TaskRecord, ...]:
    lapsed = date(2026, 6, 12)
    return (
        task("gl-rev", status=SIGNED, sign_off=True),
        task("bs-rec", status=SIGNED, sign_off=True, lapsed_on=lapsed),
        task("sign", "gl-rev, bs-rec", status=SIGNED, sign_off=True, lapsed_on=lapsed),
        task("bs-rec", round_=2, sign_off=True),
        task("sign", "gl-rev, bs-rec", round_=2, sign_off=True),
    )


def test_dependencies_hold_within_a_round_and_ask_the_round_before_for_the_rest() -> None:
    tasks = index(_second_rounds())
    again = _second_rounds()[-1]
    assert [
        (each.task.key.code, each.task.key.round, each.satisfied) for each in tasks.prerequisites(again)
    ] == [
        ("gl-rev", 1, True),
        ("bs-rec", 2, False),
    ]


def test_signed_before_reopening_still_satisfies_where_the_round_has_no_such_task() -> None:
    hold = task("hold", "sign", round_=2)
    tasks = index(_second_rounds()[:3], hold)
    assert [(each.task.key.round, each.satisfied) for each in tasks.prerequisites(hold)] == [(1, True)]


def test_a_task_of_the_first_round_asks_the_first_round() -> None:
    settle = task("gl-set", "bs-rec")
    tasks = index(*_second_rounds(), settle)
    assert [(each.task.key.round, each.satisfied) for each in tasks.prerequisites(settle)] == [(1, True)]


def test_other_holders_ask_the_newest_round() -> None:
    elim = task("elim", "hold of all", holder="ELIM")
    tasks = index(elim, task("hold", status=DONE), task("hold", round_=2))
    assert tasks.waits_in_words(elim) == "waits for “Hold” of UKRT Ltd"


def test_progress_counts_the_newest_round_of_each_task() -> None:
    tasks = index(_second_rounds())
    assert [(each.key.code, each.key.round) for each in tasks.newest()] == [
        ("gl-rev", 1),
        ("bs-rec", 2),
        ("sign", 2),
    ]
    assert [each.key.code for each in tasks if tasks.superseded(each)] == ["bs-rec", "sign"]
