"""PostgreSQL restarted or its sessions killed under a read: all of it or nothing (05-reliability C1, C2)."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection as database
from django.utils import timezone

from board.live.hub import HEARTBEAT_SECONDS, POLL_SECONDS
from connectors.sync import sync_connection
from entities.models import Connection
from simulator.run import Running
from tests.builders import CLOSED
from tests.closeboard.processes import poll_until
from tests.db_builders import record_worked_example, save_person, save_sample_group
from tests.faults.stack import Postgres, Workers
from tests.faults.sync_helpers import (
    FULL,
    ConsistencyWatcher,
    Fleet,
    abandon_the_rest,
    assert_invariants,
    attempts,
    begun_since,
    fleet_of,
    newest,
    read_since,
    since,
    states,
)
from tests.faults.web_process import Reader, Web, says

pytestmark = [pytest.mark.fault, pytest.mark.slow]
SOON = timedelta(seconds=5)
# A session in the middle of recording, at whichever statement; most are spared, so that many steps are hit.
RECORDING = """
    state <> 'idle' AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()
    AND query ~ 'staged_|changed_reading|statechange|readspan|nativefacts|syncgap' AND random() < 0.1
"""


@pytest.mark.timeout(240)
def test_c1_a_restarted_postgresql_tears_nothing_and_workers_go_on(
    postgres: Postgres, live_stack_env: dict[str, str], busy_sim: Running, tmp_path: Path
) -> None:
    """5 immediate restarts (full size: 20) under reads every 5 s: no torn state, no process restarted by hand."""
    fleet = fleet_of(busy_sim, 10, connections=3, interval=SOON)
    busy_sim.set_latency(10)
    env = live_stack_env | postgres.env | {"SYNC_LOOK_SECONDS": "5"}
    with Workers(env, tmp_path) as workers, ConsistencyWatcher(postgres.env["DATABASE_URL"], fleet):
        worker, beat = workers.worker(), workers.beat()
        poll_until(read_since(0, connections=3), 60, "all are read a first time")
        taken = []
        for turn in range(20 if FULL else 5):
            fleet.turn(("Closed", "Open")[turn % 2])
            last = newest()
            poll_until(begun_since(last), 30, "reads begin")
            time.sleep(random.uniform(0, 0.6))
            database.close()
            postgres.restart()
            back = timezone.now()
            last = newest()
            poll_until(read_since(last, connections=3), 60, "all are read again")
            taken.append(since(back))
            assert states(fleet) == {("closed", "open")[turn % 2]}
        assert not worker.ended()
        assert not beat.ended()
    print("read again after", [f"{seconds:.1f} s" for seconds in taken])
    abandon_the_rest()
    assert_invariants()


@pytest.mark.timeout(240)
def test_c2_killed_sessions_leave_no_part_of_a_recording(live_database: str, busy_sim: Running) -> None:
    """pg_terminate_backend 100 times (500 in the full size) in the middle of recordings: 0 partial snapshots.

    What was rolled back is recorded again from the same reading: hardly a read is lost.
    """
    kills = 500 if FULL else 100
    fleet = fleet_of(busy_sim, 10, connections=3)
    killed = 0
    with (
        ConsistencyWatcher(live_database, fleet),
        reading_all_the_time(fleet),
        psycopg.connect(live_database, autocommit=True) as s,
    ):
        began = timezone.now()
        while killed < kills:
            assert since(began) < 200
            found = s.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {RECORDING}"
            ).fetchall()
            killed += len(found)
            time.sleep(random.uniform(0, 0.005))
    outcomes = [attempt.outcome for attempt in attempts()]
    print(f"kills {killed}, reads {len(outcomes)}, of them ok {outcomes.count('ok')}")
    abandon_the_rest()
    assert outcomes.count("ok") >= 0.8 * len(outcomes)
    assert_invariants()


@pytest.mark.timeout(240)
def test_no_heartbeat_vouches_for_what_cannot_be_read(
    postgres: Postgres, live_stack_env: dict[str, str], tmp_path: Path
) -> None:
    """The web process lives and its stream is whole, but no news can reach it: browsers must hear nothing."""
    group = save_sample_group()
    record_worked_example(group)
    says(group)
    with Web(live_stack_env | postgres.env, tmp_path) as web:
        stream = Reader(web, save_person()).listen()
        stream.hears(b"event: beat")
        postgres.stop()
        stream.during(2 * POLL_SECONDS)
        assert b"event: beat" not in stream.during(2 * HEARTBEAT_SECONDS + 5)
        assert not stream.over
        postgres.start()
        database.close()
        says(group, NLDT=CLOSED)
        told = stream.hears(b"event: beat", 60)
        assert b"what:row-NLDT" in told  # first what was missed, then that nothing more was


@contextmanager
def reading_all_the_time(fleet: Fleet) -> Iterator[None]:
    """A thread for each connection that reads it again and again, and one that turns the ERP back and forth."""
    enough = threading.Event()

    def turn() -> None:
        for state in itertools.cycle(("Closed", "Open")):
            fleet.turn(state)
            if enough.wait(0.2):
                return

    def read(source: Connection) -> None:
        while not enough.is_set():
            try:
                sync_connection(source, timezone.now())
            except Exception:
                database.close()
        database.close()

    threads = [threading.Thread(target=turn)]
    threads += [threading.Thread(target=read, args=[source]) for source in fleet.connections]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join(60)
