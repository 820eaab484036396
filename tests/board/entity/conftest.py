"""Who writes on the page of an entity."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup, save_person


@pytest.fixture
def writer(meridian: SampleGroup) -> Client:
    """Group finance is signed in to the worked example, as Rosa without a last name."""
    return signed_in(save_person(name="Rosa"))
