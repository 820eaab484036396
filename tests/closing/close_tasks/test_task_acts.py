"""Who may do what with a task, and what it becomes (08 9.1, 9.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from closing.close_tasks.bulk_done import mark_done
from closing.close_tasks.erp_checks import UNCHECKED, CheckResult, CheckVerdict, WorkReading
from closing.close_tasks.task_acts import TaskAct, TaskActRefused, TaskPeople, act_on, reassign, refusal
from closing.close_tasks.task_record import TaskChange, TaskRecord, TaskStatus, TaskVerb, after_event, replay
from tests.closing.close_tasks.task_builders import ALICE, BOB, CARA, DAN, NOON, index, task

PEOPLE = TaskPeople(
    deputies=frozenset({DAN}),
    reviewers=frozenset({ALICE, BOB, DAN}),
    may_assign=frozenset({CARA}),
    may_take_over=frozenset({BOB}),
)
SIXTY_ONE = CheckResult(
    CheckVerdict.SHOWS_WORK,
    "61 lines are still not posted",
    "61 lines",
    (WorkReading("unposted_journals", "", "warning", 61, fact=7, read_at=NOON - timedelta(minutes=9)),),
)
SILENT = CheckResult(CheckVerdict.NOT_READABLE, "lines: never read")
DO, UNDO, SIGN, RETURN = TaskAct.DO, TaskAct.UNDO, TaskAct.SIGN_OFF, TaskAct.RETURN
WAIVE, NEEDED = TaskAct.NOT_NEEDED, TaskAct.NEEDED


def _act(
    act: TaskAct, one: TaskRecord, person: int = ALICE, *others: TaskRecord, **changes: Any
) -> tuple[TaskRecord, TaskChange]:
    people = changes.pop("people", PEOPLE)
    return act_on(act, one, person, people, NOON, index(one, *others), **changes)


def _refused(act: TaskAct, one: TaskRecord, person: int = ALICE, *others: TaskRecord, **changes: Any) -> str:
    people = changes.pop("people", PEOPLE)
    words = refusal(act, one, person, people, index(one, *others), **changes)
    with pytest.raises(TaskActRefused) as refused:
        act_on(act, one, person, people, NOON, index(one, *others), **changes)
    assert str(refused.value) == words
    return words


def _done(**changes: Any) -> TaskRecord:
    return _act(DO, task("bs-rec", sign_off=True, **changes))[0]


def test_done() -> None:
    done, event = _act(DO, task("a"))
    assert (done.status, done.done_by, done.done_at, done.finished) == (TaskStatus.DONE, ALICE, NOON, True)
    assert (event.verb, event.person, event.status_before, event.status_after) == (
        TaskVerb.DONE,
        ALICE,
        TaskStatus.OPEN,
        TaskStatus.DONE,
    )


def test_done_by_the_deputy_of_an_absent_owner() -> None:
    assert _act(DO, task("a"), DAN)[0].done_by == DAN


def test_signed_off_by_a_second_person() -> None:
    done = _done()
    assert not done.finished
    signed, event = _act(SIGN, done, BOB)
    assert (signed.status, signed.signed_by, signed.done_by, signed.finished) == (
        TaskStatus.SIGNED_OFF,
        BOB,
        ALICE,
        True,
    )
    assert event.verb is TaskVerb.SIGNED


@pytest.mark.parametrize(
    ("person", "changes", "words"),
    [
        (ALICE, {}, "You did, undid or confirmed this task, so another person signs it off."),
        (CARA, {}, "Only Controller or their deputy signs this task off."),
        (
            BOB,
            {"carried_by": frozenset({BOB})},
            "You carried items of this task on purpose, so another person signs it off.",
        ),
    ],
)
@pytest.mark.parametrize("act", [SIGN, RETURN])
def test_who_may_not_review(person: int, changes: dict[str, Any], words: str, act: TaskAct) -> None:
    done = replace(_done(), reviewer_role="Controller")
    assert _refused(act, done, person, people=replace(PEOPLE, **changes), reason="x") == words


def test_an_owner_and_a_deputy_who_did_it_never_review_it() -> None:
    by_deputy = _act(DO, task("bs-rec", sign_off=True), DAN)[0]
    stands_in = replace(PEOPLE, reviewers=frozenset({ALICE}), review_deputies=frozenset({DAN}))
    assert "did, undid or confirmed" in _refused(SIGN, by_deputy, DAN, people=stands_in)
    assert (
        _refused(SIGN, by_deputy, ALICE, people=stands_in)
        == "You own this task, so another person signs it off."
    )


def test_who_undid_it_never_signs_it_off() -> None:
    undone = _act(UNDO, _done(), DAN)[0]
    again = _act(DO, undone)[0]
    assert again.touched_by == {ALICE, DAN}
    assert "did, undid or confirmed" in _refused(SIGN, again, DAN)


def test_a_returned_task_has_a_reason_and_is_done_again() -> None:
    done = _done()
    assert _refused(RETURN, done, BOB) == "Give a reason: it tells the owner what to correct."
    returned, event = _act(RETURN, done, BOB, reason=" Bank is missing ")
    assert (returned.status, returned.reason, returned.done_by) == (
        TaskStatus.RETURNED,
        "Bank is missing",
        None,
    )
    assert event.reason == "Bank is missing"
    again = _act(DO, returned)[0]
    assert (again.status, again.reason) == (TaskStatus.DONE, "")
    assert _act(SIGN, again, BOB)[0].status is TaskStatus.SIGNED_OFF


@pytest.mark.parametrize(("act", "person"), [(UNDO, ALICE), (RETURN, BOB)])
def test_a_task_undone_or_returned_loses_its_sign_off(act: TaskAct, person: int) -> None:
    signed = _act(SIGN, _done(), BOB)[0]
    changed, _ = _act(act, signed, person, reason="late invoice")
    assert (changed.signed_by, changed.signed_at, changed.done_by, changed.finished) == (
        None,
        None,
        None,
        False,
    )


def test_a_blocked_task_is_not_marked_done_and_says_what_it_waits_for() -> None:
    before = task("ap-post")
    one = task("ap-batch", "ap-post")
    assert _refused(DO, one, ALICE, before) == "This task waits for “Ap-Post”."
    assert _act(DO, one, ALICE, replace(before, status=TaskStatus.DONE))[0].status is TaskStatus.DONE


def test_a_task_is_not_signed_off_while_what_it_waits_for_was_undone() -> None:
    done = replace(
        task("sign", "gl-rev", sign_off=True), status=TaskStatus.DONE, touched_by=frozenset({ALICE})
    )
    assert _refused(SIGN, done, BOB, task("gl-rev")) == "This task waits for “Gl-Rev”."
    assert _act(RETURN, done, BOB, task("gl-rev"), reason="gl-rev first")[0].status is TaskStatus.RETURNED


def test_a_check_that_still_shows_work_asks_for_a_reason_and_is_confirmed_with_it() -> None:
    one = task("gl-post")
    assert _refused(DO, one, check=SIXTY_ONE) == (
        "61 lines are still not posted. Give a reason to mark the task done all the same."
    )
    assert _refused(DO, one, check=SIXTY_ONE, reason="  ") == _refused(DO, one, check=SIXTY_ONE)
    done, event = _act(DO, one, check=SIXTY_ONE, reason="all of Budget")
    assert (event.verb, event.reason, event.check.work[0].fact) == (TaskVerb.CONFIRMED, "all of Budget", 7)
    assert (done.confirmed_against_erp, done.check_at_done, done.touched_by) == (
        True,
        SIXTY_ONE,
        frozenset({ALICE}),
    )


def test_a_check_that_cannot_be_read_asks_for_nothing_and_is_stored() -> None:
    done, event = _act(DO, task("gl-post"), check=SILENT)
    assert (event.verb, event.check, done.confirmed_against_erp) == (TaskVerb.DONE, SILENT, False)


@pytest.mark.parametrize(("sign_off", "person", "other"), [(False, ALICE, BOB), (True, BOB, ALICE)])
def test_not_needed_is_for_the_owner_or_with_sign_off_for_the_reviewer(
    sign_off: bool, person: int, other: int
) -> None:
    one = task("lease", sign_off=sign_off)
    assert _refused(WAIVE, one, person) == "Give the reason why the task is not needed."
    assert _refused(WAIVE, one, other, reason="no leases")
    waived, _ = _act(WAIVE, one, person, reason="no leases")
    assert (waived.status, waived.reason, waived.finished, waived.finished_at) == (
        TaskStatus.NOT_NEEDED,
        "no leases",
        True,
        None,
    )
    needed, _ = _act(NEEDED, waived, person)
    assert (needed.status, needed.touched_by) == (TaskStatus.OPEN, frozenset())


@pytest.mark.parametrize(
    ("act", "status", "sign_off", "words"),
    [
        (DO, TaskStatus.DONE, False, "This task is already done."),
        (DO, TaskStatus.SIGNED_OFF, True, "This task is already signed off."),
        (DO, TaskStatus.NOT_NEEDED, False, "This task is marked as not needed."),
        (UNDO, TaskStatus.OPEN, False, "This task is not done yet."),
        (SIGN, TaskStatus.RETURNED, True, "This task was returned and is not done again yet."),
        (SIGN, TaskStatus.DONE, False, "This task needs no sign-off."),
        (WAIVE, TaskStatus.DONE, False, "This task is already done."),
    ],
)
def test_acts_that_do_not_fit_the_status(
    act: TaskAct, status: TaskStatus, sign_off: bool, words: str
) -> None:
    assert _refused(act, task("a", status=status, sign_off=sign_off), reason="x") == words


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        (None, "Nobody owns this task yet: take it over first."),
        (CARA, "Only its owner or their deputy does this: take the task over first."),
    ],
)
def test_who_may_not_do_it(owner: int | None, words: str) -> None:
    assert _refused(DO, task("a", owner=owner)) == words


@pytest.mark.parametrize(
    ("to", "person"),
    [(BOB, ALICE), (BOB, DAN), (BOB, CARA), (BOB, BOB)],
    ids=["owner", "deputy", "manager", "self"],
)
def test_a_task_is_given_to_another_or_taken_over(to: int, person: int) -> None:
    given, event = reassign(task("a"), to, person, PEOPLE, NOON)
    assert (given.owner, event.verb, event.owner, given.status) == (
        to,
        TaskVerb.REASSIGNED,
        to,
        TaskStatus.OPEN,
    )
    assert given.touched_by == frozenset()


@pytest.mark.parametrize(
    ("one", "to", "person", "words"),
    [
        (task("a"), ALICE, ALICE, "owns the task already"),
        (task("a"), DAN, BOB, "Only its owner, their deputy or a manager of the close"),
        (task("a", status=TaskStatus.DONE), BOB, ALICE, "nobody has to do anything"),
        (task("a", lapsed_on=date(2026, 6, 12)), BOB, ALICE, "reassign its next round"),
    ],
)
def test_reassigning_is_refused(one: TaskRecord, to: int, person: int, words: str) -> None:
    with pytest.raises(TaskActRefused, match=words):
        reassign(one, to, person, PEOPLE, NOON)


def test_nothing_is_done_in_a_round_that_has_passed() -> None:
    words = "The period was reopened after this task was finished: work on its next round."
    lapsed = task("sign", sign_off=True, status=TaskStatus.SIGNED_OFF, lapsed_on=date(2026, 6, 12))
    assert _refused(UNDO, lapsed) == words
    assert _refused(UNDO, task("hold", status=TaskStatus.DONE), ALICE, task("hold", round_=2)) == words


def test_an_event_of_another_task_or_status_changes_nothing() -> None:
    _, event = _act(DO, task("a"))
    for other in (task("b"), task("a", status=TaskStatus.DONE)):
        with pytest.raises(ValueError, match="is none of"):
            after_event(other, event)


def test_the_events_up_to_a_moment_give_the_task_of_that_moment() -> None:
    one = task("bs-rec", sign_off=True)
    done, first = _act(DO, one)
    second = TaskChange(
        one.key, TaskVerb.SIGNED, BOB, NOON + timedelta(hours=1), TaskStatus.DONE, TaskStatus.SIGNED_OFF
    )
    assert replay(one, [first, second]).status is TaskStatus.SIGNED_OFF
    assert replay(one, [first, second], NOON + timedelta(minutes=59)) == done
    assert replay(one, [first, second], NOON - timedelta(minutes=1)) == one


# --- many at once


def test_many_are_done_in_the_order_in_which_they_wait_and_the_others_are_listed() -> None:
    tasks = index(
        task("c", "b"),
        task("b", "a"),
        task("a"),
        task("checked"),
        task("silent"),
        task("signed", sign_off=True),
        task("late", "nobody-did"),
        task("nobody-did"),
        task("theirs", owner=CARA),
        task("done", status=TaskStatus.DONE),
    )
    keys = {each.key.code: each.key for each in tasks}
    chosen = [key for code, key in keys.items() if code != "nobody-did"]
    checks = {"checked": SIXTY_ONE, "silent": SILENT}
    result = mark_done(
        [*chosen, chosen[0]],
        ALICE,
        tasks,
        NOON,
        people_of=lambda _: PEOPLE,
        check_of=lambda one: checks.get(one.key.code, UNCHECKED),
    )
    assert [each.key.code for each in result.done] == ["a", "silent", "b", "c"]
    assert [event.key for event in result.events] == [each.key for each in result.done]
    assert [(each.task.key.code, each.words) for each in result.skipped] == [
        ("checked", "61 lines are still not posted."),
        ("signed", "This task is signed off by a second person: mark it done by itself."),
        ("late", "This task waits for “Nobody-Did”."),
        ("theirs", "Only its owner or their deputy does this: take the task over first."),
        ("done", "This task is already done."),
    ]
    assert str(result) == "4 tasks marked done, 5 skipped"
    assert tasks[keys["a"]].status is TaskStatus.OPEN


def test_one_task_alone_reads_well() -> None:
    result = mark_done(
        [task("a").key],
        ALICE,
        index(task("a")),
        NOON,
        people_of=lambda _: PEOPLE,
        check_of=lambda _: UNCHECKED,
    )
    assert str(result) == "1 task marked done"
