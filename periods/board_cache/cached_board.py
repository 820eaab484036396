"""The cached board of one month, and the part of it that one reader may see."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

from closing.calendar.days import ONE_DAY
from closing.calendar.instants import local_date, start_of_day, zone_named
from closing.scoreboard.board import (
    BoardWarning,
    GroupNode,
    Scoreboard,
    board_fingerprint,
    groups_above,
    row_fingerprint,
    warnings_for,
)
from closing.scoreboard.row import Row, ranked
from periods.snapshot.annotations import Until, foreign_entities, redacted

TRACK_RECORD_MONTHS = 12  # months before the shown one in a row's track record ...


# ... on boards of at most so many entities: each of these months costs as much as the shown one.
TRACK_RECORD_MAX_ENTITIES = 300


MAX_FRAGMENT_SETS = 8  # sets of rendered rows, one for each zone of readers


MAX_VISIBLE_BOARDS = 64  # one for each set of entities that some people see


RowVariant = int | tuple[int, frozenset[int]]  # an entity, with the redaction of its row where it has one


K = TypeVar("K")
V = TypeVar("V")
_MICROSECOND = timedelta(microseconds=1)


_NEVER = datetime.max.replace(tzinfo=UTC)


def valid_until(row: Row, as_of: datetime) -> datetime:
    """The moment from which a row, judged at `as_of`, may change although nothing was written.

    That is its next local midnight, its cut-off, or the end of its reading's life, whichever comes first; a stale
    row is judged as of its reading, so that the clock alone ends nothing of it, and moves how far ahead its deadline
    lies. A row never read is judged by the clock alone. Annotations have moments of their own
    (`CachedBoard.annotations_until`).
    """
    counts_down = row.standing.due_in is not None and row.standing.due_in >= 0
    by_the_clock = row.read_at is None and row.deadline is not None
    if not row.fresh and not counts_down and not by_the_clock:
        return _NEVER
    zone = zone_named(row.zone)
    moments = [start_of_day(local_date(as_of, zone) + ONE_DAY, zone)]
    if row.fresh and row.stale_at is not None:
        moments.append(row.stale_at + _MICROSECOND)
    if row.deadline is not None and row.deadline.due_at > as_of:
        moments.append(row.deadline.due_at)
    return min(moments)


def track_record_length(entities: int) -> int:
    """How many months the track record of a row covers on a board of so many entities."""
    return TRACK_RECORD_MONTHS if entities <= TRACK_RECORD_MAX_ENTITIES else 0


def cached_value(cache: OrderedDict[K, V], key: K, make: Callable[[], V], *, most: int) -> V:
    """The value of a key, made if it is missing; of more than `most` values those longest not asked for go."""
    if key not in cache:
        cache[key] = make()
    cache.move_to_end(key)
    while len(cache) > most:
        cache.popitem(last=False)
    return cache[key]


@dataclass(frozen=True)
class VisibleBoard:
    """A cached board for readers of certain entities; `version` is its `board_fingerprint`.

    `redactions` names the foreign entities that an annotation of a row still speaks of to these readers, where it
    speaks of others as well: such rows have fragments and fingerprints of their own.
    """

    cached_board: CachedBoard
    board: Scoreboard
    version: str
    redactions: Mapping[int, frozenset[int]]
    # Rendered pages and pieces of this board.
    render_cache: dict[object, Any] = field(default_factory=dict, repr=False, compare=False)

    def row_key(self, entity_id: int) -> RowVariant:
        """The key of an entity's row, as these readers see it, in `fragments`."""
        return _row_variant(entity_id, self.redactions)

    def row_fingerprint(self, row: Row) -> str:
        """The `row_fingerprint` of a row of this board, computed once for each revision of the row."""
        return self.cached_board.row_fingerprint(row, self.row_key(row.entity_id))


