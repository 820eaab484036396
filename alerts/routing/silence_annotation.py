"""The silence in force, as an annotation of the rows of its entity."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from alerts.routing.silences import silences_and_until
from closing.scoreboard.row import SILENCE, AnnotationKey, Row, RowSilence
from periods.snapshot.annotations import Loaded, SnapshotScope


class SilenceAnnotation:
    """A silence ends with its last day in the entity's zone, or when somebody lifts it."""

    key: ClassVar[AnnotationKey[RowSilence]] = SILENCE
    per: ClassVar[Literal["entity"]] = "entity"
    topic: ClassVar[str] = "silences"
    tables: ClassVar[frozenset[str]] = frozenset(
        {"alerts_silence", "entities_person", "entities_legalentity", "entities_group"}
    )
    weighed_by_row: ClassVar[bool] = False

    def load(self, scope: SnapshotScope) -> Loaded[RowSilence]:
        return Loaded(*silences_and_until(scope.entities, scope.as_of))

    def for_row(self, value: RowSilence, row: Row, as_of: datetime) -> RowSilence:
        return value

    def foreign(self, value: RowSilence) -> frozenset[int]:
        return frozenset()

    def seen_by(self, value: RowSilence, ids: frozenset[int]) -> RowSilence:
        return value
