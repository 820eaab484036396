"""Groups that change in every way that a board shows, each in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.periods.events import ChangingGroup
from tests.periods.snapshot import imbalance_annotation
from tests.scenario_databases import ScenarioDatabases


@pytest.fixture
def changing_group(
    migrated_database: str, stories: ScenarioDatabases, django_db_blocker: DjangoDbBlocker
) -> Iterator[ChangingGroup]:
    """A test has a changing group of its own."""
    with django_db_blocker.unblock(), stories.copied(ChangingGroup) as group:
        yield group


@pytest.fixture(scope="module")
def shared_group(
    migrated_database: str, stories: ScenarioDatabases, django_db_blocker: DjangoDbBlocker
) -> Iterator[ChangingGroup]:
    """All tests of a module change one group: each counts from its own first look, whatever the others wrote."""
    with django_db_blocker.unblock(), stories.copied(ChangingGroup) as group:
        yield group


@pytest.fixture
def imbalances(changing_group: ChangingGroup) -> Iterator[ChangingGroup]:
    """EU DTC BV does not agree with UK Retail Ltd and UK HoldCo, from now on and for an hour."""
    with imbalance_annotation.installed():
        changing_group.imbalance("NLDT", "UKRT", 640, 0, 3600)
        changing_group.imbalance("NLDT", "UKHC", 75, 0, 3600)
        yield changing_group
