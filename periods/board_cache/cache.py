"""Boards of now that a process keeps in memory, and brings up to date with what the database says is new.

A kept board is never trusted by age: each request first reads the change feed (`change_feed`), in a statement that it
needs anyway. Only the entities in the changes, and those whose judgement changes by the clock, are read again. What
one process keeps is a copy; PostgreSQL holds the facts.
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

MAX_CACHED_MONTHS = 4  # boards kept at once; the month being closed is asked for nearly always
_LONGEST = timedelta(hours=6)  # a board that nobody asked about for so long is made anew
# Clocks may differ a little; a board of a later moment than that is not shown as now.
_BACK = timedelta(minutes=1)


@dataclass(eq=False)
class _Month:
    """One month of a BoardCache: its board, and the news that this board does not show yet."""

    month: date
    # Held while the database is read for the board. `kept` and `ahead` belong to who holds it.
    reading: threading.Lock = field(default_factory=threading.Lock)
    kept: CachedBoard | None = None
    ahead: tuple[datetime, set[int] | None] | None = None  # when to look again, and at whom (None: all)
    # What is to be read again: entities (None: all), and connections with a new reading. Both belong to who holds the
    # Keeper's lock.
    dirty: set[int] | None = field(default_factory=set)
    connections: set[int] = field(default_factory=set)

    def hear(self, piece: ChangeEvent) -> None:
        """Collect a piece of news."""
        if piece.kind == "read":
            self.connections.update(piece.ids or ())
        elif piece.ids is None:
            self.dirty = None
        elif self.dirty is not None:
            self.dirty.update(piece.ids)


class BoardCache:
    """The boards of one process; safe to use from several threads.

    A caller sees everything that was heard before its call, its own writes among that. This rests on:

    - `_lock` guards what is heard, and is never held while the database is read. A month's `reading` is held while
      the database is read for that month, so that who wants another month does not wait. Who holds `_lock` takes no
      `reading`.
    - A month stands in `_months`, and collects news, before the first statement that reads for it. Its news is taken
      out before it is read for: whatever is heard meanwhile stays, and is applied when the month is next asked for.
      Who waits for `reading` had its news collected before, and finds it there.
    - While a month or an access is kept, `seen` is not None, and all that `seen` has seen was heard or is in the
      tables that were read. `forget` takes away all three at once.
    - A month that was put away (`forget`, MAX_CACHED_MONTHS) hears nothing more, so it serves only those who
      already wait for it: all that they have heard is older. Who comes later begins a new one.
    - A month has no board while it is read for: if that fails, what was taken out is not lost, for the next reader
      makes the board anew.
    - Old news is deleted. A process that has heard nothing for longer than `_LONGEST` may have missed some, and
      forgets all before it hears again.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._months: OrderedDict[date, _Month] = OrderedDict()
        self._places: OrderedDict[str, frozenset[int]] = OrderedDict()
        self._places_news = 0  # grows whenever `_places` is emptied
        self._looked_at: datetime | None = None
        self._heard_at = monotonic()
        self._count = count(1)
        self.snapshot_token: str | None = None
        self.access_revision = 0  # grows whenever it was heard that somebody may see or do something else

    def clear(self) -> None:
        """Keep nothing, and nothing of what is being read."""
        with self._lock:
            self._months.clear()
            self._forget_places()
            self.snapshot_token = None

    def _forget_places(self) -> None:
        self._places.clear()
        self._places_news += 1

    def apply_changes(self, snapshot: str, news: Iterable[ChangeEvent], since: str | None) -> None:
        """Take in the news that `snapshot` has seen and `since`, the `seen` of when they were asked for, had not.

        Who asked when nothing was kept got no news. Where boards were made meanwhile it is asked for again.
        """
        while True:
            with self._lock:
                if monotonic() - self._heard_at > _LONGEST.total_seconds():
                    self.clear()
                self._heard_at = monotonic()
                if since is not None or self.snapshot_token is None:
                    self._take_in(news)
                    self.snapshot_token = snapshot
                    return
                known = self.snapshot_token
            snapshot, news, since = changes_since(known)

    def _take_in(self, news: Iterable[ChangeEvent]) -> None:
        for piece in news:
            if piece.kind in ("places", "access"):
                self.access_revision += 1
            if piece.kind == "places":
                self._forget_places()
            if piece.kind == "access":
                continue
            for held in self._months.values():
                held.hear(piece)

    def visible_entities(self, key: str, look_up: Callable[[], Iterable[int]]) -> frozenset[int]:
        """The entities behind an access, looked up once until an entity or a group moves; `key` names the access."""
        with self._lock:
            if (known := self._places.get(key)) is not None:
                return known
            heard, hearing = self._places_news, self.snapshot_token is not None
        found = frozenset(look_up())
        with self._lock:
            if hearing and heard == self._places_news:  # else it may be old already
                self._places[key] = found
                while len(self._places) > 4 * MAX_VISIBLE_BOARDS:
                    self._places.popitem(last=False)
        return found

    def board(self, month: date, as_of: datetime) -> CachedBoard:
        """The board of a month as of now, up to date with all that was heard.

        Whoever calls it has just heard (`hear`) what is new; the same number of queries whatever the number of
        entities, and none when nothing is new. Waits while another thread reads for the same month.
        """
        held = self._month(month, as_of)
        with held.reading:
            kept, held.kept = held.kept, None
            if kept is None or kept.as_of - as_of > _BACK:
                kept = self._afresh(held, as_of)
            else:
                kept = self._brought_up(held, kept, as_of)
            held.kept = kept
            return kept

    def _month(self, month: date, as_of: datetime) -> _Month:
        """The month, which collects news from here on."""
        with self._lock:
            if self._looked_at is not None and as_of - self._looked_at > _LONGEST:
                self.clear()
            self._looked_at = as_of
            if self.snapshot_token is not None:
                return self._collecting(month)
        snapshot, _, _ = changes_since(None)
        with self._lock:
            # Nothing was kept when the caller asked for news: from here on there is something to be new to.
            if self.snapshot_token is None:
                self.snapshot_token = snapshot
            return self._collecting(month)

    def _collecting(self, month: date) -> _Month:
        held = self._months.setdefault(month, _Month(month))
        self._months.move_to_end(month)
        while len(self._months) > MAX_CACHED_MONTHS:
            self._months.popitem(last=False)
        return held

    def _take_news(self, held: _Month) -> tuple[set[int] | None, set[int]]:
        """The entities (None: all) and the connections with news, which from here on the reader answers for."""
        with self._lock:
            news = held.dirty, held.connections
            held.dirty, held.connections = set(), set()
            return news

    def _afresh(self, held: _Month, as_of: datetime, before: CachedBoard | None = None) -> CachedBoard:
        month, held.ahead = held.month, None
        self._take_news(held)
        everybody = LegalEntity.objects.all()
        track = track_record_length(everybody.count())
        whole = take_snapshot(everybody, month, as_of, track=track)
        known, words = (before.rows, before.revisions) if before is not None else ({}, {})
        rows, told = _merged(known, words, whole.rows)
        until = {pk: valid_until(row, as_of) for pk, row in rows.items()}
        made = CachedBoard(
            month,
            as_of,
            rows,
            told,
            until,
            tuple(whole.groups),
            tuple(whole.warnings),
            next(self._count),
            track,
        )
        if before is not None:
            made.row_fingerprints, made.fragment_sets, made._lock = (
                before.row_fingerprints,
                before.fragment_sets,
                before._lock,
            )
        self._look_ahead(held, as_of, None)
        return made

    def _brought_up(self, held: _Month, kept: CachedBoard, as_of: datetime) -> CachedBoard:
        dirty, read = self._heard_of(held, kept, as_of)
        if dirty is None:
            return self._afresh(held, as_of, kept)
        if as_of >= kept.next_change:
            dirty |= {pk for pk, moment in kept.valid_until.items() if as_of >= moment}
        reread: dict[int, Row] = {}
        if read:
            reread, moved = _reread(kept, read, as_of)
            dirty |= moved
        if not dirty and not reread:
            return kept
        if len(dirty) > 50 and len(dirty) * 4 > len(kept.rows):
            return self._afresh(held, as_of, kept)
        rows, words, until = dict(kept.rows), dict(kept.revisions), dict(kept.valid_until)
        rows.update(reread)
        groups, warnings = kept.groups, kept.warnings
        if dirty:
            some = LegalEntity.objects.filter(pk__in=dirty)
            part = take_snapshot(some, kept.month, as_of, track=kept.track_record_months)
            if not set(part.groups) <= set(groups):
                # Somebody stands in a group that nobody stood in.
                return self._afresh(held, as_of, kept)
            codes = {rows[pk].code for pk in dirty if pk in rows} | {row.code for row in part.rows}
            fresh, told = _merged(rows, words, part.rows)
            for pk in dirty:
                rows.pop(pk, None)
            rows.update(fresh)
            words.update(told)
            calendars = {row.calendar_id for row in part.rows} | {each.calendar_id for each in part.warnings}
            others = [
                each
                for each in kept.warnings
                if (each.entity not in codes if each.entity else each.calendar_id not in calendars)
            ]
            warnings = tuple(sort_warnings([*others, *part.warnings]))
            until = {pk: moment for pk, moment in until.items() if pk in rows}
        for pk in (dirty | reread.keys()) & rows.keys():
            until[pk] = valid_until(rows[pk], as_of)
        made = CachedBoard(
            kept.month,
            as_of,
            rows,
            words,
            until,
            groups,
            warnings,
            kept.generation,
            track_record_months=kept.track_record_months,
            row_fingerprints=kept.row_fingerprints,
            versions=kept.versions,
            fragment_sets=kept.fragment_sets,
            _lock=kept._lock,
        )
        if (rows, warnings, groups) == (kept.rows, kept.warnings, kept.groups):
            made.visible_boards = kept.visible_boards  # the news was none for this board
            return made
        if (words, warnings, groups) != (
            kept.revisions,
            kept.warnings,
            kept.groups,
        ) or rows.keys() != kept.rows.keys():
            made.versions = {}
        made.generation = next(self._count)
        return made

    def _heard_of(self, held: _Month, kept: CachedBoard, as_of: datetime) -> tuple[set[int] | None, set[int]]:
        """The entities (None: all) and the connections to read again, as news or because their moment has come."""
        dirty, read = self._take_news(held)
        ahead = held.ahead
        if ahead is not None and as_of >= ahead[0] and dirty is not None:
            held.ahead = None
            dirty = None if ahead[1] is None else dirty | ahead[1]
        if dirty or read:
            of_read = {pk for pk, row in kept.rows.items() if row.connection_id in read}
            self._look_ahead(held, as_of, dirty | of_read if dirty is not None else None)
        return dirty, read

    def _look_ahead(self, held: _Month, as_of: datetime, ids: set[int] | None) -> None:
        """Remember to look at these entities again where something of them is dated after `as_of`: clocks differ."""
        when = next_future_dated(as_of, held.month, ids)
        if when is None:
            return
        if (before := held.ahead) is not None:
            when = min(when, before[0])
            ids = None if ids is None or before[1] is None else ids | before[1]
        held.ahead = when, ids


