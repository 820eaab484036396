"""The closing rates in force, by group and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from closing.blockers.exchange_rates import NO_RATES, ClosingRates
from closing.calendar.months import previous_month
from entities.models import Group, ancestor_paths
from worklist.models import ClosingRate

Rates = dict[tuple[str, str], Decimal]  # by base and quote


def rates_in_force(group: Group, month: date) -> Rates:
    """The newest rates of a group's month; of two currencies that stand both ways the later one."""
    return _newest([group.path], [month]).get((group.path, month), {})


def _newest(paths: Iterable[str] | None, months: Iterable[date]) -> dict[tuple[str, date], Rates]:
    found: defaultdict[tuple[str, date], Rates] = defaultdict(dict)
    rows = ClosingRate.objects.filter(month__in=set(months)).order_by("set_at", "pk")
    if paths is not None:
        rows = rows.filter(group__path__in=paths)
    for path, month, base, quote, rate in rows.values_list("group__path", "month", "base", "quote", "rate"):
        found[path, month].pop((quote, base), None)
        found[path, month][base, quote] = rate
    return found


class RateTables:
    """The rates of all groups for some months and the months before them."""

    def __init__(self, months: Iterable[date]) -> None:
        both = {other for month in months for other in (month, previous_month(month))}
        self._tables = {key: ClosingRates(rates) for key, rates in _newest(None, both).items()}

    def above(self, paths: Iterable[str], month: date) -> ClosingRates:
        """The rates of the nearest group above all of these paths that has any for the month."""
        ancestors = [ancestor_paths(path) for path in paths]
        common = set(ancestors[0]).intersection(*ancestors[1:])
        for path in sorted(common, key=len, reverse=True):
            if (path, month) in self._tables:
                return self._tables[path, month]
        return NO_RATES
