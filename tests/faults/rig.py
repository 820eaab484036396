"""What the fault tests share: real workers and services to break, a fleet to read, time to let pass, and what must
hold afterwards whatever was broken.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import redis
from django.db import connection as database
from django.utils import timezone
from kombu import Connection as Broker
from psycopg.conninfo import conninfo_to_dict

from closeboard import services
from closeboard.celery import app
from closeboard.children import Child, last_lines, spawn, stop, tie_to_us, wait_until
from closing.months import active_month
from entities.models import Connection, LegalEntity
from periods.attempts import abandon_expired
from periods.models import ClaimedTick, SyncAttempt
from simulator.run import Running
from tests.closeboard.processes import PROJECT, until
from tests.periods.places import calendar, groups, meridian, policy, workday

INTERVAL = timedelta(minutes=5)  # a connection's default; "two intervals" of 05-reliability B1
FULL = os.environ.get("FAULTS") == "full"  # the sizes of 05-reliability instead of those that fit a push
_NUMBERS = itertools.count(1)


# processes ----------------------------------------------------------------------------------------------------------


@dataclass
class Workers:
    """Celery processes of one test, started with the words a person types, ended when the block ends."""

    env: dict[str, str]
    folder: Path
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        stop(*self.children)
        for child in self.children:  # pytest shows it when the test failed
            print(f"--- {child.name}\n{last_lines(child.log, 40)}")

    def worker(self, *words: str) -> Child:
        """A worker that is ready to consume; prefork with two children unless told otherwise."""
        name = f"worker{next(_NUMBERS)}"
        pool = words or ("--concurrency", "2")
        argv = ["worker", *WORKER, "-n", f"{name}@%h", *pool]
        child = self._start(name, *argv)
        wait_until(child, lambda: b" ready." in child.log.read_bytes())
        return child

    def beat(self) -> Child:
        name = f"beat{next(_NUMBERS)}"
        return self._start(name, "beat", "--schedule", str(self.folder / name), "--loglevel", "INFO")

    def _start(self, name: str, *words: str) -> Child:
        argv = [sys.executable, "-m", "celery", "-A", "closeboard", *words]
        child = spawn(name, argv, log=self.folder / f"{name}.log", env=self.env, cwd=PROJECT)
        self.children.append(child)
        return child


WORKER = ["-Q", "sync,alerts,exports", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]


class Nursery:
    """Gives birth to workers in a moment (tests/faults/nursery.py), so that fifty of them can be killed."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery", str(log)],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=tie_to_us(signal.SIGKILL),  # noqa: PLW1509 - from the main thread, see closeboard.children
        )
        self._born: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self._born:
            end_group(pid)
        self._process.kill()
        self._process.communicate()
        if error is not None:
            print(f"--- nursery\n{last_lines(self.log, 60)}")

    def worker(self, *pool: str) -> int:
        """The process id of a new worker; it takes messages in a moment."""
        assert self._process.stdin
        assert self._process.stdout
        words = ["worker", *WORKER, "-n", f"born{next(_NUMBERS)}@%h", *pool]
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self._born.append(pid)
        return pid


def end_group(pid: int) -> None:
    """SIGKILL for a process that leads its group, and for everybody in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def in_group(pid: int) -> list[int]:
    """The living processes of a group but for its leader."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == pid and state != "Z" and int(folder.name) != pid:
                found.append(int(folder.name))
    return found


class Valkey:
    """A Valkey of the test's own, which may be filled, flushed and stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "valkey.sock"
        self.url = f"unix://{self.path}?db=0"
        self.child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        words: list[str | Path] = [services.find_valkey(), "--port", "0", "--unixsocket", self.path]
        words += ["--save", "", "--dir", self.folder, "--maxmemory-policy", "noeviction"]
        self.child = spawn("valkey", words, log=self.folder / "valkey.log", grace=5)
        wait_until(self.child, self.answers)

    def stop(self) -> None:
        if self.child is not None:
            stop(self.child)

    def answers(self) -> bool:
        try:
            return bool(self.server().ping())
        except redis.RedisError:
            return False

    def server(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def broker(self) -> Broker:
        """To queue tasks here instead of in the test run's own Valkey."""
        return Broker(self.url.replace("unix:", "redis+socket:").replace("db=", "virtual_host="))


def send(task: str, *arguments: int, broker: Broker | None = None) -> None:
    """Queue a task as beat, or another task, would."""
    queue = "alerts" if task.startswith("alerts.") else "sync"
    app.send_task(task, arguments, queue=queue, connection=broker)


