"""Instants: the begin and end of local days, and instants that people type."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from closing.calendar.days import ONE_DAY


def parse_instant(text: str) -> datetime:
    """An aware instant from ISO text such as 2026-06-12T12:00:00Z; raises ArgumentTypeError."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a moment; write it like 2026-06-12T12:00:00Z") from None
    if parsed.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} says no zone; write it like 2026-06-12T12:00:00Z")
    return parsed.astimezone(UTC)


# No zone has set its clock back by more than three hours since 2000 (Antarctica/Casey did); one hour to spare.
_EVENING = 20


@cache
def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name, parsed once per process.

    ZoneInfo's own cache keeps only eight zones alive; a group may well span more. Raises
    ZoneInfoNotFoundError (a KeyError) for an unknown name.
    """
    return ZoneInfo(name)


@lru_cache(maxsize=8192)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) of a local date; of a date the zone skipped, the first instant after it.

    Strictly increasing in the date, except that a skipped date (Samoa, 30 December 2011) has no instants of
    its own and shares the first instant of its successor.
    """
    return instant_at(day, time.min, zone)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a local date is over, which is the first one of the next date."""
    return start_of_day(day + ONE_DAY, zone)


def instant_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local wall time as an instant (UTC).

    The earlier one when the time is ambiguous, the end of the gap when it does not exist.
    """
    wall = datetime.combine(day, at.replace(fold=0), tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    # The wall time falls into a gap. Read with the offset before the gap it lies after the jump, read with
    # the offset after the gap it lies before the jump; the jump itself is the instant at which the offset
    # changes.
    before = wall.replace(fold=1, microsecond=0).astimezone(UTC)
    after = instant if not instant.microsecond else instant.replace(microsecond=0) + timedelta(seconds=1)
    new_offset = after.astimezone(zone).utcoffset()
    while (width := int((after - before).total_seconds())) > 1:
        middle = before + timedelta(seconds=width // 2)
        if middle.astimezone(zone).utcoffset() == new_offset:
            after = middle
        else:
            before = middle
    return after


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date in a zone at a moment; raises ValueError for a moment without a time zone.

    A date that has begun stays begun: where clocks are set back over midnight (Goose Bay, 00:01 to 23:01),
    the repeated hour belongs to the new date, so the date never falls and `local_date(m) >= d` means that `m
    >= start_of_day(d)`.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    local = moment.astimezone(zone)
    day = local.date()
    if local.hour >= _EVENING and moment >= start_of_day(day + ONE_DAY, zone):
        return day + ONE_DAY
    return day
