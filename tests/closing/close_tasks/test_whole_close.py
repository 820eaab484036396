"""A whole close by the standard templates, and what holds whatever people do with its tasks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.close_tasks.bulk_done import mark_done
from closing.close_tasks.erp_checks import UNCHECKED, CheckResult, CheckVerdict
from closing.close_tasks.generation import ClosingEntity, tasks_for_entity
from closing.close_tasks.prerequisites import TaskIndex, TaskStage
from closing.close_tasks.second_rounds import (
    ReopeningApproval,
    ReopeningReason,
    codes_to_repeat,
    second_round,
)
from closing.close_tasks.task_acts import TaskAct, TaskActRefused, TaskPeople, act_on
from closing.close_tasks.task_record import (
    TaskChange,
    TaskRecord,
    TaskStatus,
    TaskVerb,
    replay,
    task_of_draft,
)
from closing.close_tasks.task_templates import TaskLevel
from tests.closing.close_tasks.task_builders import (
    ALICE,
    BOB,
    CARA,
    DAN,
    NOON,
    entity,
    group_tasks,
    index,
    period,
    standard_templates,
    task,
)
from tests.hypothesis_profiles import examples

PEOPLE = TaskPeople(reviewers=frozenset({BOB, ALICE}), deputies=frozenset({DAN, CARA}))
ENTITIES = [
    entity("UKRT"),
    entity("EUDTC", erp="business_central"),
    entity("FILE", erp="", has=frozenset()),
    entity("HOLD", role="holding"),
    entity("SLEEP", role="dormant"),
    entity("ELIM", role="elimination"),
]
YEAR_END = period("2026-06-30", quarter_end=True, year_end=True)


def _month(entities: list[ClosingEntity]) -> TaskIndex:
    codes = [each.code for each in entities]
    trading = [each.code for each in entities if each.role in ("operating", "holding")]
    tasks = group_tasks(YEAR_END)
    for each in entities:
        tasks += [
            task_of_draft(draft, ALICE) for draft in tasks_for_entity(standard_templates(), each, YEAR_END)
        ]
    return TaskIndex(
        tasks,
        partners=dict.fromkeys(trading, trading),
        members={"EMEA": codes},
        close_groups=dict.fromkeys(codes, "EMEA"),
    )


def _finish(month: TaskIndex) -> list[list[str]]:
    """Do and sign off whatever is ready, wave by wave, until nothing is; the codes of each wave."""
    waves = []
    while ready := [each for each in month.newest() if month.stage(each) is TaskStage.READY]:
        waves.append(sorted({each.key.code for each in ready}))
        for one in ready:
            person = one.owner or CARA
            done, _ = act_on(TaskAct.DO, one, person, PEOPLE, NOON, month)
            month.replace(done)
            if done.sign_off:
                month.replace(act_on(TaskAct.SIGN_OFF, done, BOB, PEOPLE, NOON, month)[0])
    return waves


def test_a_group_with_every_kind_of_entity_closes_its_year() -> None:
    month = _month(ENTITIES)
    waves = _finish(month)
    assert all(each.finished for each in month)
    order = {code: number for number, codes in enumerate(waves) for code in codes}
    for before, after in [
        ("gl-post", "ic"),
        ("sign", "hold"),
        ("hold", "elim"),
        ("elim", "cons"),
        ("cons", "fs"),
        ("fs", "aud-adj"),
        ("aud-adj", "op-bal"),
    ]:
        assert order[before] < order[after]


def test_one_entity_that_is_not_ready_holds_the_group_up_and_nothing_else() -> None:
    month = _month(ENTITIES)
    for one in list(month):
        if one.key.holder == "EUDTC" and one.key.code in ("ap-post", "gl-post"):
            month.replace(replay(one, [_returned(one)]))
    _finish(month)
    left: dict[str, set[str]] = {each.key.holder: set() for each in month}
    for each in month:
        if not each.finished:
            left[each.key.holder].add(each.key.code)
    assert {"ap-post", "gl-post", "ic", "hold"} <= left["EUDTC"]
    assert {"ic", "gl-adj", "hold"} <= left["UKRT"]
    assert not left["UKRT"] & {"ap-post", "gl-post", "lock-sub", "susp"}
    assert (left["SLEEP"], left["ELIM"], left["EMEA"]) == (set(), {"elim", "elim-hold"}, {"cons", "fs"})


def _returned(one: TaskRecord) -> TaskChange:
    """Keep a task out of the waves, which do open tasks only."""
    return TaskChange(one.key, TaskVerb.RETURNED, BOB, NOON, one.status, TaskStatus.RETURNED, "not yet")


def test_a_reopened_entity_closes_again() -> None:
    month = _month(ENTITIES)
    _finish(month)
    concerned = [each for each in month if each.key.holder == "UKRT" or each.key.level is TaskLevel.GROUP]
    codes = codes_to_repeat(concerned)
    approval = ReopeningApproval(
        ReopeningReason.ERROR, "wrong rate", DAN, NOON, date(2026, 7, 20),
        {code: (date(2026, 7, 22), None) for code in codes},
    )  # fmt: skip
    reopened = second_round(concerned, approval, {ALICE})
    tasks = [reopened.changed.get(each.key, each) for each in month]
    others = [each.code for each in ENTITIES]
    again = TaskIndex(
        [*tasks, *reopened.added], members={"EMEA": others}, close_groups=dict.fromkeys(others, "EMEA")
    )
    assert not all(each.finished for each in again.newest())
    assert _finish(again) == [["bs-rec"], ["sign"], ["hold"], ["cons"], ["fs"]]
    assert all(each.finished for each in again.newest())


# --- properties

_CHECKS = st.sampled_from(
    [UNCHECKED, CheckResult(CheckVerdict.SHOWS_WORK, "3 lines are still not posted", "3 lines")]
)
_STEPS = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(TaskAct),
    st.sampled_from([ALICE, BOB, CARA, DAN]),
    _CHECKS,
    st.sampled_from(["", "because"]),
)
_DOES = frozenset({TaskVerb.DONE, TaskVerb.CONFIRMED, TaskVerb.UNDONE})


@examples(300)
@given(steps=st.lists(_STEPS, max_size=40), carried=st.frozensets(st.sampled_from([ALICE, BOB])))
def test_whatever_people_do(
    steps: list[tuple[str, TaskAct, int, CheckResult, str]], carried: frozenset[int]
) -> None:
    """Nothing blocked becomes done or signed off, nobody reviews their own work, and events tell the whole story."""
    start = [
        task("a"),
        task("b", "a", sign_off=True),
        task("c", "b", sign_off=True, owner=BOB),
        task("d", "a, c"),
    ]
    people = TaskPeople(
        deputies=frozenset({DAN}),
        reviewers=frozenset({ALICE, BOB, DAN}),
        review_deputies=frozenset({CARA}),
        carried_by=carried,
    )
    month = index(start)
    keys = {each.key.code: each.key for each in start}
    events: dict[str, list[TaskChange]] = {code: [] for code in keys}
    for number, (code, act, person, check, reason) in enumerate(steps):
        before = month[keys[code]]
        waits = bool(month.unsatisfied(before))
        at = NOON + timedelta(minutes=number)
        try:
            after, event = act_on(act, before, person, people, at, month, check=check, reason=reason)
        except TaskActRefused:
            continue
        month.replace(after)
        events[code].append(event)
        if event.status_after in (TaskStatus.DONE, TaskStatus.SIGNED_OFF):
            assert not waits
        if event.verb in (TaskVerb.SIGNED, TaskVerb.RETURNED):
            did = {each.person for each in events[code] if each.verb in _DOES}
            assert person not in did | carried | {before.owner}
        if event.verb is TaskVerb.DONE:
            assert check.verdict is not CheckVerdict.SHOWS_WORK
        if event.verb is TaskVerb.CONFIRMED:
            assert event.reason
    for one in start:
        now = month[one.key]
        assert replay(one, events[one.key.code]) == now
        assert (now.status is TaskStatus.SIGNED_OFF) is (now.signed_by is not None)
        assert (now.done_by is not None) is (now.status in (TaskStatus.DONE, TaskStatus.SIGNED_OFF))
        assert month.done_before_its_dependency(now) is (
            now.status in (TaskStatus.DONE, TaskStatus.SIGNED_OFF) and bool(month.unsatisfied(now))
        )


@given(
    order=st.permutations(["a", "b", "c", "d", "e"]),
    shows_work=st.sets(st.sampled_from(["a", "b", "c", "d", "e"])),
)
def test_many_at_once_do_what_one_after_the_other_could_in_any_order(
    order: list[str], shows_work: set[str]
) -> None:
    month = index(task("a"), task("b", "a"), task("c", "a, b"), task("d"), task("e", "c, d"))
    keys = {each.key.code: each.key for each in month}
    result = mark_done(
        [keys[code] for code in order],
        ALICE,
        month,
        NOON,
        people_of=lambda _: PEOPLE,
        check_of=lambda one: (
            CheckResult(CheckVerdict.SHOWS_WORK, "1 line is still not posted", "1 line")
            if one.key.code in shows_work
            else UNCHECKED
        ),
    )
    possible = set(order) - shows_work
    for code, awaited in [("b", "a"), ("c", "ab"), ("e", "cd")]:
        if not set(awaited) <= possible:
            possible.discard(code)
    assert {each.key.code for each in result.done} == possible
    assert {each.task.key.code for each in result.skipped} == set(order) - possible


@pytest.mark.parametrize("act", TaskAct)
def test_a_stranger_does_nothing(act: TaskAct) -> None:
    for status in TaskStatus:
        one = task("a", status=status, sign_off=True)
        with pytest.raises(TaskActRefused):
            act_on(act, one, 99, PEOPLE, NOON, index(one), reason="x")
