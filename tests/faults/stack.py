"""What fault tests start in order to break it: Celery processes, Valkey, PostgreSQL; another database for Django."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis
from django.db import connection as database
from kombu import Connection as Broker
from psycopg.conninfo import conninfo_to_dict

from closeboard.celery import app
from closeboard.ops import backing_services
from closeboard.ops.children import Child, die_with_parent, last_lines, spawn, stop, wait_until
from tests.closeboard.processes import PROJECT

_NUMBERS = itertools.count(1)


@dataclass
class Workers:
    """The Celery processes of one test, started by their command lines, stopped when the block ends."""

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
        for child in self.children:  # pytest shows it when the test fails
            print(f"--- {child.name}\n{last_lines(child.log, 40)}")

    def worker(self, *words: str) -> Child:
        """A worker that is ready to consume; by default prefork with two children."""
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


class ForkServer:
    """Starts processes in a moment (tests/faults/fork_server.py), so that fifty of them can be killed."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server", str(log)],
            cwd=PROJECT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - from the main thread, see closeboard.ops.children
        )
        self.living: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pid in self.living:
            end_group(pid)
        self._process.kill()
        self._process.communicate()
        if error is not None:
            print(f"--- nursery\n{last_lines(self.log, 60)}")

    def worker(self, *pool: str) -> int:
        """The process id of a new worker; it takes messages in a moment."""
        return self._born(" ".join(["worker", *WORKER, "-n", f"born{next(_NUMBERS)}@%h", *pool]))

    def sender(self, lease: float) -> int:
        """The process id of a new process that sends due mails for ever, with leases of so many seconds."""
        return self._born(f"sender {lease}")

    def poster(self, lease: float) -> int:
        """The process id of a new process that posts due messages to destinations for ever, with such leases."""
        return self._born(f"poster {lease}")

    def _born(self, line: str) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self.living.append(pid)
        return pid


def end_group(pid: int) -> None:
    """SIGKILL a process that leads its group, and the whole group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def in_group(pid: int) -> list[int]:
    """The living processes of a group except its leader."""
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
        words: list[str | Path] = [backing_services.find_valkey(), "--port", "0", "--unixsocket", self.path]
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
        """Queue tasks here instead of in the test run's own Valkey."""
        return Broker(self.url.replace("unix:", "redis+socket:").replace("db=", "virtual_host="))


class Postgres:
    """A PostgreSQL of the test's own that can be stopped the hard way and started again on the same data."""

    def __init__(self, started: backing_services.BackingServices) -> None:
        self.env = started.env
        self._services = started
        [self.child] = started.children

    def restart(self) -> None:
        """`pg_ctl restart -m immediate`: no session is asked, the log is replayed at the next start."""
        self.stop()
        self.start()

    def stop(self) -> None:
        self.child.process.send_signal(signal.SIGQUIT)
        self.child.process.wait(30)

    def start(self) -> None:
        """Start it again where it was, on the same data."""
        before = self.child
        words = [str(word) for word in before.process.args]  # type: ignore[union-attr]
        data = Path(words[words.index("-D") + 1])
        stat = data.stat()
        owner = (stat.st_uid, stat.st_gid) if stat.st_uid else None
        self.child = spawn(
            "postgres",
            words,
            log=before.log,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd="/",
            owner=owner,
        )
        self._services.children[:] = [self.child]  # so that the fixture stops the one that runs
        wait_until(self.child, self.answers)

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.env["DATABASE_URL"], connect_timeout=1):
                return True
        except psycopg.OperationalError:
            return False


def queue_task(task: str, *arguments: int, broker: Broker | None = None) -> None:
    """Queue a task as beat or another task does."""
    queue = "alerts" if task.startswith("alerts.") else "sync"
    app.send_task(task, arguments, queue=queue, connection=broker)


@contextlib.contextmanager
def speaking_to(url: str) -> Iterator[None]:
    """Make Django in this process use another database until the block ends."""
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
