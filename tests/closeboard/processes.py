"""Finds and starts processes of this machine for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

PROJECT = Path(__file__).resolve().parents[2]


def processes_mentioning(text: Path | str) -> dict[int, str]:
    """The running processes (not zombies, not this one) with `text` in their command, environment or folder."""
    wanted = str(text).encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
            works_in = str((folder / "cwd").readlink()).encode()
            if wanted in words or wanted in works_in or wanted in (folder / "environ").read_bytes():
                found[int(folder.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return {pid: words for pid, words in found.items() if words}


def poll_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a condition is true; fails with `what` on a time-out."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def python(
    *words: str | Path, env: Mapping[str, str] | None = None, output: TextIO | None = None
) -> subprocess.Popen[str]:
    """Start our Python in the project folder without the services of the test run.

    Its output goes to pipes, or to a file for a process whose children may outlive it.
    """
    around = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=PROJECT,
        env={**around, "PYTHONUNBUFFERED": "1", **(env or {})},
        stdout=output or subprocess.PIPE,
        stderr=subprocess.STDOUT if output else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
