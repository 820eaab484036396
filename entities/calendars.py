"""Work calendars, from the `holidays` library, the weekend mask and the days set by hand."""

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
    """The calendars by id with the holidays of the given years, in two queries whatever their number.

    A calendar covers those of the years for which the library has holidays of its country; one without a country
    counts weekdays only and covers every year (01-domain 1.4).
    """
    days: dict[int, list[tuple[date, bool, str]]] = defaultdict(list)
    for calendar_id, day, working, name in models.CalendarDay.objects.filter(
        calendar__in=calendar_ids
    ).values_list("calendar_id", "day", "working", "name"):
        days[calendar_id].append((day, working, name))
    sorted_years = sorted(set(years))
    calendars = {}
    for row in models.WorkCalendar.objects.filter(id__in=calendar_ids):
        off: dict[date, str] = {}
        covers: frozenset[int] | None = None
        if row.country:
            covers = frozenset(
                year for year in sorted_years if year in _known_years(row.country, row.subdivision)
            )
            for year in covers:
                off.update(_holidays_of(row.country, row.subdivision, year))
        off.update((day, name) for day, working, name in days[row.id] if not working)
        calendars[row.id] = WorkdayCalendar(
            name=row.name,
            weekend=frozenset(row.weekend),
            days_off=off,
            extra_working=frozenset(day for day, working, _ in days[row.id] if working),
            covered_years=covers,
        )
    return calendars


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
        years = _known_years(row.country, row.subdivision)
        missing = [str(year) for year in (today.year, today.year + 1) if year not in years]
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
    regions = _regions()
    if country not in regions:
        return f"no holidays are known for country {country!r}; give its two-letter ISO code, for example GB"
    if subdivision and subdivision not in regions[country]:
        near = get_close_matches(subdivision, regions[country], n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(regions[country]) or 'none'}"
        return f"{country} has no subdivision {subdivision!r}; {hint}"
    return None


@lru_cache(maxsize=1)
def _regions() -> dict[str, list[str]]:
    supported = holidays.list_supported_countries(include_aliases=False)
    return {country: list(parts) for country, parts in supported.items() if len(country) == 2}


@lru_cache(maxsize=512)
def _known_years(country: str, subdivision: str) -> range:
    region = holidays.country_holidays(country, subdiv=subdivision or None)
    return range(region.start_year, region.end_year + 1)


@lru_cache(maxsize=8192)
def _holidays_of(country: str, subdivision: str, year: int) -> tuple[tuple[date, str], ...]:
    """Public holidays, days in lieu included, named in English where the library can."""
    region = holidays.country_holidays(
        country, subdiv=subdivision or None, years=year, expand=False, language=_english(country)
    )
    return tuple((day, name) for day, name in sorted(region.items()) if day.year == year)


@lru_cache(maxsize=512)
def _english(country: str) -> str | None:
    """The local English where there is one (en_GB, en_IE), else en_US, else the library's default language."""
    region = holidays.country_holidays(country)
    if (region.default_language or "").startswith("en"):
        return str(region.default_language)
    return "en_US" if "en_US" in region.supported_languages else None
