"""Makes periods of the first days that Business Central lists, without ends and years (03-erp-contracts 7.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from closing.calendar.date_phrases import month_and_year
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.months import month_begun, month_end, month_of, months_from, next_month
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.readings import GapReason, PeriodReading, PeriodType
from connectors.odata.lists import (
    InvalidRow,
    bool_field,
    date_field,
    datetime_field,
    optional_text_field,
)


class CompanyFailed(Exception):
    """One company cannot be read; the others can."""

    def __init__(self, reason: GapReason, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


@dataclass(frozen=True, slots=True)
class _Start:
    """One row of accountingPeriods."""

    first: date
    name: str
    opens_year: bool
    year_closed: bool
    date_locked: bool


# A period with its last day, which is ours where the ERP gives none, its fiscal year and whether the end is assumed.
_Period = tuple[_Start, date, str, bool]


def posting_window(rows: Sequence[Any]) -> tuple[PostingWindowFacts, datetime | None]:
    """The posting range in the one row of generalLedgerSetup, and when that row changed last."""
    if len(rows) != 1:
        raise CompanyFailed(
            GapReason.BAD_ROW, f"Its general ledger setup has {len(rows)} rows instead of one."
        )
    try:
        window = PostingWindowFacts(
            date_field(rows[0], "allowPostingFrom"), date_field(rows[0], "allowPostingTo")
        )
        return window, datetime_field(rows[0], "lastModifiedDateTime")
    except InvalidRow as error:
        raise CompanyFailed(GapReason.BAD_ROW, f"Its general ledger setup cannot be read: {error}.") from None


def _starts(rows: Sequence[Any]) -> list[_Start]:
    starts: dict[date, _Start] = {}
    for row in rows:
        try:
            first = date_field(row, "startingDate")
            if first is None:
                raise InvalidRow("startingDate is blank")
            if first.year > 9000:
                raise InvalidRow(f"startingDate is {first}")
            start = _Start(
                first,
                optional_text_field(row, "name") or "",
                bool_field(row, "newFiscalYear"),
                bool_field(row, "closed"),
                bool_field(row, "dateLocked"),
            )
        except InvalidRow as error:
            raise CompanyFailed(GapReason.BAD_ROW, f"An accounting period cannot be read: {error}.") from None
        if starts.setdefault(first, start) != start:
            raise CompanyFailed(
                GapReason.CONFLICT, f"The accounting period of {first} is listed twice with different values."
            )
    return [starts[first] for first in sorted(starts)]


def period_readings(
    erp_id: str,
    rows: Sequence[Any],
    window: PostingWindowFacts,
    changed_at: datetime | None,
    span: DateSpan,
) -> list[PeriodReading]:
    """The company's periods that touch the span; calendar months where no accounting period has an end.

    The last row starts a period and gives it no end. From there on, and throughout where there are no rows, months
    are assumed until the fiscal year is created. Before its first row a company may not have kept its books here yet.
    """
    starts = _starts(rows)
    if starts and starts[0].first > span.last:
        raise CompanyFailed(
            GapReason.EMPTY,
            f"Its accounting periods begin only on {starts[0].first}. Create the fiscal year in Business Central.",
        )
    periods: list[_Period]
    if starts:
        # A period ends before the next one begins.
        pairs = zip(_years(starts), starts, starts[1:], strict=False)
        periods = [(start, following.first - ONE_DAY, year, False) for year, start, following in pairs]
        periods += _months_from(starts, span)
    else:
        count = 12 * (span.last.year - span.first.year) + span.last.month - span.first.month + 1
        periods = [
            (_month_start(month), month_end(month), str(month.year), True)
            for month in months_from(month_of(span.first), count)
        ]
    return [
        PeriodReading(
            erp_id=erp_id,
            erp_key=start.first.isoformat(),
            calendar="",
            year=year,
            name=start.name,
            span=DateSpan(start.first, last),
            type=PeriodType.OPERATING,
            facts=replace(
                window,
                year_closed=start.year_closed,
                date_locked=start.date_locked,
                assumed_end=assumed_end,
            ),
            erp_changed_at=changed_at,
        )
        for start, last, year, assumed_end in periods
        if start.first <= span.last and last >= span.first
    ]


def _months_from(starts: Sequence[_Start], span: DateSpan) -> Iterator[_Period]:
    """Months from the last row to the end of the span: the first begins with the row, each ends with its month.

    The first month is the one after the month that the period before the row reports, so none has two periods.
    """
    start, year = starts[-1], [*_years(starts)][-1]
    month = month_begun(start.first)
    began = month_begun(next((one.first for one in reversed(starts) if one.opens_year), start.first))
    while start.first <= span.last:
        months = (month.year - began.year) * 12 + month.month - began.month
        yield start, month_end(month), str(int(year) + months // 12), True
        month = next_month(month)
        start = _month_start(month)


def _month_start(month: date) -> _Start:
    return _Start(month, month_and_year(month), opens_year=False, year_closed=False, date_locked=False)


def _years(starts: Sequence[_Start]) -> Iterator[str]:
    """The fiscal year of each period: the calendar year of the month that it begins; 29 December begins the next.

    Before the first year start that was read, it is the period's own.
    """
    year = ""
    for start in starts:
        year = str(month_begun(start.first).year) if start.opens_year or not year else year
        yield year
