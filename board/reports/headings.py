"""Sorts entities under headings by group, ERP or owner, for any kind of item."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from board.scoreboard.group_paths import group_ancestry
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

    Groups come as on the board: one that only holds another group becomes a prefix of its name, and one that holds
    everything is left out unless it has entities of its own.
    """
    items = list(items)
    if not items:
        return []
    match by:
        case "group":
            return list(_by_group(items, groups))
        case "erp":
            return _by_name(items, [item.connection or "No ERP" for item in items])
        case "owner":
            return _by_name(items, [item.owner or "Nobody" for item in items])
        case _:
            return [Heading("all", "All entities", 0, items, items)]


def _by_name(items: Sequence[T], names: Sequence[str]) -> list[Heading[T]]:
    groups: dict[str, list[T]] = {}
    for name, item in zip(names, items, strict=True):
        groups.setdefault(name, []).append(item)
    return [
        Heading(f"{zlib.crc32(name.encode()):08x}", name, 0, below, below) for name, below in groups.items()
    ]


def _by_group(items: Sequence[T], groups: Sequence[GroupNode]) -> Iterator[Heading[T]]:
    names = {node.code: node.name for node in groups}
    paths = {code: group_ancestry(groups, code) for code in {item.group for item in items}}
    children: dict[str, list[str]] = {}
    below: dict[str, list[T]] = {}
    direct: dict[str, list[T]] = {}
    for item in items:
        path = paths[item.group]
        for parent, child in zip(["", *path], path, strict=False):
            if child not in (siblings := children.setdefault(parent, [])):
                siblings.append(child)
            below.setdefault(child, []).append(item)
        direct.setdefault(item.group, []).append(item)

    def walk(code: str, depth: int, prefix: str) -> Iterator[Heading[T]]:
        subgroups, group_items = children.get(code, []), direct.get(code, [])
        name = prefix + names.get(code, code)
        if not group_items and len(subgroups) == 1:
            yield from walk(subgroups[0], depth, f"{name} › ")
            return
        yield Heading(code, name, min(depth, 4), below[code], group_items)
        for child in subgroups:
            yield from walk(child, depth + 1, "")

    roots = children[""]
    while len(roots) == 1 and roots[0] not in direct:
        roots = children[roots[0]]  # the page's heading already names this group
    for root in roots:
        yield from walk(root, 0, "")
