"""The scoreboard: rows, counts, roll-up and who is behind, as values that every door shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from operator import attrgetter

from closing.days import DateSpan
from closing.deadlines import Deadline
from closing.readings import NativeFacts
from closing.remarks import NOTHING_SAID, Remarks
from closing.standing import Level, Standing
from closing.states import PeriodState


@dataclass(frozen=True, slots=True)
class Quiet:
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
    native: NativeFacts | None
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
    trouble: str = ""
    alert_after_days: int = 5  # the policy's alert line: more days late than this is alerting
    stale_at: datetime | None = None  # when the reading is too old unless another comes; None when never read
    connection_id: int | None = None
    period_id: int | None = None
    calendar_id: int | None = None
    remarks: Remarks = NOTHING_SAID
    track: tuple[Level, ...] = ()  # how the months before went, oldest first, where that was asked for
    reason_missing: bool = False  # late, and the policy asks its people for a reason that nobody has given
    quiet: Quiet | None = None  # while it is silenced


_VALUES = attrgetter(*(each.name for each in fields(Row)))
_PUT = tuple(getattr(Row, each.name).__set__ for each in fields(Row))
_PUT_READ_AT, _PUT_STALE_AT = (vars(Row)[name].__set__ for name in ("read_at", "stale_at"))


def read_again(row: Row, read_at: datetime | None, stale_at: datetime | None) -> Row:
    """The same row with a younger reading.

    `dataclasses.replace` takes twice as long, and each read of an ERP makes thousands of rows younger at once.
    """
    made = object.__new__(Row)
    for put, value in zip(_PUT, _VALUES(row), strict=True):
        put(made, value)
    _PUT_READ_AT(made, read_at)
    _PUT_STALE_AT(made, stale_at)
    return made


@dataclass(frozen=True, slots=True)
class GroupNode:
    """A group of the tree: code, name and the code of its parent ("" for a root)."""

    code: str
    name: str
    parent: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entities of a roll-up are in each state and level; states sum to `entities`.

    `late` counts the watch level only, `alerting` those over the line; `closed_by_policy` the on-hold ones
    that a policy counts as closed; `outstanding` those not known to have met the closed rule (not those that
    met it when last read); `stale` the unfresh ones.
    """

    entities: int = 0
    closed: int = 0
    on_hold: int = 0
    open: int = 0
    unknown: int = 0
    not_started: int = 0
    late: int = 0
    alerting: int = 0
    stale: int = 0
    no_deadline: int = 0
    closed_by_policy: int = 0
    outstanding: int = 0


@dataclass(frozen=True, slots=True)
class Warning:
    """Something a reader must know beside the rows: an older month reopened, a calendar that runs out ...

    `entity` (a code) and `calendar_id` say whom it concerns; without either it concerns everybody.
    """

    code: str
    entity: str
    text: str
    since: datetime | None = None
    calendar_id: int | None = None


@dataclass(frozen=True)
class Scoreboard:
    """One month of some entities at one moment: the single source of page, mail, API, export and terminal."""

    month: date  # first day of the reporting month
    as_of: datetime
    rows: Sequence[Row]  # furthest behind first (see `ranked`)
    groups: Sequence[GroupNode] = ()
    warnings: Sequence[Warning] = ()
    counts: Counts = field(init=False)
    closed: bool | None = field(init=False)  # all closed and fresh; None: nobody can know

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", _count(self.rows))
        object.__setattr__(self, "closed", group_closed(self.rows))


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


def _count(rows: Sequence[Row]) -> Counts:
    states = dict.fromkeys(PeriodState, 0)
    late = alerting = stale = no_deadline = by_policy = outstanding_rows = 0
    for row in rows:
        states[row.state] += 1
        late += row.standing.level is Level.LATE
        alerting += row.standing.level is Level.ALERTING
        no_deadline += row.deadline is None
        stale += not row.fresh
        by_policy += _held_as_closed(row)
        outstanding_rows += not _closed(row)
    return Counts(
        entities=len(rows),
        closed=states[PeriodState.CLOSED],
        on_hold=states[PeriodState.ON_HOLD],
        open=states[PeriodState.OPEN],
        unknown=states[PeriodState.UNKNOWN],
        not_started=states[PeriodState.NOT_STARTED],
        late=late,
        alerting=alerting,
        stale=stale,
        no_deadline=no_deadline,
        closed_by_policy=by_policy,
        outstanding=outstanding_rows,
    )


