"""Which rows a question is about, and how many each chip would show: pure functions of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from board.web.board_query import SHOW_FILTERS, BoardQuery
from closing.judging.standing import Level
from closing.scoreboard.board import GroupNode, Scoreboard, warnings_for
from closing.scoreboard.row import Row, outstanding

_LATE = frozenset({Level.LATE, Level.ALERTING})


@dataclass(frozen=True, slots=True)
class Chip:
    """One of the filters that a reader taps most, with the number of rows that it would show."""

    show: str
    label: str
    count: int
    chosen: bool


class FilterableEntity(Protocol):
    """Who an entity is, whatever the state of its periods: a row tells it, and so does an entity without one."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def connection(self) -> str: ...


def filter_board(board: Scoreboard, question: BoardQuery) -> Scoreboard:
    """The same month and moment with only the rows that the question asks for, in its order.

    Warnings follow the rows that they concern. The result counts and judges only what it shows.
    """
    if not question.is_filtered and question.sort == "behind":
        return board
    rows = matching_rows(board, question)
    return Scoreboard(board.month, board.as_of, rows, board.groups, warnings_for(board.warnings, rows))


def matching_rows(board: Scoreboard, question: BoardQuery) -> list[Row]:
    """The rows that pass every filter, in the question's order."""
    wanted = group_and_descendants(board.groups, question.group)
    return ordered(
        (row for row in board.rows if _passes(row, question, wanted) and _shown(row, question.show)),
        question.sort,
    )


def chips(board: Scoreboard, question: BoardQuery) -> list[Chip]:
    """The chips, each counting the rows that pass all other filters."""
    wanted = group_and_descendants(board.groups, question.group)
    rows = [row for row in board.rows if _passes(row, question, wanted)]
    return [
        Chip(show, label, sum(_shown(row, show) for row in rows), show == question.show)
        for show, label in SHOW_FILTERS.items()
    ]


def ordered(rows: Iterable[Row], order: str) -> list[Row]:
    """Rows in an order of `ORDERS`; they come furthest behind first, which stays the second criterion."""
    rows = list(rows)
    match order:
        case "name":
            rows.sort(key=lambda row: row.name.casefold())
        case "deadline":
            rows.sort(key=lambda row: (row.deadline is None, row.deadline.due_on if row.deadline else None))
        case "state":
            rows.sort(key=lambda row: (row.counts_as_closed, row.state.value))
        case "read":
            rows.sort(key=lambda row: (row.read_at is not None, row.read_at))
    return rows


def group_and_descendants(groups: Sequence[GroupNode], code: str) -> frozenset[str] | None:
    """The codes of a group and all below it; None where no group is asked for."""
    if not code:
        return None
    found = {code}
    grown = True
    while grown:
        below = {node.code for node in groups if node.parent in found} - found
        found |= below
        grown = bool(below)
    return frozenset(found)


def entity_matches(entity: FilterableEntity, question: BoardQuery, wanted: frozenset[str] | None) -> bool:
    """Whether an entity passes the filters that ask who it is, and none that ask how it stands.

    `wanted` are the groups that the question's one comes to (see `group_and_descendants`).
    """
    return (
        (wanted is None or entity.group in wanted)
        and (not question.country or entity.country == question.country)
        and (not question.erp or entity.connection == question.erp)
        and (not question.owner or entity.owner == question.owner)
        and (not question.q or _found(entity, question.q.casefold()))
    )


def _passes(row: Row, question: BoardQuery, wanted: frozenset[str] | None) -> bool:
    return (
        entity_matches(row, question, wanted)
        and (not question.state or row.state.value == question.state)
        and (not question.level or row.standing.level.value == question.level)
    )


def _found(entity: FilterableEntity, text: str) -> bool:
    return any(text in each.casefold() for each in (entity.name, entity.code, entity.owner))


def _shown(row: Row, show: str) -> bool:
    match show:
        case "outstanding":
            return outstanding(row)
        case "late":
            return row.standing.level in _LATE
        case "alerting":
            return row.standing.alerting
        case "stale":
            return not row.fresh
        case _:
            return True
