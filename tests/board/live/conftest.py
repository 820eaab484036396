"""The worked example where several connections see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from board.live import hub
from entities.models import Connection, Person
from tests.db_builders import SampleGroup, save_worked_example
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read
from tests.scenario_databases import ScenarioDatabases
from tests.settable_clock import SettableClock
from tests.worklist.close_task_builders import adopt, generate, give_roles, person


@pytest.fixture
def live_meridian(
    migrated_database: str,
    stories: ScenarioDatabases,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[SampleGroup]:
    """The worked example is committed to a database of the test's own, and a hub looks for changes at once."""
    monkeypatch.setattr(hub, "POLL_SECONDS", 0.05)
    with django_db_blocker.unblock(), stories.copied(save_worked_example) as group:
        yield group


@pytest.fixture
def four_open_entities() -> Connection:
    """The four entities, open in May."""
    connected, _ = connect_four_entities()
    read(connected, "2026-06-03 11:55", facts_of_all())
    return connected


@pytest.fixture
def anna(four_open_entities: Connection) -> Person:
    """Anna owns all tasks of May."""
    adopt()
    owner = person("Anna Owner")
    give_roles(owner, person("Rita Reviewer"))
    generate()
    return owner
