"""One simulator for each test process, as at start-up before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.run import Running, running

NOON_12_JUNE = "2026-06-12T12:00:00Z"


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Running]:
    with running("worked_example", clock=NOON_12_JUNE) as simulator:
        yield simulator


@pytest.fixture
def sim(running_simulator: Running) -> Running:
    """Both ERPs on 12 June 2026 at noon UTC, the moment of the worked example (01-domain 1.8)."""
    running_simulator.reset()
    return running_simulator
