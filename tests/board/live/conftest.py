"""The worked example where several connections see it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from board.live import hub
from periods.board_cache.cache import BOARD_CACHE
from tests.db_builders import SampleGroup, record_worked_example, save_sample_group
from tests.settable_clock import SettableClock


@pytest.fixture
def live_meridian(
    live_database: str,
    clock: SettableClock,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[SampleGroup]:
    """The worked example is committed to a database of the test's own, and a hub looks for changes at once."""
    monkeypatch.setattr(hub, "POLL_SECONDS", 0.05)
    with django_db_blocker.unblock():
        group = save_sample_group()
        record_worked_example(group)
        yield group
        BOARD_CACHE.clear()
