"""The cast, whose periods were read on the first of June."""

from __future__ import annotations

import pytest

from entities.models import Connection, Person
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read
from tests.worklist.close_task_builders import adopt, generate, give_roles, person


@pytest.fixture
def source() -> Connection:
    """The cast is open in May and due on Tuesday 9 June."""
    connected, _ = connect_four_entities()
    read(connected, "2026-06-01 07:00", facts_of_all())
    return connected


@pytest.fixture
def anna(source: Connection) -> Person:
    """Anna owns all tasks of May, which Rita reviews."""
    adopt()
    owner = person("Anna Owner")
    give_roles(owner, person("Rita Reviewer"))
    generate()
    return owner


@pytest.fixture
def rita(anna: Person) -> Person:
    """Rita reviews what Anna does."""
    return Person.objects.get(name="Rita Reviewer")
