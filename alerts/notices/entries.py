"""The entries of a message: notices with the rows that they report, and the months of entities that these make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from alerts.models import Notice
from alerts.sanitize import one_line
from closing.scoreboard.row import Row

SHORT_NAME = 60  # letters of a name in a header


@dataclass(frozen=True, slots=True)
class EntityNotice:
    """One notice to report, with the row of its entity as the board has it at this moment, and its month."""

    notice: Notice
    row: Row
    month: date

    @property
    def rows(self) -> Sequence[Row]:
        return (self.row,)


@dataclass(frozen=True, slots=True)
class MultiEntityNotice:
    """A notice of a connection or of a group's month, with those of its rows that the reader may see; never empty.

    Of a connection these are the rows that are not read.
    """

    notice: Notice
    rows: Sequence[Row]
    month: date


DeliverableNotice = EntityNotice | MultiEntityNotice


@dataclass(frozen=True, slots=True)
class EntityMonth:
    """One entity's month with every notice of it in this mail, and the highest escalation step of these, or 0."""

    row: Row
    month: date
    notices: Sequence[Notice]
    step: int = 0

    @property
    def name(self) -> str:
        return one_line(self.row.name) or self.row.code

    @property
    def short_name(self) -> str:
        """For a subject, of which a phone shows some sixty letters."""
        return one_line(self.row.name, SHORT_NAME) or self.row.code


EntityMonths = Sequence[EntityMonth]
MultiEntityNotices = Sequence[MultiEntityNotice]
