"""Stores balances with partners as a source stated them, and compares what they change, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from closing.blockers.intercompany import Position
from closing.blockers.position_readings import PositionReadResult
from entities.models import LegalEntity
from worklist.models import PartnerListing, PartnerPosition, WorkAttempt
from worklist.recording.pair_facts import compare_pairs, lock_pairs, newest_reads

_Place = tuple[int, date]  # entity, reporting month
_FIELDS = ("side", "currency", "amount", "functional_currency", "functional_amount", "accounts", "as_of")


@dataclass(frozen=True, slots=True)
class _Entities:
    """Ids by code, and the root of the group tree of each; partners of another root are not of the group."""

    ids: Mapping[str, int]
    roots: Mapping[int, str]

    def of_one_group(self, entity: str, partner: str) -> bool:
        return (
            entity in self.ids
            and partner in self.ids
            and self.roots[self.ids[entity]] == self.roots[self.ids[partner]]
        )


@transaction.atomic
def record_positions(
    result: PositionReadResult, *, read_at: datetime, attempt: WorkAttempt | None = None, source: str = ""
) -> int:
    """Store the positions of a read or of a file, and compare all pairs that involve their entities.

    Returns how many intercompany facts changed. An attempt replaces all that an earlier one stored of the entities
    and months that it read; a file, whose name is `source`, only the positions with the partners that it names, until
    the ERP gives a position with the same partner. An unchanged position writes no row, and no reading replaces a
    later one. Partners outside the group, and codes of no entity, are passed over. Raises ValueError for neither or
    both of attempt and source.
    """
    if (attempt is None) != bool(source):
        raise ValueError("positions come from an attempt or from a named file")
    lock_pairs()
    entities = _entities_of(result)
    newest = newest_reads(entities.ids.values())
    given: defaultdict[_Place, defaultdict[int, list[Position]]] = defaultdict(lambda: defaultdict(list))
    for position in result.positions:
        if entities.of_one_group(position.entity, position.partner):
            place = entities.ids[position.entity], position.period
            given[place][entities.ids[position.partner]].append(position)
    if attempt is None:
        places: set[_Place] = set(given)
    else:
        covered = [entities.ids[code] for code in {*result.read, *result.refused} if code in entities.ids]
        current = [pk for pk in covered if pk not in newest or newest[pk] <= read_at]
        places = {(pk, month) for pk in current for month in result.months}
        places -= _store_listings(result, entities, places, attempt)
    _store_positions(given, places, newest, read_at, attempt, source)
    just_read = {pk for pk, _ in places} if attempt is not None else set()
    return compare_pairs({pk for pk, _ in places}, {month for _, month in places}, read_at, just_read)


def _entities_of(result: PositionReadResult) -> _Entities:
    codes = {code for position in result.positions for code in (position.entity, position.partner)}
    codes |= {code for pair in result.expected for code in pair} | {*result.read, *result.refused}
    rows = LegalEntity.objects.filter(code__in=codes).values_list("code", "pk", "group__path")
    found = list(rows)
    return _Entities(
        {code: pk for code, pk, _ in found}, {pk: path.partition("/")[0] for _, pk, path in found}
    )


def _store_listings(
    result: PositionReadResult, entities: _Entities, places: Collection[_Place], attempt: WorkAttempt
) -> set[_Place]:
    """Write what differs from the listings in force; returns the places of which a later listing is in force."""
    partners: defaultdict[int, set[int]] = defaultdict(set)
    lacking: defaultdict[int, set[tuple[int, str]]] = defaultdict(set)
    for entity, partner in result.expected:
        if entities.of_one_group(entity, partner):
            partners[entities.ids[entity]].add(entities.ids[partner])
    for entity, partner, side in result.unmapped:
        if entities.of_one_group(entity, partner):
            lacking[entities.ids[entity]].add((entities.ids[partner], side.value))
    in_full = {entities.ids[code] for code in result.listed_in_full if code in entities.ids}
    doubts = {entities.ids[code]: doubt for code, doubt in result.refused.items() if code in entities.ids}
    before = {
        (row.entity_id, row.month): row
        for row in PartnerListing.objects.filter(
            entity__in={pk for pk, _ in places}, month__in={month for _, month in places}, superseded_at=None
        )
    }
    read_at = attempt.started_at
    new = []
    for pk, month in sorted(places):
        doubt = doubts.get(pk)
        values: dict[str, Any] = {
            "partners": sorted(partners[pk]),
            "lacking": [list(one) for one in sorted(lacking[pk])],
            "in_full": pk in in_full,
            "doubt": doubt.value if doubt is not None else "",
        }
        row = before.get((pk, month))
        if row is not None and row.read_at > read_at:
            continue
        if row is None or any(getattr(row, name) != value for name, value in values.items()):
            new.append(PartnerListing(entity_id=pk, month=month, attempt=attempt, read_at=read_at, **values))
    replaced = [before[row.entity_id, row.month].pk for row in new if (row.entity_id, row.month) in before]
    PartnerListing.objects.filter(pk__in=replaced).update(superseded_at=read_at)
    PartnerListing.objects.bulk_create(new)
    return {place for place, row in before.items() if row.read_at > read_at}


def _store_positions(
    given: Mapping[_Place, Mapping[int, list[Position]]],
    places: Collection[_Place],
    newest: Mapping[int, datetime],
    read_at: datetime,
    attempt: WorkAttempt | None,
    source: str,
) -> None:
    """Write what differs from the positions in force, partner by partner."""
    stored = PartnerPosition.objects.filter(
        entity__in={pk for pk, _ in places}, month__in={month for _, month in places}
    )
    before: defaultdict[tuple[int, date, int], list[PartnerPosition]] = defaultdict(list)
    for row in stored.filter(superseded_at=None).order_by("pk"):
        before[row.entity_id, row.month, row.partner_id].append(row)
    latest = {
        (entity, month, partner): max(filter(None, (began, ended)))
        for entity, month, partner, began, ended in stored.order_by()
        .values_list("entity", "month", "partner")
        .annotate(Max("read_at"), Max("superseded_at"))
    }
    replaced: list[int] = []
    new: list[PartnerPosition] = []
    for pk, month in sorted(places):
        now = given.get((pk, month), {})
        named = set(now)
        if attempt is not None:
            named |= {partner for entity, of, partner in before if (entity, of) == (pk, month)}
        for partner in sorted(named):
            key = pk, month, partner
            old = before.get(key, [])
            from_erp = any(row.attempt_id is not None for row in old)
            late = key in latest and latest[key] > read_at
            if attempt is None:
                late |= from_erp and pk in newest and newest[pk] > read_at
            if late or (attempt is not None and not from_erp and partner not in now):
                continue
            rows = [
                _row(position, pk, partner, read_at, attempt, source) for position in now.get(partner, ())
            ]
            kept = [row for row in old if any(_is_same(row, one) for one in rows)]
            replaced += [row.pk for row in old if row not in kept]
            new += [row for row in rows if not any(_is_same(one, row) for one in kept)]
    PartnerPosition.objects.filter(pk__in=replaced).update(superseded_at=read_at)
    PartnerPosition.objects.bulk_create(new)


def _row(
    position: Position,
    entity: int,
    partner: int,
    read_at: datetime,
    attempt: WorkAttempt | None,
    source: str,
) -> PartnerPosition:
    return PartnerPosition(
        entity_id=entity,
        partner_id=partner,
        month=position.period,
        side=position.side.value,
        currency=position.currency,
        amount=position.amount,
        functional_currency=position.functional_currency,
        functional_amount=position.functional_amount,
        accounts=list(position.accounts),
        as_of=None if position.live else position.as_of,
        source=source,
        attempt=attempt,
        read_at=read_at,
    )


def _is_same(one: PartnerPosition, other: PartnerPosition) -> bool:
    return (one.attempt_id is None) == (other.attempt_id is None) and all(
        getattr(one, name) == getattr(other, name) for name in _FIELDS
    )
