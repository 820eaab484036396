"""Caches the current boards of a process in memory, and updates them from the change feed.

A cached board is never trusted by age: each request first reads the change feed (`change_feed`), in a statement that
it needs anyway. Only the entities in the changes, and those whose judgement changes by the clock, are read again. The
cache is a copy; PostgreSQL holds the facts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from time import monotonic

from django.db import connection as database

from entities.models import LegalEntity
from periods.board_cache.board_draft import BoardDraft, built_board
from periods.board_cache.cached_board import (
    MAX_VISIBLE_BOARDS,
    CachedBoard,
    cached_value,
    track_record_length,
)
from periods.board_cache.change_feed import ChangeEvent, changes_since
from periods.snapshot.annotations import row_annotations
from periods.snapshot.builder import take_tracked

MAX_CACHED_MONTHS = 4  # boards kept at once; most requests are for the month being closed
_MAX_IDLE = timedelta(hours=6)  # after so long without a request everything is built again
# Clocks may differ a little; a board of a later moment than that is not shown as now.
_CLOCK_TOLERANCE = timedelta(minutes=1)


@dataclass
class _Changes:
    """What a board does not show yet: entities (None: all), connections with a new reading, annotations by topic."""

    entities: set[int] | None = field(default_factory=set)
    connections: set[int] = field(default_factory=set)
    topics: dict[str, set[int] | None] = field(default_factory=dict)  # entities (None: all)

    def collect(self, event: ChangeEvent) -> None:
        """Note the ids of a change; one of a kind that nobody knows concerns whole rows."""
        if event.kind == "read":
            self.connections.update(event.ids or ())
        elif event.kind in {annotation.topic for annotation in row_annotations()}:
            self.topics[event.kind] = _with_more(self.topics.get(event.kind, set()), event.ids)
        else:
            self.entities = _with_more(self.entities, event.ids)


@dataclass(eq=False)
class _CachedMonth:
    """One month of a BoardCache: its board, and the changes that this board does not show yet."""

    month: date
    # Held while the database is read for the board; guards `cached` and `future`.
    reading: threading.Lock = field(default_factory=threading.Lock)
    cached: CachedBoard | None = None
    future: tuple[datetime, set[int] | None] | None = (
        None  # when to read again, and which entities (None: all)
    )
    changes: _Changes = field(default_factory=_Changes)  # guarded by the `_lock` of the BoardCache


def _with_more(ids: set[int] | None, more: Iterable[int] | None) -> set[int] | None:
    return None if ids is None or more is None else ids.union(more)


class BoardCache:
    """The boards of one process; safe to use from several threads.

    A caller sees all changes that were applied before its call, its own writes among them. This rests on:

    - `_lock` guards the collected changes, and is never held while the database is read. A month's `reading` is held
      while the database is read for that month, so that callers for another month do not wait. No thread that holds
      `_lock` takes a `reading`.
    - A month is in `_months`, and collects changes, before the first statement that reads for it. Its changes are
      taken out before that: changes that arrive meanwhile stay, and are applied at the next request for the month.
      The changes of a caller that waits for `reading` were collected before, and it finds them there.
    - While a month or an access is cached, `snapshot_token` is not None, and all that it has seen was collected or is
      in the tables that were read. `clear` drops all three at once.
    - A month that was dropped (`clear`, MAX_CACHED_MONTHS) collects nothing more, so it serves only the callers that
      already wait for it: all changes that they have applied are older. Later callers begin a new one.
    - A month has no board while it is read for: if that fails, the changes taken out are not lost, for the next
      caller builds the whole board.
    - Old events are deleted. A process that has applied nothing for longer than `_MAX_IDLE` may have missed some, and
      clears the cache before it applies more.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._months: OrderedDict[date, _CachedMonth] = OrderedDict()
        self._visible_ids: OrderedDict[str, frozenset[int]] = OrderedDict()
        self._visible_ids_cleared = 0  # grows whenever `_visible_ids` is emptied
        self._requested_at: datetime | None = None
        self._applied_at = monotonic()
        self._count = count(1)
        self.snapshot_token: str | None = None
        self.access_revision = 0  # grows with each event that changes what somebody may see or do

    def clear(self) -> None:
        """Drop all boards and accesses, also for threads that are reading."""
        with self._lock:
            self._months.clear()
            self._clear_visible_ids()
            self.snapshot_token = None

    def _clear_visible_ids(self) -> None:
        self._visible_ids.clear()
        self._visible_ids_cleared += 1

    def apply_changes(self, snapshot: str, events: Iterable[ChangeEvent], since: str | None) -> None:
        """Apply the events between two snapshots: `snapshot`, and `since`, the `snapshot_token` they were read for.

        A caller that read while nothing was cached got no events. If boards were built meanwhile, reads them again.
        """
        while True:
            with self._lock:
                if monotonic() - self._applied_at > _MAX_IDLE.total_seconds():
                    self.clear()
                self._applied_at = monotonic()
                if since is not None or self.snapshot_token is None:
                    self._collect(events)
                    self.snapshot_token = snapshot
                    return
                token = self.snapshot_token
            snapshot, events, since = changes_since(token)

    def _collect(self, events: Iterable[ChangeEvent]) -> None:
        for event in events:
            if event.kind in ("places", "access"):
                self.access_revision += 1
            if event.kind == "places":
                self._clear_visible_ids()
            if event.kind == "access":
                continue
            for cached_month in self._months.values():
                cached_month.changes.collect(event)

    def visible_entities(self, key: str, look_up: Callable[[], Iterable[int]]) -> frozenset[int]:
        """The entities behind an access, named by `key`; looked up once until an entity or a group moves."""
        with self._lock:
            if (ids := self._visible_ids.get(key)) is not None:
                return ids
            cleared, active = self._visible_ids_cleared, self.snapshot_token is not None
        ids = frozenset(look_up())
        with self._lock:
            if active and cleared == self._visible_ids_cleared:  # else they may be outdated already
                cached_value(self._visible_ids, key, lambda: ids, most=4 * MAX_VISIBLE_BOARDS)
        return ids

    def board(self, month: date, as_of: datetime) -> CachedBoard:
        """The board of a month as of now, up to date with all applied changes.

        The caller has just applied the newest (`apply_changes`). The same number of queries whatever the number of
        entities, and none if nothing is new. Waits while another thread reads for the same month.
        """
        cached_month = self._month(month, as_of)
        with cached_month.reading:
            cached, cached_month.cached = cached_month.cached, None
            if cached is None or cached.as_of - as_of > _CLOCK_TOLERANCE:
                cached = self._build(cached_month, as_of)
            else:
                cached = self._update(cached_month, cached, as_of)
            cached_month.cached = cached
            return cached

    def _month(self, month: date, as_of: datetime) -> _CachedMonth:
        """The month, which collects changes from here on."""
        with self._lock:
            if self._requested_at is not None and as_of - self._requested_at > _MAX_IDLE:
                self.clear()
            self._requested_at = as_of
            if self.snapshot_token is not None:
                return self._collecting_month(month)
        snapshot, _, _ = changes_since(None)
        with self._lock:
            # Nothing was cached when the caller read the feed: events count from this snapshot on.
            if self.snapshot_token is None:
                self.snapshot_token = snapshot
            return self._collecting_month(month)

    def _collecting_month(self, month: date) -> _CachedMonth:
        return cached_value(self._months, month, lambda: _CachedMonth(month), most=MAX_CACHED_MONTHS)

    def _take_changes(self, cached_month: _CachedMonth) -> _Changes:
        """Take out the changes, for the caller to read again what they concern."""
        with self._lock:
            changes, cached_month.changes = cached_month.changes, _Changes()
            return changes

    def _build(
        self, cached_month: _CachedMonth, as_of: datetime, before: CachedBoard | None = None
    ) -> CachedBoard:
        month, cached_month.future = cached_month.month, None
        self._take_changes(cached_month)
        entities = LegalEntity.objects.all()
        track = track_record_length(entities.count())
        taken = take_tracked(entities, month, as_of, track=track)
        board = built_board(taken, month, next(self._count), track, before)
        self._note_future_dated(cached_month, as_of, None)
        return board

    def _update(self, cached_month: _CachedMonth, cached: CachedBoard, as_of: datetime) -> CachedBoard:
        changes = self._to_read_again(cached_month, cached, as_of)
        dirty, connections = changes.entities, changes.connections
        if dirty is None:
            return self._build(cached_month, as_of, cached)
        if as_of < cached.next_change:
            if not (dirty or connections or changes.topics):
                return cached
        else:
            dirty |= {pk for pk, moment in cached.valid_until.items() if as_of >= moment}
        draft = BoardDraft(cached, as_of)
        if connections:
            dirty |= draft.read_ages(connections)
        if len(dirty) > 50 and len(dirty) * 4 > len(cached.rows):
            return self._build(cached_month, as_of, cached)
        if dirty and not draft.read_rows(dirty):
            return self._build(cached_month, as_of, cached)
        draft.read_annotations(changes.topics, dirty)
        return draft.finished(self._count)

    def _to_read_again(self, cached_month: _CachedMonth, cached: CachedBoard, as_of: datetime) -> _Changes:
        """What to read again, as changed or as its moment has come."""
        changes, future = self._take_changes(cached_month), cached_month.future
        if future is not None and as_of >= future[0] and changes.entities is not None:
            cached_month.future = None
            changes.entities = _with_more(changes.entities, future[1])
        if changes.entities or changes.connections:
            connected = {pk for pk, row in cached.rows.items() if row.connection_id in changes.connections}
            self._note_future_dated(cached_month, as_of, _with_more(changes.entities, connected))
        return changes

    def _note_future_dated(self, cached_month: _CachedMonth, as_of: datetime, ids: set[int] | None) -> None:
        """Note when to read these entities again if some of their rows are dated after `as_of`: clocks differ."""
        moment = next_future_dated(as_of, cached_month.month, ids)
        if moment is None:
            return
        if (before := cached_month.future) is not None:
            moment = min(moment, before[0])
            ids = _with_more(ids, before[1])
        cached_month.future = moment, ids


