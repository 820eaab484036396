"""Packing old attempts changes no past board, no page and no clock (ADR 0027)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from django.db import connection as database
from pytest_django.fixtures import Settings

from alerts.reconciliation import reconcile
from closing.scoreboard.board import board_fingerprint
from entities.models import Connection, LegalEntity
from infra.ticks import database_clock
from periods.lookups import first_readings_after
from periods.models import ConnectionClock, PackedAttempts, SyncAttempt, SyncGap
from periods.packing import count_packable, pack_attempts
from periods.snapshot.builder import take_snapshots
from periods.snapshot.freshness import freshness, readings_of_connections
from periods.snapshot.period_history import newest_attempts
from periods.tasks import pack_old_attempts
from tests.builders import MAY
from tests.periods.read_history import ReadHistory

pytestmark = pytest.mark.django_db
APRIL = date(2026, 4, 1)
KEEP = timedelta(days=2)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Past:
    """Everything that looks at the attempts of a past moment, as it stood then."""

    fingerprints: object
    boards: object
    freshness: object
    last_reads: object
    newest_reads: object
    readings: object
    first_readings: object
    alerts: object


def past(as_of: datetime, *, proven: bool = True) -> Past:
    entities = LegalEntity.objects.order_by("pk")
    connection_of = dict(entities.values_list("pk", "connection"))
    ids = list(connection_of)
    boards = take_snapshots(entities, [APRIL, MAY], as_of)
    connections = list(Connection.objects.values_list("pk", flat=True))
    return Past(
        [board_fingerprint(board) for board in boards.values()],
        boards,
        freshness(ids, as_of),
        [newest_attempts(pk, connection, as_of, newest=40) for pk, connection in connection_of.items()],
        [newest_attempts(ids[0], connection, as_of, newest=1) for connection in connections],
        readings_of_connections([(pk, as_of) for pk in connections], ids),
        first_readings_after([(pk, as_of) for pk in ids]),
        reconcile(as_of) if proven else None,
    )


def moments(history: ReadHistory, count: int) -> list[datetime]:
    """Random moments up to now: of any time, and just at, before and after the starts and ends of attempts."""
    chance = history.chance
    begun = SyncAttempt.objects.order_by("started_at").first()
    assert begun is not None
    span = (history.now - begun.started_at).total_seconds()
    anywhen = [begun.started_at + timedelta(seconds=chance.uniform(-60, span)) for _ in range(count // 2)]
    edges = [at for row in SyncAttempt.objects.values_list("started_at", "finished_at") for at in row if at]
    step = timedelta(microseconds=1)
    exact = [
        chance.choice(edges) + chance.choice([-step, 0 * step, step]) for _ in range(count - len(anywhen))
    ]
    return [*anywhen, *exact]


def clocks() -> Sequence[tuple[object, ...]]:
    columns = ("pk", "attempted_at", "running", "retry_at", "failed_in_a_row", "read_at")
    return list(ConnectionClock.objects.order_by("pk").values_list(*columns))


def assert_packing_changes_nothing(seed: int, *, rounds: int, days: int, looks: int) -> int:
    """Live on and pack, `rounds` times; returns how many attempts were packed."""
    history = ReadHistory(random.Random(seed))
    packed = 0
    for _ in range(rounds):
        history.live(history.now + days * DAY)
        at = moments(history, looks)
        before, clock = {moment: past(moment) for moment in at}, clocks()
        packed += pack_attempts(history.now, keep=KEEP)
        database.check_constraints()
        for moment in at:
            assert past(moment) == before[moment], moment
        assert clocks() == clock
    assert not SyncGap.objects.filter(attempt=None).exists()
    return packed


def test_packing_changes_no_past_board() -> None:
    assert assert_packing_changes_nothing(1, rounds=1, days=5, looks=3) > 10
    assert {row.outcome for row in PackedAttempts.objects.all()} >= {"ok", "unavailable"}


def test_the_workers_pack_what_is_old_enough(settings: Settings) -> None:
    """The history lies long before the clock of the database; a setting of a few years packs none of it."""
    history = ReadHistory(random.Random(2))
    history.live(history.now + 2 * DAY)
    count = SyncAttempt.objects.count()
    settings.PACK_READS_AFTER = timedelta(days=3650)
    pack_old_attempts()
    assert SyncAttempt.objects.count() == count
    settings.PACK_READS_AFTER = timedelta(days=7)
    assert count_packable(database_clock(), keep=settings.PACK_READS_AFTER) == count
    pack_old_attempts()
    packed = sum(len(row.started) for row in PackedAttempts.objects.all())
    assert packed > 0
    assert SyncAttempt.objects.count() == count - packed
    assert count_packable(database_clock(), keep=settings.PACK_READS_AFTER) == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(8))
def test_packing_changes_no_board_at_200_past_moments(seed: int) -> None:
    assert assert_packing_changes_nothing(seed, rounds=2, days=20, looks=13) > 100
    assert PackedAttempts.objects.exclude(gaps=None).exists()
    assert PackedAttempts.objects.exclude(retry_at=None).exists()
    assert PackedAttempts.objects.filter(outcome="abandoned").exists()
