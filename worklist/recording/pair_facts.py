"""Compares the stored positions of counterparties, and stores one fact of each two and currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import connection as database
from django.db.models import Q

from closing.blockers.blocker_facts import BlockerFact
from closing.blockers.blocker_kinds import KINDS, BlockerKind
from closing.blockers.intercompany import (
    ComparisonInputs,
    Position,
    PositionSide,
    compare,
    intercompany_fact,
)
from closing.blockers.work_readings import PartRead
from closing.calendar.days import DateSpan
from closing.calendar.months import previous_month
from entities.models import LegalEntity
from infra.fast_cursor import fast_cursor
from periods.models import FiscalPeriod
from worklist.models import BlockerReading, CloseTask, PartnerListing, PartnerPosition
from worklist.recording.fact_store import store_facts
from worklist.recording.rate_tables import RateTables
from worklist.recording.revalued_entities import REVALUATION_TASK, revalued_entities

_LOCK = (
    5_210_340  # advisory lock: two readers of one pair queue up, so that the second compares with both sides
)
_KIND = BlockerKind.INTERCOMPANY_IMBALANCE
_Pair = tuple[str, str, date]  # codes in order, reporting month
_Place = tuple[int, date]  # entity, reporting month


def lock_pairs() -> None:
    """Let no other transaction compare counterparties until this one ends."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


class _Provenance(NamedTuple):
    """Where the newest of what a pair was compared from came from: an attempt, or else a file."""

    read_at: datetime
    attempt: int
    source: str


@dataclass(slots=True)
class _Stored:
    """What is in force of some months: positions and listings, and the entities and periods that they are of."""

    positions: dict[_Pair, list[PartnerPosition]]
    listings: dict[_Place, PartnerListing]
    entities: dict[str, LegalEntity]
    periods: dict[_Place, FiscalPeriod]
    earlier: dict[_Pair, list[BlockerReading]]
    pairs: set[_Pair]


def compare_pairs(
    entities: Set[int], months: Set[date], at: datetime, just_read: Collection[int] = ()
) -> int:
    """Compare all pairs that involve one of these entities (ids) in these months, within the transaction that runs.

    Returns how many facts changed. `just_read` has the entities whose live balances were read at this moment. A pair
    that has no position and is set up at neither side any more becomes 0.
    """
    if not entities or not months:
        return 0
    lock_pairs()
    stored = _stored(entities, months)
    if not stored.pairs:
        return 0
    at = max([at, *(row.read_at for rows in stored.earlier.values() for row in rows)])
    confirmed = newest_reads({entity.pk for entity in stored.entities.values()})
    confirmed |= dict.fromkeys(just_read, at)
    rates = RateTables({month for _, _, month in stored.pairs})
    revalued = revalued_entities(
        {period.pk: period.entity_id for period in stored.periods.values()}, stored.entities.values()
    )
    facts: defaultdict[tuple[int | None, str], list[BlockerFact]] = defaultdict(list)
    for pair in sorted(stored.pairs):
        made = _facts_of(pair, stored, confirmed, rates, revalued, at)
        provenance = _provenance(pair, stored)
        if provenance is not None:
            key = provenance.attempt or None, provenance.source
            if provenance.source:  # a fact from a file states a moment
                made = [replace(fact, source_as_of=fact.source_as_of or provenance.read_at) for fact in made]
            facts[key] += made
    days = DateSpan(
        min(period.first_day for period in stored.periods.values()),
        max(period.last_day for period in stored.periods.values()),
    )
    return sum(
        store_facts(
            own,
            {PartRead(fact.entity, fact.kind, fact.part) for fact in own},
            days,
            at,
            attempt_id=attempt,
            source=source,
        )
        for (attempt, source), own in facts.items()
        if own
    )


