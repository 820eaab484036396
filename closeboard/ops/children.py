"""Starts child processes that cannot outlive this one, and stops them reliably.

Standard library only. Every child leads its own process group, writes to a log file (never to a pipe of
ours, which would keep its reader waiting after we died) and is signalled by the kernel when we die
(07-dependencies, trap 3). The kernel ties that signal to the thread that forked, so children are started from
the main thread only.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_SET_PARENT_DEATH_SIGNAL = 1
_SET_CHILD_SUBREAPER = 36


class ServiceError(Exception):
    """A program cannot be found or started; the text is for the person at the terminal."""


@dataclass(frozen=True)
class Child:
    """One process that we started, its log file and the signal that asks it to end."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_with: signal.Signals = signal.SIGTERM
    grace: float = 10.0

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> bool:
        return self.process.poll() is not None


def die_with_parent(stop_with: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """A `preexec_fn` that makes the kernel signal the child when this process dies."""
    parent = os.getpid()

    def follow_parent() -> None:
        # After the change of user, which would clear the request.
        if _LIBC is not None:
            _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, int(stop_with), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_DFL)

    return follow_parent


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    owner: tuple[int, int] | None = None,
    stop_with: signal.Signals = signal.SIGTERM,
    grace: float = 10.0,
) -> Child:
    """Start a process in its own group, with its output in `log`, that ends when this process ends.

    `owner` is the (uid, gid) to run as, for programs that refuse to run as root. `grace` is the time in seconds
    that `stop` leaves between `stop_with` and SIGKILL.
    """
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            user=None if owner is None else owner[0],
            group=None if owner is None else owner[1],
            extra_groups=None if owner is None else [],
            preexec_fn=die_with_parent(stop_with),  # noqa: PLW1509 - one thread only, see the first lines
        )
    return Child(name, process, log, stop_with, grace)


def stop(*children: Child) -> None:
    """Signal all these children together, wait for each to end, and kill the rest of their process groups."""
    for child in children:
        if not child.ended():
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(child.stop_with)
    started = time.monotonic()
    for child in children:
        timeout = max(0.0, started + child.grace - time.monotonic())
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.process.wait()


def adopt_orphans() -> None:
    """Make this process the parent of grandchildren whose parent dies, so that `end_orphans` finds them."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_orphans() -> list[int]:
    """Kill every process that is still below this one and return their ids; our own children must have ended."""
    ended: list[int] = []
    # Children of a killed process become ours, hence the repetition.
    while orphans := [pid for pid in _children_of_ours() if pid not in ended]:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        ended += orphans
    return ended


def _children_of_ours() -> Iterator[int]:
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, task.read_text().split())


def last_lines(log: Path, count: int = 20) -> str:
    """The last lines of a log file, or an empty text where there is none."""
    try:
        return "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-count:])
    except OSError:
        return ""


def kill_stale_server(pid_file: Path, folder: Path, stop_with: signal.Signals) -> None:
    """End the server that a killed supervisor left in `folder`, and delete its pid file.

    A process counts as that server only if it works in `folder`: its id may have been reused.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return
    for number in (stop_with, signal.SIGKILL):
        if not _works_in(pid, folder):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + 15
        while _works_in(pid, folder) and time.monotonic() < deadline:
            time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == folder.resolve()
    except OSError:
        return False


def wait_until(child: Child, ready: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until `ready` returns True; raises ServiceError when the child ends or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child.ended() or time.monotonic() > deadline:
            how = "ended" if child.ended() else f"did not answer within {seconds:.0f} seconds"
            raise ServiceError(f"{child.name} {how}; the end of {child.log}:\n{last_lines(child.log)}")
        time.sleep(0.02)


def package_folder(name: str) -> Path | None:
    """The folder of a Python package, without importing it: the start-up code of the wheels must not run."""
    spec = importlib.util.find_spec(name)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return Path(folders[0]) if folders else None
