"""Names that people write, of countries and time zones above all, and the name that they mean."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import available_timezones

from entities.holiday_library import countries_by_other_spelling, known_places

# Names without a place have no summer time, or none that anybody expects; what people mean by them.
_ZONES = {
    "America/New_York": "EST EDT ET EST5EDT",
    "America/Chicago": "CST CDT CT CST6CDT",
    "America/Denver": "MST MDT MT MST7MDT NAVAJO",
    "America/Los_Angeles": "PST PDT PT PST8PDT",
    "America/Anchorage": "AKST AKDT",
    "America/Jamaica": "JAMAICA",
    "America/Havana": "CUBA",
    "Pacific/Honolulu": "HST",
    "Europe/London": "GMT BST GB GB-EIRE GMT0 GMT+0 GMT-0 GREENWICH UK",
    "Europe/Dublin": "EIRE",
    "Europe/Lisbon": "WET WEST PORTUGAL",
    "Europe/Paris": "CET CEST MET MEST",
    "Europe/Athens": "EET EEST",
    "Europe/Warsaw": "POLAND",
    "Europe/Istanbul": "TURKEY TRT",
    "Europe/Moscow": "MSK W-SU",
    "Atlantic/Reykjavik": "ICELAND",
    "Africa/Cairo": "EGYPT",
    "Africa/Tripoli": "LIBYA",
    "Africa/Johannesburg": "SAST",
    "Asia/Jerusalem": "ISRAEL",
    "Asia/Tehran": "IRAN IRST",
    "Asia/Dubai": "GST",
    "Asia/Kolkata": "IST",
    "Asia/Singapore": "SINGAPORE SGT",
    "Asia/Hong_Kong": "HONGKONG HKT",
    "Asia/Shanghai": "PRC",
    "Asia/Taipei": "ROC",
    "Asia/Seoul": "ROK KST",
    "Asia/Tokyo": "JAPAN JST",
    "Australia/Sydney": "AEST AEDT AET",
    "Australia/Adelaide": "ACST ACDT",
    "Australia/Perth": "AWST",
    "Pacific/Auckland": "NZ NZST NZDT",
    "Pacific/Chatham": "NZ-CHAT",
    "Pacific/Kwajalein": "KWAJALEIN",
    "UTC": "ETC/UTC UCT ETC/UCT ZULU ETC/ZULU UNIVERSAL ETC/UNIVERSAL Z",
}
_MEANT = {written: zone for zone, several in _ZONES.items() for written in several.split()}


@lru_cache(maxsize=1)
def zones_of_places() -> frozenset[str]:
    """The zones that carry the clock of a place, "Europe/London", and UTC."""
    places = {zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}
    return frozenset(places | {"UTC"})


def zone_problem(zone: str) -> str | None:
    """Why this is no zone of a place, with the right spelling; None where it is one."""
    if zone in zones_of_places():
        return None
    meant = _MEANT.get(zone.upper())
    hint = f"did you mean {meant}?" if meant else did_you_mean(zone, zones_of_places())
    hint = hint or "they are named like Europe/London"
    if zone in available_timezones():
        return f"{zone!r} names no place whose clock it follows, summer time included; {hint}"
    return f"there is no time zone {zone!r}; {hint}"


def country_problem(country: str) -> str | None:
    """Why this is no country's two-letter code, with the right one; None where it is one."""
    if country in known_places():
        return None
    capitals = country.strip().upper()
    if meant := capitals if capitals in known_places() else countries_by_other_spelling().get(capitals):
        return f"{country!r} is not an ISO country code; did you mean {meant}?"
    return f"{country!r} is not a two-letter country code such as GB"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """ "did you mean ...?" with the nearest of the words, or "" when none is near."""
    by_case = {one.lower(): one for one in words}
    found = get_close_matches(word.lower(), by_case, n=1, cutoff=0.6)
    return f"did you mean {by_case[found[0]]}?" if found else ""