@contextlib.contextmanager
def speaking_to(url: str) -> Iterator[None]:
    """Let Django in this process use another database for a while."""
    names = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    theirs = {names[key]: str(value) for key, value in conninfo_to_dict(url).items() if key in names}
    before = {name: database.settings_dict[name] for name in names.values()}
    database.close()
    database.settings_dict.update(theirs)
    try:
        yield
    finally:
        database.close()
        database.settings_dict.update(before)


# what is read -------------------------------------------------------------------------------------------------------


@dataclass
class Fleet:
    """Connections to a running `fleet:N` simulator; each reads all its companies, which close a month together.

    Whatever is shown of a connection's companies must therefore be one state: two would be half of a reading.
    """

    sim: Running
    connections: list[Connection]
    month: date
    companies: int

    @property
    def only(self) -> Connection:
        [one] = self.connections
        return one

    def turn(self, state: str) -> None:
        """In the ERP, all companies are `Open`, `OnHold` or `Closed` from now on."""
        codes = [f"E{number:05}" for number in range(1, self.companies * len(self.connections) + 1)]
        self.sim.set_states(
            [{"company": code, "period": f"{self.month:%Y-%m}", "status": state} for code in codes]
        )


def fleet_of(sim: Running, companies: int, *, connections: int = 1, interval: timedelta = INTERVAL) -> Fleet:
    """Save connections with that many companies each; the simulator must play at least as many in all."""
    place = groups()["UK"]
    policy(meridian(), **workday(6, 0))
    england = calendar("ENGLAND", "England", "GB", "ENG")
    made = []
    for number in range(connections):
        source = Connection(
            name=f"fleet-{number + 1}",
            kind="finops",
            base_url=sim.url,
            authority=sim.url,
            tenant="meridian.example",
            client_id="simulator",
            interval_seconds=int(interval.total_seconds()),
        )
        source.secret = "simulator"
        source.save()
        made.append(source)
        for each in range(number * companies + 1, (number + 1) * companies + 1):
            LegalEntity.objects.create(
                code=f"E{each:05}",
                name=f"Entity {each}",
                country="GB",
                zone="Europe/London",
                group=place,
                calendar=england,
                connection=source,
                erp_id=f"e{each:05}",
            )
    return Fleet(sim, made, active_month(timezone.now().date()), companies)


def states(fleet: Fleet) -> set[str]:
    """The states that are shown of the fleet's month."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT state FROM periods_fiscalperiod WHERE reporting_month = %s", [fleet.month]
        )
        return {state for (state,) in cursor.fetchall()}


# time ---------------------------------------------------------------------------------------------------------------


def let_pass(span: timedelta) -> None:
    """Put every attempt that far back, with its lease, as if so much time had gone by; the clock itself stays."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE periods_syncattempt SET started_at = started_at - %(span)s, lease_until = lease_until - %(span)s,"
            " finished_at = finished_at - %(span)s, retry_at = retry_at - %(span)s",
            {"span": span},  # type: ignore[dict-item]  # psycopg writes it as an interval
        )


def look_until(true: Callable[[], object], seconds: float, what: str) -> int:
    """Look for what is due, again every second (beat does it every minute), until something has become true.

    A message that a dying process took with it is lost on purpose; the next look finds the work again. Returns how
    many looks it took.
    """
    looks = 0
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s and {looks} looks: {what}"
        ClaimedTick.objects.all().delete()
        send("connectors.sync_due")
        looks += 1
        with contextlib.suppress(AssertionError):
            until(true, 1, what)
    return looks


def attempts(**wanted: Any) -> list[SyncAttempt]:
    """Attempts so far, oldest first."""
    return list(SyncAttempt.objects.filter(**wanted).order_by("pk"))


def is_running() -> bool:
    return SyncAttempt.objects.filter(outcome="running").exists()


def begun_since(attempt_id: int) -> Callable[[], bool]:
    """A condition: another attempt has begun."""
    return lambda: newest() > attempt_id


def read_since(attempt_id: int, connections: int = 1) -> Callable[[], bool]:
    """A condition: so many connections had a good read that began after that attempt."""

    def said() -> bool:
        later = SyncAttempt.objects.filter(pk__gt=attempt_id, outcome__in=SyncAttempt.READ)
        return later.values("connection_id").distinct().count() >= connections

    return said


