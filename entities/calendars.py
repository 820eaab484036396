"""Work calendars of places: holidays as the library knows them, the weekend mask and the days set by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from django.db.models import F

from closing.calendar.workdays import WorkdayCalendar
from entities import models
from entities.holiday_library import (
    Place,
    categories_of,
    countries_by_other_spelling,
    first_year_without_swaps,
    holidays_of,
    known_places,
    known_years,
)

DayByHand = tuple[date, bool, str]  # the day, whether it is worked, its name


@dataclass(frozen=True, slots=True)
class StoredCalendars:
    """Calendars by id with their days set by hand, which cover any years without a further query."""

    rows: Mapping[int, models.WorkCalendar]
    by_hand: Mapping[int, Sequence[DayByHand]]

    def covering(self, calendar_ids: Collection[int], years: Iterable[int]) -> dict[int, WorkdayCalendar]:
        """Those of these calendars that are stored, by id, with the holidays of the given years."""
        wanted = sorted(set(years))
        return {
            pk: place_calendar(row, place_of(row), wanted, self.by_hand[pk])
            for pk, row in self.rows.items()
            if pk in calendar_ids
        }


def stored_calendars(calendar_ids: Collection[int] | None = None) -> StoredCalendars:
    """These calendars (None: all), in one query."""
    rows: dict[int, models.WorkCalendar] = {}
    by_hand: dict[int, list[DayByHand]] = defaultdict(list)
    calendars = models.WorkCalendar.objects.all()
    if calendar_ids is not None:
        calendars = calendars.filter(id__in=calendar_ids)
    days = calendars.annotate(on_day=F("days__day"), works=F("days__working"), day_name=F("days__name"))
    for row in days:  # one for each day set by hand, at least one for each calendar
        rows[row.pk] = row
        if row.on_day is not None:
            by_hand[row.pk].append((row.on_day, row.works, row.day_name))
    return StoredCalendars(rows, by_hand)


def work_calendars(calendar_ids: Collection[int], years: Iterable[int]) -> dict[int, WorkdayCalendar]:
    """The calendars by id with the holidays of the given years, in one query whatever their number.

    A calendar covers those of the years that the library knows for its country; one without a country counts
    weekdays only and covers every year (01-domain 1.4). Days worked in lieu count; a day set by hand stands
    before both.
    """
    return stored_calendars(calendar_ids).covering(calendar_ids, years)


def place_of(row: models.WorkCalendar) -> Place:
    """Whose holidays a calendar takes."""
    return Place(row.country, row.subdivision, tuple(row.holiday_categories))


def place_calendar(
    row: models.WorkCalendar,
    place: Place,
    years: Sequence[int],
    by_hand: Sequence[DayByHand],
) -> WorkdayCalendar:
    """A calendar with the weekend of a row and its days by hand, and the holidays of a place."""
    off: dict[date, str] = {}
    worked: set[date] = set()
    estimated: set[date] = set()
    unannounced: set[int] = set()
    covers: frozenset[int] | None = None
    if place.country:
        known = known_years(place.country, place.subdivision)
        covers = frozenset(year for year in years if year in known)
        for year in sorted(covers):
            found = holidays_of(place, year)
            off.update(found.off)
            worked |= found.worked
            estimated |= found.estimated
        since = first_year_without_swaps(place.country)
        unannounced = {year for year in covers if since is not None and year >= since}
    off_by_hand = {day: name for day, working, name in by_hand if not working}
    worked_by_hand = {day for day, working, _ in by_hand if working}
    return WorkdayCalendar(
        name=row.name,
        weekend=frozenset(row.weekend),
        days_off=off | off_by_hand,
        extra_working=frozenset(worked - off_by_hand.keys() | worked_by_hand),
        covered_years=covers,
        categories=place.categories,
        # What somebody has set by hand is known to them.
        estimated_days=frozenset(estimated - off_by_hand.keys() - worked_by_hand),
        unannounced_years=frozenset(unannounced - {day.year for day in worked_by_hand}),
    )


def calendar_warnings(today: date) -> list[tuple[int, str]]:
    """Pairs of id and warning for each calendar in use whose holidays end this year or next (05-reliability H9)."""
    used = (
        models.WorkCalendar.objects.exclude(country="")
        .filter(entities__isnull=False)
        .distinct()
        .order_by("name")
    )
    warnings = []
    for row in used:
        known = known_years(row.country, row.subdivision)
        missing = [str(year) for year in (today.year, today.year + 1) if year not in known]
        if missing:
            sentence = (
                f"The {row.name} calendar has no holidays for {' and '.join(missing)}: deadlines on working days"
                " of that time cannot be worked out. Update the holidays library, or leave the country blank and"
                " list the days off."
            )
            warnings.append((row.pk, sentence))
    return warnings


def holiday_region_problem(country: str, subdivision: str) -> str | None:
    """Why the library has no holidays for a region, or None if it has; a blank country needs none."""
    if not country:
        return f"subdivision {subdivision!r} needs a country" if subdivision else None
    places = known_places()
    if country not in places:
        meant = countries_by_other_spelling().get(country.upper(), "GB")
        return f"there are no holidays for country {country!r}; give its two-letter ISO code, for example {meant}"
    if subdivision and subdivision not in places[country]:
        near = get_close_matches(subdivision, places[country], n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(places[country]) or 'none'}"
        return f"{country} has no subdivision {subdivision!r}; {hint}"
    return None


def holiday_category_problem(country: str, category: str) -> str | None:
    """Why days of a category cannot be off in a country, in words, or None when they can."""
    if not country:
        return f"category {category!r} needs a country"
    if category in (known := categories_of(country)):
        return None
    if category == "workday":
        return "'workday' lists days that are worked"
    return f"{country} keeps no holidays of category {category!r}; it has {', '.join(known)}"
