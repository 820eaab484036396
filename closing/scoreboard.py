"""The scoreboard: rows, roll-up, headline and who holds the group up, as plain values that every door shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from closing.days import DateSpan
from closing.deadlines import Deadline
from closing.readings import NativeFacts
from closing.standing import Level, Standing
from closing.states import PeriodState


@dataclass(frozen=True, slots=True)
class Row:
    """One entity's period in one reporting month at one moment.

    `state` is the last known one; whether it may be shown as a fact depends on `fresh`. `read_at` is None when the
    entity was never read. `missing_since` is set while the ERP no longer lists the entity.
    `trouble` says in words why the last attempt did not bring this entity ("no access to this company").
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


@dataclass(frozen=True, slots=True)
class GroupNode:
    """A group of the tree: code, name and the code of its parent ("" for a root)."""

    code: str
    name: str
    parent: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entities of a roll-up are in each state and level; states sum to `entities`.

    `late` counts the watch level only, `alerting` those over the line; `closed_by_policy` the on-hold ones that a
    policy counts as closed; `outstanding` those not known to have met the closed rule; `stale` the unfresh ones.
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
    """Something a reader must know beside the rows: an older month reopened, a calendar that runs out ..."""

    code: str
    entity: str
    text: str
    since: datetime | None = None


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


def group_closed(rows: Iterable[Row]) -> bool | None:
    """True when every row is fresh and counts as closed, False when a fresh row does not, else None (also for no rows)."""
    ...


def ranked(rows: Iterable[Row]) -> list[Row]:
    """Furthest behind first: alerting, late, unknown or no deadline, due, then closed; then by days and name."""
    ...


def furthest_behind(rows: Iterable[Row]) -> Row | None:
    """The outstanding row with the most days late (fresh or not), None when nobody is late."""
    ...


def headline(board: Scoreboard) -> str:
    """One sentence: closed or not, who holds the group up and by how much; never "closed" on a guess."""
    ...


def roll_up(board: Scoreboard) -> dict[str, Scoreboard]:
    """A sub-scoreboard per group code, each over the rows of the group and everything below it."""
    ...


def digest(board: Scoreboard) -> str:
    """A short hash of what the board says; two boards that say the same have the same, and "now" is not in it."""
    ...
