"""Deadline rules, and the deadline that each gives with its explanation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from closing.calendar.date_phrases import weekday_and_date, weekday_and_day
from closing.calendar.days import ONE_DAY, DateSpan
from closing.calendar.instants import end_of_day, instant_at, local_date, zone_named
from closing.calendar.months import month_end, next_month, reporting_month
from closing.calendar.workdays import WorkdayCalendar

# So near to a deadline, a holiday whose date is an estimate may move it: by its own day, or by days given around it.
_NEAR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class WorkdayRule:
    """The nth working day after period end; `first_is` says whether the first working day is number 1 or 0.

    `n_quarter_end` and `n_year_end` replace `n` for those periods when given.
    Raises ValueError for another `first_is` and for a number below it.
    """

    n: int
    first_is: int = 1
    n_quarter_end: int | None = None
    n_year_end: int | None = None

    def __post_init__(self) -> None:
        if self.first_is not in (0, 1):
            raise ValueError(f"the first working day is number 0 or 1, not {self.first_is}")
        _refuse_below(self.first_is, self.n, self.n_quarter_end, self.n_year_end)


@dataclass(frozen=True, slots=True)
class CalendarDayRule:
    """n calendar days after period end, with own numbers for quarter and year ends; ValueError below 0."""

    n: int
    n_quarter_end: int | None = None
    n_year_end: int | None = None

    def __post_init__(self) -> None:
        _refuse_below(0, self.n, self.n_quarter_end, self.n_year_end)


@dataclass(frozen=True, slots=True)
class DayOfMonthRule:
    """A fixed day of the month after period end; the month's last day where it is shorter.

    The month counted from is the period's reporting month, so that a 4-4-5 period ending on 2 June ("May") is
    due in June; where that day would not lie after the period's end, the month after. ValueError outside 1 to
    31.
    """

    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.day <= 31:
            raise ValueError(f"a day of the month is 1 to 31, not {self.day}")


@dataclass(frozen=True, slots=True)
class FixedDateRule:
    """An agreed date, with the person who agreed it and the reason, if given."""

    on: date
    reason: str = ""
    agreed_by: str = ""


DeadlineRule = WorkdayRule | CalendarDayRule | DayOfMonthRule | FixedDateRule


@dataclass(frozen=True, slots=True)
class Deadline:
    """The agreed local date, and time of day (None: end of day), by which an entity must be closed."""

    due_on: date
    zone: str
    cut_off: time | None = None
    label: str = ""  # short, for a table cell: "WD6", "day 10", "15th", "agreed"
    explanation: str = ""
    extended: bool = False  # an agreed date that ends later than the deadline by policy

    @property
    def due_at(self) -> datetime:
        """The instant (UTC) from which an entity that is not closed is late: due_on's end, or its cut-off."""
        return _due_at(self.due_on, self.zone, self.cut_off)

    def days_past(self, moment: datetime) -> int:
        """Calendar days from due_on to the moment's local date, never below 0."""
        return max(0, (local_date(moment, zone_named(self.zone)) - self.due_on).days)

    def passed(self, moment: datetime) -> bool:
        """Whether an entity that is not closed at this moment is late, be it by 0 days after a cut-off."""
        return moment >= self.due_at


@lru_cache(maxsize=8192)
def _due_at(due_on: date, zone: str, cut_off: time | None) -> datetime:
    tz = zone_named(zone)
    return end_of_day(due_on, tz) if cut_off is None else instant_at(due_on, cut_off, tz)


def deadline_for(
    rule: DeadlineRule,
    period: DateSpan,
    calendar: WorkdayCalendar,
    zone: str,
    *,
    cut_off: time | None = None,
    quarter_end: bool = False,
    year_end: bool = False,
    month: date | None = None,
) -> Deadline:
    """Work out the deadline of a period, with the arithmetic in words (01-domain 1.4).

    `month` is the period's reporting month; without it, the one whose end is nearest to the period's. A year end
    without a number of its own takes the quarter end's, since it ends a quarter too.
    Raises CalendarUncovered if the count runs into a year that the calendar does not cover.
    """
    match rule:
        case WorkdayRule():
            n, kind = _number(rule, quarter_end, year_end)
            due_on, how, beside = _count_workdays(n, kind, rule.first_is, period.last, calendar)
            label = f"WD{n}"
        case CalendarDayRule():
            n, kind = _number(rule, quarter_end, year_end)
            due_on = period.last + timedelta(days=n)
            how = f"{n} calendar {'day' if n == 1 else 'days'} after {weekday_and_date(period.last)}{kind}"
            label, beside = f"day {n}", ""
        case DayOfMonthRule():
            due_on = _day_of_month(rule.day, period.last, month or reporting_month(period.last))
            how = f"the {ordinal(rule.day)} of the month after period end ({weekday_and_date(period.last)})"
            label, beside = ordinal(rule.day), ""
        case FixedDateRule():
            due_on, how, label = rule.on, "agreed date", "agreed"
            beside = f", agreed by {rule.agreed_by}" if rule.agreed_by else ""
            beside += f" ({rule.reason})" if rule.reason else ""
    at = f", {time_in_zone(cut_off, zone)}" if cut_off is not None else ""
    return Deadline(due_on, zone, cut_off, label, f"{how}: {weekday_and_date(due_on)}{at}{beside}")


