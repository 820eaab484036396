"""Messages that come twice, late or never: PostgreSQL knows what is due (05-reliability B3, B4, B9)."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection as database
from django.utils import timezone

from alerts.models import EvaluationSpan
from connectors.pacing import due_connections
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt, finish_attempt
from simulator.run import Running
from tests.closeboard.processes import poll_until
from tests.faults.stack import Valkey, Workers, queue_task
from tests.faults.sync_helpers import (
    FULL,
    INTERVAL,
    ConsistencyWatcher,
    abandon_the_rest,
    age_attempts,
    assert_invariants,
    attempts,
    drained,
    fleet_of,
    is_running,
    newest,
    read_since,
    since,
)

SOON = timedelta(seconds=5)


@pytest.mark.fault
@pytest.mark.slow
def test_b3_a_message_that_comes_again_while_the_first_run_lives(
    live_database: str, workers: Workers, fleet_sim: Running
) -> None:
    """20 messages at once, and again in the middle of the read, on six threads of two workers: 1 attempt."""
    fleet = fleet_of(fleet_sim, 20)
    fleet_sim.set_latency(60)
    for _ in range(2):
        workers.worker("--pool", "threads", "--concurrency", "3")
    with ConsistencyWatcher(live_database, fleet):
        for turn in range(2):
            for _ in range(20):
                queue_task("connectors.sync_one", fleet.only.pk)
            poll_until(is_running, 30, "one of them begins")
            for _ in range(20):
                queue_task("connectors.sync_one", fleet.only.pk)
            drained()
            # The last in the queue: when it is done, all are.
            queue_task("connectors.sync_one", fleet.only.pk)
            poll_until(lambda: queued() == 0, 30, "all messages are consumed")
            assert [attempt.outcome for attempt in attempts()] == ["ok"] * (turn + 1)
            fleet.turn("Closed")
            age_attempts(INTERVAL)
    assert_invariants()


def queued() -> int:
    return int(redis.Redis.from_url(settings.REDIS_URL).llen("sync"))


@pytest.mark.fault
@pytest.mark.slow
def test_b4_a_flushed_redis_loses_no_work(
    live_database: str, live_stack_env: dict[str, str], busy_sim: Running, tmp_path: Path
) -> None:
    """FLUSHALL with 500 nudges queued (5,000 in the full size): every connection read again <= interval + 60 s."""
    fleet = fleet_of(busy_sim, 8, connections=5, interval=SOON)
    with Valkey(tmp_path) as valkey:
        env = live_stack_env | {"SYNC_LOOK_SECONDS": "5", "REDIS_URL": valkey.url}
        with Workers(env, tmp_path) as workers, ConsistencyWatcher(live_database, fleet):
            workers.worker()
            workers.beat()
            poll_until(read_since(0, connections=5), 60, "all are read a first time")
            with valkey.broker() as broker:
                for number in range(5000 if FULL else 500):
                    queue_task("connectors.sync_one", fleet.connections[number % 5].pk, broker=broker)
            last = newest()
            valkey.server().flushall()
            flushed = timezone.now()
            poll_until(read_since(last, connections=5), 65, "all are read again")
            print(f"all read again {since(flushed):.1f} s after FLUSHALL")
    abandon_the_rest()
    assert_invariants()


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_b9_two_beats_and_two_workers_do_everything_once(
    live_database: str, workers: Workers, busy_sim: Running
) -> None:
    """40 s of 5-second intervals (full size: 120): 1 attempt per connection and interval, 1 evaluation a slot."""
    fleet = fleet_of(busy_sim, 10, connections=4, interval=SOON)
    count_evaluations()
    for _ in range(2):
        workers.worker()
    for _ in range(2):
        workers.beat()
    poll_until(read_since(0, connections=4), 60, "all are read a first time")
    began = timezone.now()
    with ConsistencyWatcher(live_database, fleet):
        while since(began) < (120 if FULL else 40):
            fleet.turn("Closed" if int(since(began)) // 10 % 2 else "Open")
            for _ in range(3):
                queue_task("alerts.evaluate")
            time.sleep(1)  # this is the length of the test, nothing is waited for
    elapsed = since(began)
    drained()
    starts = defaultdict(list)
    for attempt in attempts(started_at__gte=began, started_at__lt=began + timedelta(seconds=elapsed)):
        starts[attempt.connection_id].append(attempt.started_at)
    assert len(starts) == 4
    for moments in starts.values():
        gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
        assert min(gaps) >= SOON.total_seconds() / 2
        assert 0.7 * elapsed / 5 <= len(moments) <= elapsed / 5 + 1
    assert 1 <= evaluations() <= elapsed / 60 + 2
    assert EvaluationSpan.objects.count() == 1
    assert_invariants()


def count_evaluations() -> None:
    """Let the database count how often flags are evaluated, whether or not one changes."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE evaluation (at timestamptz DEFAULT clock_timestamp());
            CREATE FUNCTION record_evaluation() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO evaluation DEFAULT VALUES; RETURN NULL; END';
            CREATE TRIGGER note AFTER INSERT ON alerts_overdueflag EXECUTE FUNCTION record_evaluation()
            """
        )


def evaluations() -> int:
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM evaluation")
        return int(cursor.fetchone()[0])


# pacing, without any process ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_five_looks_are_an_interval_and_not_six(fleet_sim: Running) -> None:
    """A read that began a moment after a look is due at the fifth look after it, a moment before its 300 s."""
    fleet = fleet_of(fleet_sim, 1)
    look = timezone.now() - timedelta(seconds=1)  # what lies ahead of the clock holds nothing back
    begun = look + timedelta(milliseconds=40)
    attempt = begin_attempt(fleet.only.pk, begun, lease=timedelta(minutes=3))
    assert attempt is not None
    assert due_connections(look + 2 * INTERVAL) == []  # somebody reads it
    finish_attempt(attempt.pk, AttemptResult(Outcome.OK, begun))
    assert due_connections(look + timedelta(seconds=240)) == []
    assert due_connections(look + INTERVAL) == [fleet.only.pk]


@pytest.mark.django_db
def test_a_pause_that_was_asked_for_is_kept_to_the_moment(fleet_sim: Running) -> None:
    """05-reliability E5: the gap is never shorter than asked."""
    fleet = fleet_of(fleet_sim, 1)
    now = timezone.now()
    attempt = begin_attempt(fleet.only.pk, now, lease=timedelta(minutes=3))
    assert attempt is not None
    asked = now + timedelta(minutes=10)
    finish_attempt(
        attempt.pk, AttemptResult(Outcome.UNAVAILABLE, now, words="Asked to wait.", retry_at=asked)
    )
    assert due_connections(asked - timedelta(seconds=1)) == []
    assert due_connections(asked) == [fleet.only.pk]
