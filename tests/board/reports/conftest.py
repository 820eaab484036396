"""A year of closes that all tests share, and the days on which the reports are looked at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.board.page_client import signed_in
from tests.board.reports.year_of_closes import YEAR_AT, save_year_of_closes
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_person, save_worked_example
from tests.saved_once import saved_once
from tests.scenario_databases import ScenarioDatabases
from tests.settable_clock import SettableClock


@pytest.fixture(scope="module")
def year(
    migrated_database: str, stories: ScenarioDatabases, django_db_blocker: DjangoDbBlocker
) -> Iterator[SampleGroup]:
    """A group has twelve months of history, in a copy of the run's one for a module; each test is rolled back."""
    with django_db_blocker.unblock(), stories.copied(save_year_of_closes) as group:
        yield group


@pytest.fixture
def rosa_with_year(year: SampleGroup, db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in on 17 June 2026 to the group with twelve months of history."""
    clock.at = YEAR_AT
    return signed_in(save_person())


@pytest.fixture
def clock_on_15_june(clock: SettableClock) -> SettableClock:
    """The clock stands at noon of 15 June 2026: EU DTC BV is 6 days late and over the alert line."""
    clock.at = utc("2026-06-15 12:00")
    return clock


@pytest.fixture
def meridian_on_15_june(db: None, clock_on_15_june: SettableClock) -> SampleGroup:
    """The worked example has a fresh reading on 15 June 2026, which brings no news."""
    return saved_once(_save_worked_example_until_15_june)


def _save_worked_example_until_15_june() -> SampleGroup:
    group = save_worked_example()
    group.read("2026-06-15 11:58", {"UKHC": CLOSED, "UKRT": CLOSED, "USRT": ON_HOLD, "NLDT": OPEN})
    return group


@pytest.fixture
def rosa_on_15_june(meridian_on_15_june: SampleGroup) -> Client:
    """Rosa Bell is signed in to the worked example on 15 June 2026."""
    return signed_in(save_person())
