"""Groups above entities."""

from __future__ import annotations

from collections.abc import Sequence

from closing.scoreboard.board import GroupNode, Scoreboard


def group_ancestry(groups: Sequence[GroupNode], code: str) -> list[str]:
    """A group and those above it, the root first; a ring of groups (bad data) is cut where it closes."""
    parents = {node.code: node.parent for node in groups}
    line: list[str] = []
    while code and code not in line:
        line.append(code)
        code = parents.get(code, "")
    return line[::-1]


def common_group(board: Scoreboard) -> str:
    """The code of the smallest group that holds every row, "" when there is none."""
    lines = [group_ancestry(board.groups, code) for code in {row.group for row in board.rows}]
    common = ""
    for level in zip(*lines, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common
