"""The result of reading balances with partners, from an ERP or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from closing.blockers.blocker_facts import Doubt
from closing.blockers.intercompany import Position, PositionSide


@dataclass(frozen=True, slots=True)
class PositionReadResult:
    """The positions of entities with partners, by code, and what is known of them besides.

    `months` are the reporting months that were read. `expected` has (entity, partner) for each partner that is set
    up, also without a balance, and `unmapped` has (entity, partner, side) where no account is. `listed_in_full` has
    the entities whose source lists every balance, so that one that is not listed is 0. An entity whose balances are
    not shown is in `refused`, one that could not be read this time in `missed` with the reason; each other entity of
    the result is in `read`.
    """

    positions: tuple[Position, ...] = ()
    months: frozenset[date] = frozenset()
    read: frozenset[str] = frozenset()
    expected: frozenset[tuple[str, str]] = frozenset()
    unmapped: frozenset[tuple[str, str, PositionSide]] = frozenset()
    listed_in_full: frozenset[str] = frozenset()
    refused: Mapping[str, Doubt] = field(default_factory=dict, hash=False)
    missed: Mapping[str, str] = field(default_factory=dict, hash=False)
