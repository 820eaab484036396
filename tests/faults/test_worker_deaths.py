"""Workers that are killed while they read and record (05-reliability B1, B2, E23)."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone

from closeboard.ops.children import Child
from connectors.pacing import due_connections
from connectors.sync import LEASE
from periods.recording.attempts import abandon_expired, begin_attempt
from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.faults.held_recording import held, nobody_records
from tests.faults.stack import ForkServer, Workers, end_group, in_group
from tests.faults.sync_helpers import (
    FULL,
    INTERVAL,
    ConsistencyWatcher,
    Fleet,
    age_attempts,
    assert_invariants,
    attempts,
    begun_since,
    drained,
    fleet_of,
    is_running,
    look_until,
    newest,
    read_since,
    since,
    states,
)

pytestmark = [pytest.mark.fault, pytest.mark.slow]
KILLS = 50
CHILD_KILLS = 50 if FULL else 10  # a replacement takes the pool some seconds
SHOWN = {"Open": "open", "Closed": "closed"}


def first_read(fleet: Fleet) -> float:
    """Let a worker read for the first time; returns how many seconds a read of this fleet takes."""
    look_until(read_since(0), 60, "a first read")
    age_attempts(INTERVAL)
    began = timezone.now()
    last = newest()
    look_until(read_since(last), 60, "a second read")
    [*_, attempt] = attempts()
    assert attempt.pages >= 20
    assert attempt.finished_at is not None
    return min(since(began), (attempt.finished_at - attempt.started_at).total_seconds())


def kill_while_reading(fleet: Fleet, state: str, kill: Callable[[], None], within: float) -> float:
    """The ERP changes, a read begins, its process is killed; then time passes and the next look reads again.

    Returns the seconds from the kill to the fresh reading, beside the interval that was let pass.
    """
    before = states(fleet)
    fleet.turn(state)
    age_attempts(INTERVAL)
    look_until(begun_since(newest()), 30, "a read begins")
    time.sleep(random.uniform(0, within))
    kill()
    killed = timezone.now()
    assert states(fleet) in (before, {SHOWN[state]})
    last = newest()
    assert timedelta(0) < LEASE < INTERVAL  # so the lease is over when the connection's next turn comes
    age_attempts(INTERVAL)
    look_until(read_since(last), 60, "the entities are fresh again")
    assert states(fleet) == {SHOWN[state]}
    return since(killed)


def how_it_went(taken: list[float]) -> None:
    """B1's figures: fresh again within two intervals, and the kills really hit reads."""
    assert INTERVAL.total_seconds() + max(taken) <= 2 * INTERVAL.total_seconds()
    outcomes = [attempt.outcome for attempt in attempts()]
    print(f"kills {len(taken)}, abandoned {outcomes.count('abandoned')}, slowest {max(taken):.1f} s")
    assert outcomes.count("abandoned") >= len(taken) / 3


@pytest.mark.timeout(300)
def test_b1_fifty_kills_of_the_process_that_reads(
    live_database: str, live_stack_env: dict[str, str], fleet_sim: Running, tmp_path: Path
) -> None:
    """50 times kill -9 at a random point of a read of 30 pages: 0 half-written snapshots, fresh <= 2 intervals."""
    fleet = fleet_of(fleet_sim, 20)
    with ForkServer(live_stack_env | {"SYNC_LOOK_SECONDS": "5"}, tmp_path / "log") as nursery:
        worker = nursery.worker("--pool", "threads", "--concurrency", "2")
        within = first_read(fleet)
        taken = []

        def kill() -> None:
            nonlocal worker
            end_group(worker)
            worker = nursery.worker("--pool", "threads", "--concurrency", "2")

        with ConsistencyWatcher(live_database, fleet) as onlooker:
            for turn in range(KILLS):
                taken.append(kill_while_reading(fleet, ("Closed", "Open")[turn % 2], kill, within))
    assert onlooker.shown == {"open", "closed"}
    how_it_went(taken)
    assert_invariants()


@pytest.mark.timeout(300)
def test_b2_kills_of_the_pool_child(live_database: str, workers: Workers, fleet_sim: Running) -> None:
    """As B1, but only the child that reads is killed: the worker lives on and replaces it by itself."""
    fleet = fleet_of(fleet_sim, 20)
    worker = workers.worker("--concurrency", "1")
    within = first_read(fleet)
    with ConsistencyWatcher(live_database, fleet) as onlooker:
        taken = [
            kill_while_reading(fleet, ("Closed", "Open")[turn % 2], lambda: kill_child(worker), within)
            for turn in range(CHILD_KILLS)
        ]
    assert onlooker.shown == {"open", "closed"}
    assert not worker.ended()
    how_it_went(taken)
    assert_invariants()


def kill_child(worker: Child) -> None:
    [child] = in_group(worker.pid)
    os.kill(child, signal.SIGKILL)


