"""The result of reading the unfinished work of a connection, as a connector returns it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.position_readings import PositionReadResult


@dataclass(frozen=True, slots=True)
class PartRead:
    """One kind and part of an entity (id) that an attempt read: its facts are the whole truth of that moment."""

    entity: int
    kind: BlockerKind
    part: str = ""


@dataclass(frozen=True, slots=True)
class WorkGap:
    """A part that an otherwise good attempt could not read this time; its last facts stay and age."""

    entity: int
    kind: BlockerKind
    part: str
    words: str


@dataclass(frozen=True, slots=True)
class WorkReadResult:
    """The facts of one attempt, and the parts that it read.

    A part that was refused, or that the source does not have, was read: its facts have no count. A part that failed
    for the moment is a gap and has no fact. `positions` are those of a turn that reads balances with partners, whose
    part is the kind without counterparties.
    """

    facts: tuple[BlockerFact, ...]
    parts: frozenset[PartRead]
    gaps: tuple[WorkGap, ...] = ()
    pages: int = 0
    rows: int = 0
    server_clock: datetime | None = None
    retry_after: float | None = None
    positions: PositionReadResult | None = None