def ordinal(n: int) -> str:
    """A number as an English ordinal: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def city(zone: str) -> str:
    """The city in a zone's name ("New York" of America/New_York), or the name itself where it has none."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def _refuse_below(least: int, *numbers: int | None) -> None:
    for number in numbers:
        if number is not None and number < least:
            raise ValueError(f"a deadline rule counts from {least}, so {number} names no day")


def _number(rule: WorkdayRule | CalendarDayRule, quarter_end: bool, year_end: bool) -> tuple[int, str]:
    """The number that applies to a period, and in words why it is another than `n`."""
    if year_end and rule.n_year_end is not None:
        return rule.n_year_end, ", year end"
    if (quarter_end or year_end) and rule.n_quarter_end is not None:
        return rule.n_quarter_end, ", quarter end"
    return rule.n, ""


def _count_workdays(
    n: int, kind: str, first_is: int, last: date, calendar: WorkdayCalendar
) -> tuple[date, str, str]:
    first_workday = calendar.nth_workday_after(last, 1)
    due_on = calendar.nth_workday_after(last, n - first_is + 1)
    day_one = (
        weekday_and_day(first_workday)
        if first_workday.year == due_on.year
        else weekday_and_date(first_workday)
    )
    which = f"{ordinal(n)} working day" if n else "working day 0"
    base = f"working day 1 = {day_one}" if first_is else f"counting from day zero ({day_one} = 0)"
    chosen = f" with {categories_phrase(calendar.categories)}" if calendar.categories else ""
    how = f"{which} after {weekday_and_date(last)}{kind}, {calendar.name} calendar{chosen}, {base}"
    return due_on, how, days_passed_over(last, due_on, calendar) + _not_settled(last, due_on, calendar)


def days_passed_over(last: date, due_on: date, calendar: WorkdayCalendar) -> str:
    """In words the weekdays not counted and the weekend days counted, since a reader would count weekdays.

    Of the days after `last` up to `due_on`; empty where a reader counts right.
    """
    skipped, extra = [], []
    day = last
    while day < due_on:
        day += ONE_DAY
        weekend = day.weekday() in calendar.weekend
        if day in calendar.extra_working:
            if weekend or day in calendar.days_off:
                extra.append(weekday_and_day(day))
        elif not weekend and day in calendar.days_off:
            skipped.append(f"{weekday_and_day(day)} {calendar.days_off[day] or 'day off'}")
    notes = [f"{join_with_and(skipped)} not counted"] if skipped else []
    notes += [f"{join_with_and(extra)} counted as worked"] if extra else []
    return f" ({'; '.join(notes)})" if notes else ""


def _not_settled(last: date, due_on: date, calendar: WorkdayCalendar) -> str:
    """What of the calendar may still change in the years counted, and whether it may move the deadline."""
    first = last + ONE_DAY
    years = range(first.year, due_on.year + 1)
    notes = [
        f"; days worked in lieu of {year} are not announced yet, so this may move"
        for year in years
        if year in calendar.unannounced_years
    ]
    estimated = sorted(day for day in calendar.estimated_days if day.year in years)
    near = [day for day in estimated if first - _NEAR <= day <= due_on + _NEAR]
    if near:
        day = min(near, key=lambda one: (not first <= one <= due_on, one))
        feast = calendar.days_off.get(day, "").split(" (")[0] or "a holiday"
        notes.append(f"; {feast}, {weekday_and_day(day)}, is an estimate, so this may move")
    elif estimated:
        years_named = join_with_and(sorted({str(day.year) for day in estimated}))
        notes.append(f"; religious dates of {years_named} are estimates")
    return "".join(notes)


def categories_phrase(categories: Sequence[str]) -> str:
    """Categories of holidays in words: "public and bank holidays"."""
    return f"{join_with_and([name.replace('_', ' ') for name in categories])} holidays"


def join_with_and(items: Sequence[str]) -> str:
    """One or more items in words: "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _day_of_month(day: int, last: date, month: date) -> date:
    month = next_month(month)
    due_on = month.replace(day=min(day, month_end(month).day))
    if due_on <= last:
        month = next_month(month)
        due_on = month.replace(day=min(day, month_end(month).day))
    return due_on


def time_in_zone(at: time, zone: str) -> str:
    """A time of day with the city of its zone: "12:00 London time"."""
    text = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
    return f"{text} {city(zone)} time" if "/" in zone else f"{text} {zone}"
