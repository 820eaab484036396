"""The day on which group files are loaded."""

from __future__ import annotations

from datetime import datetime, tzinfo

import pytest

from periods.management.commands import load_group


@pytest.fixture
def in_june_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that loads a group file reads a clock that stands at 12 June 2026."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Clock:
            return cls(2026, 6, 12, 9, tzinfo=tz)

    monkeypatch.setattr(load_group, "datetime", Clock)
