"""Progress, due dates that have come, whose turn it is, and the line of a digest (08 9.1, issue 13 part 3)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from closing.close_tasks.due_offsets import due_on_day
from closing.close_tasks.erp_checks import CheckResult, CheckVerdict
from closing.close_tasks.task_progress import (
    NextActor,
    TaskProgress,
    check_words,
    digest_line,
    is_due_today,
    is_overdue,
    least_progress,
    makes_due,
    next_actor,
    progress_of,
    tasks_of_person,
)
from closing.close_tasks.task_record import TaskStatus
from closing.close_tasks.template_cells import parse_check
from tests.closing.close_tasks.task_builders import ALICE, BOB, CARA, DAN, task

OPEN, DONE, RETURNED = TaskStatus.OPEN, TaskStatus.DONE, TaskStatus.RETURNED
SIGNED, NOT_NEEDED = TaskStatus.SIGNED_OFF, TaskStatus.NOT_NEEDED
JUNE_3 = date(2026, 6, 3)


def test_28_of_30_2_not_needed() -> None:
    tasks = [task(f"d{n}", status=DONE) for n in range(27)]
    tasks += [task("s", status=SIGNED, sign_off=True), task("o"), task("to-sign", status=DONE, sign_off=True)]
    tasks += [task(f"n{n}", status=NOT_NEEDED) for n in range(2)]
    assert str(progress_of(tasks)) == "28 of 30, 2 not needed"


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (TaskProgress(0, 0), "no tasks"),
        (TaskProgress(0, 0, 2), "2 not needed"),
        (TaskProgress(31, 31), "31 of 31"),
    ],
)
def test_progress_in_words(progress: TaskProgress, words: str) -> None:
    assert str(progress) == words


def test_a_group_shows_the_member_with_the_least() -> None:
    members = {
        "A": TaskProgress(28, 30),
        "B": TaskProgress(7, 10),
        "C": TaskProgress(14, 20),
        "D": TaskProgress(0, 0, 3),
    }
    assert least_progress(members) == ("C", TaskProgress(14, 20))
    assert least_progress({"D": TaskProgress(0, 0, 3)}) is None


def _due(day: date = JUNE_3, at: time | None = None, zone: str = "Europe/London") -> Any:
    return due_on_day(day, at, zone)


@pytest.mark.parametrize(
    ("changes", "moment", "today", "overdue"),
    [
        ({}, datetime(2026, 6, 3, 12, tzinfo=UTC), True, False),
        ({}, datetime(2026, 6, 2, 22, tzinfo=UTC), False, False),
        ({}, datetime(2026, 6, 2, 23, tzinfo=UTC), True, False),
        ({}, datetime(2026, 6, 3, 23, tzinfo=UTC), False, True),
        ({"due": _due(at=time(12))}, datetime(2026, 6, 3, 11, tzinfo=UTC), False, True),
        ({"due": _due(at=time(12))}, datetime(2026, 6, 3, 10, 59, tzinfo=UTC), True, False),
        ({"due": _due(zone="America/New_York")}, datetime(2026, 6, 4, 3, tzinfo=UTC), True, False),
        ({"due": None}, datetime(2026, 6, 30, tzinfo=UTC), False, False),
        ({"status": DONE}, datetime(2026, 6, 4, tzinfo=UTC), False, False),
        ({"status": DONE, "sign_off": True}, datetime(2026, 6, 4, tzinfo=UTC), False, True),
        ({"status": RETURNED, "sign_off": True}, datetime(2026, 6, 3, 12, tzinfo=UTC), True, False),
        ({"status": NOT_NEEDED}, datetime(2026, 6, 3, 12, tzinfo=UTC), False, False),
    ],
)
def test_due_today_and_overdue_by_the_clock_of_the_entity(
    changes: dict[str, Any], moment: datetime, today: bool, overdue: bool
) -> None:
    one = task("a", **{"due": _due(), **changes})
    assert (is_due_today(one, moment), is_overdue(one, moment)) == (today, overdue)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([3, 3, 3, 2, 9], "3 tasks due today, 1 overdue"),
        ([3], "1 task due today"),
        ([1, 2], "2 tasks overdue"),
        ([2], "1 task overdue"),
        ([4, 5], ""),
        ([], ""),
    ],
)
def test_the_line_of_a_digest(days: list[int], words: str) -> None:
    tasks = [task(f"t{n}", due=_due(date(2026, 6, day))) for n, day in enumerate(days)]
    assert digest_line(tasks, datetime(2026, 6, 3, 7, tzinfo=UTC)) == words


@pytest.mark.parametrize(
    ("changes", "actor"),
    [
        ({}, NextActor.OWNER),
        ({"status": RETURNED, "sign_off": True}, NextActor.OWNER),
        ({"status": DONE, "sign_off": True}, NextActor.REVIEWER),
        ({"status": DONE}, NextActor.NOBODY),
        ({"status": SIGNED, "sign_off": True}, NextActor.NOBODY),
        ({"status": NOT_NEEDED}, NextActor.NOBODY),
    ],
)
def test_whose_turn_it_is(changes: dict[str, Any], actor: NextActor) -> None:
    assert next_actor(task("a", **changes)) is actor


def test_the_tasks_of_a_person_are_theirs_those_of_the_absent_and_reviews_of_others() -> None:
    def to_sign(code: str, **changes: Any) -> Any:
        return task(code, **{"sign_off": True, "status": DONE, "reviewer_role": "Controller", **changes})

    tasks = [
        task("mine", owner=BOB),
        task("done", owner=BOB, status=DONE),
        task("absent", owner=CARA),
        task("other", owner=DAN),
        to_sign("review"),
        to_sign("touched", touched_by=frozenset({BOB})),
        to_sign("own", owner=BOB),
        to_sign("other-role", reviewer_role="Group controller"),
    ]
    found = tasks_of_person(tasks, BOB, stands_in_for={CARA}, reviews={"Controller"})
    assert [each.key.code for each in found] == ["mine", "absent", "review"]
    assert [each.key.code for each in tasks_of_person(tasks, ALICE)] == []


def test_a_blocker_is_due_once_a_task_that_checks_it_is_whatever_its_status() -> None:
    one = task("ap-post", due=_due(), check=parse_check("vendor_invoices"), status=DONE)
    before, on = datetime(2026, 6, 2, 12, tzinfo=UTC), datetime(2026, 6, 3, 12, tzinfo=UTC)
    assert not makes_due(one, "unposted_documents", "vendor_memos", before)
    assert makes_due(one, "unposted_documents", "vendor_memos", on)
    assert not makes_due(one, "unposted_documents", "customer_invoices", on)
    assert not makes_due(task("x", due=None, check=one.check), "unposted_documents", "vendor_invoices", on)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"status": DONE}, "marked done, ERP still shows 61 lines"),
        ({"status": SIGNED, "sign_off": True}, "marked done, ERP still shows 61 lines"),
        ({"status": NOT_NEEDED}, ""),
        ({"status": SIGNED, "sign_off": True, "lapsed_on": JUNE_3}, ""),
    ],
)
def test_the_label_of_a_done_task_whose_check_shows_otherwise(changes: dict[str, Any], words: str) -> None:
    result = CheckResult(CheckVerdict.SHOWS_WORK, "61 lines are still not posted", "61 lines")
    assert check_words(task("gl-post", **changes), result) == words
