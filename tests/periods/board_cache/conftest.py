"""Groups that change in every way that a board shows, each in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.periods.events import ChangingGroup, own_copy


@pytest.fixture
def changing_group(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[ChangingGroup]:
    """A test has a changing group of its own."""
    with django_db_blocker.unblock(), own_copy(migrated_database):
        yield ChangingGroup()


@pytest.fixture(scope="module")
def shared_group(migrated_database: str, django_db_blocker: DjangoDbBlocker) -> Iterator[ChangingGroup]:
    """All tests of a module change one group: each counts from its own first look, whatever the others wrote."""
    with django_db_blocker.unblock(), own_copy(migrated_database):
        yield ChangingGroup()
