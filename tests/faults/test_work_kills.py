"""Workers that are killed while they read unfinished work: nothing is half-written, and the next one takes over."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from closeboard.ops.children import Child
from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.faults.held_recording import held, nobody_records
from tests.faults.stack import ForkServer, Workers, end_group, in_group
from tests.faults.sync_helpers import FULL
from tests.faults.work_kills import (
    WorkFleet,
    WorkWatcher,
    age_work_attempts,
    assert_work_invariants,
    lines_in_force,
    look_for_work_until,
    work_fleet,
    work_is_read,
)
from worklist.models import WorkAttempt

pytestmark = [pytest.mark.fault, pytest.mark.slow]
KILLS = 50 if FULL else 8
# Each the event of a trigger at which the recording waits, in the order in which it gets there.
POINTS = {
    "before the facts before them end": "BEFORE UPDATE ON worklist_blockerreading",
    "between the end of facts and the new ones": "BEFORE INSERT ON worklist_blockerreading",
    "after the facts": "AFTER INSERT ON worklist_blockerreading",
    "before the attempt ends": "BEFORE UPDATE ON worklist_workattempt",
    "after the attempt ended": "AFTER UPDATE ON worklist_workattempt",
    "at commit": "AFTER INSERT ON worklist_blockerreading DEFERRABLE INITIALLY DEFERRED",
}


def fleet_with_lines(work_sim: tuple[str, Running], lines: int) -> WorkFleet:
    kind, sim = work_sim
    sim.reset()
    fleet = work_fleet(sim, kind)
    fleet.turn(lines)
    return fleet


def shows(fleet: WorkFleet, lines: int) -> Callable[[], bool]:
    return lambda: lines_in_force(fleet) == {lines}


def kill_child(worker: Child) -> None:
    [child] = in_group(worker.pid)
    os.kill(child, signal.SIGKILL)


@pytest.mark.timeout(300)
def test_kills_at_every_point_of_the_recording_of_work(
    live_database: str, workers: Workers, work_sim: tuple[str, Running]
) -> None:
    """kill -9 while the transaction that records stands at each of its steps, up to its commit: all or nothing."""
    fleet = fleet_with_lines(work_sim, 3)
    worker = workers.worker("--concurrency", "1")
    look_for_work_until(shows(fleet, 3), 60, "a first read of the lines")
    with WorkWatcher(live_database, fleet) as onlooker:
        for number, point in enumerate(POINTS, start=1):
            before, lines = lines_in_force(fleet), 10 * number
            with held(live_database, POINTS[point]) as waits:
                # A turn that has nothing to write passes; the point is one of a turn that has.
                fleet.turn(lines)
                look_for_work_until(waits, 60, f"the recording stands {point}")
                killed = WorkAttempt.objects.get(outcome="running")
                kill_child(worker)
                assert lines_in_force(fleet) == before
                assert work_is_read()
            poll_until(lambda: nobody_records(live_database), 20, "the database gives up the dead session")
            assert lines_in_force(fleet) in (before, {lines})
            age_work_attempts()  # the lease is over, and the work due again
            look_for_work_until(shows(fleet, lines), 60, f"the lines are read again after a kill {point}")
            killed.refresh_from_db()
            # Where the commit had been asked for already the server does it, all of it.
            assert killed.outcome == ("ok" if point == "at commit" else "abandoned")
            poll_until(lambda: not work_is_read(), 60, "every attempt ends")
            assert_work_invariants()
    assert onlooker.shown == {3, *(10 * number for number in range(1, len(POINTS) + 1))}


@pytest.mark.timeout(300)
def test_kills_at_random_moments_of_a_read_of_work(
    live_database: str, live_stack_env: dict[str, str], work_sim: tuple[str, Running], tmp_path: Path
) -> None:
    """kill -9 of the whole worker while it asks the ERP, and now and then while it writes."""
    fleet = fleet_with_lines(work_sim, 3)
    with ForkServer(live_stack_env | {"SYNC_LOOK_SECONDS": "5"}, tmp_path / "log") as nursery:
        worker = nursery.worker("--pool", "threads", "--concurrency", "1")
        look_for_work_until(shows(fleet, 3), 60, "a first read of the lines")
        poll_until(lambda: not work_is_read(), 60, "every attempt ends")
        with WorkWatcher(live_database, fleet) as onlooker:
            for kill in range(1, KILLS + 1):
                before, lines = lines_in_force(fleet), 10 * kill
                fleet.turn(lines)
                look_for_work_until(work_is_read, 60, "a read begins")
                time.sleep(random.uniform(0, 0.3))
                end_group(worker)
                assert lines_in_force(fleet) in (before, {lines})
                worker = nursery.worker("--pool", "threads", "--concurrency", "1")
                age_work_attempts()
                look_for_work_until(shows(fleet, lines), 60, "the lines are read again")
                poll_until(lambda: not work_is_read(), 60, "every attempt ends")
                assert_work_invariants()
    outcomes = list(WorkAttempt.objects.values_list("outcome", flat=True))
    print(f"kills {KILLS}, abandoned {outcomes.count('abandoned')} of {len(outcomes)} attempts")
    assert outcomes.count("abandoned") >= KILLS / 4
    assert onlooker.shown == {3, *(10 * number for number in range(1, KILLS + 1))}
