"""Divides the table into sections: a heading with its roll-up for each group, ERP or owner, and its rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from board.scoreboard.group_paths import common_group, group_ancestry
from board.web import labels
from closing.judging.states import PeriodState
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row, furthest_behind

FOLD_THRESHOLD = 300  # rows above which headings start folded and load their rows when opened


@dataclass(frozen=True, slots=True)
class BoardSection:
    """A heading with its roll-up and the rows directly below it; a section without a name has no heading.

    `key` identifies it in URLs and on the page; `above` are the keys of its parent headings.
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
    """The sections of a board by group, ERP, owner or nothing; the furthest behind come first."""
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
class _RollUp:
    """The totals of a heading, added up group by group, so that no row is visited once per level."""

    entities: int = 0
    closed: int = 0
    held: int = 0
    stale: int = 0
    behind: Row | None = None

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _RollUp:
        closed = held = stale = 0
        for row in rows:
            stale += not row.fresh
            if row.counts_as_closed:
                closed += row.fresh
                held += row.state is PeriodState.ON_HOLD
        return cls(len(rows), closed, held, stale, furthest_behind(rows))

    def add(self, other: _RollUp) -> None:
        self.entities += other.entities
        self.closed += other.closed
        self.held += other.held
        self.stale += other.stale
        self.behind = furthest_behind(row for row in (self.behind, other.behind) if row is not None)


def _by_group(board: Scoreboard) -> Iterator[BoardSection]:
    """Groups from the top; a group without rows and with a single subgroup becomes a prefix of its name."""
    names = {node.code: node.name for node in board.groups}
    children: dict[str, list[str]] = {}
    direct: dict[str, list[Row]] = {}
    for row in board.rows:  # in board order, so groups come in the order of their first row
        direct.setdefault(row.group, []).append(row)
    sums: dict[str, _RollUp] = {}
    for group, group_rows in direct.items():
        path = group_ancestry(board.groups, group)
        for parent, child in zip(["", *path], path, strict=False):
            if child not in (siblings := children.setdefault(parent, [])):
                siblings.append(child)
        total = _RollUp.of(group_rows)
        for code in path:
            sums.setdefault(code, _RollUp()).add(total)

    def walk(code: str, above: tuple[str, ...], prefix: str) -> Iterator[BoardSection]:
        subgroups, rows = children.get(code, []), direct.get(code, [])
        name = prefix + names.get(code, code)
        if not rows and len(subgroups) == 1:
            yield from walk(subgroups[0], above, f"{name} › ")
            return
        yield _section(code, name, above, rows, sums[code])
        for child in subgroups:
            yield from walk(child, (*above, code), "")

    top = common_group(board)
    if top and not direct.get(top):  # the page's heading already names this group
        for child in children[top]:
            yield from walk(child, (), "")
    else:
        for root in [top] if top else children[""]:
            yield from walk(root, (), "")


def _by_name(board: Scoreboard, names: Sequence[str]) -> list[BoardSection]:
    rows_by_name: dict[str, list[Row]] = {}
    for name, row in zip(names, board.rows, strict=True):
        rows_by_name.setdefault(name, []).append(row)
    return [
        _section(f"{zlib.crc32(name.encode()):08x}", name, (), rows, _RollUp.of(rows))
        for name, rows in rows_by_name.items()
    ]


def _section(
    key: str, name: str, above: tuple[str, ...], rows: Sequence[Row], total: _RollUp
) -> BoardSection:
    behind = total.behind
    notes = [f"{total.held} on hold counted as closed"] if total.held else []
    notes += [f"{total.stale} not read"] if total.stale else []
    return BoardSection(
        key,
        name,
        min(len(above), 4),
        above,
        rows,
        total.closed,
        total.entities,
        ", ".join(notes),
        f"furthest behind {labels.lateness_label(behind)}" if behind is not None else "",
        "alert" if behind is not None and behind.standing.alerting else "late",
    )


@dataclass(frozen=True, slots=True)
class Folds:
    """The headings that a reader has folded or opened; the board's size decides for all others."""

    folded: frozenset[str] = frozenset()
    opened: frozenset[str] = frozenset()

    @classmethod
    def from_text(cls, text: str) -> Folds:
        """Parses the value of `text`; anything invalid gives no folds."""
        folded, _, opened = text[:2000].partition("~")
        return cls(*(frozenset(filter(_is_key, part.split("."))) for part in (folded, opened)))

    @property
    def text(self) -> str:
        """The folds as a short text, for the cookie."""
        return ".".join(sorted(self.folded)) + "~" + ".".join(sorted(self.opened))

    def toggled(self, key: str, *, fold: bool) -> Folds:
        """The folds with one more heading folded or opened."""
        if not _is_key(key):
            return self
        if fold:
            return Folds(self.folded | {key}, self.opened - {key})
        return Folds(self.folded - {key}, self.opened | {key})

    def shut(self, section: BoardSection, rows: int) -> bool:
        """Whether a heading is folded on a board of `rows` rows."""
        if not section.name:
            return False
        return section.key in self.folded or (rows > FOLD_THRESHOLD and section.key not in self.opened)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= 40 and all(letter.isalnum() or letter in "-_" for letter in key)
