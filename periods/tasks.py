"""The Celery task of housekeeping, by the database's clock."""

from __future__ import annotations

from celery import shared_task

from infra.ticks import claim_tick, database_clock, delete_old_ticks
from periods.board_cache.change_feed import delete_old_events
from periods.deadline_setting import set_deadlines
from periods.expected_periods import never_read_entities
from periods.recording.attempts import abandon_expired


@shared_task(name="periods.housekeeping", time_limit=120, soft_time_limit=90)
def housekeeping() -> None:
    """Mark attempts whose worker died as abandoned; delete old ticks and old change events.

    Entities never read get the deadlines of the months that have begun.
    """
    as_of = database_clock()
    if claim_tick("housekeeping", 3600, as_of):
        abandon_expired(as_of)
        delete_old_ticks(as_of)
        delete_old_events(as_of)
        if entities := never_read_entities():
            set_deadlines(entities, as_of)
