"""Filters and orders rows by a query and counts the rows of each chip: pure functions of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from board.web.board_query import SHOW_FILTERS, BoardQuery
from closing.blockers.row_blockers import blocked_by
from closing.judging.standing import Level
from closing.scoreboard.board import GroupNode, Scoreboard, warnings_for
from closing.scoreboard.row import Row, outstanding

_LATE = frozenset({Level.LATE, Level.ALERTING})


@dataclass(frozen=True, slots=True)
class Chip:
    """One of the most used filters, with the number of rows that it would show."""

    show: str
    label: str
    count: int
    chosen: bool


class FilterableEntity(Protocol):
    """The attributes that identify an entity: rows have them, and so have entities without a row."""

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


def filter_board(board: Scoreboard, query: BoardQuery) -> Scoreboard:
    """The same month and moment with only the rows that match the query, in its order.

    Warnings of other rows are dropped. The result counts and judges only the rows that it shows.
    """
    if not query.is_filtered and query.sort == "behind":
        return board
    rows = matching_rows(board, query)
    return Scoreboard(board.month, board.as_of, rows, board.groups, warnings_for(board.warnings, rows))


def matching_rows(board: Scoreboard, query: BoardQuery) -> list[Row]:
    """The rows that pass every filter, in the query's order."""
    group_codes = group_and_descendants(board.groups, query.group)
    return ordered(
        (row for row in board.rows if _passes(row, query, group_codes) and _shown(row, query.show)),
        query.sort,
    )


def chips(board: Scoreboard, query: BoardQuery) -> list[Chip]:
    """The chips, each counting the rows that pass all other filters."""
    group_codes = group_and_descendants(board.groups, query.group)
    rows = [row for row in board.rows if _passes(row, query, group_codes)]
    return [
        Chip(show, label, sum(_shown(row, show) for row in rows), show == query.show)
        for show, label in SHOW_FILTERS.items()
    ]


def blocked_counts(board: Scoreboard, query: BoardQuery) -> Mapping[str, int]:
    """The values of "blocked by" that some row has, each with the number of rows that pass all other filters."""
    others = query.replace(blocked="")
    group_codes = group_and_descendants(board.groups, query.group)
    counts = Counter[str]()
    for row in board.rows:
        if values := blocked_by(row):
            passes = _passes(row, others, group_codes) and _shown(row, query.show)
            counts.update(dict.fromkeys(values, int(passes)))
    return counts


def ordered(rows: Iterable[Row], order: str) -> list[Row]:
    """Rows in an order of `ORDERS`; input comes furthest behind first, which stays the second criterion."""
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
    """The codes of a group and all groups below it; None for no code."""
    if not code:
        return None
    codes: frozenset[str] = frozenset()
    found = {code}
    while found:
        codes |= found
        found = {node.code for node in groups if node.parent in found} - codes
    return codes


def entity_matches(entity: FilterableEntity, query: BoardQuery, group_codes: frozenset[str] | None) -> bool:
    """Whether an entity passes the filters on its attributes; `group_codes` are from `group_and_descendants`."""
    return (
        (group_codes is None or entity.group in group_codes)
        and (not query.country or entity.country == query.country)
        and (not query.erp or entity.connection == query.erp)
        and (not query.owner or entity.owner == query.owner)
        and (not query.q or _contains(entity, query.q.casefold()))
    )


def _passes(row: Row, query: BoardQuery, group_codes: frozenset[str] | None) -> bool:
    return (
        entity_matches(row, query, group_codes)
        and (not query.state or row.state_key == query.state)
        and (not query.level or row.standing.level.value == query.level)
        and (not query.blocked or query.blocked in blocked_by(row))
    )


def _contains(entity: FilterableEntity, text: str) -> bool:
    return any(text in value.casefold() for value in (entity.name, entity.code, entity.owner))


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
