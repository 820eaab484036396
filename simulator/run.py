"""Running the simulator from tests and tools: a process of its own and a small client for its control API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from simulator.world.times import iso


class Control:
    """What a test may ask of a running simulator; every method is one request to `/_control/`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """One control request; raises ValueError with the simulator's words when it refuses."""
        body = None if value is None else json.dumps(value, default=str).encode()
        request = urllib.request.Request(f"{self.url}/_control/{path}", body, method=method)  # noqa: S310  # http:// only
        # No proxy, whatever the environment says: the simulator is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise ValueError(json.load(refused).get("error")) from None

    def set_clock(self, now: str | datetime | None) -> None:
        """Freeze the ERPs' clock at an instant; None lets them follow the real clock."""
        self.call("PUT", "clock", {"now": iso(now) if isinstance(now, datetime) else now})

    def set_state(self, company: str, **wish: Any) -> None:
        """From the clock's instant on: `period=` with `status=` or `access=`, or `allow_posting_from=`/`_to=`."""
        self.call("PUT", "state", {"company": company, **wish})

    def set_states(self, wishes: list[Mapping[str, Any]]) -> None:
        self.call("PUT", "state", wishes)

    def set_profile(self, **switches: Any) -> None:
        self.call("PUT", "profile", switches)

    def set_latency(self, milliseconds: float) -> None:
        self.call("PUT", "latency", {"ms": milliseconds})

    def fault(self, kind: str, **options: Any) -> dict[str, Any]:
        """Switch a fault on; the answer tells its id and, for `connect_hang`, the port that never answers."""
        answer: dict[str, Any] = self.call("POST", "faults", {"kind": kind, **options})
        return answer

    def faults(self) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.call("GET", "faults")["faults"]
        return answer

    def requests(self, containing: str = "") -> list[dict[str, Any]]:
        """The log of requests, oldest first; `containing` keeps those whose path or query has that text."""
        log = self.call("GET", "requests")["requests"]
        return [entry for entry in log if containing in f"{entry['path']}?{entry['query']}"]

    def log(self) -> dict[str, Any]:
        """The whole log with the most requests that were under way at once."""
        answer: dict[str, Any] = self.call("GET", "requests")
        return answer

    def clear(self) -> None:
        """No faults, an empty log, nothing set by `set_state`; the clock and the profile stay."""
        for what in ("faults", "requests", "state"):
            self.call("DELETE", what)

    def reset(self) -> None:
        """Everything as at start-up."""
        self.call("POST", "reset")


class Running(Control):
    """A simulator in a process of its own."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        super().__init__(url)
        self.process = process

    def stop(self) -> int:
        """End it in order; its exit code is 0 unless it had to be killed."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        return code


def start(
    scenario: str | Path = "worked_example",
    clock: str | datetime | None = None,
    *,
    port: int = 0,
    latency_ms: float = 0,
) -> Running:
    """Start a simulator (port 0: any free one) and return when it listens; raises RuntimeError with its words."""
    command = [sys.executable, "-m", "simulator", "--port", str(port), "--scenario", str(scenario)]
    if clock is not None:
        command += ["--clock", iso(clock) if isinstance(clock, datetime) else clock]
    if latency_ms:
        command += ["--latency-ms", str(latency_ms)]
    process = subprocess.Popen(
        # It ends with us, even if we are killed: our end of its standard input closes then.
        [*command, "--until-stdin-closes"],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"on (http://\S+)", line)
    if not found:
        raise RuntimeError(
            f"The simulator did not start (exit code {Running('', process).stop()}): {line.strip()}"
        )
    return Running(found[1], process)


@contextmanager
def running(
    scenario: str | Path = "worked_example",
    clock: str | datetime | None = None,
    *,
    port: int = 0,
    latency_ms: float = 0,
) -> Iterator[Running]:
    """`with running("worked_example", clock="2026-06-12T12:00:00Z") as sim: ... sim.url ...`"""
    simulator = start(scenario, clock, port=port, latency_ms=latency_ms)
    try:
        yield simulator
    finally:
        simulator.stop()
