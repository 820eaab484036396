"""What is in the way of an entity's period, as the row of a board carries it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from itertools import chain

from closing.blockers.blocker_facts import BlockerFact, fresh_until
from closing.blockers.blocker_kinds import BlockerKind, shown_as
from closing.blockers.blocker_phrases import EntityNames
from closing.blockers.blocker_policy import BlockerPolicy, weighed_period
from closing.blockers.carried import CarriedMark
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.rollup import BlockerCell, DividedBlockers, GroupTally, board_cell, divided
from closing.blockers.weighing import Blocker, weigh, without_counterparty
from closing.blockers.work_cadence import work_interval
from closing.calendar.instants import local_date, zone_named
from closing.phrasing import short_date
from closing.scoreboard.row import AnnotationKey, Row, is_closed


@dataclass(frozen=True, slots=True)
class DatedFact:
    """A fact in force, and the moment of its last reading.

    `partner` is the id of the other entity of an intercompany fact, `partner_near_on` the first day on which its
    deadline is near. `source` names who brought a fact that no ERP was read for: "by file, Ann Controller".
    """

    fact: BlockerFact
    read_at: datetime
    partner: int | None = None
    partner_near_on: date | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class DatedBlocker:
    """A blocker with the moment that it speaks of, and whether that is too long ago to be shown as a fact.

    That is the moment of its last reading, or the age that its snapshot or file states. `source` is that of a fact
    from a file with its day, "by file, Ann Controller, 12 Jun"; else empty.
    """

    blocker: Blocker
    read_at: datetime
    fresh: bool
    partner: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class BlockerInputs:
    """What the blockers of one period are weighed by, besides its row."""

    facts: tuple[DatedFact, ...]
    policy: BlockerPolicy
    profile: EntityProfile
    source: str
    near_on: date | None
    marks: tuple[tuple[str, str, str | None, CarriedMark], ...] = ()
    due: frozenset[tuple[BlockerKind, str]] = frozenset()
    names: EntityNames | None = None

    def marks_of(self, fact: BlockerFact) -> list[CarriedMark]:
        """The marks of a fact's key."""
        key = fact.kind, fact.part, fact.currency
        return [mark for kind, part, currency, mark in self.marks if (kind, part, currency) == key]


# Values of the filter "blocked by" beside the kinds: anything is in the way; something is not readable in full.
ANYTHING, NOT_READABLE = "anything", "not_readable"


@dataclass(frozen=True)
class RowBlockers:
    """The blockers of one row, as weighed for it; `inputs` are kept to weigh them again when the row changes.

    What screens derive from it is derived once, since a row outlives many requests.
    """

    inputs: BlockerInputs
    blockers: tuple[DatedBlocker, ...] = ()

    @cached_property
    def judged(self) -> tuple[Blocker, ...]:
        """The blockers without their readings."""
        return tuple(dated.blocker for dated in self.blockers)

    @cached_property
    def cell(self) -> BlockerCell:
        """What the board has room for."""
        return board_cell(self.judged)

    @cached_property
    def on_board(self) -> tuple[Sequence[DatedBlocker], Sequence[DatedBlocker]]:
        """The blockers of the cell in its order, each with its reading, and those that are not readable in full."""
        cell, dated = self.cell, {id(one.blocker): one for one in self.blockers}
        return [dated[id(one)] for one in cell.blockers], [dated[id(one)] for one in cell.unsure]

    @cached_property
    def filter_values(self) -> frozenset[str]:
        """The values of the filter "blocked by" that its row passes."""
        kinds = frozenset[str](kind.value for kind in self.cell.kinds)
        return kinds.union([ANYTHING] if kinds else [], [NOT_READABLE] if self.cell.unsure else [])

    @cached_property
    def summed(self) -> DividedBlockers:
        """The blockers that the roll-up of a group adds up: those of the board, and those that are clear."""
        shown = (dated for dated in self.blockers if not dated.blocker.entity_page_only)
        return divided((dated.blocker, dated.fresh) for dated in shown)


def _content(value: RowBlockers) -> Hashable:
    """Blockers without the ages of their readings; a stale one shows its age."""
    return tuple(
        (dated.blocker, dated.fresh, None if dated.fresh else dated.read_at, *filter(None, [dated.source]))
        for dated in value.blockers
    )


BLOCKERS: AnnotationKey[RowBlockers] = AnnotationKey("blockers", _content)


