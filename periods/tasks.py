"""The Celery tasks of housekeeping and of packing old attempts, by the database's clock."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from infra.batched_deletes import delete_expired_sessions
from infra.ticks import claim_tick, database_clock, delete_old_ticks
from periods.board_cache.change_feed import delete_old_events
from periods.deadline_setting import set_deadlines
from periods.expected_periods import never_read_entities
from periods.packing import pack_attempts
from periods.recording.attempts import abandon_expired

DAYS_AT_ONCE = 1000  # of connections that are packed in one run: some 300,000 attempts


@shared_task(name="periods.housekeeping", time_limit=120, soft_time_limit=90)
def housekeeping() -> None:
    """Mark attempts whose worker died as abandoned; delete old ticks, change events and sessions.

    Entities never read get the deadlines of the months that have begun.
    """
    as_of = database_clock()
    if claim_tick("housekeeping", 3600, as_of):
        abandon_expired(as_of)
        delete_old_ticks(as_of)
        delete_old_events(as_of)
        delete_expired_sessions(as_of)
        if entities := never_read_entities():
            set_deadlines(entities, as_of)


@shared_task(name="periods.pack_attempts", time_limit=280, soft_time_limit=240)
def pack_old_attempts() -> None:
    """Pack the attempts that have become old enough; a second worker waits for each connection and finds no more."""
    pack_attempts(database_clock(), keep=settings.PACK_READS_AFTER, most=DAYS_AT_ONCE)
