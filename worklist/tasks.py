"""Celery tasks of close tasks, by the database's clock."""

from __future__ import annotations

from celery import shared_task

from infra.ticks import claim_tick, database_clock
from worklist.task_store.generate_tasks import generate_tasks

GENERATE_SECONDS = 900


@shared_task(name="worklist.generate_tasks", time_limit=300, soft_time_limit=270)
def generate_close_tasks() -> None:
    """Generate the close tasks whose time has come; the claimed slot makes a second beat harmless."""
    as_of = database_clock()
    if claim_tick("generate tasks", GENERATE_SECONDS, as_of):
        generate_tasks(as_of)
