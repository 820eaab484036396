"""A database, a fleet and processes for fault tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from simulator.run import Running, running
from tests.faults.stack import Workers
from tests.faults.sync_helpers import attempts

PAGES = 20  # rows per page: a read of twenty companies takes some thirty requests


@pytest.fixture(scope="session")
def running_fleet() -> Iterator[Running]:
    with running("fleet:40", clock=timezone.now().replace(microsecond=0)) as simulator:
        yield simulator


@pytest.fixture
def fleet_sim(running_fleet: Running) -> Running:
    """Forty ledgers on today's date, answering in many small pages."""
    running_fleet.reset()
    running_fleet.set_profile(finops_page_size=PAGES)
    return running_fleet


@pytest.fixture
def busy_sim(fleet_sim: Running) -> Running:
    """The same in whole answers: it may change during a read, and a reading is still of one moment."""
    fleet_sim.set_profile(finops_page_size=10_000)
    return fleet_sim


@pytest.fixture
def workers(live_stack_env: dict[str, str], tmp_path: Path) -> Iterator[Workers]:
    """Celery processes on the test's live database and this test process's Redis."""
    with Workers(live_stack_env | {"SYNC_LOOK_SECONDS": "5"}, tmp_path) as started:
        yield started
        for attempt in attempts():  # pytest shows it when the test failed
            print(attempt.pk, attempt.connection_id, attempt.outcome, attempt.started_at, attempt.words)