def compare_after_revaluation(tasks: Iterable[CloseTask], at: datetime) -> None:
    """Compare the pairs of the entities and months of those of these tasks that show a revaluation done or not."""
    revalued: defaultdict[date, set[int]] = defaultdict(set)
    for task in tasks:
        if task.code == REVALUATION_TASK and task.entity_id is not None:
            revalued[task.month].add(task.entity_id)
    for month, entities in revalued.items():
        compare_pairs(entities, {month}, at)


def newest_reads(entities: Iterable[int]) -> dict[int, datetime]:
    """The moment of the last good attempt that read the positions of each entity (id)."""
    with fast_cursor() as cursor:
        cursor.execute(
            """
            SELECT span.entity_id, max(coalesce(span.last_read_at, newest.started_at, span.first_read_at))
            FROM worklist_workspan span
            LEFT JOIN LATERAL (
                SELECT a.started_at FROM worklist_workattempt a
                WHERE a.connection_id = span.connection_id AND a.turn = span.turn AND a.outcome IN ('ok', 'partial')
                ORDER BY a.started_at DESC LIMIT 1) newest ON span.last_attempt_id IS NULL
            WHERE span.entity_id = ANY(%s) AND span.kind = %s AND span.part = ''
            GROUP BY span.entity_id
            """,
            [list(entities), _KIND.value],
        )
        return dict(cursor.fetchall())


def _stored(entities: Set[int], months: Set[date]) -> _Stored:
    positions = PartnerPosition.objects.filter(
        Q(entity__in=entities) | Q(partner__in=entities), month__in=months, superseded_at=None
    )
    listings = PartnerListing.objects.filter(
        Q(entity__in=entities) | Q(partners__overlap=list(entities)), month__in=months, superseded_at=None
    )
    earlier = BlockerReading.objects.filter(
        Q(entity__in=entities) | Q(partner__in=entities),
        kind=_KIND.value,
        partner__isnull=False,
        period__reporting_month__in=months,
        superseded_at=None,
    )
    found_positions = list(positions.order_by("pk"))
    found_listings = list(listings)
    found_earlier = list(earlier.select_related("period"))
    ids = {pk for row in found_positions for pk in (row.entity_id, row.partner_id)}
    ids |= {pk for row in found_listings for pk in (row.entity_id, *row.partners)}
    ids |= {pk for row in found_earlier for pk in (row.entity_id, row.partner_id) if pk is not None}
    by_id = {entity.pk: entity for entity in LegalEntity.objects.filter(pk__in=ids).select_related("group")}

    def pair_of(one: int, other: int | None, month: date) -> _Pair | None:
        if one not in by_id or other not in by_id:
            return None
        first, second = sorted((by_id[one].code, by_id[other].code))
        return first, second, month

    of_pair: defaultdict[_Pair, list[PartnerPosition]] = defaultdict(list)
    for row in found_positions:
        pair = pair_of(row.entity_id, row.partner_id, row.month)
        if pair is not None:
            of_pair[pair].append(row)
    earlier_of: defaultdict[_Pair, list[BlockerReading]] = defaultdict(list)
    for fact in found_earlier:
        assert fact.period is not None  # by the filter
        pair = pair_of(fact.entity_id, fact.partner_id, fact.period.reporting_month)
        if pair is not None:
            earlier_of[pair].append(fact)
    expected = {
        pair
        for row in found_listings
        for partner in row.partners
        if row.entity_id in entities or partner in entities
        for pair in (pair_of(row.entity_id, partner, row.month),)
        if pair is not None
    }
    # The listing of the other side says what it lists in full, and what it lacks.
    others = PartnerListing.objects.filter(entity__in=by_id, month__in=months, superseded_at=None)
    return _Stored(
        positions=of_pair,
        listings={(row.entity_id, row.month): row for row in others},
        entities={entity.code: entity for entity in by_id.values()},
        periods={
            (period.entity_id, period.reporting_month): period
            for period in FiscalPeriod.objects.filter(
                entity__in=by_id, reporting_month__in=months, type="operating"
            ).order_by("last_day")
        },
        earlier=earlier_of,
        pairs={*of_pair, *earlier_of, *expected},
    )


