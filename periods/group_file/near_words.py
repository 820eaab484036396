"""The nearest of some words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """ "did you mean ...?" with the nearest of the words, or "" when none is near."""
    by_case = {one.lower(): one for one in words}
    found = get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return f"did you mean {by_case[found[0]]}?" if found else ""
