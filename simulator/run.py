"""Runs the simulator in a process of its own, with a small client for its control API."""

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
    """A client for the control API of a running simulator; every method is one request to `/_control/`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """Send one control request; raises ValueError with the simulator's message when it refuses."""
        body = None if value is None else json.dumps(value, default=str).encode()
        request = urllib.request.Request(f"{self.url}/_control/{path}", body, method=method)  # noqa: S310  # http:// only
        # No proxy, whatever the environment sets: the simulator is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error).get("error")) from None

    def set_clock(self, now: str | datetime | None) -> None:
        """Freeze the ERPs' clock at an instant; with None it follows the real clock."""
        self.call("PUT", "clock", {"now": iso(now) if isinstance(now, datetime) else now})

    def set_state(self, company: str, **change: Any) -> None:
        """Set, from the clock's instant on, `period=` with `status=`/`access=`, or `allow_posting_from=`/`_to=`."""
        self.call("PUT", "state", {"company": company, **change})

    def set_states(self, changes: list[Mapping[str, Any]]) -> None:
        self.call("PUT", "state", changes)

    def set_work(self, company: str, **step: Any) -> None:
        """Change a company's work from the clock's instant on (`situation=`, `work=`, `finish=`: see README.md).

        Relative days are of `month=` (2026-05; default: the latest that had ended at start-up).
        """
        self.call("PUT", "state", {"company": company, **step})

    def play(self, company: str, steps: int = 1) -> None:
        """Let a company finish the next steps of its work, as its scenario's play has them."""
        self.call("PUT", "state", {"company": company, "play": steps})

    def set_profile(self, **switches: Any) -> None:
        self.call("PUT", "profile", switches)

    def set_latency(self, milliseconds: float) -> None:
        self.call("PUT", "latency", {"ms": milliseconds})

    def fault(self, kind: str, **options: Any) -> dict[str, Any]:
        """Switch a fault on; the reply holds its id and, for `connect_hang`, the port that never answers."""
        reply: dict[str, Any] = self.call("POST", "faults", {"kind": kind, **options})
        return reply

    def faults(self) -> list[dict[str, Any]]:
        active: list[dict[str, Any]] = self.call("GET", "faults")["faults"]
        return active

    def requests(self, containing: str = "") -> list[dict[str, Any]]:
        """The log of requests, oldest first; `containing` selects those whose path or query has that text."""
        log = self.call("GET", "requests")["requests"]
        return [entry for entry in log if containing in f"{entry['path']}?{entry['query']}"]

    def log(self) -> dict[str, Any]:
        """The whole log with the highest number of requests in progress at once."""
        log: dict[str, Any] = self.call("GET", "requests")
        return log

    def clear(self) -> None:
        """Remove faults, log and the changes of `set_state`; the clock and the profile stay."""
        for part in ("faults", "requests", "state"):
            self.call("DELETE", part)

    def reset(self) -> None:
        """Restore the state at start-up."""
        self.call("POST", "reset")


class Running(Control):
    """A simulator in a process of its own."""

    def __init__(self, url: str, process: subprocess.Popen[str]) -> None:
        super().__init__(url)
        self.process = process

    def stop(self) -> int:
        """Stop the process; its exit code is 0 unless it had to be killed."""
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
    """Start a simulator (port 0: any free one) and return when it listens; raises RuntimeError with its output."""
    command = [sys.executable, "-m", "simulator", "--port", str(port), "--scenario", str(scenario)]
    if clock is not None:
        command += ["--clock", iso(clock) if isinstance(clock, datetime) else clock]
    if latency_ms:
        command += ["--latency-ms", str(latency_ms)]
    process = subprocess.Popen(
        # It ends with this process, even a killed one: our end of its standard input closes then.
        [*command, "--until-stdin-closes"],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.search(r"on (http://\S+)", line)
    if not address:
        raise RuntimeError(
            f"The simulator did not start (exit code {Running('', process).stop()}): {line.strip()}"
        )
    return Running(address[1], process)


@contextmanager
def running(
    scenario: str | Path = "worked_example",
    clock: str | datetime | None = None,
    *,
    port: int = 0,
    latency_ms: float = 0,
) -> Iterator[Running]:
    """Run a simulator: `with running("worked_example", clock="2026-06-12T12:00:00Z") as sim: ... sim.url ...`"""
    simulator = start(scenario, clock, port=port, latency_ms=latency_ms)
    try:
        yield simulator
    finally:
        simulator.stop()
