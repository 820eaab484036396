"""The table in parts: a heading with its roll-up for each group, ERP or owner, and the rows below it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from board.scoreboard.group_paths import common_group, group_ancestry
from board.web import labels
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, furthest_behind

FOLD_THRESHOLD = 300  # rows above which headings start folded and load their rows when they are opened


@dataclass(frozen=True, slots=True)
class BoardSection:
    """A heading with its roll-up, and the rows directly below it; without a name there is no heading.

    `key` names it in addresses and on the page; `above` are the keys of the headings it stands under.
    """

    key: str
    name: str
    depth: int
    above: tuple[str, ...]
    rows: Sequence[Row]
    closed: int = 0
    entities: int = 0
    note: str = ""
    behind: str = ""
    tone: str = "late"


def sections(board: Scoreboard, by: str) -> list[BoardSection]:
    """The sections of a board by group, ERP, owner or nothing; those further behind come first."""
    if not board.rows:
        return []
    match by:
        case "group":
            return list(_by_group(board))
        case "erp":
            return _by_name(board, [row.connection or "No ERP" for row in board.rows])
        case "owner":
            return _by_name(board, [row.owner or "Nobody" for row in board.rows])
        case _:
            return [BoardSection("all", "", 0, (), board.rows)]


@dataclass(slots=True)
class _Sum:
    """What the rows of a heading come to. It is added up group by group: a row would be looked at on each level."""

    entities: int = 0
    closed: int = 0
    held: int = 0
    stale: int = 0
    behind: Row | None = None

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _Sum:
        closed = held = stale = 0
        for row in rows:
            stale += not row.fresh
            if row.counts_as_closed:
                closed += row.fresh
                held += row.state is PeriodState.ON_HOLD
        return cls(len(rows), closed, held, stale, furthest_behind(rows))

    def add(self, other: _Sum) -> None:
        self.entities += other.entities
        self.closed += other.closed
        self.held += other.held
        self.stale += other.stale
        self.behind = furthest_behind(row for row in (self.behind, other.behind) if row is not None)


def _by_group(board: Scoreboard) -> Iterator[BoardSection]:
    """Groups from the top; a group with one group below it and no rows of its own is named in that one."""
    names = {node.code: node.name for node in board.groups}
    children: dict[str, list[str]] = {}
    direct: dict[str, list[Row]] = {}
    for row in board.rows:  # in the order of the board, so groups come in the order of their first row
        direct.setdefault(row.group, []).append(row)
    sums: dict[str, _Sum] = {}
    for group, own in direct.items():
        line = group_ancestry(board.groups, group)
        for parent, child in zip(["", *line], line, strict=False):
            if child not in (known := children.setdefault(parent, [])):
                known.append(child)
        come_to = _Sum.of(own)
        for code in line:
            sums.setdefault(code, _Sum()).add(come_to)

    def walk(code: str, above: tuple[str, ...], prefix: str) -> Iterator[BoardSection]:
        below, rows = children.get(code, []), direct.get(code, [])
        name = prefix + names.get(code, code)
        if not rows and len(below) == 1:
            yield from walk(below[0], above, f"{name} › ")
            return
        yield _section(code, name, above, rows, sums[code])
        for child in below:
            yield from walk(child, (*above, code), "")

    top = common_group(board)
    if top and not direct.get(top):  # the heading of the page is the heading of this group
        for child in children[top]:
            yield from walk(child, (), "")
    else:
        for root in [top] if top else children[""]:
            yield from walk(root, (), "")


def _by_name(board: Scoreboard, names: Sequence[str]) -> list[BoardSection]:
    found: dict[str, list[Row]] = {}
    for name, row in zip(names, board.rows, strict=True):
        found.setdefault(name, []).append(row)
    return [
        _section(f"{zlib.crc32(name.encode()):08x}", name, (), rows, _Sum.of(rows))
        for name, rows in found.items()
    ]


def _section(key: str, name: str, above: tuple[str, ...], rows: Sequence[Row], come_to: _Sum) -> BoardSection:
    behind = come_to.behind
    notes = [f"{come_to.held} on hold counted as closed"] if come_to.held else []
    notes += [f"{come_to.stale} not confirmed"] if come_to.stale else []
    return BoardSection(
        key,
        name,
        min(len(above), 4),
        above,
        rows,
        come_to.closed,
        come_to.entities,
        ", ".join(notes),
        f"furthest behind {labels.lateness_label(behind)}" if behind is not None else "",
        "alert" if behind is not None and behind.standing.alerting else "late",
    )


@dataclass(frozen=True, slots=True)
class Folds:
    """Which headings a reader has folded or opened by hand; all others start as the size of the board suggests."""

    folded: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()

    @classmethod
    def from_text(cls, text: str) -> Folds:
        """Folds from what `text` gave; anything else means none."""
        folded, _, opened = text[:2000].partition("~")
        return cls(*(frozenset(filter(_is_key, part.split("."))) for part in (folded, opened)))

    @property
    def text(self) -> str:
        """A short text to remember them by."""
        return ".".join(sorted(self.folded)) + "~" + ".".join(sorted(self.opened))

    def toggled(self, key: str, *, fold: bool) -> Folds:
        """With one heading folded or opened."""
        if not _is_key(key):
            return self
        if fold:
            return Folds(self.folded | {key}, self.opened - {key})
        return Folds(self.folded - {key}, self.opened | {key})

    def shut(self, section: BoardSection, rows: int) -> bool:
        """Whether a heading is folded on a board of so many rows."""
        if not section.name:
            return False
        return section.key in self.folded or (rows > FOLD_THRESHOLD and section.key not in self.opened)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= 40 and all(letter.isalnum() or letter in "-_" for letter in key)
