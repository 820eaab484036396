"""A packing that is killed at any point loses nothing, and the next one goes on there."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from periods.models import ConnectionClock, PackedAttempts, SyncAttempt
from periods.packing import pack_attempts
from tests.periods.packing_kills import kill_at_each_statement
from tests.periods.read_history import ReadHistory
from tests.periods.test_packing import clocks, moments, past
from tests.threads import at_once

KEEP = timedelta(days=1)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def all_attempts() -> int:
    """The attempts that are there, as rows of their own or packed."""
    return SyncAttempt.objects.count() + sum(len(row.started) for row in PackedAttempts.objects.all())


def test_a_packing_killed_at_each_statement_loses_nothing(live_database: str) -> None:
    history = ReadHistory(random.Random(3))
    history.live(history.now + timedelta(days=5))
    attempts, clock = all_attempts(), clocks()
    before = {moment: past(moment) for moment in moments(history, 4)}
    kills = 0
    for number, ran in kill_at_each_statement(lambda: pack_attempts(history.now, keep=KEEP)):
        kills += 1
        assert (all_attempts(), clocks()) == (attempts, clock), (number, ran)
        for moment, seen in before.items():
            assert past(moment) == seen, (number, ran, moment)
    assert kills > 10
    assert PackedAttempts.objects.count() > 3
    assert not ConnectionClock.objects.filter(packed_until=None).exists()
    assert (all_attempts(), clocks()) == (attempts, clock)


def test_two_packings_beside_a_reader_and_a_writer_lose_nothing(live_database: str) -> None:
    history = ReadHistory(random.Random(5))
    history.live(history.now + timedelta(days=8))
    before = {moment: past(moment, proven=False) for moment in moments(history, 4)}
    attempts, now = all_attempts(), history.now

    def pack() -> None:
        pack_attempts(now, keep=KEEP)

    def look() -> None:
        for _ in range(3):
            for moment, seen in before.items():
                assert past(moment, proven=False) == seen, moment

    def write() -> None:
        for number in range(20):
            history.fail(history.connections[number % 2])
            history.now += timedelta(minutes=1)

    at_once(pack, pack, look, write)
    assert all_attempts() == attempts + 20
    assert not ConnectionClock.objects.filter(packed_until=None).exists()
