"""One entity in one month, as its page has read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from board.web.board_request import BoardRequest
from closing.scoreboard.row import Row
from entities.models import LegalEntity
from periods.snapshot.period_history import AttemptSummary


@dataclass(frozen=True, slots=True)
class EntityInMonth:
    """The row of the shown month and those of the months before; the reads of periods, newest first.

    `writes`: the person may write on the entity.
    """

    entity: LegalEntity
    board_request: BoardRequest
    row: Row | None
    rows: Sequence[tuple[date, Row]]
    attempts: Sequence[AttemptSummary]
    writes: bool
