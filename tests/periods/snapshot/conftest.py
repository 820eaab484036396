"""A month with a history."""

from __future__ import annotations

import pytest

from tests.builders import CLOSED, OPEN, RESTRICTED
from tests.db_builders import SampleGroup, save_sample_group


@pytest.fixture
def meridian_closed() -> SampleGroup:
    """The cast was open, then restricted, and closed on 8 June."""
    group = save_sample_group()
    for at, facts in (
        ("2026-06-01 12:00", OPEN),
        ("2026-06-02 12:00", OPEN),
        ("2026-06-03 12:00", RESTRICTED),
        ("2026-06-08 12:00", CLOSED),
    ):
        group.read(at, dict.fromkeys(group.entities, facts))
    return group
