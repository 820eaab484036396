"""What the `holidays` library knows of a place: days off and days worked in lieu, weekend, categories, subdivisions.

The only module that uses the library; a place is a country with a subdivision, "" where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import holidays

from closing.calendar.days import ONE_DAY

SATURDAY_AND_SUNDAY = frozenset({5, 6})
# The last year of which this version of the library holds what governments have announced (China's days in lieu
# of 2027 are announced in November 2026). What it holds of Islamic dates after it is arithmetic, marked or not.
LAST_ANNOUNCED_YEAR = 2026
# A country that swapped days in this year or later is expected to go on doing so.
_SWAPS_SINCE = LAST_ANNOUNCED_YEAR - 2
# Where the library has another weekend than the offices of the country.
_WEEKENDS = {"LY": frozenset({4, 5}), "PS": frozenset({4, 5}), "MR": SATURDAY_AND_SUNDAY}
# Days on which work ends at noon or begins after it are worked days, unless half days were chosen to be off. Most
# names say so, "Twelfth Night (from 2pm)"; those of Brazil do not.
_PART_OF_DAY = re.compile(r"\((from \d|afternoon)", re.IGNORECASE)
_PART_OF_DAY_UNSAID = {"BR": ("Ash Wednesday", "Christmas Eve", "New Year's Eve")}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a calendar's holidays come from; no categories mean the one that counts by default (public)."""

    country: str
    subdivision: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HolidayYear:
    """Days off by name, days of the weekend that are worked in lieu, and days off whose date is an estimate."""

    off: tuple[tuple[date, str], ...]
    worked: frozenset[date]
    estimated: frozenset[date]


@lru_cache(maxsize=1)
def known_places() -> dict[str, list[str]]:
    """The codes of the subdivisions of each country, by its two-letter code."""
    supported = holidays.list_supported_countries(include_aliases=False)
    return {country: list(parts) for country, parts in supported.items() if len(country) == 2}


@lru_cache(maxsize=1)
def countries_by_other_spelling() -> dict[str, str]:
    """Two-letter codes by what else people write in capitals: GBR, UK, UNITED KINGDOM."""
    spellings: dict[str, str] = {"EL": "GR", "USA": "US", "UAE": "AE"}
    for module, (_, code, *aliases) in holidays.registry.COUNTRIES.items():
        if len(code) == 2:
            spellings |= dict.fromkeys([module.replace("_", " ").upper(), *aliases], code)
    return spellings


@lru_cache(maxsize=512)
def known_years(country: str, subdivision: str) -> range:
    """The years whose holidays are known."""
    place = _library_place(Place(country, subdivision))
    return range(place.start_year, place.end_year + 1)


@lru_cache(maxsize=512)
def weekend_of(country: str, subdivision: str = "") -> frozenset[int]:
    """The weekend of offices of a place today, Monday 0; Saturday and Sunday without a country.

    Where the library names Sunday alone (a six-day week by law), offices rest on Saturdays too.
    """
    if not country:
        return SATURDAY_AND_SUNDAY
    if country in _WEEKENDS:
        return _WEEKENDS[country]
    place = _library_place(Place(country, subdivision))
    weekend = frozenset(place._get_weekend(date(place.end_year, 12, 31)))
    return SATURDAY_AND_SUNDAY if weekend == {6} else weekend


@lru_cache(maxsize=512)
def categories_of(country: str) -> tuple[str, ...]:
    """The categories of days that may be off in a country, the one that counts by default first."""
    place = _library_place(Place(country))
    names = [name for name in place.supported_categories if name != "workday"]
    return tuple(sorted(names, key=lambda name: (name != place.default_category, name)))


@lru_cache(maxsize=512)
def subdivision_names(country: str) -> dict[str, str]:
    """The code of each subdivision with its name, or its code again where it has none."""
    place = _library_place(Place(country))
    names: dict[str, str] = {}
    for name, code in place.subdivisions_aliases.items():
        names.setdefault(code, name)
    return {code: names.get(code, code) for code in known_places()[country]}


@lru_cache(maxsize=512)
def first_year_without_swaps(country: str) -> int | None:
    """The first year of which no swapped days are known, None for a country that swaps none (any more)."""
    place = _library_place(Place(country))
    if not getattr(place, "has_substituted_holidays", False):
        return None
    swapped = [year for year, days in place.special_public_holidays.items() if _swaps_days(days)]
    last = max(swapped, default=0)
    return last + 1 if last >= _SWAPS_SINCE else None


