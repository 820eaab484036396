"""Moments that people type at the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime


def parse_instant(text: str) -> datetime:
    """An aware instant from ISO text such as 2026-06-12T12:00:00Z; raises ArgumentTypeError with a sentence."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a moment; write it like 2026-06-12T12:00:00Z") from None
    if parsed.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} says no zone; write it like 2026-06-12T12:00:00Z")
    return parsed.astimezone(UTC)
