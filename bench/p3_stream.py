"""P3: from the commit of a state change until the last of many open browsers has it, and the cost of a stream."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import redis
from django.conf import settings

from bench import large_group
from bench.bare_stream import CHANNEL
from bench.erp import Erp
from bench.measure import Figure, Goal, Table
from bench.scratch_databases import database, number
from bench.stream_load import cpu_seconds, crowd, pss
from bench.web import (
    free_port,
    hold,
    read_just_now,
    running,
    serving,
    session_of,
    somebody,
)
from closeboard.serve import allow_many_files

ENTITIES = 500
CHANGES = 20
WARM_UPS = 3
PEOPLE = 100  # each person has several browsers open
POLL = 2.0  # seconds, of the baseline
WAIT = 30.0  # seconds until a message counts as lost
OURS = "Closeboard: commit to last browser"
BARE = "bare asyncio stream: nudge to last browser"


@dataclass
class Held:
    """The cost of many open streams for one server, and the time until each change had reached them."""

    streams: int
    opening: float = 0.0  # seconds until all were open
    kib_before: float = 0.0
    kib_after: float = 0.0
    seconds_of_cpu: float = 0.0
    half: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)  # the 99th of a hundred
    last: list[float] = field(default_factory=list)
    delivered: int = 0
    wrong: int = 0  # gaps, doubles and streams that ended
    bytes: int = 0
    idle_connections: int = 0

    @property
    def kib_a_stream(self) -> float:
        return (self.kib_after - self.kib_before) / self.streams

    @property
    def cpu_a_message(self) -> float:
        """Microseconds."""
        return self.seconds_of_cpu * 1e6 / (self.streams * CHANGES)


def measure(small: bool) -> Iterator[Table]:
    allow_many_files()
    entities = 50 if small else ENTITIES
    with database("p3"):
        large_group.seed(entities, months=24)
        read_just_now()
        cookies = _sessions()
        for streams in (50, 100) if small else (1_000, 2_000):
            mine = [cookies[n % len(cookies)] for n in range(streams)]
            ours = _ours(mine)
            bare = _bare(streams, ours.bytes)
            yield _table(entities, ours, bare)


def _sessions() -> list[str]:
    """People with three kinds of access in two zones: six views, and all of them include the changes."""
    held = (["MERIDIAN"], ["C01"], ["C01", "C02"])
    cookies = []
    for n in range(PEOPLE):
        first, *others = held[n % 3]
        zone = ("Europe/London", "Europe/Amsterdam")[n // 3 % 2]
        person = somebody(f"person{n}@meridian.example", first, zone)
        for group in others:
            hold(person, group)
        cookies.append(session_of(person))
    return cookies


def _ours(cookies: Sequence[str]) -> Held:
    erp = Erp()
    watched = [erp_id for erp_id in erp.states if int(erp_id[1:]) % 20 == 1]
    turns = 0

    def change() -> float:
        nonlocal turns
        erp.turn(watched[turns % len(watched)])
        turns += 1
        committed: list[float] = []
        erp.read(lambda: committed.append(time.monotonic()))
        return committed[0]

    with serving() as server:
        return _held(server.pid, server.port, f"/live/?month={large_group.NEWEST:%Y-%m}", cookies, change)


def _bare(streams: int, size: int) -> Held:
    nudges = redis.Redis.from_url(settings.REDIS_URL)

    def change() -> float:
        now = time.monotonic()
        nudges.publish(CHANNEL, "")
        return now

    port = free_port()
    words = ["-m", "bench.bare_stream", str(port), str(size)]
    with running("bare", words, port, dict(os.environ)) as child:
        return _held(child.pid, port, "/", [""] * streams, change)


def _held(pid: int, port: int, path: str, cookies: Sequence[str], change: Callable[[], float]) -> Held:
    """Open the streams, make CHANGES one after the other, and record the arrival of each."""
    held = Held(len(cookies))
    with crowd(
        port, path, cookies[:1]
    ) as first:  # modules loaded with the first stream are not part of a stream's cost
        change()
        first.wait(1, WAIT)
    time.sleep(1)
    held.kib_before = pss(pid)
    with crowd(port, path, cookies) as browsers:
        held.opening = browsers.seconds
        for turn in range(WARM_UPS):
            change()
            browsers.wait(turn + 1, WAIT)
        time.sleep(2)
        held.kib_after = pss(pid)
        held.idle_connections = _idle_connections()
        before = cpu_seconds(pid)
        for turn in range(WARM_UPS, WARM_UPS + CHANGES):
            committed = change()
            told = browsers.wait(turn + 1, WAIT)
            waits = sorted(at - committed for at in told["at"])
            held.delivered += len(waits)
            held.wrong = told["broken"] + told["ended"] + told["too_many"]
            held.bytes = max(held.bytes, told["bytes"])
            if waits:
                held.half.append(waits[len(waits) // 2])
                held.late.append(waits[min(len(waits) - 1, len(waits) * 99 // 100)])
                held.last.append(waits[-1])
            time.sleep(0.1)
        held.seconds_of_cpu = cpu_seconds(pid) - before
    return held


def _table(entities: int, ours: Held, bare: Held) -> Table:
    streams = ours.streams
    table = Table(
        "P3", f"a state change reaches {streams:,} open browsers, {entities:,} entities, one process"
    )
    # A browser that polls every two seconds waits between zero and two seconds.
    polled = [POLL * part / 100 for part in (99,)]
    table.figures = [
        Figure(f"{OURS}, p99", "ours", ours.late, f"{CHANGES} changes of one entity each"),
        Figure(f"{OURS}, p50", "beside", ours.half),
        Figure(f"{OURS}, the very last", "beside", ours.last),
        Figure(
            f"polling every {POLL:g} s, p99", "baseline", polled, "computed, with answers that cost nothing"
        ),
        Figure(f"{BARE}, p99", "limit", bare.late, f"{bare.bytes:,} bytes each, as ours"),
        Figure(f"{BARE}, p50", "beside", bare.half),
    ]
    table.goal("p99 over the bare stream's", f"{OURS}, p99", f"{BARE}, p99", 2.5)
    table.goals += [
        Goal("messages delivered", 100 * ours.delivered / (streams * CHANGES), 100, False, unit="%"),
        Goal("gaps, doubles, streams ended", ours.wrong, 0, unit=""),
        Goal("memory of a stream (PSS)", ours.kib_a_stream, 50, unit="KiB"),
        Goal("CPU of a message over the bare stream's", ours.cpu_a_message / bare.cpu_a_message, 3),
        Goal("database connections that idle streams hold", ours.idle_connections, 0, unit=""),
    ]
    table.remarks += [
        (
            f"memory: {ours.kib_before / 1024:.0f} MiB with one stream before, {ours.kib_after / 1024:.0f} MiB with "
            f"all; the bare process takes {bare.kib_a_stream:.1f} KiB a stream"
        ),
        (
            f"CPU a message and browser: {ours.cpu_a_message:.0f} us, bare {bare.cpu_a_message:.0f} us; "
            f"a message has {ours.bytes:,} bytes"
        ),
        f"opened within {ours.opening:.1f} s: {1000 * ours.opening / streams:.1f} ms each; bare {bare.opening:.1f} s",
        f"p99 of each change in ms: {', '.join(f'{1000 * one:.0f}' for one in ours.late)}",
    ]
    return table


def _idle_connections() -> int:
    """Connections that are checked out of the server's pool; those in the pool are idle for `ever`."""
    return number(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state <> 'idle'"
    )
