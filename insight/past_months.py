"""Reads the past months of many entities as known at a moment, in the queries of one board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet

from closing.calendar.workdays import WorkdayCalendar
from closing.forecast.past_closes import CloseHistory, month_kind
from closing.scoreboard.row import Row
from closing.trends.close_records import CloseRecord, record_of
from closing.trends.rate_course import months_upto
from entities.calendars import work_calendars
from entities.models import LegalEntity
from periods.snapshot.builder import take_unredacted

MONTHS = 36


@dataclass(frozen=True, slots=True)
class EntityMonths:
    """The rows and records of one entity by month; a month in which nothing of it was due has no record."""

    code: str
    year_end_month: int
    calendar: WorkdayCalendar
    rows: Mapping[date, Row]
    records: Mapping[date, CloseRecord]

    def history(self, months: Sequence[date]) -> CloseHistory:
        """Its closes in these months as forecasts learn from them."""
        found = [(month, self.records.get(month)) for month in months]
        return [
            record.past_close(month_kind(month, self.year_end_month)) if record is not None else None
            for month, record in found
        ]


def read_past_months(
    entities: QuerySet[LegalEntity], newest: date, as_of: datetime, *, months: int = MONTHS
) -> dict[int, EntityMonths]:
    """The months up to and including `newest`, by entity id."""
    wanted = months_upto(newest, months)
    boards = take_unredacted(entities, wanted, as_of, annotations=()).boards
    shown = list(entities.values_list("pk", "code", "year_end_month", "calendar_id"))
    calendars = work_calendars({calendar for *_, calendar in shown}, range(wanted[0].year, newest.year + 3))
    rows: dict[int, dict[date, Row]] = {pk: {} for pk, *_ in shown}
    for month, board in boards.items():
        for row in board.rows:
            rows[row.entity_id][month] = row
    return {
        pk: EntityMonths(
            code,
            year_end_month,
            calendars[calendar],
            rows[pk],
            {
                month: record_of(row, month, as_of, calendars[calendar])
                for month, row in rows[pk].items()
                if not row.not_due
            },
        )
        for pk, code, year_end_month, calendar in shown
    }
