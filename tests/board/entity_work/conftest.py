"""The worked example with unfinished work of EU DTC BV, and who looks at it."""

from __future__ import annotations

import pytest
from django.test import Client

from entities.models import Membership, Person
from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup, save_person
from tests.saved_once import saved_once
from tests.settable_clock import SettableClock
from tests.worklist import opened_scenario


@pytest.fixture
def opened(db: None, clock: SettableClock) -> SampleGroup:
    """The work of EU DTC BV was read ten minutes before the clock."""
    return saved_once(opened_scenario.opened)


@pytest.fixture
def rosa(opened: SampleGroup) -> Client:
    """Rosa Bell of group finance is signed in."""
    return signed_in(Person.objects.get(email="rosa.bell@meridian.test"))


@pytest.fixture
def adam(opened: SampleGroup) -> Client:
    """Adam administers the whole group."""
    return signed_in(save_person("adam.noor@meridian.test", "Adam Noor", role=Membership.Role.ADMINISTRATOR))
