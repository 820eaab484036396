"""Two people who see a part of each other's entities."""

from __future__ import annotations

import pytest
from django.test import Client

from entities.models import Membership
from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup, save_person


@pytest.fixture
def rosa_in_unread_group(unread_group: SampleGroup) -> Client:
    """Rosa Bell is signed in to the group that has no reading."""
    return signed_in(save_person())


@pytest.fixture
def uma_in_unread_group(rosa_in_unread_group: Client) -> Client:
    """Uma, who owns the United Kingdom alone, is signed in to the same group as Rosa Bell."""
    return signed_in(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
