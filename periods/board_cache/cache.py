"""Caches the current boards of a process in memory, and updates them from the change feed.

A cached board is never trusted by age: each request first reads the change feed (`change_feed`), in a statement that
it needs anyway. Only the entities in the changes, and those whose judgement changes by the clock, are read again. The
cache is a copy; PostgreSQL holds the facts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from time import monotonic

from closing.scoreboard.board import sort_warnings
from closing.scoreboard.row import Row, with_newer_reading
from entities.models import LegalEntity
from periods.board_cache.cached_board import MAX_VISIBLE_BOARDS, CachedBoard, track_record_length, valid_until
from periods.board_cache.change_feed import ChangeEvent, changes_since
from periods.board_cache.future_dated import next_future_dated
from periods.snapshot.builder import take_snapshot
from periods.snapshot.freshness import freshness

MAX_CACHED_MONTHS = 4  # boards kept at once; most requests are for the month being closed
_MAX_IDLE = timedelta(hours=6)  # after so long without a request everything is built again
# Clocks may differ a little; a board of a later moment than that is not shown as now.
_CLOCK_TOLERANCE = timedelta(minutes=1)


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
    # To be read again: entities (None: all), and connections with a new reading. The cache's `_lock` guards both.
    dirty: set[int] | None = field(default_factory=set)
    connections: set[int] = field(default_factory=set)

    def collect(self, event: ChangeEvent) -> None:
        """Note the ids of a change."""
        if event.kind == "read":
            self.connections.update(event.ids or ())
        elif event.ids is None:
            self.dirty = None
        elif self.dirty is not None:
            self.dirty.update(event.ids)


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
                cached_month.collect(event)

    def visible_entities(self, key: str, look_up: Callable[[], Iterable[int]]) -> frozenset[int]:
        """The entities behind an access, named by `key`; looked up once until an entity or a group moves."""
        with self._lock:
            if (ids := self._visible_ids.get(key)) is not None:
                return ids
            cleared, active = self._visible_ids_cleared, self.snapshot_token is not None
        ids = frozenset(look_up())
        with self._lock:
            if active and cleared == self._visible_ids_cleared:  # else they may be outdated already
                self._visible_ids[key] = ids
                while len(self._visible_ids) > 4 * MAX_VISIBLE_BOARDS:
                    self._visible_ids.popitem(last=False)
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
        cached_month = self._months.setdefault(month, _CachedMonth(month))
        self._months.move_to_end(month)
        while len(self._months) > MAX_CACHED_MONTHS:
            self._months.popitem(last=False)
        return cached_month

    def _take_changes(self, cached_month: _CachedMonth) -> tuple[set[int] | None, set[int]]:
        """Take out the entities (None: all) and the connections with changes, for the caller to read again."""
        with self._lock:
            changes = cached_month.dirty, cached_month.connections
            cached_month.dirty, cached_month.connections = set(), set()
            return changes

    def _build(
        self, cached_month: _CachedMonth, as_of: datetime, before: CachedBoard | None = None
    ) -> CachedBoard:
        month, cached_month.future = cached_month.month, None
        self._take_changes(cached_month)
        entities = LegalEntity.objects.all()
        track = track_record_length(entities.count())
        snapshot = take_snapshot(entities, month, as_of, track=track)
        old_rows, old_revisions = (before.rows, before.revisions) if before is not None else ({}, {})
        rows, revisions = _merged(old_rows, old_revisions, snapshot.rows)
        until = {pk: valid_until(row, as_of) for pk, row in rows.items()}
        board = CachedBoard(
            month,
            as_of,
            rows,
            revisions,
            until,
            tuple(snapshot.groups),
            tuple(snapshot.warnings),
            next(self._count),
            track,
        )
        if before is not None:
            board.row_fingerprints, board.fragment_sets, board._lock = (
                before.row_fingerprints,
                before.fragment_sets,
                before._lock,
            )
        self._note_future_dated(cached_month, as_of, None)
        return board

    def _update(self, cached_month: _CachedMonth, cached: CachedBoard, as_of: datetime) -> CachedBoard:
        dirty, connections = self._to_read_again(cached_month, cached, as_of)
        if dirty is None:
            return self._build(cached_month, as_of, cached)
        if as_of >= cached.next_change:
            dirty |= {pk for pk, moment in cached.valid_until.items() if as_of >= moment}
        newer: dict[int, Row] = {}
        if connections:
            newer, changed = _with_newer_readings(cached, connections, as_of)
            dirty |= changed
        if not dirty and not newer:
            return cached
        if len(dirty) > 50 and len(dirty) * 4 > len(cached.rows):
            return self._build(cached_month, as_of, cached)
        rows, revisions, until = dict(cached.rows), dict(cached.revisions), dict(cached.valid_until)
        rows.update(newer)
        groups, warnings = cached.groups, cached.warnings
        if dirty:
            entities = LegalEntity.objects.filter(pk__in=dirty)
            part = take_snapshot(entities, cached.month, as_of, track=cached.track_record_months)
            if not set(part.groups) <= set(groups):
                # An entity belongs to a group that had none.
                return self._build(cached_month, as_of, cached)
            codes = {rows[pk].code for pk in dirty if pk in rows} | {row.code for row in part.rows}
            new_rows, new_revisions = _merged(rows, revisions, part.rows)
            for pk in dirty:
                rows.pop(pk, None)
            rows.update(new_rows)
            revisions.update(new_revisions)
            calendars = {row.calendar_id for row in part.rows} | {item.calendar_id for item in part.warnings}
            others = [
                warning
                for warning in cached.warnings
                if (warning.entity not in codes if warning.entity else warning.calendar_id not in calendars)
            ]
            warnings = tuple(sort_warnings([*others, *part.warnings]))
            until = {pk: moment for pk, moment in until.items() if pk in rows}
        for pk in (dirty | newer.keys()) & rows.keys():
            until[pk] = valid_until(rows[pk], as_of)
        board = CachedBoard(
            cached.month,
            as_of,
            rows,
            revisions,
            until,
            groups,
            warnings,
            cached.generation,
            track_record_months=cached.track_record_months,
            row_fingerprints=cached.row_fingerprints,
            versions=cached.versions,
            fragment_sets=cached.fragment_sets,
            _lock=cached._lock,
        )
        if (rows, warnings, groups) == (cached.rows, cached.warnings, cached.groups):
            board.visible_boards = cached.visible_boards  # none of the changes concerned this board
            return board
        if (revisions, warnings, groups) != (
            cached.revisions,
            cached.warnings,
            cached.groups,
        ) or rows.keys() != cached.rows.keys():
            board.versions = {}
        board.generation = next(self._count)
        return board

    def _to_read_again(
        self, cached_month: _CachedMonth, cached: CachedBoard, as_of: datetime
    ) -> tuple[set[int] | None, set[int]]:
        """The entities (None: all) and the connections to read again, as changed or because their moment has come."""
        dirty, connections = self._take_changes(cached_month)
        future = cached_month.future
        if future is not None and as_of >= future[0] and dirty is not None:
            cached_month.future = None
            dirty = None if future[1] is None else dirty | future[1]
        if dirty or connections:
            connected = {pk for pk, row in cached.rows.items() if row.connection_id in connections}
            self._note_future_dated(cached_month, as_of, dirty | connected if dirty is not None else None)
        return dirty, connections

    def _note_future_dated(self, cached_month: _CachedMonth, as_of: datetime, ids: set[int] | None) -> None:
        """Note when to read these entities again if some of their rows are dated after `as_of`: clocks differ."""
        moment = next_future_dated(as_of, cached_month.month, ids)
        if moment is None:
            return
        if (before := cached_month.future) is not None:
            moment = min(moment, before[0])
            ids = None if ids is None or before[1] is None else ids | before[1]
        cached_month.future = moment, ids


def _merged(
    old_rows: dict[int, Row], old_revisions: dict[int, int], rows: Iterable[Row]
) -> tuple[dict[int, Row], dict[int, int]]:
    """New rows and revisions by entity: a newer reading alone is no new revision.

    The revision of an entity that is gone stays: if it comes back, fragments of its row at that revision are old.
    """
    merged, revisions = {}, dict(old_revisions)
    for row in rows:
        pk = row.entity_id
        before = old_rows.get(pk)
        unchanged = before is not None and _same_content(before, row)
        merged[pk] = row
        revisions[pk] = old_revisions.get(pk, 0) + (not unchanged)
    return merged, revisions


def _same_content(before: Row, after: Row) -> bool:
    if before.fresh and after.fresh:
        after = with_newer_reading(after, before.read_at, before.stale_at)
    return before == after


def _with_newer_readings(
    cached: CachedBoard, connections: set[int], as_of: datetime
) -> tuple[dict[int, Row], set[int]]:
    """Rows that only got a newer reading, and the entities of these connections for which more has changed."""
    ids = [pk for pk, row in cached.rows.items() if row.connection_id in connections]
    newer, changed = {}, set()
    for pk, now in freshness(ids, as_of).items():
        row = cached.rows[pk]
        if (
            row.fresh
            and now.fresh
            and now.read_error == row.read_error
            and not now.missing
            and not row.missing_since
        ):
            newer[pk] = with_newer_reading(row, now.read_at, now.stale_at)
        else:
            changed.add(pk)
    return newer, changed


BOARD_CACHE = BoardCache()
