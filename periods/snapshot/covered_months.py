"""Months that end within a longer period: a quarter or a year is due once, in its last month (01-domain 1.3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from closing.calendar.date_phrases import full_date, month_and_year
from closing.calendar.days import DateSpan
from closing.calendar.months import month_begun, months_from

_YEAR = 12  # months
LONGER_THAN = 32  # days; what is not longer begins and is due in one month


def longer_periods(months: Sequence[date]) -> dict[str, Any]:
    """The values of a query for longer periods that may cover these months: due up to a year later.

    The months are listed one by one, for which an index by month and entity needs no range of all entities.
    """
    around = {later for month in months for later in months_from(month, 1 + _YEAR)}
    return {"around": sorted(around), "longer": LONGER_THAN}


@dataclass(frozen=True, slots=True)
class CoveringPeriod:
    """A listed period that began by a month and is due in a later one."""

    name: str
    last_day: date

    def because(self, month: date) -> str:
        """Why nothing is due for a month."""
        return f"no period ends in {month_and_year(month)}; {self.name} ends on {full_date(self.last_day)}"


def covering_periods(
    listed: Iterable[tuple[int, date, str, DateSpan]], months: Sequence[date]
) -> Mapping[tuple[int, date], CoveringPeriod]:
    """The period that covers a month of an entity which has no listed period of its own, by both.

    `listed` are the listed periods with their entity, reporting month and name.
    """
    listed = sorted(listed, key=lambda period: period[1])
    own = {(entity_id, due_month) for entity_id, due_month, _, _ in listed}
    covering: dict[tuple[int, date], CoveringPeriod] = {}
    for entity_id, due_month, name, span in listed:
        if (span.last - span.first).days < LONGER_THAN:
            continue
        begun = month_begun(span.first)
        for month in months:
            if begun <= month < due_month and (entity_id, month) not in own:
                covering.setdefault((entity_id, month), CoveringPeriod(name, span.last))
    return covering
