"""Chances in words: frequencies, rounded down (09-insight 9.4)."""

from __future__ import annotations

from math import floor

_CLOSE_ENOUGH = 1e-9


def in_ten(chance: float) -> str:
    """ "8 in 10", rounded down; "fewer than 1 in 20", "1 in 20" below one in ten, and "more than 9 in 10".

    Nothing but a chance of 1 is "certain", and 0 is "none".
    """
    if chance >= 1 - _CLOSE_ENOUGH:
        return "certain"
    if chance <= 0:
        return "none"
    if chance < 0.05 - _CLOSE_ENOUGH:
        return "fewer than 1 in 20"
    tenths = floor(10 * chance + _CLOSE_ENOUGH)
    if tenths == 0:
        return "1 in 20"
    return f"{tenths} in 10" if chance < 0.95 else "more than 9 in 10"
