"""The sender of the golden mails."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture
def golden_sender(public_address: None, settings: Settings) -> None:
    """Mails have the links and the sender of the golden files."""
    settings.DEFAULT_FROM_EMAIL = "Closeboard <closeboard@meridian.test>"
