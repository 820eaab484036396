"""Writes blocker facts: only what has changed, and never over newer ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from django.db.models import Q

from closing.blockers.blocker_facts import BlockerFact, is_unchanged, with_superseded_keys
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.work_readings import PartRead
from closing.calendar.days import DateSpan
from entities.models import LegalEntity
from periods.models import FiscalPeriod
from worklist.models import BlockerReading
from worklist.recording.fact_rows import body_of, fact_of

_Part = tuple[int, BlockerKind, str]  # entity, kind, part


def store_facts(
    facts: Iterable[BlockerFact],
    parts: Collection[PartRead],
    days: DateSpan,
    read_at: datetime,
    *,
    attempt_id: int | None,
    source: str,
) -> int:
    """Write the facts that differ from those in force, within the transaction that runs; returns how many.

    `parts` were read in full for the periods that touch `days`, and for work of no period. A part of a period is left
    alone where a later reading of it is in force, in any currency: readings are only ever replaced forwards. An ERP
    that does not show the work replaces no fact of a file. A fact of two counterparties is written again once the
    other one has a period.
    """
    read = {(part.entity, part.kind, part.part) for part in parts}
    in_force = _facts_in_force(read, days)
    by_key = {fact.key: (row, fact) for row, fact in in_force}
    later = {fact.key[:4] for row, fact in in_force if row.read_at > read_at}
    complete = with_superseded_keys(
        (fact for fact in facts if (fact.entity, fact.kind, fact.part) in read),
        (fact for _, fact in in_force),
    )
    partners = _partners(complete)
    changed = []
    for fact in complete:
        before = by_key.get(fact.key)
        if fact.key[:4] in later:
            continue
        if before is not None:
            row, stored = before
            held = (row.partner_id, row.partner_period_id)
            if is_unchanged(stored, fact) and held == partners.get(fact.key, held):
                continue
            if attempt_id is not None and row.attempt_id is None and _is_blind(fact):
                continue
        changed.append(fact)
    replaced = [by_key[fact.key][0].pk for fact in changed if fact.key in by_key]
    BlockerReading.objects.filter(pk__in=replaced).update(superseded_at=read_at)
    BlockerReading.objects.bulk_create(
        BlockerReading(
            entity_id=fact.entity,
            period_id=fact.period,
            partner_id=partner,
            partner_period_id=partner_period,
            kind=fact.kind.value,
            part=fact.part,
            currency=fact.currency or "",
            count=fact.count,
            amount=fact.amount,
            body=body_of(fact),
            source=source,
            source_as_of=fact.source_as_of,
            attempt_id=attempt_id,
            read_at=read_at,
        )
        for fact in changed
        for partner, partner_period in (partners.get(fact.key, (None, None)),)
    )
    return len(changed)


def _is_blind(fact: BlockerFact) -> bool:
    """Whether a source does not show the work at all; counterparties are compared whatever states a balance."""
    return fact.count is None and fact.counterparties is None


def _facts_in_force(parts: Collection[_Part], days: DateSpan) -> list[tuple[BlockerReading, BlockerFact]]:
    """The facts in force of these parts: of periods that touch the days, and of no period; locked."""
    rows = BlockerReading.objects.filter(
        Q(period=None) | Q(period__first_day__lte=days.last, period__last_day__gte=days.first),
        entity__in={entity for entity, _, _ in parts},
        kind__in={kind.value for _, kind, _ in parts},  # no other row is locked
        superseded_at=None,
    )
    found = rows.order_by("pk").select_for_update(of=("self",))
    return [(row, fact_of(row)) for row in found if (row.entity_id, row.kind, row.part) in parts]


def _partners(facts: Sequence[BlockerFact]) -> dict[object, tuple[int, int | None]]:
    """The other entity of each intercompany fact, and its period of the same reporting month."""
    pairs = [fact for fact in facts if fact.counterparties is not None]
    if not pairs:
        return {}
    codes = {code for fact in pairs for code in fact.counterparties or ()}
    ids = dict(LegalEntity.objects.filter(code__in=codes).values_list("code", "pk"))
    months = dict(
        FiscalPeriod.objects.filter(pk__in={fact.period for fact in pairs}).values_list(
            "pk", "reporting_month"
        )
    )
    periods: dict[tuple[int, date], int] = {
        (entity, month): pk
        for pk, entity, month in FiscalPeriod.objects.filter(
            entity__in=ids.values(), reporting_month__in=set(months.values()), type="operating"
        ).values_list("pk", "entity", "reporting_month")
    }
    found: dict[object, tuple[int, int | None]] = {}
    for fact in pairs:
        other = next(
            (ids[code] for code in fact.counterparties or () if code in ids and ids[code] != fact.entity),
            None,
        )
        if other is not None:
            month = months.get(fact.period or 0)
            found[fact.key] = other, periods.get((other, month)) if month else None
    return found
