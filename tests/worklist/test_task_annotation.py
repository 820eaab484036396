"""Close tasks on the rows of a board: progress, due dates that come, a past moment, and the weight of blockers."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import BlockerLevel
from closing.close_tasks.row_tasks import TASKS, RowTasks
from closing.close_tasks.task_acts import TaskAct
from entities.models import Connection, LegalEntity, Person
from periods.board_cache.cache import BoardCache
from periods.board_cache.change_feed import changes_since
from periods.models import AgreedDate
from periods.snapshot.builder import take_snapshot, take_unredacted
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask
from worklist.task_store.task_acts_store import act_on_task

pytestmark = pytest.mark.django_db


def tasks_of(code: str, at: str) -> RowTasks | None:
    board = take_snapshot(LegalEntity.objects.all(), MAY, utc(at))
    return next(row for row in board.rows if row.code == code).get(TASKS)


def level_of_lines(at: str) -> BlockerLevel:
    board = take_snapshot(LegalEntity.objects.all(), MAY, utc(at))
    blockers = next(row for row in board.rows if row.code == "NLDT").get(BLOCKERS)
    assert blockers is not None
    return blockers.blockers[0].blocker.level


def test_progress_moves_with_acts_and_a_past_moment_shows_it_as_it_was(anna: Person) -> None:
    total = CloseTask.objects.filter(entity__code="NLDT", month=MAY).count()
    act_on_task(anna, task_of("rec").uid, TaskAct.DO, utc("2026-06-03 12:00"))
    act_on_task(
        anna, task_of("lease").uid, TaskAct.NOT_NEEDED, utc("2026-06-03 13:00"), reason="there are none"
    )
    before, done, waived = (tasks_of("NLDT", f"2026-06-03 {at}") for at in ("11:59", "12:00", "13:00"))
    assert [str(each.progress) if each else "" for each in (before, done, waived)] == [
        f"0 of {total}",
        f"1 of {total}",
        f"1 of {total - 1}, 1 not needed",
    ]
    assert tasks_of("NLDT", "2026-06-01 07:29") is None


def test_the_clock_alone_makes_tasks_due_and_overdue(anna: Person) -> None:
    CloseTask.objects.filter(entity__code="NLDT").exclude(code="rec").update(status="signed_off")
    moments = ("2026-06-01 09:00", "2026-06-01 21:59", "2026-06-01 22:00")  # midnight in Amsterdam
    found = [tasks_of("NLDT", at) for at in moments]
    assert [(each.due_today, each.overdue) for each in found if each] == [(1, 0), (1, 0), (0, 1)]


def test_a_task_that_is_due_makes_its_lines_a_warning(anna: Person, source: Connection) -> None:
    AgreedDate.objects.all().delete()
    lines_read(source, "2026-06-01 08:00", NLDT=61)
    assert level_of_lines("2026-06-02 21:59") is BlockerLevel.NOTE
    assert level_of_lines("2026-06-02 22:00") is BlockerLevel.WARNING  # gl-post is due on Wednesday 3 June


def test_the_cached_board_follows_an_act(anna: Person) -> None:
    at = utc("2026-06-03 12:00")
    cache = BoardCache()
    cache.apply_changes(*changes_since(cache.snapshot_token))
    cache.board(MAY, at)
    act_on_task(anna, task_of("rec").uid, TaskAct.DO, at)
    cache.apply_changes(*changes_since(cache.snapshot_token))
    board = cache.board(MAY, at).visible_board(None).board
    tasks = next(row for row in board.rows if row.code == "NLDT").get(TASKS)
    assert tasks is not None
    assert tasks.progress.done == 1


def test_tasks_cost_a_snapshot_one_statement(anna: Person) -> None:
    costs = []
    for keys in ((), (TASKS,)):
        with CaptureQueriesContext(connection) as statements:
            take_unredacted(LegalEntity.objects.all(), [MAY], utc("2026-06-03 12:00"), annotations=keys)
        costs.append(len(statements))
    assert costs[1] - costs[0] == 1
