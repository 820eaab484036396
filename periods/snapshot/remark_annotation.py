"""The current remarks of people, as an annotation of the row of their period."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from closing.facts.period_remarks import CurrentRemarks, current_remarks
from closing.scoreboard.row import REMARKS, AnnotationKey, Row
from periods.lookups import remarks_and_next
from periods.snapshot.annotations import Loaded, SnapshotScope


class RemarkAnnotation:
    """Remarks are rows that are never rewritten; one dated after the moment counts from its own moment on."""

    key: ClassVar[AnnotationKey[CurrentRemarks]] = REMARKS
    per: ClassVar[Literal["period"]] = "period"
    topic: ClassVar[str] = "remarks"
    tables: ClassVar[frozenset[str]] = frozenset(
        {
            *("periods_remark", "entities_person"),
            *("periods_agreeddate", "periods_fiscalperiod", "periods_perioddeadline"),  # late agreed dates
        }
    )
    weighed_by_row: ClassVar[bool] = False

    def load(self, scope: SnapshotScope) -> Loaded[CurrentRemarks]:
        remarks, following = remarks_and_next(tuple(scope.periods), scope.as_of)
        return Loaded({pk: current_remarks(own) for pk, own in remarks.items()}, following)

    def for_row(self, value: CurrentRemarks, row: Row, as_of: datetime) -> CurrentRemarks:
        return value

    def foreign(self, value: CurrentRemarks) -> frozenset[int]:
        return frozenset()

    def seen_by(self, value: CurrentRemarks, ids: frozenset[int]) -> CurrentRemarks:
        return value
