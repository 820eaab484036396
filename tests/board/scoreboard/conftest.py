"""A board whose ERP has been silent, and one with unfinished work."""

from __future__ import annotations

import pytest
from django.test import Client

from entities.models import Person
from tests.board.page_client import signed_in
from tests.builders import OPEN
from tests.db_builders import save_person, save_sample_group
from tests.saved_once import saved_once
from tests.settable_clock import SettableClock
from tests.worklist.blocked_scenario import blocked_at_noon


@pytest.fixture
def rosa_since_silence(db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in; the ERP has been silent since 21:00 London time on the day before the deadline."""
    saved_once(_save_silent_group)
    return signed_in(save_person())


@pytest.fixture
def rosa_blocked(db: None, clock: SettableClock) -> Client:
    """Rosa Bell is signed in to the worked example with what is in the way of EU DTC BV."""
    clock.at = saved_once(blocked_at_noon)
    return signed_in(Person.objects.get(email="rosa.bell@meridian.test"))


def _save_silent_group() -> None:
    save_sample_group().read("2026-06-08 20:00", dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), OPEN))
