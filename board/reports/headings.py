"""Entities under headings: their groups, ERPs or owners, whatever is then shown of each entity."""

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
    """One heading: `below` is everything under it and its sub-headings, `direct` what stands under it alone.

    `key` names it in addresses.
    """

    key: str
    name: str
    depth: int
    below: Sequence[T]
    direct: Sequence[T]


def headings(items: Iterable[T], by: str, groups: Sequence[GroupNode]) -> list[Heading[T]]:
    """The headings of a grouping of `board.web.board_query.GROUPINGS`, in the order of their first item.

    Groups come as on the board: one that only holds another group is named in that one, and the one that holds
    everything is left out unless entities stand in it directly.
    """
    items = list(items)
    if not items:
        return []
    match by:
        case "group":
            return list(_by_group(items, groups))
        case "erp":
            return _by_name(items, [each.connection or "No ERP" for each in items])
        case "owner":
            return _by_name(items, [each.owner or "Nobody" for each in items])
        case _:
            return [Heading("all", "All entities", 0, items, items)]


def _by_name(items: Sequence[T], names: Sequence[str]) -> list[Heading[T]]:
    found: dict[str, list[T]] = {}
    for name, each in zip(names, items, strict=True):
        found.setdefault(name, []).append(each)
    return [Heading(f"{zlib.crc32(name.encode()):08x}", name, 0, held, held) for name, held in found.items()]


def _by_group(items: Sequence[T], groups: Sequence[GroupNode]) -> Iterator[Heading[T]]:
    names = {node.code: node.name for node in groups}
    lines = {code: group_ancestry(groups, code) for code in {each.group for each in items}}
    children: dict[str, list[str]] = {}
    below: dict[str, list[T]] = {}
    direct: dict[str, list[T]] = {}
    for each in items:
        line = lines[each.group]
        for parent, child in zip(["", *line], line, strict=False):
            if child not in (known := children.setdefault(parent, [])):
                known.append(child)
            below.setdefault(child, []).append(each)
        direct.setdefault(each.group, []).append(each)

    def walk(code: str, depth: int, prefix: str) -> Iterator[Heading[T]]:
        under, own = children.get(code, []), direct.get(code, [])
        name = prefix + names.get(code, code)
        if not own and len(under) == 1:
            yield from walk(under[0], depth, f"{name} › ")
            return
        yield Heading(code, name, min(depth, 4), below[code], own)
        for child in under:
            yield from walk(child, depth + 1, "")

    tops = children[""]
    while len(tops) == 1 and tops[0] not in direct:
        tops = children[tops[0]]  # the heading of the page is the heading of this group
    for top in tops:
        yield from walk(top, 0, "")
