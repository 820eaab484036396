"""The sample group, read from the simulator."""

from __future__ import annotations

import pytest

from simulator.run import Running
from tests.db_builders import SampleGroup, save_sample_group


@pytest.fixture
def group(sim: Running) -> SampleGroup:
    """The sample group on a connection to the simulator; EU DTC BV is due on Tuesday 9 June."""
    saved = save_sample_group()
    source = saved.connection
    source.base_url, source.authority = sim.url, sim.url
    source.secret = "simulator"
    source.save()
    return saved
