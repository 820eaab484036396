"""Describes the filters and the order of a query in words."""

from __future__ import annotations

from collections.abc import Sequence

from board.web import labels
from board.web.board_query import BLOCKED_FILTERS, ORDERS, SHOW_FILTERS, BoardQuery
from closing.judging.standing import Level
from closing.scoreboard.board import GroupNode


def labelled_filters(query: BoardQuery, groups: Sequence[GroupNode]) -> list[tuple[str, str]]:
    """Each filter as (label, value) in words; a group that is not among `groups` is named by its code."""
    names = {node.code: node.name for node in groups}
    filters = [
        ("Show", SHOW_FILTERS[query.show] if query.show != "all" else ""),
        ("Search", f"“{query.q}”" if query.q else ""),
        ("State", labels.STATE_KEY_LABELS.get(query.state, "")),
        ("Against deadline", labels.LEVEL_LABELS[Level(query.level)] if query.level else ""),
        ("Blocked by", BLOCKED_FILTERS[query.blocked].lower() if query.blocked else ""),
        ("Group", names.get(query.group, query.group)),
        ("Country", query.country),
        ("ERP", query.erp),
        ("Owner", query.owner),
    ]
    return [(label, value) for label, value in filters if value]


def describe_filters(query: BoardQuery, groups: Sequence[GroupNode]) -> list[str]:
    """Each filter as "Owner: Amira Hale"."""
    return [f"{label}: {value}" for label, value in labelled_filters(query, groups)]


def describe_order(query: BoardQuery) -> str:
    """ "Furthest behind first"."""
    return f"{ORDERS[query.sort]}{' first' if query.sort == 'behind' else ''}"
