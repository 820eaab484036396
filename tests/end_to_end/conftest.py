"""The simulator of the worked example, and its group as the group file describes it."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from simulator.run import Running, running


@pytest.fixture(scope="module")
def worked_example_simulator() -> Iterator[Running]:
    """The ERPs of the worked example answer from a process, as on 1 June 2026."""
    with running("worked_example", clock="2026-06-01T12:00:00Z") as simulator:
        yield simulator


@pytest.fixture
def loaded_group(worked_example_simulator: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """The group of the worked example is loaded, and its ERPs, which are given, are as they were at the start."""
    worked_example_simulator.reset()
    monkeypatch.setenv("SIMULATOR_URL", worked_example_simulator.url)
    call_command("load_group", "demo/worked_example.yaml", stdout=StringIO())
    return worked_example_simulator
