"""The course of the on-time rate: rolling years, and each month alone (09-insight 9.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from closing.calendar.months import previous_month
from closing.judging.on_time import OnTimeRate
from closing.trends.close_records import CloseRecord, rate_of

WINDOW_MONTHS = 12
WINDOWS = 24


@dataclass(frozen=True, slots=True)
class RatePoint:
    """The rate of the twelve months up to and including a month, and that of the month alone."""

    month: date
    rolling: OnTimeRate
    alone: OnTimeRate


def months_upto(month: date, count: int) -> list[date]:
    """So many months up to and including one, oldest first."""
    months = [month]
    while len(months) < count:
        months.append(previous_month(months[-1]))
    return months[::-1]


def rate_course(records: Iterable[CloseRecord], newest: date, windows: int = WINDOWS) -> list[RatePoint]:
    """The rate of each of the last rolling windows, oldest first."""
    by_month: dict[date, list[CloseRecord]] = defaultdict(list)
    for record in records:
        by_month[record.month].append(record)
    months = months_upto(newest, windows + WINDOW_MONTHS - 1)
    return [
        RatePoint(
            months[end],
            rate_of(record for month in _window(months, end) for record in by_month[month]),
            rate_of(by_month[months[end]]),
        )
        for end in range(WINDOW_MONTHS - 1, len(months))
    ]


def _window(months: Sequence[date], end: int) -> Sequence[date]:
    return months[end - WINDOW_MONTHS + 1 : end + 1]
