"""Looks up the groups above entities."""

from __future__ import annotations

from collections.abc import Sequence

from closing.scoreboard.board import GroupNode, Scoreboard


def group_ancestry(groups: Sequence[GroupNode], code: str) -> list[str]:
    """A group and its ancestors, the root first; a cycle of groups (bad data) is cut where it closes."""
    parents = {node.code: node.parent for node in groups}
    path: list[str] = []
    while code and code not in path:
        path.append(code)
        code = parents.get(code, "")
    return path[::-1]


def common_group(board: Scoreboard) -> str:
    """The code of the smallest group that holds every row; "" if there is none."""
    paths = [group_ancestry(board.groups, code) for code in {row.group for row in board.rows}]
    common = ""
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common
