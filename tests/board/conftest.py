"""The clock of the board's requests, the worked example, and people signed in to look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from entities.models import Person
from tests.board import access_groups
from tests.board.access_groups import WHOLE, AccessScenario
from tests.board.page_client import signed_in
from tests.db_builders import (
    BUSY_GROUP_AT,
    SampleGroup,
    save_busy_group,
    save_person,
    save_sample_group,
    save_worked_example,
)
from tests.saved_once import saved_once
from tests.scenario_databases import ScenarioDatabases
from tests.settable_clock import SettableClock
from tests.worklist.blocked_scenario import blocked, blocked_group_with_tasks


@pytest.fixture
def meridian(db: None, clock: SettableClock) -> SampleGroup:
    """The group of the worked example has its readings up to 12 June 2026, and the clock stands there."""
    return saved_once(save_worked_example)


@pytest.fixture
def rosa(meridian: SampleGroup) -> Client:
    """Rosa Bell of group finance is signed in to the worked example."""
    return signed_in(save_person())


@pytest.fixture
def rosa_in_busy_group(db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in to the busy group of twelve entities, on 17 June 2026."""
    saved_once(save_busy_group)
    clock.at = BUSY_GROUP_AT
    return signed_in(save_person())


@pytest.fixture
def blocked_client(db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in to the worked example with what is in the way of EU DTC BV, at its noon."""
    saved_once(blocked)
    return signed_in(Person.objects.get(email="rosa.bell@meridian.test"))


@pytest.fixture
def blocked_group_client(db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in to that example with a common counterparty, rows hardly readable, and tasks."""
    saved_once(blocked_group_with_tasks)
    return signed_in(Person.objects.get(email="rosa.bell@meridian.test"))


@pytest.fixture
def unread_group(db: None) -> SampleGroup:
    """The four entities have policies and owners, and no reading yet."""
    return saved_once(save_sample_group)


@pytest.fixture
def access_scenario(
    migrated_database: str, stories: ScenarioDatabases, django_db_blocker: DjangoDbBlocker
) -> Iterator[AccessScenario]:
    """The whole group of the matrix of access stands in a database of the test's own."""
    with django_db_blocker.unblock(), access_groups.world(WHOLE, stories) as scenario:
        yield scenario
