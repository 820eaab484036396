"""Redis away, restarted or full: states stay true, workers come back by themselves (05-reliability B5, B7)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as settings_in_force
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.db_builders import save_person
from tests.faults.stack import Valkey, Workers, queue_task
from tests.faults.sync_helpers import (
    FULL,
    ConsistencyWatcher,
    abandon_the_rest,
    assert_invariants,
    fleet_of,
    lasted,
    newest,
    read_since,
    since,
)

pytestmark = pytest.mark.fault
SOON = timedelta(seconds=5)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_b5_workers_consume_again_after_redis_was_away(
    pool: str, live_database: str, live_stack_env: dict[str, str], busy_sim: Running, tmp_path: Path
) -> None:
    """Redis stopped for some seconds, twice (20 times in the full size): reads go on <= 90 s after it is back.

    Worker and beat are the same processes all the time; nobody restarts them.
    """
    fleet = fleet_of(busy_sim, 10, connections=2, interval=SOON)
    with Valkey(tmp_path) as valkey:
        env = live_stack_env | {"SYNC_LOOK_SECONDS": "5", "REDIS_URL": valkey.url}
        with Workers(env, tmp_path) as workers, ConsistencyWatcher(live_database, fleet):
            worker, beat = workers.worker("--pool", pool, "--concurrency", "2"), workers.beat()
            poll_until(read_since(0, connections=2), 60, "all are read a first time")
            taken = []
            for turn in range(20 if FULL else 2):
                valkey.stop()
                away = timezone.now()
                fleet.turn(("Closed", "Open")[turn % 2])
                poll_until(lasted(away, 3), 10, "three seconds without Redis")
                last = newest()
                valkey.start()
                back = timezone.now()
                poll_until(read_since(last, connections=2), 90, "all are read again")
                taken.append(since(back))
            assert not worker.ended()
            assert not beat.ended()
    print("read again after", [f"{seconds:.1f} s" for seconds in taken])
    abandon_the_rest()
    assert_invariants()


@pytest.mark.django_db
def test_b5_the_board_answers_while_redis_is_away(settings: Settings, tmp_path: Path, client: Client) -> None:
    """Signing in and the board: 0 answers of 500 without Redis, since sessions and states lie in PostgreSQL."""
    nobody = f"unix://{tmp_path}/nobody.sock?db=0"
    settings.CACHES = {"default": {**settings_in_force.CACHES["default"], "LOCATION": nobody}}
    somebody = save_person(group=None)
    assert client.get("/login/").status_code == 200
    said = {"username": somebody.email, "password": "a long enough password"}
    assert client.post("/login/", said).status_code == 302
    assert [client.get("/").status_code for _ in range(20)] == [200] * 20
    assert client.post("/logout/").status_code == 302


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_b7_a_full_redis_ends_no_worker(
    live_database: str, live_stack_env: dict[str, str], busy_sim: Running, tmp_path: Path
) -> None:
    """maxmemory reached for 12 s, noeviction: publishing fails loudly, worker and beat live, reads go on after."""
    fleet = fleet_of(busy_sim, 10, connections=2, interval=SOON)
    with Valkey(tmp_path) as valkey:
        env = live_stack_env | {"SYNC_LOOK_SECONDS": "5", "REDIS_URL": valkey.url}
        with Workers(env, tmp_path) as workers, ConsistencyWatcher(live_database, fleet):
            worker, beat = workers.worker(), workers.beat()
            poll_until(read_since(0, connections=2), 60, "all are read a first time")
            with valkey.broker() as broker:  # so that it is full while messages are taken, too
                for number in range(200):
                    queue_task("connectors.sync_one", fleet.connections[number % 2].pk, broker=broker)
            valkey.server().config_set("maxmemory", 1)
            filled = timezone.now()
            poll_until(lasted(filled, 12), 20, "twelve seconds of a full Redis")
            assert "used memory > 'maxmemory'" in beat.log.read_text()
            assert "used memory > 'maxmemory'" in worker.log.read_text()
            assert not worker.ended()
            assert not beat.ended()
            last = newest()
            valkey.server().config_set("maxmemory", 0)
            emptied = timezone.now()
            poll_until(read_since(last, connections=2), 90, "all are read again")
            print(f"read again {since(emptied):.1f} s after there was room")
            assert not worker.ended()
    abandon_the_rest()
    assert_invariants()
