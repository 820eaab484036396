"""Row annotations: what a row carries besides its period, each read in one statement and kept true by its own topic.

The classes in `settings.ROW_ANNOTATIONS` bring them, so a layer above adds one without a change here. Laws, held by
property tests: what `load` returns stays the same until the moment it gives in `until`, unless a row of its tables is
written; and each such write is an event of its topic in the change feed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Generic, Literal, Protocol, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string

from closing.scoreboard.row import AnnotationKey, Row, with_annotations

V = TypeVar("V")
Until = dict[
    AnnotationKey[Any], dict[int, datetime]
]  # by annotation and entity: when the clock may change it


@dataclass(frozen=True, slots=True)
class SnapshotScope:
    """The entities, and the periods of the shown months with their entity and month, that are annotated."""

    entities: tuple[int, ...]
    periods: Mapping[int, tuple[int, date]]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Loaded(Generic[V]):
    """The values by entity or period, and when the clock alone changes one, or brings one where there is none."""

    values: Mapping[int, V]
    until: Mapping[int, datetime]


class RowAnnotation(Protocol[V]):
    """One kind of annotation.

    `per` says whether it belongs to an entity or to a period; `topic` is the kind of its events in the change feed;
    `tables` are those that `load` reads. Where `weighed_by_row`, the value depends on the rest of the row as well.
    """

    @property
    def key(self) -> AnnotationKey[V]: ...
    @property
    def per(self) -> Literal["entity", "period"]: ...
    @property
    def topic(self) -> str: ...
    @property
    def tables(self) -> frozenset[str]: ...
    @property
    def weighed_by_row(self) -> bool: ...

    def load(self, scope: SnapshotScope) -> Loaded[V]:
        """The values at the moment of the scope, in one statement whatever its size."""

    def for_row(self, value: V, row: Row, as_of: datetime) -> V:
        """The value as the rest of its row has it judged; called only where `weighed_by_row`."""

    def foreign(self, value: V) -> frozenset[int]:
        """The entities that a value speaks of besides its own."""

    def seen_by(self, value: V, ids: frozenset[int]) -> V:
        """The value for who sees only these entities; called only where it speaks of others."""


def row_annotations(keys: Collection[AnnotationKey[Any]] | None = None) -> tuple[RowAnnotation[Any], ...]:
    """The annotations that are installed, or those of them with these keys."""
    installed = _installed(tuple(settings.ROW_ANNOTATIONS))
    return installed if keys is None else tuple(item for item in installed if item.key in keys)


@cache
def _installed(paths: tuple[str, ...]) -> tuple[RowAnnotation[Any], ...]:
    return tuple(import_string(path)() for path in paths)


@dataclass(frozen=True, slots=True)
class LoadedAnnotations:
    """All annotations of one scope."""

    loaded: tuple[tuple[RowAnnotation[Any], Loaded[Any]], ...]

    def of(self, entity_id: int, period_id: int | None) -> dict[AnnotationKey[Any], Any]:
        """The annotations of one row, by key."""
        values: dict[AnnotationKey[Any], Any] = {}
        for annotation, loaded in self.loaded:
            value = loaded.values.get(_owner(annotation, entity_id, period_id))
            if value is not None:
                values[annotation.key] = value
        return values

    def for_row(self, row: Row, as_of: datetime) -> Row:
        """The row with those annotations weighed that depend on the rest of it."""
        weighed = {
            annotation.key: annotation.for_row(row.annotations[annotation.key], row, as_of)
            for annotation, _ in self.loaded
            if annotation.weighed_by_row and annotation.key in row.annotations
        }
        return with_annotations(row, {**row.annotations, **weighed}) if weighed else row

    def until(self, rows: Iterable[Row]) -> Until:
        """When the clock may change the annotations of these rows."""
        until: Until = {}
        for annotation, loaded in self.loaded:
            until[annotation.key] = {
                row.entity_id: moment
                for row in (rows if loaded.until else ())
                if (moment := loaded.until.get(_owner(annotation, row.entity_id, row.period_id))) is not None
            }
        return until


def _owner(annotation: RowAnnotation[Any], entity_id: int, period_id: int | None) -> int:
    if annotation.per == "entity":
        return entity_id
    return -1 if period_id is None else period_id  # no period has this id


def load_annotations(scope: SnapshotScope, annotations: Iterable[RowAnnotation[Any]]) -> LoadedAnnotations:
    """Load each of these annotations for the scope; one statement each."""
    return LoadedAnnotations(tuple((annotation, annotation.load(scope)) for annotation in annotations))


def foreign_entities(row: Row) -> frozenset[int]:
    """The entities that the annotations of a row speak of besides its own."""
    return frozenset().union(
        *(annotation.foreign(row.annotations[annotation.key]) for annotation in _carried(row))
    )


def redacted(row: Row, ids: frozenset[int]) -> Row:
    """The row for who sees only these entities: its annotations speak of no others."""
    seen = {
        annotation.key: annotation.seen_by(row.annotations[annotation.key], ids)
        for annotation in _carried(row)
        if not annotation.foreign(row.annotations[annotation.key]) <= ids
    }
    return with_annotations(row, {**row.annotations, **seen}) if seen else row


def _carried(row: Row) -> list[RowAnnotation[Any]]:
    if not row.annotations:
        return []
    return [annotation for annotation in row_annotations() if annotation.key in row.annotations]