def _facts_of(
    pair: _Pair,
    stored: _Stored,
    confirmed: Mapping[int, datetime],
    rates: RateTables,
    revalued: Set[tuple[int, int]],
    at: datetime,
) -> list[BlockerFact]:
    """The facts of two counterparties in one month; none where the first of them has no such period."""
    first, second, month = pair
    codes = first, second
    ids = {code: stored.entities[code].pk for code in codes}
    names = {pk: code for code, pk in ids.items()}
    period = stored.periods.get((ids[first], month))
    if period is None:
        return []
    rows = stored.positions.get(pair, [])
    listings = {code: stored.listings.get((ids[code], month)) for code in codes}
    by_file = {row.entity_id for row in rows if row.attempt_id is None}
    expected = any(
        listing is not None and ids[second if code == first else first] in listing.partners
        for code, listing in listings.items()
    )
    if not rows and not expected:
        return [_zero(row, at) for row in stored.earlier.get(pair, ())]
    unmapped = frozenset(
        (code, names[partner], PositionSide(side))
        for code, listing in listings.items()
        if listing is not None and ids[code] not in by_file
        for partner, side in listing.lacking
        if partner in names
    )
    paths = [stored.entities[code].group.path for code in codes]
    inputs = ComparisonInputs(
        rates=rates.above(paths, month),
        previous_rates=rates.above(paths, previous_month(month)),
        revalued=frozenset(
            code
            for code in codes
            for own in (stored.periods.get((ids[code], month)),)
            if own is not None and (ids[code], own.pk) in revalued
        ),
        listed_in_full=frozenset(
            code for code, listing in listings.items() if listing is not None and listing.in_full
        ),
        unmapped=unmapped,
    )
    positions = [
        Position(
            entity=names[row.entity_id],
            partner=names[row.partner_id],
            period=month,
            side=PositionSide(row.side),
            as_of=row.as_of or max(row.read_at, confirmed.get(row.entity_id, row.read_at)),
            currency=row.currency,
            amount=_plain(row.amount),
            functional_currency=row.functional_currency,
            functional_amount=_plain(row.functional_amount),
            accounts=tuple(row.accounts),
            live=row.as_of is None,
        )
        for row in rows
    ]
    facts = [
        intercompany_fact(one, entity=ids[first], period=period.pk, read_at=at)
        for one in compare(positions, inputs, [(first, second)])
    ]
    compared = {fact.currency or "" for fact in facts}
    return facts + [_zero(row, at) for row in stored.earlier.get(pair, ()) if row.currency not in compared]


def _plain(amount: Decimal | None) -> Decimal | None:
    """An amount without the zeros that its column adds."""
    return None if amount is None else amount.normalize() + 0


def _zero(earlier: BlockerReading, at: datetime) -> BlockerFact:
    """The fact of a pair that is no more, or is compared in another currency: without sides, so not shown."""
    return BlockerFact(
        entity=earlier.entity_id,
        period=earlier.period_id,
        kind=_KIND,
        unit=KINDS[_KIND].unit,
        count=0,
        read_at=at,
        part=earlier.part,
        amount=Decimal(0) if earlier.currency else None,
        currency=earlier.currency or None,
    )


def _provenance(pair: _Pair, stored: _Stored) -> _Provenance | None:
    first, second, month = pair
    listings = [stored.listings.get((stored.entities[code].pk, month)) for code in (first, second)]
    found = [
        *(
            _Provenance(row.read_at, row.attempt_id or 0, row.source)
            for row in stored.positions.get(pair, ())
        ),
        *(_Provenance(row.read_at, row.attempt_id, "") for row in listings if row is not None),
    ]
    if not found:
        found = [
            _Provenance(row.read_at, row.attempt_id or 0, row.source) for row in stored.earlier.get(pair, ())
        ]
    return max(found, default=None)
