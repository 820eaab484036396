"""Divides the table into sections: a heading with its roll-up for each group, ERP or owner, and its rows."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, commonpath
from typing import TypeVar

from board.web import labels
from board.web.filters import FilterableEntity
from closing.blockers.rollup import BlockerSum, GroupTally
from closing.blockers.row_blockers import tally_of
from closing.scoreboard.board import GroupNode, Scoreboard
from closing.scoreboard.row import Row, furthest_behind, is_closed, on_hold_counts_as_closed

T = TypeVar("T")
E = TypeVar("E", bound=FilterableEntity)
FOLD_THRESHOLD = 300  # rows above which headings start folded and load their rows when opened

_NAMES: Mapping[str, Callable[[FilterableEntity], str]] = {
    "group": lambda entity: entity.group,
    "erp": lambda entity: entity.connection or "No ERP",
    "owner": lambda entity: entity.owner or "Nobody",
}


@dataclass(frozen=True, slots=True)
class BoardSection:
    """A heading with its roll-up and the rows directly below it; a section without a name has no heading.

    `key` identifies it in URLs and on the page; `above` are the keys of its parent headings. `closed` counts as the
    headline does, so that closed and outstanding add up to `entities`; `closed_phrase` says if some of them are not
    read any more.
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
    closed_phrase: str = "closed"
    blockers: Sequence[BlockerSum] = ()


def sections(board: Scoreboard, by: str, unfiltered: Scoreboard | None = None) -> list[BoardSection]:
    """The sections of a board by group, ERP, owner or nothing; the furthest behind come first.

    `unfiltered` holds every row that the reader may see: a filter chooses rows, it does not change a heading's own
    roll-up.
    """
    if not board.rows:
        return []
    whole = board if unfiltered is None else unfiltered
    match by:
        case "group":
            return _by_group(board, whole)
        case "erp" | "owner":
            every = entities_by(by, whole.rows)
            return [
                _section(name_key(name), name, (), rows, _RollUp.of(every[name]))
                for name, rows in entities_by(by, board.rows).items()
            ]
        case _:
            return [BoardSection("all", "", 0, (), board.rows)]


def entities_by(by: str, entities: Iterable[E]) -> dict[str, list[E]]:
    """Entities or their rows by group code, ERP or owner, in the order of the first one."""
    name_of = _NAMES[by]
    named: dict[str, list[E]] = {}
    for entity in entities:
        named.setdefault(name_of(entity), []).append(entity)
    return named


def name_key(name: str) -> str:
    """The key of a heading that is a name."""
    return f"{zlib.crc32(name.encode()):08x}"


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
    paths = ["/".join(group_ancestry(groups, code)) for code in codes]
    return basename(commonpath(paths)) if paths else ""


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


@dataclass(slots=True)
class _RollUp:
    """The totals of a heading, added up group by group, so that no row is visited once per level.

    `entities` are those with something due, of which `closed` are closed and confirmed; beside them are `not_due`.
    """

    entities: int = 0
    closed: int = 0
    held: int = 0
    stale: int = 0
    stale_closed: int = 0
    not_due: int = 0
    behind: Row | None = None
    blockers: GroupTally = field(default_factory=GroupTally)

    @classmethod
    def of(cls, rows: Sequence[Row]) -> _RollUp:
        closed = held = stale = stale_closed = not_due = 0
        for row in rows:
            not_due += row.not_due
            stale += not row.fresh
            if is_closed(row):
                closed += 1
                stale_closed += not row.fresh
                held += on_hold_counts_as_closed(row)
        entities, behind = len(rows) - not_due, furthest_behind(rows)
        return cls(entities, closed, held, stale, stale_closed, not_due, behind, tally_of(rows))

    def add(self, other: _RollUp) -> None:
        self.entities += other.entities
        self.closed += other.closed
        self.held += other.held
        self.stale += other.stale
        self.stale_closed += other.stale_closed
        self.not_due += other.not_due
        self.blockers.add(other.blockers)
        self.behind = furthest_behind(row for row in (self.behind, other.behind) if row is not None)


def _by_group(board: Scoreboard, whole: Scoreboard) -> list[BoardSection]:
    direct, every = entities_by("group", board.rows), entities_by("group", whole.rows)
    sums: dict[str, _RollUp] = defaultdict(_RollUp)
    for group, rows in every.items():
        total = _RollUp.of(rows)
        for code in group_ancestry(whole.groups, group):
            sums[code].add(total)
    return [
        _section(code, name, above, direct.get(code, []), sums[code])
        for code, name, above in group_headings(board.groups, direct, every)
    ]


def _section(
    key: str, name: str, above: tuple[str, ...], rows: Sequence[Row], total: _RollUp
) -> BoardSection:
    behind = total.behind
    notes = [f"{total.held} on hold counted as closed"] if total.held else []
    notes += [f"{total.stale} not read"] if total.stale else []
    notes += [f"{total.not_due} not due"] if total.not_due else []
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
        "closed when last read" if total.stale_closed else "closed",
        total.blockers.sums(),
    )


def first_under_open(
    items: Mapping[str, Sequence[T]], opened: Collection[str], room: int
) -> dict[str, Sequence[T]]:
    """The first `room` items under open headings, by key of their heading."""
    shown: dict[str, Sequence[T]] = {}
    for key in items:
        if key in opened:
            shown[key] = items[key][:room]
            room -= len(shown[key])
    return shown


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
