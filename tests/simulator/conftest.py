"""A simulator that plays the worked example, one per test process, reset before every test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulator.run import Running, running
from tests.simulator.erp_clients import CLOCK, Erps, odata_service


@pytest.fixture(scope="session")
def shared_simulator() -> Iterator[Running]:
    """One simulator plays the worked example for all tests of a process."""
    with running("worked_example", clock=CLOCK) as sim:
        yield sim


@pytest.fixture
def sim(shared_simulator: Running) -> Running:
    """The simulator is as it was at start-up."""
    shared_simulator.reset()
    return shared_simulator


@pytest.fixture
def erps(sim: Running) -> Iterator[Erps]:
    """A client reads the simulator as both products."""
    reader = Erps(sim)
    yield reader
    reader.http.close()


@pytest.fixture
def odata_client(erps: Erps) -> Any:
    """python-odata reads Finance & Operations across companies."""
    return odata_service(erps, erps.sim.url, "/data/", **{"cross-company": "true"})
