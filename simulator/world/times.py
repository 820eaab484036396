"""Holds a scenario's clock, and parses its instants and months."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class Clock:
    """The ERPs' clock: a frozen instant, or the machine's own clock (in UTC)."""

    def __init__(self, frozen: datetime | None = None) -> None:
        self.frozen = frozen
        # `start` and `latest` in a scenario refer to this instant as long as the process lives.
        self.start = self.now()

    def now(self) -> datetime:
        return self.frozen or datetime.now(UTC)


def instant(text: str) -> datetime:
    """Parse an ISO instant to aware UTC; raises ValueError without an offset, which must not be guessed."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no offset; write it like 2026-06-12T12:00:00Z")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Month = tuple[int, int]


def shifted(month: Month, months: int) -> Month:
    count = month[0] * 12 + month[1] - 1 + months
    return count // 12, count % 12 + 1


def first_day(month: Month) -> date:
    return date(month[0], month[1], 1)


def last_day(month: Month) -> date:
    return date(month[0], month[1], monthrange(*month)[1])


def month_of(text: str, start: datetime) -> Month:
    """`2026-05`, or `latest`: the latest month that had ended at start-up, or `latest - 2`."""
    match = re.fullmatch(r"latest(?:\s*([+-])\s*(\d+))?", text.strip())
    if match:
        by = int(match[2] or 0) * (-1 if match[1] == "-" else 1)
        return shifted((start.year, start.month), by - 1)
    match = re.fullmatch(r"(\d{4})-(\d\d)", text.strip())
    if not match or not 1 <= int(match[2]) <= 12:
        raise ValueError(f"'{text}' is not a month; write it like 2026-05, or `latest`")
    return int(match[1]), int(match[2])


def plus_workdays(day: date, count: int) -> date:
    """The count-th weekday after a day (Monday to Friday, holidays ignored)."""
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def local(day: date, at: time, zone: str) -> datetime:
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
SINCE_START = re.compile(r"start(?:\s*([+-])\s*(.+))?")
MONTH_END = re.compile(r"month_end\s*\+\s*(\d+)\s*([dw])\s+(\d\d:\d\d)\s+(\S+)")
WALL = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)\s+(\S+)")


def span(text: str) -> timedelta:
    """`40s`, `5m`, `2h` or `3d`."""
    match = SPAN.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"'{text}' is not a span of time; write it like 40s or 5m")
    return timedelta(seconds=float(match[1]) * UNITS[match[2]])


def when(text: str, *, start: datetime, month: Month | None) -> datetime:
    """The instant of a scenario's event.

    `2026-06-05T16:00:00Z`, `2026-06-05 17:00 Europe/London`, `start + 40s`, or against the end of the event's
    month `month_end + 5d 17:00 Europe/London` (`w` instead of `d`: weekdays). Raises ValueError with a sentence.
    """
    text = text.strip()
    if match := SINCE_START.fullmatch(text):
        offset = span(match[2]) if match[2] else timedelta()
        return start - offset if match[1] == "-" else start + offset
    if match := MONTH_END.fullmatch(text):
        if month is None:
            raise ValueError(f"'{text}' needs an event with a `period`")
        count, end = int(match[1]), last_day(month)
        day = plus_workdays(end, count) if match[2] == "w" else end + timedelta(days=count)
        return local(day, time.fromisoformat(match[3]), match[4])
    if match := WALL.fullmatch(text):
        return local(date.fromisoformat(match[1]), time.fromisoformat(match[2]), match[3])
    return instant(text)
