"""The stream of pages of tasks: a new version for each change that its people see, and none for others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from board.live.task_stream import TasksState, TasksWatch, tasks_event
from closing.close_tasks.task_acts import TaskAct
from entities.models import Connection, Group, LegalEntity, Person
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person, task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask
from worklist.task_store.support_store import add_file, change_support
from worklist.task_store.task_acts_store import act_on_task, comment_on_task, reassign_task
from worklist.task_store.task_versions import newest_task_rows

pytestmark = pytest.mark.django_db
NOON = utc("2026-06-03 12:00")
Act = Callable[[Person, Connection], object]


def watch(*codes: str) -> TasksWatch:
    entities = frozenset(LegalEntity.objects.filter(code__in=codes).values_list("pk", flat=True))
    return TasksWatch(MAY, entities, frozenset())


def support(anna: Person) -> object:
    kept = add_file(anna, task_of("rec").uid, "bank.pdf", b"x", NOON)
    return change_support(anna, kept.uid, NOON, withdrawn=True)


ACTS: dict[str, Act] = {
    "done": lambda anna, _: act_on_task(anna, task_of("rec").uid, TaskAct.DO, NOON),
    "reassigned": lambda anna, _: reassign_task(anna, task_of("rec").uid, person("Olaf Other"), NOON),
    "commented": lambda anna, _: comment_on_task(anna, task_of("rec").uid, "x", NOON),
    "supported": lambda anna, _: support(anna),
    "read": lambda _, source: lines_read(source, "2026-06-03 11:56", NLDT=61),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_each_change_is_a_new_version_for_who_sees_it(
    anna: Person, four_open_entities: Connection, act: Act
) -> None:
    whole, own, other = TasksWatch(MAY, None, frozenset()), watch("NLDT"), watch("UKRT", "UKHC")
    before = [each.state(NOON) for each in (whole, own, other)]
    act(anna, four_open_entities)
    newest = newest_task_rows()
    after = [
        each.next_state(state, newest, NOON) for each, state in zip((whole, own, other), before, strict=True)
    ]
    assert [state is not None for state in after] == [True, True, False]
    assert after[0] is not None
    assert whole.next_state(after[0], newest, NOON) is None


def test_a_group_s_own_task_counts_for_who_sees_the_group(anna: Person) -> None:
    groups = frozenset(Group.objects.values_list("pk", flat=True))
    member, outsider = TasksWatch(MAY, frozenset(), groups), TasksWatch(MAY, frozenset(), frozenset())
    before = [member.state(NOON), outsider.state(NOON)]
    CloseTask.objects.filter(entity=None).update(status="not_needed")
    assert [member.state(NOON) != before[0], outsider.state(NOON) != before[1]] == [True, False]


def test_nothing_is_read_again_while_nothing_is_written(anna: Person) -> None:
    tasks, newest = TasksWatch(MAY, None, frozenset()), newest_task_rows()
    state = tasks.state(NOON)
    tasks.next_state(state, newest, NOON)
    with CaptureQueriesContext(connection) as statements:
        for seconds in (5, 11, 40):
            assert tasks.next_state(state, newest, NOON + timedelta(seconds=seconds)) is None
    assert len(statements) == 1  # within seconds a transaction that began before may still commit


def test_a_task_that_becomes_overdue_is_found_within_a_minute(anna: Person) -> None:
    tasks, newest = TasksWatch(MAY, None, frozenset()), newest_task_rows()
    state = tasks.state(NOON)
    assert tasks.next_state(state, newest, NOON + timedelta(seconds=30)) is None
    assert isinstance(tasks.next_state(state, newest, NOON + timedelta(hours=24)), TasksState)


def test_the_event_lets_a_browser_fetch_its_page() -> None:
    assert tasks_event() == b"event: refetch\ndata: The tasks have changed.\n\n"
