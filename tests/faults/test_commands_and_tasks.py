"""The same days through `manage.py` and through Celery leave the same content (05-reliability A4's idea)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from celery import signals
from celery.contrib.testing.worker import start_worker
from django.core.management import call_command
from django.db import transaction

from alerts import tasks as alerts_door
from alerts.models import OverdueFlag, Overrun
from closeboard.celery import app
from connectors import tasks as connectors_door
from periods.models import PeriodDeadline, ReadSpan, StateChange, SyncAttempt
from simulator.run import Running
from tests.builders import utc
from tests.closeboard.processes import poll_until

INSTANTS = [
    utc(text)
    for text in (
        "2026-06-01 12:00",
        "2026-06-05 18:00",
        "2026-06-08 18:00",
        "2026-06-10 22:00",
        "2026-06-12 12:00",
        "2026-06-14 12:00",
        "2026-06-15 12:00",
        "2026-06-18 18:00",  # EU DTC BV is closed
        "2026-06-22 12:00",  # and open again
    )
]


def play(sim: Running, look: Any) -> None:
    """Let the days pass; `look` reads and evaluates at each instant."""
    sim.reset()
    call_command("load_group", "demo/worked_example.yaml", stdout=StringIO())
    for instant in INSTANTS:
        sim.set_clock(instant)
        if instant == INSTANTS[-1]:
            sim.set_state("NLDT", period="2026-05", status="Open")
        look(instant)


def content() -> dict[str, list[Any]]:
    """All that the days have left, without ids."""
    period = ("period__entity__code", "period__erp_key")
    rows: dict[str, list[Any]] = {
        "changes": list(
            StateChange.objects.order_by(*period, "seen_at").values_list(
                *period, "state", "previous_state", "because", "facts__body", "seen_at", "previous_read_at"
            )
        ),
        "overruns": list(
            Overrun.objects.order_by(*period, "episode").values_list(
                *period,
                "episode",
                "opened_at",
                "crossed_line_at",
                "closed_at",
                "worst_days_late",
                "after_reopening",
            )
        ),
        "flags": list(
            OverdueFlag.objects.order_by(*period).values_list(*period, "level", "days_late", "since")
        ),
        "deadlines": list(
            PeriodDeadline.objects.order_by(*period).values_list(
                *period, "due_on", "label", "explanation", "current"
            )
        ),
        "spans": list(
            ReadSpan.objects.order_by("entity__code", "first_read_at").values_list(
                "entity__code", "first_read_at", "last_read_at"
            )
        ),
        "attempts": list(
            SyncAttempt.objects.order_by("started_at").values_list(
                "started_at", "outcome", "pages", "rows", "changes"
            )
        ),
    }
    assert len(rows["overruns"]) >= 3
    assert [row for row in rows["overruns"] if row[-1]], "one overrun comes after a reopening"
    return rows


class TurnedClock:
    """What the doors of the tasks ask for the time: the one place where they may."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@contextmanager
def finished_tasks() -> Iterator[set[str]]:
    """The ids of tasks that the worker in this process has finished."""
    done: set[str] = set()

    def note(task_id: str, **_: Any) -> None:
        done.add(task_id)

    signals.task_postrun.connect(note)
    try:
        yield done
    finally:
        signals.task_postrun.disconnect(note)


@pytest.mark.slow
def test_commands_and_tasks_leave_the_same(
    live_database: str, empty_redis: None, command_sim: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine instants of the worked example and after: identical history, overruns, flags, deadlines and spans."""

    def by_command(instant: datetime) -> None:
        for command in ("sync", "evaluate"):
            call_command(command, "--as-of", instant.isoformat(), stdout=StringIO())

    with transaction.atomic():
        play(command_sim, by_command)
        by_commands = content()
        transaction.set_rollback(True)
    assert not StateChange.objects.exists()

    clock = TurnedClock(INSTANTS[0])
    monkeypatch.setattr(connectors_door, "database_clock", clock.now)
    monkeypatch.setattr(alerts_door, "database_clock", clock.now)
    with (
        finished_tasks() as done,
        start_worker(app, pool="threads", concurrency=2, perform_ping_check=False, queues=["sync", "alerts"]),
    ):

        def by_task(instant: datetime) -> None:
            clock.at = instant
            before = SyncAttempt.objects.count()
            app.send_task("connectors.sync_due")
            poll_until(lambda: SyncAttempt.objects.count() > before, 30, "a read begins")
            poll_until(lambda: not SyncAttempt.objects.filter(outcome="running").exists(), 30, "it ends")
            evaluated = app.send_task("alerts.evaluate", queue="alerts").id
            poll_until(lambda: evaluated in done, 30, "it is evaluated")

        play(command_sim, by_task)
    by_tasks = content()
    for what, rows in by_commands.items():
        assert by_tasks[what] == rows, what
