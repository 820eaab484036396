"""Two people, and two workers, at the same close tasks at once."""

from __future__ import annotations

import pytest

from closing.close_tasks.task_acts import TaskAct, TaskActRefused
from entities.models import Connection
from tests.builders import utc
from tests.threads import at_once
from tests.worklist.close_task_builders import GENERATED_AT, adopt, give_roles, person, task_of
from worklist.models import CloseTask, TaskEvent
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.task_acts_store import act_on_task

pytestmark = pytest.mark.usefixtures("live_database")
NOON = utc("2026-06-03 12:00")


def test_two_workers_make_one_set_and_two_people_leave_one_event(
    live_database: str, source: Connection
) -> None:
    adopt()
    anna = person("Anna Owner")
    give_roles(anna, person("Rita Reviewer"))
    made: list[int] = []

    def generate() -> None:
        made.append(generate_tasks(utc(GENERATED_AT)).tasks)

    at_once(generate, generate)
    assert sorted(made) == [0, CloseTask.objects.count()]

    uid, refused = task_of("rec").uid, list[str]()

    def do() -> None:
        try:
            act_on_task(anna, uid, TaskAct.DO, NOON)
        except TaskActRefused as error:
            refused.append(str(error))

    at_once(do, do)
    assert refused == ["This task is already done."]
    assert TaskEvent.objects.filter(task__uid=uid).count() == 1
