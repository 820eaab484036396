"""States as they are stored: their words of earlier versions, and what they say of a permanent close."""

from __future__ import annotations

from closing.facts.base import PeriodState as PeriodState
from closing.facts.finops_facts import NO_MODULE_RESTRICTED, NOBODY_CAN_POST, NOBODY_CAN_POST_FOR_NOW

# Earlier versions stored these words with periods and their changes.
_STORED_BEFORE = {
    "posting allowed": NO_MODULE_RESTRICTED,
    "permanently closed": NOBODY_CAN_POST,
    "on hold: nobody can post, and it can be undone": NOBODY_CAN_POST_FOR_NOW,
}
_STORED_BEGINNINGS = {
    "posting allowed, ": "",
    "some dates of the period are postable: ": "posting limited to ",
}


def because_today(stored: str) -> str:
    """A stored because in the words of today, whichever version stored it."""
    for beginning, words in _STORED_BEGINNINGS.items():
        if stored.startswith(beginning):
            return words + stored.removeprefix(beginning)
    return _STORED_BEFORE.get(stored, stored)


def is_permanently_closed(state: PeriodState, because: str) -> bool:
    """Whether a stored state is that of a period which Finance & Operations can never reopen."""
    return state is PeriodState.CLOSED and because_today(because) == NOBODY_CAN_POST


def is_held_for_everybody(state: PeriodState, because: str) -> bool:
    """Whether a stored state is On hold with nobody able to post, as in Finance & Operations; elsewhere some can."""
    return state is PeriodState.ON_HOLD and because_today(because) == NOBODY_CAN_POST_FOR_NOW
