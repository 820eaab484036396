"""Stores the closing rates of groups, by which counterparties are compared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from closing.blockers.exchange_rates import ClosingRates
from closing.calendar.months import next_month
from entities.models import Group, LegalEntity, Person
from worklist.models import ClosingRate
from worklist.recording.pair_facts import compare_pairs
from worklist.recording.rate_tables import rates_in_force

_PLACES = Decimal("0.000000000001")


@transaction.atomic
def record_rates(
    group: Group,
    month: date,
    rates: Mapping[tuple[str, str], Decimal],
    *,
    set_at: datetime,
    set_by: Person | None = None,
    source: str = "",
) -> int:
    """Append the rates of a group's month (base, quote: 1 base is so many quote), and compare its pairs again.

    Returns how many rates changed; one that is as before writes no row. The pairs of the next month are compared
    again too, which knows these as the rates of the month before. Raises ValueError for a rate that is not above
    zero, and for a month that is not its first day.
    """
    if month.day != 1:
        raise ValueError(f"a month is given by its first day, not by {month}")
    ClosingRates(rates)
    now = rates_in_force(group, month)
    new = [
        ClosingRate(
            group=group,
            month=month,
            base=base,
            quote=quote,
            rate=rate.quantize(_PLACES),
            source=source,
            set_at=set_at,
            set_by=set_by,
        )
        for (base, quote), rate in sorted(rates.items())
        if now.get((base, quote)) != rate.quantize(_PLACES)
    ]
    ClosingRate.objects.bulk_create(new)
    if new:
        below = LegalEntity.objects.filter(group__path__startswith=group.path).values_list("pk", flat=True)
        compare_pairs(set(below), {month, next_month(month)}, set_at)
    return len(new)
