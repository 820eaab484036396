"""People who silence, and who receive what reaches nobody else."""

from __future__ import annotations

import pytest

from entities.models import Person
from tests.db_builders import SampleGroup


@pytest.fixture
def rosa(meridian: SampleGroup) -> Person:
    """Rosa is finance of the whole group."""
    return Person.objects.get(name="Rosa")


@pytest.fixture
def root(db: None) -> Person:
    """The administrator of the installation."""
    return Person.objects.create_superuser("root@meridian.test", name="Root")
