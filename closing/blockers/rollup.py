"""Sums of blockers over a group, and the few that a row of the board has room for (08-blockers-and-tasks 4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
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
    count members, `aged` those that were not read again in time. `at_least` holds if a member's count is a lower
    bound or not readable. Amounts add within one currency only. Counterparties count once, though they stand at both
    entities and in several currencies; their sum has no part.
    """

    kind: BlockerKind
    part: str
    unit: CountedUnit
    count: int | None
    at_least: bool
    not_readable: int
    warnings: int
    amounts: tuple[tuple[str, Decimal], ...] = ()
    aged: int = 0

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

    @property
    def in_full(self) -> str:
        """ "at least 61 lines not posted; not readable for 2 entities; as last read for 1 entity"."""
        amounts = f": {self.amounts_phrase}" if self.amounts else ""
        unread = self.unread_phrase if self.count is not None else ""
        aged = f"as last read for {self._members(self.aged)}" if self.aged else ""
        return "; ".join(filter(None, [f"{self.phrase}{amounts}", unread, aged]))

    @property
    def unread_phrase(self) -> str:
        """ "not readable for 2 entities"; empty where all could be read."""
        return f"not readable for {self._members(self.not_readable)}" if self.not_readable else ""

    def _members(self, count: int) -> str:
        pair = self.kind is BlockerKind.INTERCOMPANY_IMBALANCE
        one, many = ("counterparty", "counterparties") if pair else ("entity", "entities")
        return f"{count:,} {one if count == 1 else many}"


def sums_in_the_way(sums: Iterable[BlockerSum]) -> list[BlockerSum]:
    """The sums of which something is left: those with a warning first."""
    return sorted((each for each in sums if each.count), key=lambda each: not each.warnings)


def unsure_sums(sums: Iterable[BlockerSum]) -> list[tuple[str, list[BlockerSum]]]:
    """The sums of which nothing was seen although not all could be read, each phrase with its sums.

    "not readable for 3 entities: recurring journals, inventory periods"; "none seen: unposted customer invoices".
    """
    phrases: dict[str, list[BlockerSum]] = {}
    for each in sums:
        if not each.count and each.at_least:
            seen = "" if each.count is None else "none seen"
            phrase = ", ".join(filter(None, [seen, each.unread_phrase]))
            phrases.setdefault(phrase, []).append(each)
    return [
        (f"{phrase}: {', '.join(shown_as(each.kind, each.part) for each in found)}", found)
        for phrase, found in phrases.items()
    ]


# A kind, part and unit as one text: its hash is computed once, those of a tuple of them for each of many rows.
_SumKey = str
DividedBlockers = tuple[frozenset[_SumKey], tuple[tuple[_SumKey, Blocker, bool], ...]]


@dataclass(slots=True)
class _Total:
    """The members of one sum so far, besides those of which nothing is left."""

    count: int = 0
    readable: int = 0
    unread: int = 0
    at_least: bool = False
    warnings: int = 0
    aged: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: _Total) -> None:
        self.count += other.count
        self.readable += other.readable
        self.unread += other.unread
        self.at_least |= other.at_least
        self.warnings += other.warnings
        self.aged += other.aged
        for currency, amount in other.amounts.items():
            self.amounts[currency] = self.amounts.get(currency, Decimal(0)) + amount