def test_b1_the_children_of_a_killed_main_process_end_too(
    live_database: str, workers: Workers, fleet_sim: Running
) -> None:
    """kill -9 of a prefork main process in the middle of reads: its children end, what they did is whole."""
    fleet = fleet_of(fleet_sim, 10, connections=2)
    worker = workers.worker()
    with ConsistencyWatcher(live_database, fleet):
        look_until(read_since(0, connections=2), 60, "a first read")
        fleet.turn("Closed")
        fleet_sim.set_latency(50)
        age_attempts(INTERVAL)
        look_until(begun_since(newest()), 30, "reads begin")
        children = in_group(worker.pid)
        assert len(children) == 2
        os.kill(worker.pid, signal.SIGKILL)
        worker.process.wait()
        poll_until(lambda: not in_group(worker.pid), 30, "the children end")
        fleet_sim.set_latency(0)
        last = newest()
        age_attempts(INTERVAL)
        workers.worker()
        look_until(read_since(last, connections=2), 60, "the entities are fresh again")
    assert states(fleet) == {"closed"}
    assert_invariants()


# inside the recording transaction -----------------------------------------------------------------------------------

# Where the recording is held and its process killed, in the order in which it gets there.
# Each the event of a trigger that waits there.
POINTS = {
    "before the facts are kept": "BEFORE INSERT ON periods_nativefacts",
    "between staging and periods": "BEFORE UPDATE ON periods_fiscalperiod",
    "between periods and history": "BEFORE INSERT ON periods_statechange",
    "after the history": "AFTER INSERT ON periods_statechange",
    "before the attempt ends": "BEFORE UPDATE ON periods_syncattempt",
    "after the attempt ended": "AFTER UPDATE ON periods_syncattempt",
    "at commit": "AFTER INSERT ON periods_statechange DEFERRABLE INITIALLY DEFERRED",
}


@pytest.mark.timeout(180)
def test_b1_kills_at_every_point_of_the_recording(
    live_database: str, workers: Workers, fleet_sim: Running
) -> None:
    """kill -9 while the transaction that records stands at each of its steps, up to its commit: all or nothing.

    A gentle kill test passes a broken design; these hit the windows between two steps.
    """
    fleet = fleet_of(fleet_sim, 20)
    worker = workers.worker("--concurrency", "1")
    first_read(fleet)
    with ConsistencyWatcher(live_database, fleet):
        for turn, point in enumerate(POINTS):
            state, other = ("Closed", "Open") if turn % 2 == 0 else ("Open", "Closed")
            assert states(fleet) == {SHOWN[other]}
            fleet.turn(state)
            new_words(fleet, turn)  # never seen before, so that every step has something to write
            with held(live_database, POINTS[point]) as waits:
                age_attempts(INTERVAL)
                look_until(waits, 30, f"the recording stands {point}")
                kill_child(worker)
                assert states(fleet) == {SHOWN[other]}
                assert is_running()
                last = newest()
            poll_until(lambda: nobody_records(live_database), 20, "the database gives up the dead session")
            age_attempts(INTERVAL)
            look_until(read_since(last), 60, f"fresh again after a kill {point}")
            assert states(fleet) == {SHOWN[state]}
            drained()
            assert_invariants()
    outcomes = [attempt.outcome for attempt in attempts()]
    # Where the commit had been asked for already the server does it, all of it; everywhere else nothing is left.
    assert outcomes.count("abandoned") == len(POINTS) - 1


def new_words(fleet: Fleet, number: int) -> None:
    """Facts that were never seen before."""
    group = f"GROUP{number}"
    fleet.sim.set_states(
        [{"company": "E00001", "period": f"{fleet.month:%Y-%m}", "access": {"Ledger": ["User", group]}}]
    )


# an orderly end -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_e23_a_worker_that_is_told_to_end_finishes_its_read(
    pool: str, live_database: str, workers: Workers, fleet_sim: Running
) -> None:
    """SIGTERM in the middle of a read, two deploys in a row (full size: 30): every attempt ends read."""
    fleet = fleet_of(fleet_sim, 20)
    fleet_sim.set_latency(40)
    deploys = 30 if FULL else 2
    with ConsistencyWatcher(live_database, fleet):
        for turn in range(deploys):
            fleet.turn(("Closed", "Open")[turn % 2])
            worker = workers.worker("--pool", pool, "--concurrency", "2")
            age_attempts(INTERVAL)
            look_until(begun_since(newest()), 30, "a read begins")
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(30) == 0
            assert not is_running()
            assert states(fleet) == {("closed", "open")[turn % 2]}
    assert [attempt.outcome for attempt in attempts()] == ["ok"] * deploys
    assert_invariants()


def test_b12_what_kills_its_reader_is_paced_like_any_failure(live_database: str, fleet_sim: Running) -> None:
    """Attempts that were abandoned five times in a row: the pause doubles, up to a quarter of an hour."""
    fleet = fleet_of(fleet_sim, 1)
    for _ in range(5):
        age_attempts(INTERVAL)
        assert due_connections(timezone.now()) == [fleet.only.pk]
        assert begin_attempt(fleet.only.pk, timezone.now(), lease=LEASE) is not None
        assert due_connections(timezone.now() + INTERVAL) == []
        with database.cursor() as cursor:
            cursor.execute(
                "UPDATE periods_syncattempt SET lease_until = '2000-01-01' WHERE outcome = 'running'"
            )
        assert abandon_expired(timezone.now()) == 1
    now = timezone.now()
    assert due_connections(now + INTERVAL) == []
    assert due_connections(now + 2 * INTERVAL) == [fleet.only.pk]
    assert_invariants()
