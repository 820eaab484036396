"""Sorts entities under headings by group, ERP or owner, for any kind of item."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from board.scoreboard.table_sections import entities_by, group_ancestry, group_headings, name_key
from board.web.filters import FilterableEntity
from closing.scoreboard.board import GroupNode

T = TypeVar("T", bound=FilterableEntity)


@dataclass(frozen=True, slots=True)
class Heading(Generic[T]):
    """One heading: `below` are all items under it and its sub-headings, `direct` those under itself.

    `key` identifies it in URLs.
    """

    key: str
    name: str
    depth: int
    below: Sequence[T]
    direct: Sequence[T]


def headings(items: Iterable[T], by: str, groups: Sequence[GroupNode]) -> list[Heading[T]]:
    """The headings of a grouping of `board.web.board_query.GROUPINGS`, in the order of their first item.

    Groups come as on the board (`group_headings`).
    """
    items = list(items)
    if not items:
        return []
    match by:
        case "group":
            return _by_group(items, groups)
        case "erp" | "owner":
            named = entities_by(by, items)
            return [Heading(name_key(name), name, 0, below, below) for name, below in named.items()]
        case _:
            return [Heading("all", "All entities", 0, items, items)]


def _by_group(items: Sequence[T], groups: Sequence[GroupNode]) -> list[Heading[T]]:
    direct = entities_by("group", items)
    paths = {code: group_ancestry(groups, code) for code in direct}
    below: dict[str, list[T]] = {}
    for item in items:
        for code in paths[item.group]:
            below.setdefault(code, []).append(item)
    return [
        Heading(code, name, min(len(above), 4), below[code], direct.get(code, []))
        for code, name, above in group_headings(groups, direct, direct)
    ]