def _merged(
    known: dict[int, Row], words: dict[int, int], rows: Iterable[Row]
) -> tuple[dict[int, Row], dict[int, int]]:
    """New rows by entity, and how often each has said something new: a younger reading alone is nothing new.

    The count of an entity that is gone stays: if it comes back, what was made of its row at that count is old.
    """
    merged, told = {}, dict(words)
    for row in rows:
        pk = row.entity_id
        before = known.get(pk)
        same = before is not None and _said_alike(before, row)
        merged[pk] = row
        told[pk] = words.get(pk, 0) + (not same)
    return merged, told


def _said_alike(before: Row, after: Row) -> bool:
    if before.fresh and after.fresh:
        after = with_newer_reading(after, before.read_at, before.stale_at)
    return before == after


def _reread(kept: CachedBoard, connections: set[int], as_of: datetime) -> tuple[dict[int, Row], set[int]]:
    """Rows that only got a younger reading, and the entities of these connections for which more has changed."""
    ids = [pk for pk, row in kept.rows.items() if row.connection_id in connections]
    younger, moved = {}, set()
    for pk, now in freshness(ids, as_of).items():
        row = kept.rows[pk]
        if (
            row.fresh
            and now.fresh
            and now.read_error == row.read_error
            and not now.missing
            and not row.missing_since
        ):
            younger[pk] = with_newer_reading(row, now.read_at, now.stale_at)
        else:
            moved.add(pk)
    return younger, moved


BOARD_CACHE = BoardCache()
