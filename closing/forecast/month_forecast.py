"""The forecast of one month of a group: each open entity by its own days, and the group by dates (09-insight 9.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from closing.calendar.days import DateSpan
from closing.calendar.deadlines import Deadline
from closing.calendar.instants import local_date, zone_named
from closing.calendar.workdays import WorkdayCalendar, workdays_or_weekdays
from closing.forecast.close_forecast import CloseForecast, TooFewCloses, forecast_close
from closing.forecast.close_patterns import ClosePatterns, Move
from closing.forecast.group_chances import AheadStep, GroupForecast, GroupMember, group_forecast, steps_ahead
from closing.forecast.past_closes import MonthKind
from closing.scoreboard.row import Row, is_closed

SHOWN_BEFORE = 5  # working days before the month ends


@dataclass(frozen=True, slots=True)
class EntityForecast:
    """The forecast of one open row; `forecast` says what it lacks where there is none.

    `on_time` is the chance to close by its deadline, None without one; 0 once it has passed. `stated` is the date
    that a person gave and that is still to come; `stated_early` if fewer than one in ten such closes came by then.
    """

    row: Row
    span: DateSpan
    calendar: WorkdayCalendar
    kind: MonthKind
    forecast: CloseForecast | TooFewCloses
    on_time: float | None = None
    moved: Move | None = None
    stated: date | None = None
    stated_early: bool = False

    def day(self, number: int) -> date:
        """The date of a working day of this close."""
        return self.calendar.nth_workday_after(self.span.last, number) if number > 0 else self.span.last

    def number(self, day: date) -> int:
        """The number of the working day on or before a date, 0 before the first."""
        return workdays_or_weekdays(self.calendar, self.span.last, day)


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """The forecast of a group's month.

    `entities` are those that are due and not known to be closed, as far as the month has come near enough.
    `without` have no forecast and are not in the group's. `unsure` are not known to be open now: they count as open.
    """

    entities: tuple[EntityForecast, ...]
    group: GroupForecast
    closed: int
    without: tuple[EntityForecast, ...]
    unsure: tuple[EntityForecast, ...]
    on_time: float
    steps: tuple[AheadStep, ...]

    @property
    def of(self) -> int:
        """How many entities are due in the month."""
        return len(self.entities) + self.closed


@dataclass(frozen=True, slots=True)
class ForecastInputs:
    """What the forecast of one row needs beside the row: its calendar and the last month of its fiscal year."""

    calendar: WorkdayCalendar
    kind: MonthKind


def forecast_row(
    row: Row, inputs: ForecastInputs, patterns: ClosePatterns, as_of: datetime
) -> EntityForecast | None:
    """The forecast of a row at a moment; None where it is closed, has no period, or its month ends later.

    A row whose reading is stale, or whose state is unknown, is taken as open since its last reading.
    """
    if row.not_due or row.span is None or is_closed(row) or row.standing.closed:
        return None
    zone = zone_named(row.zone)
    moment = as_of if row.fresh or row.read_at is None else row.read_at
    today, last = local_date(moment, zone), row.span.last
    if local_date(as_of, zone) < _shown_from(inputs.calendar, last):
        return None
    passed = workdays_or_weekdays(inputs.calendar, last, today)
    forecast = forecast_close(patterns, row.code, inputs.kind, open_after=max(passed - 1, 0))
    pattern = patterns.entities.get(row.code)
    on_time, stated, early = None, row.remarks.expected_on, False
    if stated is not None and stated <= local_date(as_of, zone):
        stated = None
    if isinstance(forecast, CloseForecast):
        on_time = _on_time(forecast, row.deadline, last, inputs.calendar, as_of)
        early = stated is not None and forecast.by(workdays_or_weekdays(inputs.calendar, last, stated)) < 0.1
    return EntityForecast(
        row,
        row.span,
        inputs.calendar,
        inputs.kind,
        forecast,
        on_time,
        pattern.moved if pattern is not None else None,
        stated,
        early,
    )


def _shown_from(calendar: WorkdayCalendar, last: date) -> date:
    try:
        return calendar.nth_workday_before(last, SHOWN_BEFORE)
    except ValueError:  # a calendar without these years
        return last


def _on_time(
    forecast: CloseForecast,
    deadline: Deadline | None,
    last: date,
    calendar: WorkdayCalendar,
    as_of: datetime,
) -> float | None:
    if deadline is None:
        return None
    return (
        0.0 if deadline.passed(as_of) else forecast.by(workdays_or_weekdays(calendar, last, deadline.due_on))
    )


def forecast_month(
    rows: Iterable[Row], inputs: Mapping[int, ForecastInputs], patterns: ClosePatterns, as_of: datetime
) -> MonthForecast:
    """The forecast of the rows of one board; `inputs` are by entity id."""
    due = [row for row in rows if not row.not_due]
    found = [
        forecast_row(row, inputs[row.entity_id], patterns, as_of) for row in due if row.entity_id in inputs
    ]
    entities = [one for one in found if one is not None]
    known = [(one, one.forecast) for one in entities if isinstance(one.forecast, CloseForecast)]
    chances = {one.row.code: one.on_time for one, _ in known if one.on_time is not None}
    on_time, steps = steps_ahead({code: chance for code, chance in chances.items() if chance > 0})
    return MonthForecast(
        tuple(entities),
        group_forecast(GroupMember(forecast.chances, one.calendar, one.span.last) for one, forecast in known),
        sum(is_closed(row) for row in due),
        tuple(one for one in entities if isinstance(one.forecast, TooFewCloses)),
        tuple(one for one in entities if not one.row.fresh),
        0.0 if any(chance == 0 for chance in chances.values()) else on_time,
        tuple(steps),
    )
