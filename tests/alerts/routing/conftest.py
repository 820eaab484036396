"""Who silences."""

from __future__ import annotations

import pytest

from entities.models import Person
from tests.db_builders import SampleGroup


@pytest.fixture
def rosa(meridian: SampleGroup) -> Person:
    """Rosa is finance of the whole group."""
    return Person.objects.get(name="Rosa")