class GroupTally:
    """The blockers of a group's entities, added up entity by entity or from the tallies of the groups below.

    Counterparties are kept one by one, since they stand at both entities and count once. Undated work is not of the
    period, so it is in no sum.
    """

    __slots__ = ("_aged_pairs", "_hidden", "_none_left", "_pairs", "_totals")

    def __init__(self) -> None:
        self._none_left: set[_SumKey] = set()  # sums with a member of which nothing is left
        self._totals: dict[_SumKey, _Total] = {}
        self._pairs: dict[tuple[str, str | None], Blocker] = {}
        self._aged_pairs: set[str] = set()
        self._hidden = 0  # blockers whose counterparties the reader may not see: nothing tells them apart

    def add_blockers(
        self, none_left: frozenset[_SumKey], work: Iterable[tuple[_SumKey, Blocker, bool]]
    ) -> None:
        """Add the blockers of one entity, as `divided` gives them."""
        self._none_left |= none_left
        for key, blocker, fresh in work:
            if blocker.kind is BlockerKind.INTERCOMPANY_IMBALANCE:
                self._add_pair(blocker)
                if not fresh:
                    self._aged_pairs.add(blocker.part)
                continue
            total = self._totals.get(key)
            if total is None:
                total = self._totals[key] = _Total()
            total.aged += not fresh
            if blocker.count is None:
                total.unread += 1
                continue
            total.count += blocker.count
            total.readable += 1
            total.at_least |= blocker.at_least
            total.warnings += blocker.level is BlockerLevel.WARNING
            _add_amount(total.amounts, blocker)

    def add(self, other: GroupTally) -> None:
        """Add the entities of another group."""
        self._none_left |= other._none_left
        for key, total in other._totals.items():
            self._totals.setdefault(key, _Total()).add(total)
        self._aged_pairs |= other._aged_pairs
        for blocker in other._pairs.values():
            self._add_pair(blocker)
        self._hidden += max(0, other._hidden - 1)  # one of them was among the pairs

    def _add_pair(self, blocker: Blocker) -> None:
        key = blocker.part, blocker.currency
        if not blocker.part:
            self._hidden += 1
            before = self._pairs.get(key)
            if before is not None and (before.count or not blocker.count):
                return
        self._pairs[key] = blocker

    def sums(self) -> list[BlockerSum]:
        """The sums in the order of the board; kinds that do not apply to any entity have none."""
        keys = self._totals.keys() | self._none_left
        sums = [self._sum(key, self._totals.get(key, _Total())) for key in keys]
        units: defaultdict[CountedUnit, list[Blocker]] = defaultdict(list)
        for blocker in self._pairs.values():
            units[blocker.unit].append(blocker)
        for unit, found in units.items():
            total = _sum_of_pairs(unit, found, hidden=self._hidden > 1)
            sums.append(replace(total, aged=len(self._aged_pairs)))
        return sorted(sums, key=lambda each: (board_rank(each.kind), each.part, each.unit))

    def _sum(self, key: _SumKey, total: _Total) -> BlockerSum:
        readable = total.readable > 0 or key in self._none_left
        kind, _, part_and_unit = key.partition(" ")
        part, _, unit = part_and_unit.rpartition(" ")  # a part that is not understood may have blanks
        return BlockerSum(
            BlockerKind(kind),
            part,
            CountedUnit(unit),
            count=total.count if readable else None,
            at_least=total.unread > 0 or total.at_least,
            not_readable=total.unread,
            warnings=total.warnings,
            amounts=tuple(sorted(total.amounts.items())),
            aged=total.aged,
        )


def divided(blockers: Iterable[tuple[Blocker, bool]]) -> DividedBlockers:
    """The blockers of one entity for a `GroupTally`: the keys of which nothing is left, and those that add something.

    Each comes with whether it was read again in time. Most kinds of most entities have nothing left, and adding
    them up one by one would cost most of a board.
    """
    none_left, work = set[_SumKey](), []
    for blocker, fresh in blockers:
        if not blocker.applies or blocker.undated:
            continue
        key = f"{blocker.kind.value} {blocker.part} {blocker.unit.value}"
        pair = blocker.kind is BlockerKind.INTERCOMPANY_IMBALANCE
        if blocker.count == 0 and not blocker.at_least and not pair:
            none_left.add(key)
        else:
            work.append((key, blocker, fresh))
    return frozenset(none_left), tuple(work)


def group_sums(blockers: Iterable[Blocker]) -> list[BlockerSum]:
    """The sums over the blockers of a group's entities, in the order of the board; kinds that do not apply are none.

    Undated work is not of the period, so it is not in its sum.
    """
    tally = GroupTally()
    tally.add_blockers(*divided((blocker, True) for blocker in blockers))
    return tally.sums()


def _sum_of_pairs(unit: CountedUnit, found: Sequence[Blocker], *, hidden: bool) -> BlockerSum:
    """The sum of counterparties, which are out of step if they are so in any currency."""
    counts: dict[str, int | None] = {}
    amounts: dict[str, Decimal] = {}
    for blocker in found:
        counts.setdefault(blocker.part, 0)
        if blocker.count:
            counts[blocker.part] = 1
        elif blocker.count is None and not counts[blocker.part]:
            counts[blocker.part] = None
        _add_amount(amounts, blocker)
    readable = [count for count in counts.values() if count is not None]
    unread = len(counts) - len(readable)
    warned = {blocker.part for blocker in found if blocker.level is BlockerLevel.WARNING}
    return BlockerSum(
        BlockerKind.INTERCOMPANY_IMBALANCE,
        "",
        unit,
        count=sum(readable) if readable else None,
        at_least=unread > 0 or hidden or any(blocker.at_least for blocker in found),
        not_readable=unread,
        warnings=len(warned),
        amounts=tuple(sorted(amounts.items())),
    )


def _add_amount(amounts: dict[str, Decimal], blocker: Blocker) -> None:
    if blocker.amount is not None and blocker.currency is not None and blocker.count:
        amounts[blocker.currency] = amounts.get(blocker.currency, Decimal(0)) + blocker.amount


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
