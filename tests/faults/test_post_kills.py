"""Senders killed in the middle of a post: nothing is lost, each death costs at most one copy, under the same id."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.utils import timezone

from alerts.models import Delivery, DeliveryLine, Notice
from closing.judging.notice_rules import NoticeKind
from tests.alerts.channels.destination_builders import save_destination
from tests.closeboard.processes import poll_until
from tests.faults.http_sink import TAKEN, Arrival, HttpSink, Reply
from tests.faults.outbox_helpers import count_unsent, raise_notice, save_late_group
from tests.faults.stack import ForkServer
from tests.faults.sync_helpers import FULL

pytestmark = [pytest.mark.fault, pytest.mark.slow]
PLACES = 60
EACH = 30 if FULL else 10
KILLS = 60 if FULL else 18
SENDERS = 4
LEASE = 6.0  # seconds; longer than a busy machine holds a living sender up
POINTS = ("at random", "before the answer", "after the answer")


class Executioner:
    """Kills posters at random moments and, through the sink, at chosen ones; whoever dies is followed by another."""

    def __init__(self, nursery: ForkServer) -> None:
        self.nursery = nursery
        self.kills: Counter[str] = Counter()
        self.wanted = ""
        self.pids: dict[int, int] = {}  # who posts, by their port
        self.lock = threading.Lock()

    def judge(self, came: Arrival) -> Reply:
        time.sleep(0.1)  # so that there is a middle to be killed in
        if self.wanted in POINTS[1:]:
            self.pids[came.peer] = came.sender  # once answered, it hangs up and cannot be found any more
        self._at("before the answer", came)
        return TAKEN

    def afterwards(self, came: Arrival) -> None:
        self._at("after the answer", came)

    def kill(self, point: str, pid: int) -> None:
        # 0 is nobody any more, and to kill(2) it is ourselves and all around us.
        with self.lock:
            if pid and pid in self.nursery.living:
                os.kill(pid, signal.SIGKILL)
                self.nursery.living.remove(pid)
                self.kills[point] += 1
                self.nursery.poster(LEASE)

    def _at(self, point: str, came: Arrival) -> None:
        if self.wanted != point or (pid := self.pids.get(came.peer, 0)) not in self.nursery.living:
            return
        self.wanted = ""
        self.kill(point, pid)


def put_posts_due(sink: HttpSink) -> int:
    """EACH messages to each of PLACES destinations, each telling of a notice of its own; returns how many."""
    group, now = save_late_group(), timezone.now()
    alert = raise_notice(group)
    notices = [alert]
    for number in range(1, EACH):
        twin = Notice.objects.get(pk=alert.pk)
        twin.pk, twin.episode, twin.kind = None, number + 1, NoticeKind.ALERT.value
        twin.save()
        notices.append(twin)
    for number in range(PLACES):
        place = save_destination("webhook", sink, name=f"place {number}")
        for each in notices:
            one = Delivery.objects.create(
                destination=place,
                channel=place.channel,
                made_at=now,
                due_at=now,
                message_id=f"{number}-{each.pk}",
            )
            DeliveryLine.objects.create(delivery=one, notice=each, destination=place)
    return PLACES * EACH


@pytest.mark.timeout(180 if not FULL else 900)
def test_a1_posters_killed_at_every_point(
    live_database: str, live_stack_env: dict[str, str], tmp_path: Path
) -> None:
    """600 posts to 60 destinations, 4 senders, 18 kill -9: 0 lost, as many ids as rows, extra copies <= kills."""
    with HttpSink() as sink:
        count = put_posts_due(sink)
        with ForkServer(live_stack_env, tmp_path / "log") as nursery:
            executioner = Executioner(nursery)
            sink.judge, sink.afterwards = executioner.judge, executioner.afterwards
            for _ in range(SENDERS):
                nursery.poster(LEASE)
            poll_until(lambda: sink.taken, 30, "the first post")
            for turn in range(KILLS):
                if not count_unsent("waiting"):
                    break
                point = POINTS[turn % 3]
                if point == "at random":
                    executioner.kill(point, random.choice(nursery.living))
                else:
                    executioner.wanted = point
                    poll_until(lambda: not executioner.wanted or not count_unsent(), 20, f"one dies {point}")
                time.sleep(random.uniform(0.1, 0.3))
            executioner.wanted = ""
            poll_until(lambda: not count_unsent(), 90, "everything is posted")
        kills = sum(executioner.kills.values())
        ids = sink.ids
        print(
            f"kills {dict(executioner.kills)}, rows {count}, ids {len(ids)}, copies {ids.total()},"
            f" extra {ids.total() - len(ids)} <= {kills}"
        )
        rows = {f"msg_{uid.hex}": state for uid, state in Delivery.objects.values_list("uid", "state")}
        assert kills >= KILLS // 2
        assert all(executioner.kills[point] for point in POINTS)
        assert set(ids) == set(rows), "an id was lost, or came from nowhere"
        assert set(rows.values()) == {"sent"}
        assert ids.total() - len(ids) <= kills
