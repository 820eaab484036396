"""When somebody is told: at once, in a digest, or never; pure rules of a person's hours."""

from __future__ import annotations

from enum import StrEnum


class Rhythm(StrEnum):
    """How soon a person is told of a kind of notice."""

    AT_ONCE = "at_once"
    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"
