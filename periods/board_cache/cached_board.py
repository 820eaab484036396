"""The board of now of one month as a process keeps it, and the part of it that one reader may see."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from closing.calendar.days import ONE_DAY, local_date, start_of_day, zone_named
from closing.scoreboard.board import GroupNode, Scoreboard, Warning, concerning, groups_above
from closing.scoreboard.fingerprints import digest, row_digest
from closing.scoreboard.row import Row, ranked

TRACK = 12  # months before the shown one of which each row tells how they went ...


TRACKED = 300  # ... on boards of at most so many entities: they cost as much as the month itself, each


FRAGMENTS = 8  # sets of rows as shown, one for each zone that readers are in


SCOPES = 64  # groups of people who see the same entities, for each of them


_MICROSECOND = timedelta(microseconds=1)


_NEVER = datetime.max.replace(tzinfo=UTC)


def valid_until(row: Row, as_of: datetime) -> datetime:
    """The moment from which a row, judged at `as_of`, may say something else although nothing was written.

    That is its next local midnight, its cut-off, the end of its reading's life or of its silence, whichever comes
    first; a stale row is judged as of its reading, so that the clock alone moves nothing of it but the silence.
    """
    quiet_until = row.quiet.ends if row.quiet is not None else _NEVER
    if not row.fresh:
        return quiet_until
    zone = zone_named(row.zone)
    moments = [start_of_day(local_date(as_of, zone) + ONE_DAY, zone), quiet_until]
    if row.stale_at is not None:
        moments.append(row.stale_at + _MICROSECOND)
    if row.deadline is not None and row.deadline.due_at > as_of:
        moments.append(row.deadline.due_at)
    return min(moments)


def months_told(entities: int) -> int:
    """Of how many months before the shown one the rows of so many entities tell how they went."""
    return TRACK if entities <= TRACKED else 0


@dataclass(frozen=True)
class Scope:
    """A kept board as somebody with certain entities sees it; `version` names what it says, without now."""

    kept: Kept
    board: Scoreboard
    version: str
    shared: dict[object, Any] = field(
        default_factory=dict, repr=False, compare=False
    )  # what was made of it for show


@dataclass
class Kept:
    """The board of one month with all entities, and of now.

    `words` counts per entity how often its row has said something new; `generation` grows with each change, be it
    only of a reading's age.
    """

    month: date
    as_of: datetime
    rows: dict[int, Row]
    words: dict[int, int]
    until: dict[int, datetime]
    groups: tuple[GroupNode, ...]
    warnings: tuple[Warning, ...]
    generation: int
    track: int = 0
    hashes: dict[int, tuple[int, str]] = field(default_factory=dict, repr=False)
    versions: dict[object, str] = field(default_factory=dict, repr=False)
    made: OrderedDict[object, dict[int, tuple[int, Any]]] = field(default_factory=OrderedDict, repr=False)
    scopes: OrderedDict[object, Scope] = field(default_factory=OrderedDict, repr=False)
    # Guards what was made of this board; the next board shares that, and so this lock.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def next_change(self) -> datetime:
        """When the clock alone may change a row."""
        return min(self.until.values(), default=_NEVER)

    def scope(self, ids: frozenset[int] | None) -> Scope:
        """The board of these entities (None: of all); made once until something changes."""
        with self._lock:
            if (known := self.scopes.get(ids)) is not None:
                self.scopes.move_to_end(ids)
                return known
            made = self.scopes[ids] = self._seen_by(ids)
            while len(self.scopes) > SCOPES:
                self.scopes.popitem(last=False)
            return made

    def fragments(self, key: object) -> dict[int, tuple[int, Any]]:
        """Where whoever shows the board keeps what was made of each row, with the count in `words` it was made at."""
        with self._lock:
            found = self.made.setdefault(key, {})
            self.made.move_to_end(key)
            while len(self.made) > FRAGMENTS:
                self.made.popitem(last=False)
            return found

    def _seen_by(self, ids: frozenset[int] | None) -> Scope:
        rows = [row for pk, row in self.rows.items() if ids is None or pk in ids]
        warnings = concerning(self.warnings, rows)
        board = Scoreboard(self.month, self.as_of, ranked(rows), groups_above(self.groups, rows), warnings)
        if ids not in self.versions:
            self.versions[ids] = digest(board, self.digest_of)
        return Scope(self, board, self.versions[ids])

    def digest_of(self, row: Row) -> str:
        """A hash of what a row of this board says (`row_digest`); it stands for that in every other board too."""
        words = self.words[row.entity_id]
        known = self.hashes.get(row.entity_id)
        if known is None or known[0] != words:
            known = self.hashes[row.entity_id] = words, row_digest(row)
        return known[1]
