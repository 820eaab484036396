"""The demo's people do their tasks by the rules: in order, in time, and reviewed by a second person."""

from __future__ import annotations

from datetime import datetime

import pytest

from closing.close_tasks.prerequisites import TaskIndex
from closing.close_tasks.task_record import TaskRecord
from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import record, task_of
from tests.worklist.work_reads import lines_read
from worklist.models import CloseTask, TaskEvent
from worklist.task_store.played_tasks import play_tasks
from worklist.task_store.task_index import close_groups, index_of, tasks_of_month
from worklist.task_store.task_rows import record_as_of, record_of

pytestmark = pytest.mark.django_db
ALL = ("NLDT", "UKHC", "UKRT", "USRT")
NOW = utc("2026-06-12 20:00")


def acts(now: datetime = NOW, closed: tuple[str, ...] = ()) -> int:
    periods = CloseTask.objects.filter(entity__code__in=closed).values_list("period", flat=True).distinct()
    return play_tasks(MAY, [pk for pk in periods if pk is not None], now)


def index_now() -> TaskIndex:
    return index_of(tasks_of_month(MAY), close_groups())


def done(index: TaskIndex) -> list[TaskRecord]:
    return [task for task in index if task.done_at is not None]


def test_each_act_keeps_the_rules(anna: Person, rita: Person) -> None:
    acts(closed=ALL)
    index = index_now()
    assert len(done(index)) > 100
    for task in done(index):
        assert task.done_at is not None
        assert utc("2026-06-01 07:30") <= task.done_at <= NOW
        assert task.done_by == task.owner
        assert task.signed_by != task.done_by
        for each in index.prerequisites(task):
            assert each.task.finished_at is not None
            assert each.task.finished_at < task.done_at
    assert record("bs-rec").signed_by == rita.pk
    for row in CloseTask.objects.select_related("entity", "group"):
        assert record_as_of(row, row.events.order_by("at", "pk"), NOW) == record_of(row)
    events = AuditEvent.objects.filter(verb__startswith="task.")
    assert events.count() == TaskEvent.objects.count()
    assert {event.actor for event in events} <= {anna.name, rita.name}


def test_a_second_run_and_an_earlier_moment_do_less(anna: Person) -> None:
    assert acts(utc("2026-06-01 07:31"), ALL) == 0
    assert acts(utc("2026-06-03 20:00"), ALL) > 0
    assert record("vat").done_at is None
    assert acts(utc("2026-06-03 20:00"), ALL) == 0
    assert acts(closed=ALL) > 0


def test_what_the_erp_still_shows_stays_open_but_where_the_period_is_closed(
    anna: Person, source: Connection
) -> None:
    lines_read(source, "2026-06-03 11:56", NLDT=61, UKRT=7)
    acts(closed=("UKRT",))
    assert record("gl-post").done_at is None
    assert index_now().blocked(record("soft"))
    confirmed = record("gl-post", "UKRT")
    assert confirmed.confirmed_against_erp
    assert confirmed.reason
    assert task_of("gl-post", "UKRT").events.get().verb == "confirmed"


def test_tasks_without_an_owner_stay_open(anna: Person) -> None:
    nldt = LegalEntity.objects.get(code="NLDT")
    CloseTask.objects.filter(entity=nldt).update(owner=None)
    acts()
    assert not [task for task in done(index_now()) if task.key.holder == "NLDT"]