def next_future_dated(as_of: datetime, month: date, entity_ids: Collection[int] | None) -> datetime | None:
    """The first moment after `as_of` at which a board of these entities (None: of all) shows more than at `as_of`.

    A snapshot shows rows dated up to its moment, so a cached one must be read again then. None if every clock is
    right, which is nearly always. Annotations find their own (`Loaded.until`). One query; a state change is dated
    as the attempt that saw it.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT min(at) FROM (
                SELECT (SELECT min(started_at) FROM periods_syncattempt
                        WHERE connection_id = c.id AND started_at > %(as_of)s) AS at
                FROM entities_connection c
                UNION ALL SELECT min(set_at) FROM periods_policyversion WHERE set_at > %(as_of)s
                UNION ALL SELECT min(d.set_at)
                FROM periods_perioddeadline d JOIN periods_fiscalperiod p ON p.id = d.period_id
                WHERE d.set_at > %(as_of)s AND p.reporting_month = %(month)s
                  AND (%(ids)s::bigint[] IS NULL OR p.entity_id = ANY(%(ids)s))
            ) dated
            """,
            {"as_of": as_of, "month": month, "ids": None if entity_ids is None else [*entity_ids]},
        )
        earliest: datetime | None = cursor.fetchone()[0]
        return earliest


BOARD_CACHE = BoardCache()
