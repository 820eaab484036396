"""Adds up rows of unfinished work by company, period, kind and part, and makes the facts of a read of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from closing.blockers.blocker_facts import MAX_IDS, MAX_ITEMS, BlockerFact, Doubt, FactId, FactItem
from closing.blockers.blocker_kinds import KINDS, BlockerKind, CountedUnit
from closing.blockers.position_readings import PositionReadResult
from closing.blockers.work_readings import PartRead, WorkGap
from connectors.work_source import Coverage, PartCoverage, PartKey, WorkRef

POSITIONS: PartKey = (BlockerKind.INTERCOMPANY_IMBALANCE, "")  # of all partners of a company
_NO_DAY = date.max  # items without a date come last


@dataclass(slots=True)
class WorkItem:
    """One item that is counted: its id in the source, its units, and the row that a page shows of it.

    An item with lines in several periods is counted in each with its own units. `apart` names what is said of it
    beside the count, such as approved_waiting.
    """

    item_id: str
    units: int
    number: str
    on: date | None = None
    amount: Decimal | None = None
    currency: str | None = None
    owner: str = ""
    link: str | None = None
    apart: tuple[str, ...] = ()


@dataclass(slots=True)
class _Tally:
    items: list[WorkItem] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def parts_of_positions(
    found: PositionReadResult, refs: Iterable[WorkRef]
) -> tuple[frozenset[PartRead], tuple[WorkGap, ...]]:
    """The part of each company whose positions were read, and the gaps of those that were missed this time."""
    ids = {ref.code: ref.entity for ref in refs}
    parts = {PartRead(ids[code], *POSITIONS) for code in {*found.read, *found.refused} if code in ids}
    gaps = [
        WorkGap(ids[code], *POSITIONS, words) for code, words in sorted(found.missed.items()) if code in ids
    ]
    return frozenset(parts), tuple(gaps)


class WorkTally:
    """The items of one read, of companies that answered.

    A part that is `refused` for a company has facts without a count, one that is `missed` none: its last facts age.
    """

    def __init__(self, refs: Sequence[WorkRef], read_at: datetime) -> None:
        self.refs = refs
        self._read_at = read_at
        self._tallies: defaultdict[tuple[int, int | None, PartKey], _Tally] = defaultdict(_Tally)
        self._unread: dict[tuple[int, PartKey], Doubt] = {}
        self._missed: dict[tuple[int, PartKey], str] = {}

    def add(self, ref: WorkRef, part: PartKey, day: date | None, item: WorkItem) -> None:
        """Count an item in the period that holds its day; without such a period it is undated."""
        self._tallies[ref.entity, ref.period_of(day), part].items.append(item)

    def leave_out(self, ref: WorkRef, part: PartKey, day: date | None, reason: str, units: int = 1) -> None:
        """Name units that are not counted, by reason."""
        self._tallies[ref.entity, ref.period_of(day), part].left_out[reason] += units

    def refuse(self, ref: WorkRef, part: PartKey, doubt: Doubt) -> None:
        """The source does not show this part of this company."""
        self._unread[ref.entity, part] = doubt

    def miss(self, ref: WorkRef, part: PartKey, words: str) -> None:
        """This part of this company could not be read this time."""
        self._missed.setdefault((ref.entity, part), words)

    def gaps(self) -> tuple[WorkGap, ...]:
        """What could not be read this time."""
        return tuple(WorkGap(entity, *part, words) for (entity, part), words in self._missed.items())

    def parts(self, coverage: Mapping[PartKey, PartCoverage]) -> frozenset[PartRead]:
        """The parts that were read, of every company; also where the answer is that nothing is shown."""
        return frozenset(
            PartRead(ref.entity, *part)
            for ref in self.refs
            for part in coverage
            if (ref.entity, part) not in self._missed
        )

    def facts(
        self, coverage: Mapping[PartKey, PartCoverage], units: Mapping[PartKey, CountedUnit] | None = None
    ) -> list[BlockerFact]:
        """A fact for each part that was read, of each period of each company, zeros included.

        Work of no period has a fact only where there is some. `units` are those that differ from the kind's own.
        """
        facts = []
        for part, covered in coverage.items():
            unit = (units or {}).get(part, KINDS[part[0]].unit)
            for ref in self.refs:
                if (ref.entity, part) in self._missed:
                    continue
                doubt = self._unread.get((ref.entity, part))
                if covered.coverage is Coverage.NOT_READABLE:
                    doubt = covered.doubt or Doubt.NOT_SHOWN
                for period in [*(one.period for one in ref.periods), None]:
                    tally = self._tallies.get((ref.entity, period, part))
                    if doubt is not None and period is not None:
                        facts.append(self._unreadable(ref, period, part, unit, doubt, covered))
                    elif doubt is None and (period is not None or tally is not None):
                        facts.append(self._fact(ref, period, part, unit, tally or _Tally(), covered))
        return facts

    def _unreadable(
        self,
        ref: WorkRef,
        period: int,
        part: PartKey,
        unit: CountedUnit,
        doubt: Doubt,
        covered: PartCoverage,
    ) -> BlockerFact:
        kind, name = part
        return BlockerFact(
            ref.entity, period, kind, unit, None, self._read_at, part=name, doubt=doubt, coverage=covered.sets
        )

    def _fact(
        self,
        ref: WorkRef,
        period: int | None,
        part: PartKey,
        unit: CountedUnit,
        tally: _Tally,
        covered: PartCoverage,
    ) -> BlockerFact:
        kind, name = part
        undated = self._tallies.get((ref.entity, None, part)) if not covered.dated else None
        hidden = period is not None and undated is not None and bool(undated.items)
        items = sorted(tally.items, key=lambda item: (item.on or _NO_DAY, item.number, item.item_id))
        named = _names(items)
        return BlockerFact(
            ref.entity,
            period,
            kind,
            unit,
            sum(item.units for item in items),
            self._read_at,
            part=name,
            at_least=covered.coverage is Coverage.AT_LEAST or hidden,
            left_out=dict(tally.left_out),
            apart=dict(Counter(word for item in items for word in item.apart)),
            doubt=covered.doubt,
            coverage=covered.sets,
            ids=named[:MAX_IDS],
            items=tuple(_row(item) for item in items[:MAX_ITEMS]),
        )


def _names(items: Iterable[WorkItem]) -> tuple[FactId, ...]:
    return tuple(FactId(item.item_id, item.units, item.amount) for item in items)


def _row(item: WorkItem) -> FactItem:
    return FactItem(item.number, item.on, item.amount, item.currency, item.owner, item.link)
