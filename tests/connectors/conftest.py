"""One simulator for each test process, as at start-up before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulator.run import Running, running
from tests.connectors.simulator_sources import NOON_12_JUNE


@pytest.fixture(scope="session")
def running_simulator() -> Iterator[Running]:
    """One simulator plays the worked example for all tests of a process."""
    with running("worked_example", clock=NOON_12_JUNE) as simulator:
        yield simulator


@pytest.fixture
def sim(running_simulator: Running) -> Running:
    """Both ERPs stand on 12 June 2026 at noon UTC, the moment of the worked example (01-domain 1.8)."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture(scope="module")
def twenty_companies_sim() -> Iterator[Running]:
    """A simulator has twenty companies of Business Central."""
    with running("fleet-bc:20", clock=NOON_12_JUNE) as fleet:
        yield fleet
