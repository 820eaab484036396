"""Celery tasks of reading, by the database's clock: one finds due connections, one reads a connection."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from connectors.asked_reads import read_one_turn, read_periods
from connectors.pacing import due_connections
from connectors.registry import work_turns
from connectors.sync import READ_BUDGET, sync_connection
from connectors.work_pacing import due_work
from connectors.work_sync import sync_work
from entities.models import Connection
from infra.ticks import claim_tick, database_clock
from periods.recording.attempts import abandon_expired
from worklist.models import WorkAttempt

WORK_LOOK_SECONDS = 60


@shared_task(name="connectors.sync_due", time_limit=60, soft_time_limit=45)
def sync_due() -> None:
    """Queue a read of every due connection; the claimed slot makes a second beat harmless.

    Attempts of dead workers are marked abandoned first, so that they count as failed in the pacing: a page that
    always kills its worker must not kill one at every look (05-reliability B12).
    """
    as_of = database_clock()
    if claim_tick("sync", settings.SYNC_LOOK_SECONDS, as_of):
        abandon_expired(as_of)
        for connection_id in due_connections(as_of):
            sync_one.delay(connection_id)


@shared_task(
    name="connectors.sync_one",
    time_limit=READ_BUDGET.seconds + 50,
    soft_time_limit=READ_BUDGET.seconds + 30,
)
def sync_one(connection_id: int) -> None:
    """Read one connection if it is still due: a duplicate or late message finds nothing to do."""
    as_of = database_clock()
    if connection_id in due_connections(as_of):
        sync_connection(Connection.objects.get(pk=connection_id), as_of)


@shared_task(name="connectors.sync_work_due", time_limit=60, soft_time_limit=45)
def sync_work_due() -> None:
    """Queue a read of the unfinished work of every connection where it is due; dead attempts are abandoned first."""
    as_of = database_clock()
    if claim_tick("sync work", WORK_LOOK_SECONDS, as_of):
        abandon_expired(as_of, attempts=WorkAttempt)
        for connection_id in due_work(as_of, work_turns()):
            sync_work_one.delay(connection_id)


@shared_task(
    name="connectors.sync_work_one",
    time_limit=READ_BUDGET.seconds + 50,
    soft_time_limit=READ_BUDGET.seconds + 30,
)
def sync_work_one(connection_id: int) -> None:
    """Read one turn of a connection's unfinished work if it is still due."""
    as_of = database_clock()
    if connection_id in due_work(as_of, work_turns()):
        sync_work(Connection.objects.get(pk=connection_id), as_of)


@shared_task(
    name="connectors.read_now",
    time_limit=READ_BUDGET.seconds + 50,
    soft_time_limit=READ_BUDGET.seconds + 30,
)
def read_now(connection_id: int) -> None:
    """Read the periods of a connection because a person asks, and queue its unfinished work if that went well."""
    connection = Connection.objects.get(pk=connection_id)
    if read_periods(connection, database_clock()):
        read_work_now.delay(connection_id, work_turns().get(connection.kind, 0))


@shared_task(
    name="connectors.read_work_now",
    time_limit=READ_BUDGET.seconds + 50,
    soft_time_limit=READ_BUDGET.seconds + 30,
)
def read_work_now(connection_id: int, turns: int) -> None:
    """Read one turn of a connection's unfinished work because a person asks, and queue the others one by one."""
    if turns < 1:
        return
    if read_one_turn(Connection.objects.get(pk=connection_id), database_clock()) and turns > 1:
        read_work_now.delay(connection_id, turns - 1)
