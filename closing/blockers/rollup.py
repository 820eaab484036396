"""Sums of blockers over a group, and the few that a row of the board has room for (08-blockers-and-tasks 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from closing.blockers.blocker_kinds import KINDS, BlockerKind, CountedUnit, board_rank, counted, shown_as
from closing.blockers.blocker_phrases import money
from closing.blockers.weighing import Blocker, BlockerLevel

SHOWN_ON_BOARD = 2
_SHOWN_LEVELS = {BlockerLevel.WARNING: 0, BlockerLevel.NOTE: 1}


@dataclass(frozen=True, slots=True)
class BlockerSum:
    """The sum of one kind, part and unit over a group's entities.

    `count` is None if no entity's count is readable, so that it is never shown as 0; `not_readable` and `warnings`
    count members. `at_least` holds if a member's count is a lower bound or not readable. Amounts add within one
    currency only. Counterparties count once, though they stand at both entities and in several currencies; their sum
    has no part.
    """

    kind: BlockerKind
    part: str
    unit: CountedUnit
    count: int | None
    at_least: bool
    not_readable: int
    warnings: int
    amounts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def phrase(self) -> str:
        """ "at least 12 lines not posted", "inventory periods not readable"."""
        if self.count is None:
            return f"{shown_as(self.kind, self.part)} not readable"
        if self.count == 0:
            return f"{shown_as(self.kind, self.part)}: none {'seen' if self.at_least else 'left'}"
        at_least = "at least " if self.at_least else ""
        return f"{at_least}{self._counted} {KINDS[self.kind].ending}"

    @property
    def _counted(self) -> str:
        count = self.count or 0
        if self.kind is BlockerKind.INVENTORY_NOT_CLOSED:
            return f"{count:,} inventory {'close' if count == 1 else 'closes'}"
        if self.kind is BlockerKind.REVALUATION_NOT_RUN:
            return f"{count:,} exchange rate {'revaluation' if count == 1 else 'revaluations'}"
        return counted(self.kind, self.part, self.unit, count)

    @property
    def amounts_phrase(self) -> str:
        """ "640.00 EUR, 307.69 GBP"; empty without amounts."""
        return ", ".join(money(amount, currency) for currency, amount in self.amounts)


def group_sums(blockers: Iterable[Blocker]) -> list[BlockerSum]:
    """The sums over the blockers of a group's entities, in the order of the board; kinds that do not apply are none.

    Undated work is not of the period, so it is not in its sum.
    """
    members: defaultdict[tuple[BlockerKind, str, CountedUnit], list[Blocker]] = defaultdict(list)
    for blocker in blockers:
        if blocker.applies and not blocker.undated:
            pair = blocker.kind is BlockerKind.INTERCOMPANY_IMBALANCE
            members[blocker.kind, "" if pair else blocker.part, blocker.unit].append(blocker)
    sums = [_sum(kind, part, unit, found) for (kind, part, unit), found in members.items()]
    return sorted(sums, key=lambda each: (board_rank(each.kind), each.part, each.unit))


def _sum(kind: BlockerKind, part: str, unit: CountedUnit, found: Sequence[Blocker]) -> BlockerSum:
    if kind is BlockerKind.INTERCOMPANY_IMBALANCE:
        found = _each_once(found)
        counts = _counts_of_counterparties(found)
    else:
        counts = [blocker.count for blocker in found]
    readable = [count for count in counts if count is not None]
    unread = len(counts) - len(readable)
    return BlockerSum(
        kind,
        part,
        unit,
        count=sum(readable) if readable else None,
        at_least=unread > 0 or any(blocker.at_least for blocker in found),
        not_readable=unread,
        warnings=_warnings(found),
        amounts=_amounts(found),
    )


def _each_once(found: Iterable[Blocker]) -> list[Blocker]:
    """One blocker for each counterparties and currency, which stands at both of them."""
    return list({(blocker.part, blocker.currency): blocker for blocker in found}.values())


def _counts_of_counterparties(found: Iterable[Blocker]) -> list[int | None]:
    """By counterparties: 1 if out of step in any currency, else None if not readable in some, else 0."""
    counts: dict[str, int | None] = {}
    for blocker in found:
        counts.setdefault(blocker.part, 0)
        if blocker.count:
            counts[blocker.part] = 1
        elif blocker.count is None and not counts[blocker.part]:
            counts[blocker.part] = None
    return list(counts.values())


def _warnings(found: Iterable[Blocker]) -> int:
    warned = [blocker for blocker in found if blocker.level is BlockerLevel.WARNING]
    pairs = {blocker.part for blocker in warned if blocker.kind is BlockerKind.INTERCOMPANY_IMBALANCE}
    return len(pairs) or len(warned)


def _amounts(found: Iterable[Blocker]) -> tuple[tuple[str, Decimal], ...]:
    totals: dict[str, Decimal] = {}
    for blocker in found:
        if blocker.amount is not None and blocker.currency is not None and blocker.count:
            totals[blocker.currency] = totals.get(blocker.currency, Decimal(0)) + blocker.amount
    return tuple(sorted(totals.items()))


# --- the board ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockerCell:
    """The blockers of a row of the board in order, and those that could not be read in full."""

    blockers: tuple[Blocker, ...] = ()
    unsure: tuple[Blocker, ...] = ()

    @property
    def shown(self) -> tuple[Blocker, ...]:
        """The first two."""
        return self.blockers[:SHOWN_ON_BOARD]

    @property
    def kinds(self) -> frozenset[BlockerKind]:
        """The kinds in the way, for the filter "blocked by"."""
        return frozenset(blocker.kind for blocker in self.blockers)

    @property
    def more(self) -> int:
        """How many follow: the 3 of "+3"."""
        return max(0, len(self.blockers) - SHOWN_ON_BOARD)

    @property
    def phrase(self) -> str:
        """All of them, for tooltips, mails and files: "61 lines not posted, inventory close missing"."""
        return ", ".join(blocker.short for blocker in self.blockers)

    @property
    def unsure_phrase(self) -> str:
        """The text of the one grey mark; empty without it."""
        return ", ".join(blocker.short for blocker in self.unsure)


def board_cell(blockers: Iterable[Blocker]) -> BlockerCell:
    """The blockers of an entity's row: warnings, then notes with a count, the most first within a kind.

    Blockers of the page of the entity only are not on the board.
    """
    candidates = [blocker for blocker in blockers if not blocker.entity_page_only]
    shown = [blocker for blocker in candidates if blocker.level in _SHOWN_LEVELS and blocker.count]
    unsure = [
        blocker
        for blocker in candidates
        if blocker.level is BlockerLevel.NOT_READABLE or blocker.partly_covered
    ]
    return BlockerCell(tuple(sorted(shown, key=_place)), tuple(sorted(unsure, key=_place)))


def _place(blocker: Blocker) -> tuple[int, int, int, str, str]:
    level = _SHOWN_LEVELS.get(blocker.level, len(_SHOWN_LEVELS))
    return level, board_rank(blocker.kind), -(blocker.count or 0), blocker.part, blocker.currency or ""
