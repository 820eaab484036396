"""A clock that a test sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass
class SettableClock:
    """Gives the moment that it stands at; put in place of a `now`."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at
