"""The task of revaluation decides whether two counterparties are compared, at once when it is done or undone."""

from __future__ import annotations

import pytest

from closing.close_tasks.task_acts import TaskAct
from entities.models import Person
from tests.builders import utc
from tests.worklist.close_task_builders import task_of
from tests.worklist.position_reads import pairs_in_force, without_foreign_currency
from worklist.task_store.task_acts_store import act_on_task, mark_tasks_done

pytestmark = pytest.mark.django_db


def compared() -> str | None:
    """The amount by which they are apart, None while they are not compared."""
    held = pairs_in_force().get(("NLDT/UKRT", "EUR"))
    return None if held is None or "items" not in held.body else f"{held.amount:.2f}"


def test_done_compares_and_undone_no_more(apart: Person) -> None:
    without_foreign_currency("UKRT")
    task = task_of("sub-fx")
    assert compared() is None
    act_on_task(apart, task.uid, TaskAct.DO, utc("2026-06-12 09:00"))
    assert compared() == "640.00"
    act_on_task(apart, task.uid, TaskAct.UNDO, utc("2026-06-12 09:10"))
    assert compared() is None
    assert pairs_in_force()["NLDT/UKRT", ""].body["doubt"] == "before_revaluation"


def test_many_at_once_compare_too(apart: Person) -> None:
    tasks = [task_of("sub-fx", code).uid for code in ("UKRT", "NLDT")]
    mark_tasks_done(apart, tasks, utc("2026-06-12 09:00"))
    assert compared() == "640.00"
