"""Many open browsers in a process of their own (bench.stream_clients), and their cost for the server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from closeboard.ops.children import die_with_parent
from closeboard.up import PROJECT


class Crowd:
    """The process that holds the browsers (bench.stream_clients)."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seconds = float(self._answer()["seconds"])

    def wait(self, count: int, seconds: float) -> dict[str, Any]:
        """The arrivals of the message with that number, once all have it or so many seconds have passed."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"wait {count} {seconds}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the crowd of browsers has died; what it said stands above")
        told: dict[str, Any] = json.loads(line)
        return told


@contextmanager
def crowd(port: int, path: str, cookies: Sequence[str]) -> Iterator[Crowd]:
    """One open stream for each cookie, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.stream_clients", str(port), path],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509 - one thread only
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(list(cookies)) + "\n")
        process.stdin.flush()
        yield Crowd(process)
    finally:
        process.kill()
        process.communicate()


def pss(pid: int) -> float:
    """Memory of a process in KiB, with its share of shared memory."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    raise RuntimeError(f"the kernel does not tell the memory of {pid}")


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, with all its threads, to the nanosecond."""
    return (
        sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )
