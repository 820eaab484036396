"""What loading a calendar says of choices that were not made: sentences with a deadline that they would move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from closing.calendar.date_phrases import full_date, weekday_and_date, weekday_and_day
from closing.calendar.deadlines import categories_phrase
from closing.calendar.workdays import CalendarUncovered, WorkdayCalendar
from entities.calendars import DayByHand, place_calendar, place_of, stored_calendars
from entities.holiday_library import Place, categories_of, subdivision_names
from entities.models import WorkCalendar

_EXAMPLE = 5  # the working day whose date is compared
_MONTHS = 24
_MOST_NAMED = 6
# Days off of offices. Other categories are those of schools, faiths or half a day, or are worked.
_PROPOSED = ("bank", "optional", "government", "de_facto")


def calendar_advice(rows: Sequence[WorkCalendar], today: date) -> list[str]:
    """Sentences about these calendars, with examples from last year's end on."""
    by_hand = stored_calendars([row.pk for row in rows]).by_hand
    return [advice for row in rows if row.country for advice in _advice(row, by_hand.get(row.pk, ()), today)]


def _advice(row: WorkCalendar, by_hand: Sequence[DayByHand], today: date) -> Iterator[str]:
    years = range(today.year - 1, today.year + 3)
    here = place_calendar(row, place_of(row), years, by_hand)
    if not row.subdivision and (names := subdivision_names(row.country)):
        elsewhere = {
            name: place_calendar(row, Place(row.country, code, tuple(row.holiday_categories)), years, by_hand)
            for code, name in names.items()
        }
        if example := _example(here, elsewhere, today):
            yield (
                f"Calendar {row.code}: the holidays of {row.country} differ by subdivision, and none is given"
                f" ({_listed(list(names))}): {example}."
            )
    yield from _advice_on_categories(row, here, by_hand, today)


def _advice_on_categories(
    row: WorkCalendar, here: WorkdayCalendar, by_hand: Sequence[DayByHand], today: date
) -> Iterator[str]:
    """Categories that would move a deadline and were not chosen, or the usual one that was left out."""
    years = range(today.year - 1, today.year + 3)
    usual, *others = categories_of(row.country)
    if row.holiday_categories:
        if usual not in row.holiday_categories:
            plain = place_calendar(row, Place(row.country, row.subdivision), years, by_hand)
            if day := next(_days_off_only(plain, here, today), None):
                yield (
                    f"Calendar {row.code} leaves out the {usual} holidays of {row.country}:"
                    f" {weekday_and_date(day)}, {plain.days_off[day]}, is worked."
                )
        return
    for other in others:
        if other not in _PROPOSED:
            continue
        with_it = place_calendar(row, Place(row.country, row.subdivision, (usual, other)), years, by_hand)
        name = categories_phrase([other])
        proposal = f"`holiday_categories: [{usual}, {other}]`"
        if found := first_difference(here, with_it, today):
            last_day, due_here, due_there = found
            yield (
                f"Calendar {row.code}: {row.country} keeps {name} too, which do not count. With {proposal} the"
                f" {_EXAMPLE}th working day after {full_date(last_day)} is {weekday_and_day(due_there)},"
                f" not {weekday_and_day(due_here)}."
            )
        elif day := next(_days_off_only(with_it, here, today), None):
            yield (
                f"Calendar {row.code}: {row.country} keeps {name} too, which do not count. With {proposal}"
                f" {weekday_and_date(day)}, {with_it.days_off[day]}, is off."
            )


def _days_off_only(one: WorkdayCalendar, other: WorkdayCalendar, today: date) -> Iterator[date]:
    """The weekdays of this year and later that are off in the first calendar and worked in the other."""
    for day in sorted(one.days_off.keys() - other.days_off.keys()):
        if day.year >= today.year and day.weekday() not in one.weekend and day not in one.extra_working:
            yield day


def _example(here: WorkdayCalendar, elsewhere: Mapping[str, WorkdayCalendar], today: date) -> str:
    """The first deadline that differs in the first subdivision that has one, else the first day off that does."""
    for name, there in elsewhere.items():
        if found := first_difference(here, there, today):
            last_day, due_here, due_there = found
            return (
                f"{_EXAMPLE}th working day after {full_date(last_day)} is {weekday_and_day(due_here)} here,"
                f" {weekday_and_day(due_there)} in {name}"
            )
    for name, there in elsewhere.items():
        if day := next(_days_off_only(there, here, today), None):
            return f"{weekday_and_date(day)} is off in {name} and worked here"
        if day := next(_days_off_only(here, there, today), None):
            return f"{weekday_and_date(day)} is off here and worked in {name}"
    return ""


def first_difference(
    here: WorkdayCalendar, there: WorkdayCalendar, today: date
) -> tuple[date, date, date] | None:
    """The first end of a month, from last year's on, after which the fifth working day differs, and both days."""
    for month in range(_MONTHS):
        last_day = date(today.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        try:
            due = (here.nth_workday_after(last_day, _EXAMPLE), there.nth_workday_after(last_day, _EXAMPLE))
        except CalendarUncovered:
            continue
        if due[0] != due[1]:
            return last_day, *due
    return None


def _listed(codes: Sequence[str]) -> str:
    more = len(codes) - _MOST_NAMED
    return ", ".join(codes) if more <= 1 else f"{', '.join(codes[:_MOST_NAMED])} and {more} more"
