"""The folder in which the supervisor keeps what it starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from closeboard.ops import backing_services


@pytest.fixture
def state_folder() -> Iterator[Path]:
    """The supervisor keeps its state in a new folder, which is removed with its sockets at the end."""
    folder = backing_services.new_state()
    yield folder
    backing_services.remove_state(folder)
