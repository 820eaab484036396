"""What an answer may cost the worker that reads it (05-reliability E14)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simulator.run import Running
from tests.closeboard.processes import PROJECT
from tests.faults.sync_helpers import assert_invariants, attempts, fleet_of

pytestmark = [pytest.mark.fault, pytest.mark.slow]


# The peak is asked from inside: what wait4() tells begins with the size of the process that forked.
SYNC = """
from django.core.management import execute_from_command_line
try:
    execute_from_command_line(["manage.py", "sync"])
except SystemExit:
    pass
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(peak)
"""


def peak_of_a_sync(env: dict[str, str]) -> int:
    """The most memory, in kB, that a process held while it read the connection."""
    done = subprocess.run(
        [sys.executable, "-c", SYNC], cwd=PROJECT, env=env, capture_output=True, text=True, check=True
    )
    return int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "fault", [{"kind": "gzip_bomb", "megabytes": 1024}, {"kind": "huge_page", "megabytes": 60}]
)
def test_e14_an_answer_without_end_costs_no_memory(
    fault: dict[str, object], live_database: str, live_stack_env: dict[str, str], fleet_sim: Running
) -> None:
    """1 GB out of 1 MB of gzip: memory rises <= 60 MB above an ordinary read's; the attempt fails <= 5 s."""
    fleet_of(fleet_sim, 10)
    usual = peak_of_a_sync(live_stack_env)
    fleet_sim.fault(**fault)  # type: ignore[arg-type]
    unusual = peak_of_a_sync(live_stack_env)
    good, bad = attempts()
    print(f"{fault['kind']}: {usual / 1000:.0f} MB usually, {unusual / 1000:.0f} MB then")
    assert (good.outcome, bad.outcome) == ("ok", "misread")
    assert bad.finished_at is not None
    assert (bad.finished_at - bad.started_at).total_seconds() <= 5
    assert unusual - usual <= 60_000
    assert_invariants()
