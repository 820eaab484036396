"""Mails that leave in a measured pace."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture
def paced_mails(mails_leave: None, settings: Settings) -> None:
    """Mails leave, and a thousand a minute are allowed."""
    settings.MAILS_A_MINUTE = 1_000
