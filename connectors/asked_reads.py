"""Reads that a person asks for: the periods of a connection, then each turn of its unfinished work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.models import Connection
from periods.models import ConnectionClock, ReadAttempt
from worklist.models import WorkAttempt

JUST_READ = timedelta(minutes=1)  # periods that were read so recently are not read again


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a connection cannot be read now; `until` is the moment from which it can, where it is known."""

    words: str
    until: datetime | None = None


def waiting(connection: Connection, as_of: datetime) -> Waiting | None:
    """Why a connection cannot be read at a moment though a person asks; None if it can.

    A pause of the connection, a read that runs, and a pause that the ERP has asked for hold for people as well.
    """
    if connection.paused:
        return Waiting("The connection is paused.")
    clock = ConnectionClock.objects.filter(connection=connection.pk).first()
    newest = WorkAttempt.objects.filter(connection=connection.pk).order_by("-started_at").first()
    if (clock is not None and clock.running) or (
        newest is not None and newest.outcome == ReadAttempt.Outcome.RUNNING
    ):
        return Waiting("It is being read already.")
    asked = [each.retry_at for each in (clock, newest) if each is not None and each.retry_at is not None]
    until = max(asked, default=None)
    if until is not None and until > as_of:
        return Waiting("The ERP has asked to wait, or refused access.", until)
    return None


def read_periods(connection: Connection, as_of: datetime) -> bool:
    """Read the periods of a connection, unless they have just been read; whether they are read now."""
    if waiting(connection, as_of) is not None:
        return False
    clock = ConnectionClock.objects.filter(connection=connection.pk).first()
    read_at = clock.read_at if clock is not None and clock.failed_in_a_row == 0 else None
    if read_at is not None and timedelta(0) <= as_of - read_at < JUST_READ:
        return True
    result = sync_connection(connection, as_of)
    return result.attempt is not None and result.attempt.outcome in ReadAttempt.READ_OUTCOMES


def read_one_turn(connection: Connection, as_of: datetime) -> bool:
    """Read the turn of unfinished work whose last attempt is the oldest; whether it was read."""
    if connection.kind not in work_turns() or waiting(connection, as_of) is not None:
        return False
    result = sync_work(connection, as_of)
    return result.attempt is not None and result.attempt.outcome in ReadAttempt.READ_OUTCOMES
