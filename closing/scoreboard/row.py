"""The row of one entity in one reporting month, and the order of rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import astuple, dataclass, field, fields
from datetime import date, datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.facts.base import NativePeriodFacts
from closing.facts.period_remarks import NO_REMARKS, CurrentRemarks
from closing.judging.standing import Level, Standing
from closing.judging.states import PeriodState

NOT_DUE = "not_due"
V = TypeVar("V")


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationKey(Generic[V]):
    """The name under which a row carries one annotation, and what of its value counts as content.

    `content` leaves out what only grows older; rows whose contents are equal look the same.
    """

    name: str
    content: Callable[[V], Hashable]


@dataclass(frozen=True, slots=True)
class RowSilence:
    """A silence of an entity: no notices but reopenings up to and including `last_day` in its zone.

    `by` and `reason` say who set it and why. `group` is the name of the group that is silenced as a whole, "" if the
    entity itself is; `ends` is the moment at which the last day is over.
    """

    silence_id: int
    last_day: date
    by: str
    reason: str
    group: str
    ends: datetime


REMARKS: AnnotationKey[CurrentRemarks] = AnnotationKey("remarks", astuple)
SILENCE: AnnotationKey[RowSilence] = AnnotationKey("silence", astuple)
_NO_ANNOTATIONS: Mapping[AnnotationKey[Any], Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Row:
    """One entity's period in one reporting month at one moment.

    A period that the ERP closed before its last day was over is NOT_STARTED here, and `standing` says stopped early.
    So is a month in which no period of the entity ends (`not_due`): it has nothing to close.
    `state` is the last known one; whether it may be shown as a fact depends on `fresh`. `read_at` is None
    for an entity that was never read. `missing_since` is set while the ERP no longer lists the entity. `read_error`
    says in words why the last attempt did not read this entity ("no access to this company"). `annotations` carry
    what is not of the period itself: remarks, a silence.
    """

    entity_id: int
    code: str
    name: str
    group: str  # code of the group it belongs to
    country: str
    zone: str
    owner: str  # display name, "" without an owner
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
    track_record: tuple[Level, ...] = ()  # levels of the months before, oldest first; empty unless requested
    reason_required: bool = False  # by policy, an overdue reason while the row is late
    not_due: bool = False
    annotations: Mapping[AnnotationKey[Any], Any] = field(default_factory=lambda: _NO_ANNOTATIONS, hash=False)

    @property
    def state_key(self) -> str:
        """The state in files and filters: "not_due" where the month has no period of its own."""
        return NOT_DUE if self.not_due else self.state.value

    def get(self, key: AnnotationKey[V]) -> V | None:
        """The row's annotation of this key; None where it has none."""
        return self.annotations.get(key)

    @property
    def remarks(self) -> CurrentRemarks:
        """The current remarks of people about the period."""
        return self.get(REMARKS) or NO_REMARKS

    @property
    def silence(self) -> RowSilence | None:
        """The silence that is in force."""
        return self.get(SILENCE)

    @property
    def reason_missing(self) -> bool:
        """Whether the row is late without the overdue reason that its policy requires."""
        return self.reason_required and self.standing.overdue and not self.remarks.reason


_VALUES = attrgetter(*(field.name for field in fields(Row)))


_SETTERS = tuple(getattr(Row, field.name).__set__ for field in fields(Row))


_SET_READ_AT, _SET_STALE_AT, _SET_ANNOTATIONS = (
    vars(Row)[name].__set__ for name in ("read_at", "stale_at", "annotations")
)


def _copy(row: Row) -> Row:
    """`dataclasses.replace` takes twice as long, and each read of an ERP renews thousands of rows at once."""
    copied = object.__new__(Row)
    for setter, value in zip(_SETTERS, _VALUES(row), strict=True):
        setter(copied, value)
    return copied


def with_newer_reading(row: Row, read_at: datetime | None, stale_at: datetime | None) -> Row:
    """The same row with a newer reading."""
    newer = _copy(row)
    _SET_READ_AT(newer, read_at)
    _SET_STALE_AT(newer, stale_at)
    return newer


def with_annotations(row: Row, annotations: Mapping[AnnotationKey[Any], Any]) -> Row:
    """The same row with these annotations in place of its own."""
    annotated = _copy(row)
    _SET_ANNOTATIONS(annotated, annotations)
    return annotated


def annotation_contents(row: Row) -> list[tuple[str, Hashable]]:
    """The content of each annotation of a row, by name."""
    return sorted((key.name, key.content(value)) for key, value in row.annotations.items())


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


_FAR = 1_000_000  # days; sorts a row without a due date last


def outstanding(row: Row) -> bool:
    """Whether something is due that is not known to have met the closed rule.

    A row that met it when last read may be stale only.
    """
    return not row.not_due and not is_closed(row)


def is_closed(row: Row) -> bool:
    """Whether the closed rule was met when the row was last read; the state UNKNOWN never meets it."""
    return row.counts_as_closed and row.state is not PeriodState.UNKNOWN


def on_hold_counts_as_closed(row: Row) -> bool:
    return row.state is PeriodState.ON_HOLD and row.counts_as_closed


def state_is_current(row: Row) -> bool:
    return row.fresh and row.state is not PeriodState.UNKNOWN


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Sort furthest behind first: alerting, late, unknown or no deadline, due, closed; then by days and name."""
    return sorted(rows, key=_rank)


def _rank(row: Row) -> tuple[int, int, int, str, str]:
    standing = row.standing
    due_in = _FAR if standing.due_in is None else standing.due_in
    return _RANKS[standing.level], -standing.days_late, due_in, row.name.casefold(), row.code


def furthest_behind(rows: Iterable[Row]) -> Row | None:
    """The late row with the most days late, fresh or not; None if no row is late."""
    return next(iter(laggards(rows)), None)


def laggards(rows: Iterable[Row]) -> list[Row]:
    """The late rows that share the greatest lateness, the furthest behind first."""
    late = [row for row in rows if row.standing.overdue]
    most = max((row.standing.days_late for row in late), default=0)
    return ranked(row for row in late if row.standing.days_late == most)