@dataclass
class CachedBoard:
    """The current board of one month with all entities.

    `revisions` counts per entity how often its row's content has changed; `generation` grows with each change, be it
    only of a reading's age.
    """

    month: date
    as_of: datetime
    rows: dict[int, Row]
    revisions: dict[int, int]
    valid_until: dict[int, datetime]
    annotations_until: Until
    groups: tuple[GroupNode, ...]
    warnings: tuple[BoardWarning, ...]
    generation: int
    track_record_months: int = 0
    row_fingerprints: dict[RowVariant, tuple[int, str]] = field(default_factory=dict, repr=False)
    versions: dict[object, str] = field(default_factory=dict, repr=False)
    fragment_sets: OrderedDict[object, dict[RowVariant, tuple[int, Any]]] = field(
        default_factory=OrderedDict, repr=False
    )
    visible_boards: OrderedDict[object, VisibleBoard] = field(default_factory=OrderedDict, repr=False)
    # Guards the caches above; the next board of the month shares some of them, and so this lock.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def share_renderings(self, before: CachedBoard) -> None:
        """Keep the fingerprints and fragments of an earlier board of the month: each has the revision of its row."""
        self.row_fingerprints, self.fragment_sets = before.row_fingerprints, before.fragment_sets
        self._lock = before._lock

    @property
    def next_change(self) -> datetime:
        """When the clock alone may change a row."""
        moments = chain(self.valid_until.values(), *(own.values() for own in self.annotations_until.values()))
        return min(moments, default=_NEVER)

    def visible_board(self, ids: frozenset[int] | None) -> VisibleBoard:
        """The board of these entities (None: of all); built once until something changes."""
        with self._lock:
            return cached_value(
                self.visible_boards, ids, lambda: self._build_visible_board(ids), most=MAX_VISIBLE_BOARDS
            )

    def fragments(self, key: object) -> dict[RowVariant, tuple[int, Any]]:
        """The rendered rows under a key, by `VisibleBoard.row_key`, each with the revision it was rendered at."""
        with self._lock:
            return cached_value(self.fragment_sets, key, dict, most=MAX_FRAGMENT_SETS)

    def _build_visible_board(self, ids: frozenset[int] | None) -> VisibleBoard:
        redactions = self._redactions(ids) if ids is not None else {}
        rows = [
            redacted(row, ids) if ids is not None and pk in redactions else row
            for pk, row in self.rows.items()
            if ids is None or pk in ids
        ]
        warnings = warnings_for(self.warnings, rows)
        board = Scoreboard(self.month, self.as_of, ranked(rows), groups_above(self.groups, rows), warnings)
        if ids not in self.versions:
            self.versions[ids] = board_fingerprint(
                board, lambda row: self.row_fingerprint(row, _row_variant(row.entity_id, redactions))
            )
        return VisibleBoard(self, board, self.versions[ids], redactions)

    def _redactions(self, ids: frozenset[int]) -> dict[int, frozenset[int]]:
        return {
            pk: foreign & ids for pk, foreign in self._foreign.items() if pk in ids and not foreign <= ids
        }

    @cached_property
    def _foreign(self) -> dict[int, frozenset[int]]:
        """The foreign entities that annotations speak of, of the rows that have such."""
        return {pk: foreign for pk, row in self.rows.items() if (foreign := foreign_entities(row))}

    def row_fingerprint(self, row: Row, key: RowVariant) -> str:
        """The `row_fingerprint` of a row in this variant, computed once for each revision of the row."""
        revision = self.revisions[row.entity_id]
        cached = self.row_fingerprints.get(key)
        if cached is None or cached[0] != revision:
            cached = self.row_fingerprints[key] = revision, row_fingerprint(row)
        return cached[1]


def _row_variant(entity_id: int, redactions: Mapping[int, frozenset[int]]) -> RowVariant:
    redaction = redactions.get(entity_id)
    return entity_id if redaction is None else (entity_id, redaction)
