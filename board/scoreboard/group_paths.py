"""The groups above entities, and the headings that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from closing.scoreboard.board import GroupNode


def group_ancestry(groups: Sequence[GroupNode], code: str) -> list[str]:
    """A group and its ancestors, the root first; a cycle of groups (bad data) is cut where it closes."""
    parents = {node.code: node.parent for node in groups}
    path: list[str] = []
    while code and code not in path:
        path.append(code)
        code = parents.get(code, "")
    return path[::-1]


def common_group(groups: Sequence[GroupNode], codes: Collection[str]) -> str:
    """The code of the smallest group that holds all of these groups; "" if there is none."""
    paths = [group_ancestry(groups, code) for code in codes]
    common = ""
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        common = level[0]
    return common


def group_headings(
    groups: Sequence[GroupNode], shown: Collection[str], every: Collection[str]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The headings above entities of the groups `shown`, from the top: code, name, and codes of the headings above.

    A group without entities and with a single subgroup becomes a prefix of its name. `every` are the groups of all
    entities before any filter: the one that holds them all has no heading unless it has entities of its own.
    """
    names = {node.code: node.name for node in groups}
    children: dict[str, list[str]] = {}
    for group in shown:
        path = group_ancestry(groups, group)
        for parent, child in zip(["", *path], path, strict=False):
            if child not in (siblings := children.setdefault(parent, [])):
                siblings.append(child)

    def walk(code: str, above: tuple[str, ...], prefix: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        subgroups, name = children.get(code, []), prefix + names.get(code, code)
        if code not in shown and len(subgroups) == 1:
            yield from walk(subgroups[0], above, f"{name} › ")
            return
        yield code, name, above
        for child in subgroups:
            yield from walk(child, (*above, code), "")

    top = common_group(groups, every)
    # The page's heading already names a group that holds everything.
    for root in [top] if top in every else children[top]:
        yield from walk(root, (), "")