def weighed_for(value: RowBlockers, row: Row, as_of: datetime) -> RowBlockers:
    """The blockers of a row at a moment; a row without a period has none."""
    if row.span is None:
        return replace(value, blockers=())
    inputs = value.inputs
    zone = zone_named(row.zone)
    today = local_date(as_of, zone)
    period = weighed_period(row.span, row.zone, row.state, row.because, row.deadline)
    interval = work_interval(row.span.last, closed=is_closed(row), today=today)
    blockers = []
    for dated in inputs.facts:
        near = any(day is not None and today >= day for day in (inputs.near_on, dated.partner_near_on))
        blocker = weigh(
            dated.fact,
            period if dated.fact.period is not None else None,
            inputs.policy,
            inputs.profile,
            near=near,
            due=(dated.fact.kind, dated.fact.part) in inputs.due,
            as_of=as_of,
            source="The file" if dated.source else inputs.source,
            marks=inputs.marks_of(dated.fact),
            names=inputs.names,
            viewer=row.code,
        )
        if blocker is not None:
            fresh = as_of < fresh_until(dated.fact, dated.read_at, 2 * interval)
            # A snapshot or a file is as old as it states.
            stated_at = dated.fact.source_as_of or dated.read_at
            source = f"{dated.source}, {short_date(local_date(stated_at, zone))}" if dated.source else ""
            blockers.append(DatedBlocker(blocker, stated_at, fresh, dated.partner, source))
    return replace(value, blockers=tuple(blockers))


def tally_of(rows: Iterable[Row]) -> GroupTally:
    """The blockers of these rows, added up."""
    tally = GroupTally()
    for row in rows:
        value = row.get(BLOCKERS)
        if value is not None:
            tally.add_blockers(*value.summed)
    return tally


_NO_VALUES: frozenset[str] = frozenset()


def blocked_by(row: Row) -> frozenset[str]:
    """The values of the filter "blocked by" that a row passes: kinds, `ANYTHING` and `NOT_READABLE`."""
    value = row.get(BLOCKERS)
    return _NO_VALUES if value is None else value.filter_values


def blockers_phrase(row: Row, when: Callable[[datetime], str]) -> str:
    """What is in the way as text: "61 lines not posted, inventory close missing; not readable in full: bank lines".

    A blocker that was not read again in time ends in the moment of its last reading. Empty where nothing is known.
    """
    value = row.get(BLOCKERS)
    if value is None:
        return ""

    def phrase(dated: DatedBlocker) -> str:
        short = dated.blocker.short.removesuffix(_NOT_READABLE)
        return short if dated.fresh else f"{short} (as read {when(dated.read_at)})"

    in_the_way, unsure = (", ".join(map(phrase, found)) for found in value.on_board)
    return "; ".join(filter(None, [in_the_way, unsure and f"not readable in full: {unsure}"]))


_NOT_READABLE = " not readable"


def unsure_phrases(unsure: Iterable[DatedBlocker]) -> list[tuple[str, Sequence[DatedBlocker]]]:
    """What is not readable in full, with one sentence for all that share its reason.

    "Business Central does not show recurring journals, inventory periods"; "unposted customer invoices: none seen;
    released but unposted ones look posted".
    """
    kinds: defaultdict[tuple[str, str], dict[str, list[DatedBlocker]]] = defaultdict(dict)
    for dated in unsure:
        blocker = dated.blocker
        name = shown_as(blocker.kind, blocker.part)
        if blocker.partly_covered:
            frame = "", f": {blocker.because}"
        elif blocker.because.endswith(name):
            frame = blocker.because.removesuffix(name), ""
        else:
            name, frame = blocker.because, ("", "")
        kinds[frame].setdefault(name, []).append(dated)
    phrases: list[tuple[str, Sequence[DatedBlocker]]] = []
    for frame, named in kinds.items():
        if frame == ("", ""):
            phrases += named.items()
        else:
            before, after = frame
            found = [dated for each in named.values() for dated in each]
            phrases.append((f"{before}{', '.join(named)}{after}", found))
    return phrases


def blockers_json(row: Row) -> list[dict[str, object]]:
    """The blockers of a row for programs, in the order of the board, then those that are not readable in full."""
    value = row.get(BLOCKERS)
    if value is None:
        return []
    return [
        {
            "kind": blocker.kind.value,
            "part": blocker.part,
            "level": blocker.level.value,
            "count": blocker.count,
            "at_least": blocker.at_least,
            "unit": blocker.unit.value,
            "amount": None if blocker.amount is None else f"{blocker.amount:f}",
            "currency": blocker.currency,
            "because": blocker.because,
            "fresh": dated.fresh,
            "read_at": dated.read_at.isoformat(),
            **({"source": dated.source} if dated.source else {}),
        }
        for dated in chain(*value.on_board)
        for blocker in (dated.blocker,)
    ]


def partners(value: RowBlockers) -> frozenset[int]:
    """The entities that the blockers speak of besides their own."""
    return frozenset(dated.partner for dated in value.blockers if dated.partner is not None)


def seen_by(value: RowBlockers, ids: frozenset[int]) -> RowBlockers:
    """The blockers for a reader who sees only these entities: no partner's name, side or amount of any other."""
    return replace(
        value,
        inputs=replace(value.inputs, facts=_visible(value.inputs.facts, ids)),
        blockers=tuple(
            dated if dated.partner is None or dated.partner in ids else _without_partner(dated)
            for dated in value.blockers
        ),
    )


def _visible(facts: Sequence[DatedFact], ids: frozenset[int]) -> tuple[DatedFact, ...]:
    return tuple(dated for dated in facts if dated.partner is None or dated.partner in ids)


def _without_partner(dated: DatedBlocker) -> DatedBlocker:
    return replace(dated, blocker=without_counterparty(dated.blocker), partner=None)