def newest() -> int:
    """The id of the newest attempt, 0 before the first."""
    return SyncAttempt.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def drained(seconds: float = 60) -> None:
    """Wait until nothing runs any more."""
    until(lambda: not is_running(), seconds, "every attempt ends")


def abandon_the_rest() -> None:
    """Give up what workers were reading when the test ended them, as the first look after their leases does."""
    let_pass(INTERVAL)
    abandon_expired(timezone.now())


# what must hold -----------------------------------------------------------------------------------------------------

_RULES = {
    "an attempt is still running": "SELECT id FROM periods_syncattempt WHERE outcome = 'running'",
    "an attempt that did not read left history": """
        SELECT a.id FROM periods_syncattempt a JOIN periods_statechange c ON c.attempt_id = a.id
        WHERE a.outcome NOT IN ('ok', 'partial')""",
    "an attempt's history is not what it counted": """
        SELECT a.id FROM periods_syncattempt a LEFT JOIN periods_statechange c ON c.attempt_id = a.id
        WHERE a.outcome IN ('ok', 'partial') GROUP BY a.id HAVING count(c.id) <> a.changes""",
    "a period's state is not the one of its newest change": """
        SELECT p.id FROM periods_fiscalperiod p, LATERAL (
            SELECT state FROM periods_statechange WHERE period_id = p.id ORDER BY id DESC LIMIT 1) c
        WHERE c.state <> p.state""",
    "a period has no history": """
        SELECT id FROM periods_fiscalperiod p
        WHERE NOT EXISTS (SELECT FROM periods_statechange WHERE period_id = p.id)""",
    "a change changed nothing": """
        SELECT id FROM (SELECT id, state, facts_id, lag(state) OVER past AS state_before,
                               lag(facts_id) OVER past AS facts_before
                        FROM periods_statechange WINDOW past AS (PARTITION BY period_id ORDER BY id)) c
        WHERE (state, facts_id) IS NOT DISTINCT FROM (state_before, facts_before)""",
    "a failed attempt has no words": """
        SELECT id FROM periods_syncattempt
        WHERE outcome NOT IN ('ok', 'partial', 'running') AND words = ''""",
    "an operating period has not exactly one deadline in force": """
        SELECT id FROM periods_fiscalperiod p
        WHERE type = 'operating' AND 1 <> (SELECT count(*) FROM periods_perioddeadline
                                           WHERE period_id = p.id AND current)""",
}


def assert_sound() -> None:
    """The invariants of every fault test: no half of a reading, one history row per change, no attempt left over."""
    with database.cursor() as cursor:
        for broken, rule in _RULES.items():
            cursor.execute(rule)
            found = [row[0] for row in cursor.fetchall()]
            assert not found, f"{broken}: {found[:5]}"


class Onlooker:
    """Looks at the database all the time from a session of its own, as the board does, and notes what never may be.

    Per connection the companies' month must show one state, all companies or none, and at most one attempt runs.
    """

    def __init__(self, url: str, fleet: Fleet) -> None:
        self._url, self._fleet = url, fleet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.seen: list[str] = []
        self.shown: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(30)
        if error is None:
            assert not self.seen, self.seen[:3]
            assert self.looks > 50

    def _look(self) -> None:
        while not self._stop.is_set():
            with (
                contextlib.suppress(psycopg.OperationalError),
                psycopg.connect(self._url, autocommit=True) as session,
            ):
                while not self._stop.wait(0.004):
                    self._once(session)
            self._stop.wait(0.05)

    def _once(self, session: psycopg.Connection) -> None:
        rows = session.execute(
            """
            SELECT e.connection_id, array_agg(DISTINCT p.state::text), count(*),
                   (SELECT count(*) FROM periods_syncattempt a
                    WHERE a.connection_id = e.connection_id AND a.outcome = 'running')
            FROM periods_fiscalperiod p JOIN entities_legalentity e ON e.id = p.entity_id
            WHERE p.reporting_month = %s GROUP BY e.connection_id
            """,
            [self._fleet.month],
        ).fetchall()
        self.looks += 1
        for connection_id, shown, companies, running in rows:
            self.shown.update(shown)
            if len(shown) != 1 or companies != self._fleet.companies or running > 1:
                self.seen.append(
                    f"connection {connection_id}: {shown}, {companies} companies, {running} running"
                )


def lasted(moment: datetime, seconds: float) -> Callable[[], bool]:
    """A condition: so many seconds have passed since."""
    return lambda: since(moment) > seconds


def since(moment: datetime) -> float:
    """Seconds that have passed."""
    return (timezone.now() - moment).total_seconds()