def _swaps_days(days: Any) -> bool:
    """Whether an entry of the library's tables has a day off for a day worked: (month, day, month, day, ...)."""
    rows = days if days and isinstance(days[0], tuple) else (days,)
    return any(len(row) > 3 for row in rows)


@lru_cache(maxsize=8192)
def holidays_of(place: Place, year: int) -> HolidayYear:
    """The days of one year, named in English where the library can."""
    # A day off around New Year may be worked for in the other year: it stands in the table of the day off.
    known = known_years(place.country, place.subdivision)
    years = [each for each in (year - 1, year, year + 1) if each in known]
    found = _library_place(place, years=years, language=_english(place.country))
    off = {
        day: name
        for day, name in sorted(found.items())
        if day.year == year and ("half_day" in place.categories or not _is_part_of_day(place.country, name))
    }
    return HolidayYear(
        tuple(off.items()),
        frozenset(day for day in found.weekend_workdays if day.year == year and day not in off),
        frozenset(_with_neighbours(found.__dict__.get("estimates", ()), off)),
    )


def _is_part_of_day(country: str, name: str) -> bool:
    return bool(_PART_OF_DAY.search(name)) or name in _PART_OF_DAY_UNSAID.get(country, ())


def _with_neighbours(estimates: Iterable[date], off: dict[date, str]) -> set[date]:
    """Estimated days, and the days beside them that belong to the same feast (second day, day in lieu)."""
    found: set[date] = set()
    for day in estimates:
        if day not in off:
            continue
        feast = off[day].split(" (")[0]
        for step in (ONE_DAY, -ONE_DAY):
            beside = day
            while beside in off and (beside == day or feast in off[beside]):
                found.add(beside)
                beside += step
    return found


def _library_place(place: Place, **more: Any) -> Any:
    more |= {"subdiv": place.subdivision or None, "expand": False}
    known = _class_of(place.country)
    # A later version of the library may keep a category no longer: the default then counts.
    if categories := [name for name in place.categories if name in known.supported_categories]:
        more["categories"] = categories
    return known(**more)


@lru_cache(maxsize=512)
def _class_of(country: str) -> Any:
    known = type(holidays.country_holidays(country))
    return type(known.__name__, (_KeepsEstimates, known), {})


class _KeepsEstimates:
    """Beside a country of the library: keeps the days whose dates are estimates, also where it marks none of them.

    Chinese dates are astronomy and known for decades ahead, whatever the library says of them.
    """

    def _add_chinese_calendar_holiday(self, *args: Any, **kwargs: Any) -> Any:
        self.__dict__["is_astronomy"] = True
        try:
            return super()._add_chinese_calendar_holiday(*args, **kwargs)  # type: ignore[misc]
        finally:
            self.__dict__["is_astronomy"] = False

    def _add_islamic_calendar_holiday_set(self, name: str, dates: Iterable[Any], days_delta: int = 0) -> Any:
        dates = [(day, estimated or day.year > LAST_ANNOUNCED_YEAR) for day, estimated in dates]
        self.__dict__["_islamic_calendar_show_estimated"] = True
        return super()._add_islamic_calendar_holiday_set(name, dates, days_delta)  # type: ignore[misc]

    def _add_eastern_calendar_holiday(
        self, name: str, day: Any, *, show_estimated: bool = True, days_delta: int = 0
    ) -> Any:
        added = super()._add_eastern_calendar_holiday(  # type: ignore[misc]
            name, day, show_estimated=show_estimated, days_delta=days_delta
        )
        if added is not None and day[1]:
            # Without a mark of the library, dates of the past that it has no announcement of are not in doubt.
            in_doubt = added.year > LAST_ANNOUNCED_YEAR and not self.__dict__.get("is_astronomy")
            if show_estimated or in_doubt:
                self.__dict__.setdefault("estimates", set()).add(added)
        return added


@lru_cache(maxsize=512)
def _english(country: str) -> str | None:
    """The local English where there is one (en_GB, en_IE), else en_US, else the library's default language."""
    place = _library_place(Place(country))
    if (place.default_language or "").startswith("en"):
        return str(place.default_language)
    return "en_US" if "en_US" in place.supported_languages else None
