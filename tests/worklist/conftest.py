"""The cast, whose periods were read on the first of June."""

from __future__ import annotations

import pytest

from entities.models import Connection
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read


@pytest.fixture
def source() -> Connection:
    """The cast is open in May and due on Tuesday 9 June."""
    connected, _ = connect_four_entities()
    read(connected, "2026-06-01 07:00", facts_of_all())
    return connected
