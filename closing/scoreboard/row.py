"""One entity's period in one reporting month, as every door shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.facts.base import NativePeriodFacts
from closing.facts.period_remarks import NO_REMARKS, CurrentRemarks
from closing.judging.standing import Level, Standing
from closing.judging.states import PeriodState


@dataclass(frozen=True, slots=True)
class RowSilence:
    """That nothing but reopenings is told of an entity up to and with a day there, who asked for it and why.

    `group` is the name of the group that is silenced as a whole, "" where it is the entity itself; `ends` is the
    moment at which the day is over.
    """

    silence_id: int
    last_day: date
    by: str
    reason: str
    group: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """One entity's period in one reporting month at one moment.

    `state` is the last known one; whether it may be shown as a fact depends on `fresh`. `read_at` is None
    when the entity was never read. `missing_since` is set while the ERP no longer lists the entity. `trouble`
    says in words why the last attempt did not bring this entity ("no access to this company").
    """

    entity_id: int
    code: str
    name: str
    group: str  # code of the group it belongs to
    country: str
    zone: str
    owner: str  # display name, "" when nobody owns it
    connection: str  # name, "" when none
    state: PeriodState
    because: str
    native_facts: NativePeriodFacts | None
    span: DateSpan | None
    period_name: str
    deadline: Deadline | None
    standing: Standing
    fresh: bool
    read_at: datetime | None
    counts_as_closed: bool  # by policy: closed, or on hold where that counts
    on_hold_counts: bool = False  # the policy in force, printed where a number depends on it
    seen_between: tuple[datetime | None, datetime] | None = None
    missing_since: datetime | None = None
    read_error: str = ""
    alert_after_days: int = 5  # the policy's alert line: more days late than this is alerting
    stale_at: datetime | None = None  # when the reading is too old unless another comes; None when never read
    connection_id: int | None = None
    period_id: int | None = None
    calendar_id: int | None = None
    remarks: CurrentRemarks = NO_REMARKS
    track_record: tuple[Level, ...] = ()  # how the months before went, oldest first, where that was asked for
    reason_missing: bool = False  # late, and the policy asks its people for a reason that nobody has given
    silence: RowSilence | None = None  # while it is silenced


_VALUES = attrgetter(*(each.name for each in fields(Row)))


_PUT = tuple(getattr(Row, each.name).__set__ for each in fields(Row))


_PUT_READ_AT, _PUT_STALE_AT = (vars(Row)[name].__set__ for name in ("read_at", "stale_at"))


def with_newer_reading(row: Row, read_at: datetime | None, stale_at: datetime | None) -> Row:
    """The same row with a younger reading.

    `dataclasses.replace` takes twice as long, and each read of an ERP makes thousands of rows younger at once.
    """
    made = object.__new__(Row)
    for put, value in zip(_PUT, _VALUES(row), strict=True):
        put(made, value)
    _PUT_READ_AT(made, read_at)
    _PUT_STALE_AT(made, stale_at)
    return made


_LATE = frozenset({Level.LATE, Level.ALERTING})


_RANKS = {
    Level.ALERTING: 0,
    Level.LATE: 1,
    Level.UNKNOWN: 2,
    Level.NO_DEADLINE: 2,
    Level.DUE_TODAY: 3,
    Level.NOT_DUE: 3,
    Level.CLOSED_LATE: 4,
    Level.CLOSED_DATE_UNKNOWN: 4,
    Level.CLOSED_ON_TIME: 4,
}


_FAR = 1_000_000  # days: where a row without a due date sorts


def outstanding(row: Row) -> bool:
    """Not known to have met the closed rule; one that met it when last read is stale, not outstanding."""
    return not is_closed(row)


def is_closed(row: Row) -> bool:
    """The closed rule was met when the row was last read; a state that nobody knows never meets it."""
    return row.counts_as_closed and row.state is not PeriodState.UNKNOWN


def on_hold_counts_as_closed(row: Row) -> bool:
    return row.state is PeriodState.ON_HOLD and row.counts_as_closed


def state_is_current(row: Row) -> bool:
    return row.fresh and row.state is not PeriodState.UNKNOWN


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Furthest behind first: alerting, late, unknown or no deadline, due, closed; then by days and name."""
    return sorted(rows, key=_rank)


def _rank(row: Row) -> tuple[int, int, int, str, str]:
    standing = row.standing
    due_in = _FAR if standing.due_in is None else standing.due_in
    return _RANKS[standing.level], -standing.days_late, due_in, row.name.casefold(), row.code


def furthest_behind(rows: Iterable[Row]) -> Row | None:
    """The outstanding row with the most days late (fresh or not), None when nobody is late."""
    return next(iter(laggards(rows)), None)


def laggards(rows: Iterable[Row]) -> list[Row]:
    """The late rows that share the greatest lateness, the furthest behind first."""
    late = [row for row in rows if row.standing.level in _LATE]
    most = max((row.standing.days_late for row in late), default=0)
    return ranked(row for row in late if row.standing.days_late == most)
