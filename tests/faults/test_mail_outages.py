"""Redis emptied or away, PostgreSQL restarted, while real workers send (05-reliability B4, C1)."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from django.db import connection as database
from django.utils import timezone

from alerts.outbox.queue import LEASE
from tests.closeboard.processes import poll_until
from tests.faults.outbox_helpers import (
    age_outbox,
    assert_all_arrived,
    count_unsent,
    raise_notice,
    save_due_messages,
    save_late_group,
)
from tests.faults.smtp_sink import TAKEN, Copy, Sink
from tests.faults.stack import Postgres, Valkey, Workers, queue_task
from tests.faults.sync_helpers import FULL, since

pytestmark = [pytest.mark.fault, pytest.mark.slow]


@pytest.mark.timeout(120)
def test_b4_a_flushed_redis_delays_by_a_sweep_at_most(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """5,000 nudges lost with FLUSHALL: the sweep finds everything in SQL, all is sent <= 60 s, each once."""
    notice = raise_notice(save_late_group())
    with Valkey(tmp_path) as valkey:
        env = live_stack_env | {"MAIL_URL": smtp_sink.url(), "MAILS_A_MINUTE": "0", "REDIS_URL": valkey.url}
        with valkey.broker() as broker:
            for _ in range(5_000 if FULL else 500):
                queue_task("alerts.send", broker=broker)
        valkey.server().flushall()
        save_due_messages(notice, 1_000)
        with Workers(env, tmp_path) as workers:
            worker, beat = workers.worker(), workers.beat()
            poll_until(lambda: len(smtp_sink.copies) > 100, 60, "the sweep has begun to send")
            valkey.server().flushall()
            flushed = timezone.now()  # the processes run: their start is no delay of the flush
            poll_until(lambda: not count_unsent(), 60, "everything is sent")
            taken = since(flushed)
            assert not worker.ended()
            assert not beat.ended()
    print(f"1,000 sent {taken:.1f} s after Redis was flushed")
    assert taken <= 60
    assert_all_arrived(smtp_sink, 1_000, most_extra=0)


@pytest.mark.timeout(120)
def test_b4_mails_go_on_when_redis_is_back(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """Redis away while messages become due: sent <= 60 s after it is back, by the same processes."""
    notice = raise_notice(save_late_group())
    with Valkey(tmp_path) as valkey:
        env = live_stack_env | {"MAIL_URL": smtp_sink.url(), "MAILS_A_MINUTE": "0", "REDIS_URL": valkey.url}
        with Workers(env, tmp_path) as workers:
            worker, beat = workers.worker(), workers.beat()
            valkey.stop()
            save_due_messages(notice, 50)
            time.sleep(3)
            valkey.start()
            back = timezone.now()
            poll_until(lambda: not count_unsent(), 60, "everything is sent")
            print(f"sent {since(back):.1f} s after Redis was back")
            assert not worker.ended()
            assert not beat.ended()
    assert_all_arrived(smtp_sink, 50, most_extra=0)


@pytest.mark.timeout(120 if not FULL else 900)
def test_c1_a_restarted_postgresql_loses_no_mail(
    postgres: Postgres,
    live_stack_env: dict[str, str],
    smtp_sink: Sink,
    tmp_path: Path,
) -> None:
    """3 immediate restarts (full size: 20) under sending: 0 lost, extra copies <= restarts x senders.

    Worker and its children are the same all the time; nobody starts anything again by hand.
    """
    restarts = 20 if FULL else 3

    def judge(_: Copy) -> str:
        time.sleep(0.03)
        return TAKEN

    smtp_sink.judge = judge
    count = 400 * restarts // 3
    save_due_messages(raise_notice(save_late_group()), count)
    env = live_stack_env | postgres.env | {"MAIL_URL": smtp_sink.url(), "MAILS_A_MINUTE": "0"}
    with Workers(env, tmp_path) as workers:
        worker = workers.worker("--concurrency", "2")
        for _ in range(restarts):
            queue_task("alerts.send")
            queue_task("alerts.send")
            seen = len(smtp_sink.copies)
            poll_until(lambda seen=seen: len(smtp_sink.copies) > seen + 20, 30, "mails leave")  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.5))
            database.close()
            postgres.restart()

        def swept() -> bool:
            queue_task("alerts.send")  # as beat does
            time.sleep(1)
            return not count_unsent("waiting")

        poll_until(swept, 300 if FULL else 60, "all is sent but what a restart had cut off")
        assert count_unsent("sending") <= restarts * 2
        age_outbox(LEASE)
        poll_until(lambda: swept() and not count_unsent(), 30, "that is sent as well")
        assert not worker.ended()
    assert_all_arrived(smtp_sink, count, most_extra=2 * restarts)
