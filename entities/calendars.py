"""Work calendars of places, from the `holidays` library, the weekend mask and the days set by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

import holidays

from closing.calendar.workdays import WorkdayCalendar
from entities import models


def work_calendars(calendar_ids: Collection[int], years: Iterable[int]) -> dict[int, WorkdayCalendar]:
    """The calendars by id with the holidays of the asked years, in two queries whatever their number.

    A calendar covers those of the years that the library knows for its country; one without a country counts
    weekdays only and covers every year (01-domain 1.4).
    """
    days: dict[int, list[tuple[date, bool, str]]] = defaultdict(list)
    for calendar_id, day, working, name in models.CalendarDay.objects.filter(
        calendar__in=calendar_ids
    ).values_list("calendar_id", "day", "working", "name"):
        days[calendar_id].append((day, working, name))
    wanted = sorted(set(years))
    built = {}
    for row in models.WorkCalendar.objects.filter(id__in=calendar_ids):
        off: dict[date, str] = {}
        covers: frozenset[int] | None = None
        if row.country:
            covers = frozenset(year for year in wanted if year in _known_years(row.country, row.subdivision))
            for year in covers:
                off.update(_holidays_of(row.country, row.subdivision, year))
        off.update((day, name) for day, working, name in days[row.id] if not working)
        built[row.id] = WorkdayCalendar(
            name=row.name,
            weekend=frozenset(row.weekend),
            days_off=off,
            extra_working=frozenset(day for day, working, _ in days[row.id] if working),
            covered_years=covers,
        )
    return built


def calendar_warnings(today: date) -> list[tuple[int, str]]:
    """(id, a sentence) for each calendar in use whose holidays run out this year or next (05-reliability H9)."""
    used = (
        models.WorkCalendar.objects.exclude(country="")
        .filter(entities__isnull=False)
        .distinct()
        .order_by("name")
    )
    told = []
    for row in used:
        known = _known_years(row.country, row.subdivision)
        missing = [str(year) for year in (today.year, today.year + 1) if year not in known]
        if missing:
            sentence = (
                f"The {row.name} calendar has no holidays for {' and '.join(missing)}: deadlines on working days"
                " of that time cannot be worked out. Update the holidays library, or leave the country blank and"
                " list the days off."
            )
            told.append((row.pk, sentence))
    return told


def holiday_region_problem(country: str, subdivision: str) -> str | None:
    """Why no holidays are known for a place, in words, or None when they are; a blank country is no place to know."""
    if not country:
        return f"subdivision {subdivision!r} needs a country" if subdivision else None
    places = _places()
    if country not in places:
        return f"no holidays are known for country {country!r}; give its two-letter ISO code, for example GB"
    if subdivision and subdivision not in places[country]:
        near = get_close_matches(subdivision, places[country], n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(places[country]) or 'none'}"
        return f"{country} has no subdivision {subdivision!r}; {hint}"
    return None


@lru_cache(maxsize=1)
def _places() -> dict[str, list[str]]:
    supported = holidays.list_supported_countries(include_aliases=False)
    return {country: list(parts) for country, parts in supported.items() if len(country) == 2}


@lru_cache(maxsize=512)
def _known_years(country: str, subdivision: str) -> range:
    place = holidays.country_holidays(country, subdiv=subdivision or None)
    return range(place.start_year, place.end_year + 1)


@lru_cache(maxsize=8192)
def _holidays_of(country: str, subdivision: str, year: int) -> tuple[tuple[date, str], ...]:
    """Public holidays, days in lieu included, named in English where the library can."""
    place = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, expand=False, language=_english(country)
    )
    return tuple((day, name) for day, name in sorted(place.items()) if day.year == year)


@lru_cache(maxsize=512)
def _english(country: str) -> str | None:
    """The local English where there is one (en_GB, en_IE), else en_US, else the library's default language."""
    place = holidays.country_holidays(country)
    if (place.default_language or "").startswith("en"):
        return str(place.default_language)
    return "en_US" if "en_US" in place.supported_languages else None
