"""Senders killed while they send: nothing is lost, and each death costs at most one more copy (05-reliability A1)."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection as database

from tests.closeboard.processes import poll_until
from tests.faults.outbox_helpers import (
    Senders,
    age_outbox,
    assert_all_arrived,
    count_unsent,
    raise_notice,
    save_due_messages,
    save_late_group,
)
from tests.faults.smtp_sink import TAKEN, Copy, Sink
from tests.faults.stack import ForkServer, in_group, queue_task
from tests.faults.sync_helpers import FULL

pytestmark = [pytest.mark.fault, pytest.mark.slow]
MESSAGES = 10_000 if FULL else 1_000
KILLS = 200 if FULL else 24
SENDERS = 4
LEASE = 6.0  # seconds; a shorter one runs out under a living sender on a machine that is busy
_LOCK = 20_261_124_09


class Executioner:
    """Kills senders at random moments and, through the sink, at chosen ones, one at a time."""

    def __init__(self, senders: Senders) -> None:
        self.senders = senders
        self.kills: Counter[str] = Counter()
        self.wanted = ""  # the point at which the next one dies
        self.lock = threading.Lock()

    def before_the_answer(self, copy: Copy) -> str:
        time.sleep(0.08)  # a server that takes its time, so that there is a middle to be killed in
        self._at("before the answer", copy)
        return TAKEN

    def after_the_answer(self, copy: Copy) -> None:
        self._at("after the answer", copy)

    def at_random(self) -> None:
        self.kill("at random", random.choice(self.senders.living))

    def kill(self, point: str, pid: int) -> None:
        with self.lock:
            if pid in self.senders.living:
                self.senders.kill(pid)
                self.kills[point] += 1

    def _at(self, point: str, copy: Copy) -> None:
        if self.wanted != point or (pid := copy.sender) not in self.senders.living:
            return  # a mail whose sender has died meanwhile
        with self.lock:
            if self.wanted != point:
                return
            self.wanted = ""
        self.kill(point, pid)


def mail_env(env: dict[str, str], sink: Sink, who: str = "") -> dict[str, str]:
    return env | {"MAIL_URL": sink.url(who), "MAILS_A_MINUTE": "0"}


@contextmanager
def marks_held(url: str) -> Iterator[Callable[[], list[int]]]:
    """Hold whoever marks a message as sent until the block ends; yields who waits there, by process id."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        session.execute(
            "CREATE FUNCTION hold_mark() RETURNS trigger LANGUAGE plpgsql AS"
            f" 'BEGIN PERFORM pg_advisory_xact_lock({_LOCK}); RETURN NEW; END'"
        )
        session.execute(
            "CREATE TRIGGER hold BEFORE UPDATE ON alerts_delivery FOR EACH ROW"
            " WHEN (NEW.state = 'sent') EXECUTE FUNCTION hold_mark()"
        )

        def waiting() -> list[int]:
            found = session.execute(
                "SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE locktype = 'advisory' AND objid = %s AND NOT granted",
                [_LOCK],
            )
            return [pid for (pid,) in found]

        try:
            yield waiting
        finally:
            session.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
            session.execute("DROP FUNCTION hold_mark CASCADE")


