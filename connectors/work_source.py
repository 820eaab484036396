"""The interface of every connector that reads unfinished work, beside `LedgerSource`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import WorkReadResult
from closing.calendar.days import DateSpan


@dataclass(frozen=True, slots=True)
class WorkPeriod:
    """A period whose work is read: its id, its days and its reporting month (a first of month)."""

    period: int
    span: DateSpan
    month: date


@dataclass(frozen=True, slots=True)
class WorkRef:
    """A company whose work is read: the entity's id and code, its ids in the ERP, and its periods, oldest first."""

    entity: int
    code: str
    erp_id: str
    identity: str
    periods: tuple[WorkPeriod, ...]

    def period_at(self, day: date | None) -> WorkPeriod | None:
        """The period that holds a day, whatever its state; None for no day, and for one outside every period."""
        if day is None:
            return None
        return next((one for one in self.periods if one.span.first <= day <= one.span.last), None)

    def period_of(self, day: date | None) -> int | None:
        """The id of the period that holds a day; see `period_at`."""
        period = self.period_at(day)
        return period.period if period is not None else None


class Coverage(StrEnum):
    """How much of a part a source shows."""

    COMPLETE = "complete"
    AT_LEAST = "at_least"
    NOT_READABLE = "not_readable"


@dataclass(frozen=True, slots=True)
class PartCoverage:
    """Whether a source can show a part, and why not in full; `sets` are what is read for it.

    Not `dated`: the source does not give the day of an item, so that each is of no period. A period in which nothing
    was seen is then a lower bound, unless the company has no item at all.
    """

    coverage: Coverage
    doubt: Doubt | None = None
    sets: tuple[str, ...] = field(default=())
    dated: bool = True


PartKey = tuple[BlockerKind, str]


class WorkSource(Protocol):
    """One ERP environment whose unfinished work can be read.

    A whole read is divided into turns (`connectors.registry`), so that no attempt makes too many requests.
    """

    def read_work(
        self, refs: Sequence[WorkRef], days: DateSpan, read_at: datetime, *, turn: int
    ) -> WorkReadResult:
        """Read the parts of one turn for the periods of these companies, which touch the days.

        Raises ServerUnavailable, AccessRefused or AnswerMisread when the whole read fails. A part that is refused or
        missing has facts without a count; one that fails for the moment is a gap.
        """
        ...

    def read_positions(
        self, refs: Sequence[WorkRef], read_at: datetime, entity_of: Mapping[str, str]
    ) -> WorkReadResult:
        """Read the balances of these companies with partners at the ends of their periods, in a turn of its own.

        `entity_of` gives the code of the entity behind what an ERP calls a partner. Raises as `read_work`.
        """
        ...

    def coverage(self) -> Mapping[PartKey, PartCoverage]:
        """What can be read here, as found when the connection is set up; raises as `read_work`."""
        ...
