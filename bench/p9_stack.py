"""P9: the start of the demo: seconds to the first page, cold and warm, and memory when idle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from bench.measure import Figure, Goal, Table
from closeboard.up import LOGIN_DOMAIN, LOGIN_PASSWORD, PROJECT

PORT = 9290
TURNS = 3
SETTLE = 30.0  # seconds of ordinary work before memory is measured
PARTS = {  # texts in a process's command line
    "simulator": "-m simulator",
    "web": "closeboard.serve",
    "worker and beat": "celery",
    "valkey": "valkey",
    "postgres": "postgres",
    "supervisor": "closeboard.up",
}


def measure(small: bool) -> Iterator[Table]:
    table = Table("P9", "make demo: to the first page of the board, signed in; the environment is installed")
    cold, warm = (
        Figure(f"{what} start", "ours", [], note)
        for what, note in (("cold", "new database, demo group loaded"), ("warm", "the data is kept"))
    )
    memory = Table("P9", "memory of the whole stack, idle, all processes", unit="MB")
    for turn in range(1 if small else TURNS):
        with tempfile.TemporaryDirectory(prefix="closeboard-bench-") as folder:
            Path(folder).chmod(0o755)  # PostgreSQL runs as another user where we are root
            with _demo(Path(folder)) as (seconds, _):
                cold.rounds.append(seconds)
            with _demo(Path(folder)) as (seconds, process):
                warm.rounds.append(seconds)
                if turn == 0:
                    time.sleep(SETTLE)
                    memory.figures = _memory(process.pid)
    table.figures = [cold, warm]
    table.goals = [
        Goal("cold start", cold.median, 30, unit="s"),
        Goal("warm start", warm.median, 5, unit="s"),
    ]
    yield table
    total = memory.of("all, PSS").median
    memory.goals = [Goal("all processes, PSS", total, 600, unit="MB")]
    memory.remarks.append(
        f"{SETTLE:.0f} s after a warm start; PSS shares out what several processes hold in common"
    )
    yield memory


@contextmanager
def _demo(state: Path) -> Iterator[tuple[float, subprocess.Popen[str]]]:
    """Run the demo with its data in `state`; yields the seconds until its board was shown, and its supervisor."""
    env = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    words = [sys.executable, "-m", "closeboard.up", "demo", "--port", str(PORT)]
    began = time.perf_counter()
    process = subprocess.Popen(
        words,
        cwd=PROJECT,
        env=env | {"CLOSEBOARD_STATE": str(state / "state")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_for_board(process)
        yield time.perf_counter() - began, process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def _wait_for_board(process: subprocess.Popen[str]) -> None:
    """Wait until the address is printed, then sign in and view the board; the supervisor has its own time-out."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if f":{PORT}/" in line:
            break
    else:
        raise RuntimeError(f"the demo did not start:\n{''.join(said)}")
    with httpx2.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=30, trust_env=False) as browser:
        browser.get("/login/")
        if not _shown(browser):
            raise RuntimeError("the demo is up, but shows no board to its own logins")


def _shown(browser: httpx2.Client) -> bool:
    """Sign in and view the board."""
    given = {
        "username": f"finance@{LOGIN_DOMAIN}",
        "password": LOGIN_PASSWORD,
        "csrfmiddlewaretoken": browser.cookies["cb_csrf"],
    }
    if browser.post("/login/", data=given).status_code != 302:
        return False
    page = browser.get("/")
    return page.status_code == 200 and "<table" in page.text


def _memory(supervisor: int) -> list[Figure]:
    """PSS and RSS in MB of the supervisor and its children, by part and in all."""
    pss: dict[str, float] = defaultdict(float)
    rss: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for pid in _family(supervisor):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            held = dict(
                line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            )
        except OSError:
            continue  # it has just ended
        part = next((name for name, mark in PARTS.items() if mark in words), "other")
        for sums, key in ((pss, "Pss"), (rss, "Rss")):
            sums[part] += int(held[key].split()[0]) / 1024
        count[part] += 1
    figures = [
        Figure(f"{part}, PSS", "beside", [pss[part]], f"{count[part]} processes, RSS {rss[part]:.0f} MB")
        for part in sorted(pss)
    ]
    figures.append(Figure("all, PSS", "ours", [sum(pss.values())], f"{sum(count.values())} processes"))
    figures.append(Figure("all, RSS", "beside", [sum(rss.values())], "counts shared pages once per process"))
    return figures


def _family(first: int) -> list[int]:
    below: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        below[int(text.rpartition(")")[2].split()[1])].append(int(stat.parent.name))
    found, to_do = [], [first]
    while to_do:
        found.append(pid := to_do.pop())
        to_do += below[pid]
    return found
