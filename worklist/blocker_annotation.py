"""What is in the way of each period, as an annotation of the rows of boards."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from closing.blockers.row_blockers import BLOCKERS, RowBlockers, partners, seen_by, weighed_for
from closing.scoreboard.row import AnnotationKey, Row
from periods.snapshot.annotations import Loaded, SnapshotScope
from worklist.blocker_reads import read_blockers


class BlockerAnnotation:
    """Facts hold until another replaces them; their weight changes with the row, the day and their age."""

    key: ClassVar[AnnotationKey[RowBlockers]] = BLOCKERS
    per: ClassVar[Literal["period"]] = "period"
    topic: ClassVar[str] = "blockers"
    tables: ClassVar[frozenset[str]] = frozenset(
        {
            *("worklist_blockerreading", "worklist_workspan", "worklist_workattempt", "worklist_carrieditem"),
            *("worklist_profileversion", "worklist_blockerpolicyversion", "periods_perioddeadline"),
            *("entities_legalentity", "entities_group", "entities_connection", "entities_person"),
            *("worklist_closetask", "worklist_taskevent"),  # what is due
        }
    )
    weighed_by_row: ClassVar[bool] = True

    def load(self, scope: SnapshotScope) -> Loaded[RowBlockers]:
        return read_blockers(scope.periods, scope.as_of)

    def for_row(self, value: RowBlockers, row: Row, as_of: datetime) -> RowBlockers:
        return weighed_for(value, row, as_of)

    def foreign(self, value: RowBlockers) -> frozenset[int]:
        return partners(value)

    def seen_by(self, value: RowBlockers, ids: frozenset[int]) -> RowBlockers:
        return seen_by(value, ids)