def outstanding(row: Row) -> bool:
    """Not known to have met the closed rule; one that met it when last read is stale, not outstanding."""
    return not _closed(row)


def _closed(row: Row) -> bool:
    """The closed rule was met when the row was last read; a state that nobody knows never meets it."""
    return row.counts_as_closed and row.state is not PeriodState.UNKNOWN


def _held_as_closed(row: Row) -> bool:
    return row.state is PeriodState.ON_HOLD and row.counts_as_closed


def known(row: Row) -> bool:
    return row.fresh and row.state is not PeriodState.UNKNOWN


def group_closed(rows: Iterable[Row]) -> bool | None:
    """True when every row is fresh and counts as closed, False when a fresh row does not, else None.

    No rows: None.     A fresh read whose words were not understood (state UNKNOWN) says neither.
    """
    every: bool | None = None
    for row in rows:
        if not known(row):
            every = False
        elif not row.counts_as_closed:
            return False
        elif every is None:
            every = True
    return every or None


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


def concerning(warnings: Iterable[Warning], rows: Iterable[Row]) -> list[Warning]:
    """The warnings about these rows' entities and calendars, and those that concern everybody.

    Whoever does not see an entity is not told of its calendar either: that would tell that it exists.
    """
    codes, calendars = set(), set()
    for row in rows:
        codes.add(row.code)
        calendars.add(row.calendar_id)
    return [
        each
        for each in warnings
        if (not each.entity or each.entity in codes)
        and (each.calendar_id is None or each.calendar_id in calendars)
    ]


def in_order(warnings: Iterable[Warning]) -> list[Warning]:
    """Warnings by entity, then those of calendars; those of one entity stay in their order.

    A board that is put together from parts lists them as one made at once does: their order is part of what it says.
    """
    return sorted(warnings, key=lambda each: (not each.entity, each.entity, each.calendar_id or 0))


def roll_up(board: Scoreboard) -> dict[str, Scoreboard]:
    """A sub-scoreboard per group code, each over the rows of the group and everything below it.

    Rows keep their order. A group that is its own ancestor (bad data) holds each of its rows once.
    Warnings follow the rows that they concern.
    """
    parents = {node.code: node.parent for node in board.groups}
    above: dict[str, list[str]] = {}
    for code in {*parents, *(row.group for row in board.rows)}:
        line: list[str] = []
        step = code
        while step and step not in line:
            line.append(step)
            step = parents.get(step, "")
        if line:
            above[code] = line
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in board.rows:
        for code in above.get(row.group, ()):
            rows[code].append(row)
    below: defaultdict[str, list[GroupNode]] = defaultdict(list)
    for node in board.groups:
        for code in above.get(node.code, ()):
            below[code].append(node)
    boards = {}
    for code in above:
        warnings = concerning(board.warnings, rows[code])
        boards[code] = Scoreboard(board.month, board.as_of, rows[code], below[code], warnings)
    return boards


def groups_above(groups: Iterable[GroupNode], rows: Iterable[Row]) -> list[GroupNode]:
    """The groups of the rows and those above them: who does not see an entity does not learn of its group either."""
    groups = list(groups)
    parents = {node.code: node.parent for node in groups}
    wanted: set[str] = set()
    for code in {row.group for row in rows}:
        step = code
        while step and step not in wanted:
            wanted.add(step)
            step = parents.get(step, "")
    return [node for node in groups if node.code in wanted]


def at_moment(board: Scoreboard, as_of: datetime) -> Scoreboard:
    """The same board at a later moment up to which nothing has changed: it is neither counted nor judged again."""
    later = copy(board)
    object.__setattr__(later, "as_of", as_of)
    return later
