"""The result of one read of an ERP: periods with their native facts, and companies that could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts


class PeriodType(StrEnum):
    """The three kinds of fiscal period; only operating periods are judged (01-domain 1.3)."""

    OPERATING = "operating"
    OPENING = "opening"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class PeriodReading:
    """One fiscal period of one entity as the ERP gave it in one read.

    `erp_id` is the company's id in the connection (compared without case); `erp_key` identifies the period
    within the entity for ever (Finance & Operations: calendar|year|period name, Business Central: its first
    day). `erp_changed_at` is the ERP's own "last modified" where it has one: an upper bound for a change,
    never a proof.
    """

    erp_id: str
    erp_key: str
    calendar: str
    year: str
    name: str
    span: DateSpan
    type: PeriodType
    facts: NativePeriodFacts
    erp_changed_at: datetime | None = None


class GapReason(StrEnum):
    """Why a read brought no reliable result for one company, while others may be fine (05-reliability 2E)."""

    NO_ACCESS = "no_access"
    NOT_FOUND = "not_found"
    MISSING = "missing"  # the ERP no longer lists the company
    BAD_ROW = "bad_row"
    FAILED = "failed"  # the ERP itself fails for this company, and answers for others
    CONFLICT = "conflict"  # the same period twice, with different values
    EMPTY = "empty"  # no periods at all where there were some
    IDENTITY_CHANGED = "identity_changed"


@dataclass(frozen=True, slots=True)
class ReadGap:
    """A company that was requested and not read in full: its last reading stays and ages."""

    erp_id: str
    reason: GapReason
    words: str


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The result of one finished read: complete for every requested company that is not in `gaps`.

    `server_clock` is the ERP's own Date header, for a skew warning only; `retry_after` the seconds that the ERP asks
    to wait before the next read. `identities` has the lasting id of each requested company that was found, by its
    `erp_id` as requested, where the ERP has such ids; `keep_periods` the companies, likewise, of which the ERP lists
    periods, though perhaps none with an end in these months.
    """

    readings: tuple[PeriodReading, ...]
    gaps: tuple[ReadGap, ...] = ()
    pages: int = 0
    rows: int = 0
    server_clock: datetime | None = None
    retry_after: float | None = None
    identities: Mapping[str, str] = field(default_factory=dict)
    keep_periods: frozenset[str] = frozenset()
