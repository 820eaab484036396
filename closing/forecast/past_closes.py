"""Past closes as forecasts learn from them: one entity's months, oldest first (09-insight 9.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from closing.calendar.months import is_quarter_end, is_year_end


class MonthKind(StrEnum):
    """What a month ends, by the entity's fiscal year."""

    ORDINARY = "ordinary"
    QUARTER_END = "quarter_end"
    YEAR_END = "year_end"


def month_kind(month: date, year_end_month: int) -> MonthKind:
    """What a month (a first of month) ends in a fiscal year whose last month is `year_end_month` (1 to 12)."""
    if is_year_end(month, year_end_month):
        return MonthKind.YEAR_END
    return MonthKind.QUARTER_END if is_quarter_end(month, year_end_month) else MonthKind.ORDINARY


@dataclass(frozen=True, slots=True)
class PastClose:
    """The first close of one month.

    `day` is the number of its working day in the entity's own calendar; the first working day after the period's end
    is 1. A period that is `still_open` has the working days passed so far: it closes today at the earliest. Of two
    dates between which it closed, the later one counts.
    """

    day: int
    kind: MonthKind = MonthKind.ORDINARY
    still_open: bool = False


# The months of an entity up to the newest, oldest first. None is a month whose close is not known.
CloseHistory: TypeAlias = Sequence[PastClose | None]
CloseHistories: TypeAlias = Mapping[str, CloseHistory]
