"""The scoreboard as a value: rows, counts, groups and warnings, its roll-up by group, and fingerprints of content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import date, datetime

from closing.facts.base import facts_to_json
from closing.judging.standing import Level
from closing.scoreboard.row import (
    Row,
    annotation_contents,
    on_hold_counts_as_closed,
    outstanding,
    state_is_current,
)


@dataclass(frozen=True, slots=True)
class GroupNode:
    """A group of the tree: code, name and the code of its parent ("" for a root)."""

    code: str
    name: str
    parent: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many entities of a roll-up are in each state and level; states, with `not_due`, sum to `entities`.

    So do the `outstanding`, those that met the closed rule, and those that are `not_due` for the month.

    `late` counts the watch level only, `alerting` those over the alert line, `closed_by_policy` the entities on hold
    that a policy counts as closed, `outstanding` those not known to have met the closed rule (an entity that met it
    when last read is not among them), `stale` those without a fresh reading.
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
    not_due: int = 0


@dataclass(frozen=True, slots=True)
class BoardWarning:
    """A warning beside the rows, such as an older month reopened or a calendar that runs out.

    It concerns the entity with the code `entity`, or those of the calendar `calendar_id`; without either, everybody.
    """

    code: str
    entity: str
    text: str
    since: datetime | None = None
    calendar_id: int | None = None


@dataclass(frozen=True)
class Scoreboard:
    """One month of some entities at one moment: the single source of page, mail, export and terminal."""

    month: date  # first day of the reporting month
    as_of: datetime
    rows: Sequence[Row]  # furthest behind first (see `ranked`)
    groups: Sequence[GroupNode] = ()
    warnings: Sequence[BoardWarning] = ()
    counts: Counts = field(init=False)
    closed: bool | None = field(init=False)  # see `group_closed`

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", _count(self.rows))
        object.__setattr__(self, "closed", group_closed(self.rows))


def _count(rows: Sequence[Row]) -> Counts:
    counts = dict.fromkeys((field.name for field in fields(Counts)), 0)
    counts["entities"] = len(rows)
    for row in rows:
        counts[row.state_key] += 1
        counts["late"] += row.standing.level is Level.LATE
        counts["alerting"] += row.standing.level is Level.ALERTING
        counts["no_deadline"] += row.deadline is None and not row.not_due
        counts["stale"] += not row.fresh
        counts["closed_by_policy"] += on_hold_counts_as_closed(row)
        counts["outstanding"] += outstanding(row)
    return Counts(**counts)


def group_closed(rows: Iterable[Row]) -> bool | None:
    """True when every row is fresh and counts as closed, False when a fresh row does not, else None.

    None without rows. A fresh row in state UNKNOWN decides neither way, and one that is not due is not asked.
    """
    every: bool | None = None
    for row in rows:
        if row.not_due:
            continue
        if not state_is_current(row):
            every = False
        elif not row.counts_as_closed:
            return False
        elif every is None:
            every = True
    return every or None


def warnings_for(warnings: Iterable[BoardWarning], rows: Collection[Row]) -> list[BoardWarning]:
    """The warnings about these rows' entities and calendars, and those that concern everybody.

    A reader who may not see an entity does not see its calendar's warning either, which would reveal it.
    """
    codes = {row.code for row in rows}
    calendars = {row.calendar_id for row in rows}
    return [
        warning
        for warning in warnings
        if (not warning.entity or warning.entity in codes)
        and (warning.calendar_id is None or warning.calendar_id in calendars)
    ]


def sort_warnings(warnings: Iterable[BoardWarning]) -> list[BoardWarning]:
    """Sort warnings by entity, then by calendar; warnings of one entity keep their order.

    A board put together from parts must list them as a board built at once does: the fingerprint covers their order.
    """
    return sorted(
        warnings, key=lambda warning: (not warning.entity, warning.entity, warning.calendar_id or 0)
    )


def groups_above(groups: Iterable[GroupNode], rows: Iterable[Row]) -> list[GroupNode]:
    """The groups of the rows and those above them; a reader who sees no entity of a group does not see the group."""
    groups = list(groups)
    parents = {node.code: node.parent for node in groups}
    shown: set[str] = set()
    for code in {row.group for row in rows}:
        step = code
        while step and step not in shown:
            shown.add(step)
            step = parents.get(step, "")
    return [node for node in groups if node.code in shown]


def with_as_of(board: Scoreboard, as_of: datetime) -> Scoreboard:
    """The same board at a later moment, without counting again; only valid if nothing has changed since."""
    later = copy(board)
    object.__setattr__(later, "as_of", as_of)
    return later


def board_fingerprint(board: Scoreboard, of_row: Callable[[Row], str] | None = None) -> str:
    """A short hash of the board's content without its moment; boards of equal content have equal fingerprints.

    The time of the last read counts only on a row that is no longer fresh, where it is shown. `of_row` may cache
    `row_fingerprint` for rows that have not changed.
    """
    of_row = of_row or row_fingerprint
    content = [
        board.month,
        [of_row(row) for row in board.rows],
        [(node.code, node.name, node.parent) for node in board.groups],
        [(warning.code, warning.entity, warning.text, warning.since) for warning in board.warnings],
    ]
    return _hashed(content)


def row_fingerprint(row: Row) -> str:
    """A short hash of one row's content, by the rule of `board_fingerprint`."""
    return _hashed(_row_content(row))


def _hashed(content: object) -> str:
    text = json.dumps(content, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _row_content(row: Row) -> list[object]:
    due, standing, span = row.deadline, row.standing, row.span
    return [
        [row.entity_id, row.code, row.name, row.group, row.country, row.zone, row.owner, row.connection],
        [
            row.state,
            row.because,
            row.period_name,
            facts_to_json(row.native_facts) if row.native_facts is not None else None,
        ],
        [span.first, span.last] if span is not None else None,
        [due.due_on, due.zone, due.cut_off, due.label, due.explanation] if due is not None else None,
        [
            *(standing.level, standing.days_late, standing.unit, standing.due_in, standing.first_closed_on),
            *(standing.last_closed_on, standing.closed_between, standing.reopened, standing.unconfirmed),
            *(standing.closed, standing.first_close_level),
        ],
        [row.fresh, None if row.fresh else row.read_at, row.counts_as_closed, row.on_hold_counts],
        [row.seen_between, row.missing_since, row.read_error, row.alert_after_days],
        [row.reason_required, row.track_record, *annotation_contents(row)],
        *([["permanent", standing.permanent_reopenings]] if standing.permanent_reopenings else []),
    ]