@pytest.mark.timeout(120 if not FULL else 1_800)
def test_a1_senders_killed_at_every_point(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """1,000 due, 4 senders, 24 kill -9 (full size: 10,000 and 200), a third each at random, before and after 250.

    0 lost, as many distinct Message-IDs as rows, none without a row, extra copies <= kills, none left in hand.
    """
    save_due_messages(raise_notice(save_late_group()), MESSAGES)
    points = ("at random", "before the answer", "after the answer")
    with Senders(mail_env(live_stack_env, smtp_sink), tmp_path / "log", LEASE) as senders:
        executioner = Executioner(senders)
        smtp_sink.judge, smtp_sink.afterwards = executioner.before_the_answer, executioner.after_the_answer
        for _ in range(SENDERS):
            senders.born()
        poll_until(lambda: smtp_sink.copies, 30, "the first mail")
        for turn in range(KILLS):
            assert count_unsent(), f"nothing is left to be sent after {turn} kills"
            point = points[turn % 3]
            if point == "at random":
                executioner.at_random()
            else:
                executioner.wanted = point
                poll_until(lambda: not executioner.wanted or not count_unsent(), 20, f"one dies {point}")
            time.sleep(random.uniform(0.3, 0.6))
        poll_until(lambda: not count_unsent(), 600 if FULL else 60, "everything is sent")
    print("kills", dict(executioner.kills))
    # One that ended between our look and our blow does not count.
    assert sum(executioner.kills.values()) >= 0.8 * KILLS
    assert all(executioner.kills[point] >= KILLS // 4 for point in points)
    assert_all_arrived(smtp_sink, MESSAGES, most_extra=sum(executioner.kills.values()))


@pytest.mark.timeout(120)
def test_a1_killed_between_the_answer_and_the_mark(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """All senders are held in the statement that marks, and killed there: each costs exactly one more copy."""
    save_due_messages(raise_notice(save_late_group()), 40)
    with Senders(mail_env(live_stack_env, smtp_sink), tmp_path / "log", LEASE) as senders:
        with marks_held(live_database) as waiting:
            for _ in range(SENDERS):
                senders.born()
            poll_until(lambda: len(waiting()) == SENDERS, 30, "all senders stand before their mark")
            assert len(smtp_sink.copies) == SENDERS
            for pid in list(senders.living):
                os.kill(pid, signal.SIGKILL)
                senders.living.remove(pid)
            # What a dead client had asked for may still be done, unless the server session ends first.
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) pid", [waiting()])
            poll_until(lambda: not waiting(), 20, "their sessions end")
        assert count_unsent("sending") == SENDERS
        assert count_unsent("sent") == 0
        senders.born()
        poll_until(lambda: not count_unsent(), 60, "everything is sent")
    assert_all_arrived(smtp_sink, 40, most_extra=SENDERS)
    assert smtp_sink.extra == SENDERS


@pytest.mark.timeout(240)
def test_a1_what_a_killed_celery_worker_held_is_sent_when_its_lease_is_over(
    live_database: str, live_stack_env: dict[str, str], smtp_sink: Sink, tmp_path: Path
) -> None:
    """The real task in a real prefork worker: the child dies before 250, the next sweep after the lease sends it."""
    save_due_messages(raise_notice(save_late_group()), 30)
    killed: list[int] = []

    one_at_a_time = threading.Lock()

    def judge(copy: Copy) -> str:
        with one_at_a_time:
            # 0 is nobody any more, and to kill(2) it is ourselves and all around us.
            if len(killed) < 3 and (pid := copy.sender) in in_group(worker):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        return TAKEN

    with ForkServer(mail_env(live_stack_env, smtp_sink), tmp_path / "log") as nursery:
        worker = nursery.worker("--concurrency", "2")
        smtp_sink.judge = judge
        queue_task("alerts.send")
        poll_until(lambda: len(in_group(worker)) >= 2, 30, "the worker is there")

        def swept() -> bool:
            queue_task("alerts.send")  # as beat does every 30 s
            time.sleep(0.5)
            return count_unsent("waiting") == 0 and len(killed) == 3

        poll_until(swept, 100, "all but what the dead held is sent")  # one may be tried again after a minute
        poll_until(lambda: count_unsent("sending") == 3, 10, "three are in the hands of the dead")
        age_outbox(timedelta(minutes=5))
        poll_until(lambda: swept() and not count_unsent(), 60, "their leases are over")
    assert len(set(killed)) == 3
    assert_all_arrived(smtp_sink, 30, most_extra=3)
    assert smtp_sink.extra == 3
