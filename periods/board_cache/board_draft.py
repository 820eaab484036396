"""The next board of a month: the cached one with the rows, reading ages and annotations that were read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from closing.scoreboard.board import sort_warnings
from closing.scoreboard.row import Row, annotation_contents, with_annotations, with_newer_reading
from entities.models import LegalEntity
from periods.board_cache.cached_board import CachedBoard, valid_until
from periods.snapshot.annotations import (
    LoadedAnnotations,
    RowAnnotation,
    SnapshotScope,
    Until,
    load_annotations,
    row_annotations,
)
from periods.snapshot.builder import UnredactedBoards, take_tracked
from periods.snapshot.freshness import freshness


def built_board(
    taken: UnredactedBoards, month: date, generation: int, track: int, before: CachedBoard | None
) -> CachedBoard:
    """The board of a month that was read as a whole, with the revisions and fragments of the one before."""
    snapshot = taken.boards[month]
    old_rows, old_revisions = (before.rows, before.revisions) if before is not None else ({}, {})
    rows, revisions = merged_rows(old_rows, old_revisions, snapshot.rows)
    board = CachedBoard(
        month,
        snapshot.as_of,
        rows,
        revisions,
        {pk: valid_until(row, snapshot.as_of) for pk, row in rows.items()},
        taken.annotations_until,
        tuple(snapshot.groups),
        tuple(snapshot.warnings),
        generation,
        track,
    )
    if before is not None:
        board.share_renderings(before)
    return board


class BoardDraft:
    """What of a cached board has been read again at `as_of`; it begins with what the board shows."""

    def __init__(self, cached: CachedBoard, as_of: datetime) -> None:
        self.cached = cached
        self.as_of = as_of
        self.rows = dict(cached.rows)
        self.revisions = dict(cached.revisions)
        self.annotations_until = dict(cached.annotations_until)
        self.groups = cached.groups
        self.warnings = cached.warnings
        self.read_again: set[int] = set()  # entities whose row, or the age of its reading, was read

    def read_ages(self, connections: set[int]) -> set[int]:
        """Renew rows that only got a newer reading; returns the entities of which more has changed."""
        ids = [pk for pk, row in self.rows.items() if row.connection_id in connections]
        changed = set()
        for pk, now in freshness(ids, self.as_of).items():
            row = self.rows[pk]
            if (
                row.fresh
                and now.fresh
                and now.read_error == row.read_error
                and not now.missing
                and not row.missing_since
            ):
                self.rows[pk] = with_newer_reading(row, now.read_at, now.stale_at)
                self.read_again.add(pk)
            else:
                changed.add(pk)
        return changed

    def read_rows(self, dirty: set[int]) -> bool:
        """Read the rows of these entities again; False where one is of a group that the board does not have."""
        entities = LegalEntity.objects.filter(pk__in=dirty)
        month = self.cached.month
        taken = take_tracked(entities, month, self.as_of, track=self.cached.track_record_months)
        part = taken.boards[month]
        if not set(part.groups) <= set(self.groups):
            return False
        codes = {self.rows[pk].code for pk in dirty if pk in self.rows} | {row.code for row in part.rows}
        rows, revisions = merged_rows(self.rows, self.revisions, part.rows)
        for pk in dirty:
            self.rows.pop(pk, None)
        self.rows.update(rows)
        self.revisions.update(revisions)
        calendars = {row.calendar_id for row in part.rows} | {item.calendar_id for item in part.warnings}
        others = [
            warning
            for warning in self.warnings
            if (warning.entity not in codes if warning.entity else warning.calendar_id not in calendars)
        ]
        self.warnings = tuple(sort_warnings([*others, *part.warnings]))
        self._replace_until(taken.annotations_until, dirty)
        self.read_again |= dirty
        return True

    def read_annotations(self, topics: Mapping[str, set[int] | None], dirty: set[int]) -> None:
        """Load annotations again that changed, or may have by the clock; rows in `dirty` have just got theirs."""
        for annotation in row_annotations():
            changed = topics.get(annotation.topic, set())
            ids = set(self.rows) if changed is None else changed & self.rows.keys()
            moments = self.cached.annotations_until.get(annotation.key, {})
            ids |= {pk for pk, moment in moments.items() if self.as_of >= moment}
            if ids := (ids & self.rows.keys()) - dirty:
                self._read_annotation(annotation, [self.rows[pk] for pk in ids])

    def _read_annotation(self, annotation: RowAnnotation[object], outdated: list[Row]) -> None:
        month = self.cached.month
        periods = {row.period_id: (row.entity_id, month) for row in outdated if row.period_id is not None}
        ids = {row.entity_id for row in outdated}
        loaded = load_annotations(SnapshotScope(tuple(ids), periods, self.as_of), [annotation])
        rows, revisions = merged_rows(
            self.rows, self.revisions, _annotated(outdated, annotation, loaded, self.as_of)
        )
        self.rows.update(rows)
        self.revisions.update(revisions)
        self._replace_until(loaded.until(rows.values()), ids)

    def _replace_until(self, newer: Until, ids: set[int]) -> None:
        for key, moments in newer.items():
            others = {
                pk: moment for pk, moment in self.annotations_until.get(key, {}).items() if pk not in ids
            }
            self.annotations_until[key] = others | moments

    def finished(self, generations: Iterator[int]) -> CachedBoard:
        """The board of the draft: the cached one itself where nothing was read again."""
        cached = self.cached
        same_annotations = self.annotations_until == cached.annotations_until
        if not self.read_again and same_annotations and self.rows == cached.rows:
            return cached
        until = {pk: moment for pk, moment in cached.valid_until.items() if pk in self.rows}
        for pk in self.read_again & self.rows.keys():
            until[pk] = valid_until(self.rows[pk], self.as_of)
        board = CachedBoard(
            cached.month,
            self.as_of,
            self.rows,
            self.revisions,
            until,
            self.annotations_until,
            self.groups,
            self.warnings,
            cached.generation,
            cached.track_record_months,
            versions=cached.versions,
        )
        board.share_renderings(cached)
        if (self.rows, self.warnings, self.groups) == (cached.rows, cached.warnings, cached.groups):
            board.visible_boards = cached.visible_boards  # none of the changes concerned this board
            return board
        if (self.revisions, self.warnings, self.groups) != (
            cached.revisions,
            cached.warnings,
            cached.groups,
        ) or self.rows.keys() != cached.rows.keys():
            board.versions = {}
        board.generation = next(generations)
        return board


def _annotated(
    rows: Iterable[Row], annotation: RowAnnotation[object], loaded: LoadedAnnotations, as_of: datetime
) -> Iterator[Row]:
    """The rows with their other annotations as they are and this one as loaded."""
    for row in rows:
        others = {key: value for key, value in row.annotations.items() if key is not annotation.key}
        annotated = with_annotations(row, others | loaded.of(row.entity_id, row.period_id))
        yield loaded.for_row(annotated, as_of)


def merged_rows(
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
    if before.annotations != after.annotations and annotation_contents(before) == annotation_contents(after):
        after = with_annotations(after, before.annotations)
    return before == after
