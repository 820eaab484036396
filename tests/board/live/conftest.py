"""The worked example where several connections see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from board.live import hub
from tests.db_builders import SampleGroup, save_worked_example
from tests.scenario_databases import ScenarioDatabases
from tests.settable_clock import SettableClock


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
