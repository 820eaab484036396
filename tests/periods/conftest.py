"""The cast with a policy, and with the worked example recorded."""

from __future__ import annotations

import pytest

from entities.models import LegalEntity, Person
from tests.db_builders import SampleGroup, save_person, save_worked_example
from tests.periods.model_builders import policy, save_four_entities, top_group, workday
from tests.saved_once import saved_once


@pytest.fixture
def entities() -> dict[str, LegalEntity]:
    """The cast is under one policy: the 6th working day, counted from day zero."""
    made = save_four_entities()
    policy(top_group(), **workday(6, 0))
    return made


@pytest.fixture
def meridian() -> SampleGroup:
    """The cast has gone through the worked example."""
    return saved_once(save_worked_example)


@pytest.fixture
def rosa(meridian: SampleGroup) -> Person:
    """Rosa is finance of the whole group."""
    return save_person()
