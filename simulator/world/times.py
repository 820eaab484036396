"""The clock of a scenario, and the ways in which a scenario may name an instant or a month."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


class Clock:
    """The instant the ERPs believe it is: a frozen one, or the machine's own clock (in UTC)."""

    def __init__(self, frozen: datetime | None = None) -> None:
        self.frozen = frozen
        # What `start` and `latest` in a scenario mean, for as long as the process lives.
        self.start = self.now()

    def now(self) -> datetime:
        return self.frozen or datetime.now(UTC)


def instant(text: str) -> datetime:
    """An ISO instant as aware UTC; raises ValueError without an offset, because a guess would be wrong somewhere."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"'{text}' has no offset; write it like 2026-06-12T12:00:00Z")
    return moment.astimezone(UTC)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Month = tuple[int, int]


def shifted(month: Month, by: int) -> Month:
    count = month[0] * 12 + month[1] - 1 + by
    return count // 12, count % 12 + 1


def first_day(month: Month) -> date:
    return date(month[0], month[1], 1)


def last_day(month: Month) -> date:
    return date(month[0], month[1], monthrange(*month)[1])


def month_of(text: str, start: datetime) -> Month:
    """`2026-05`, or `latest`: the latest month that had ended at start-up, or `latest - 2`."""
    found = re.fullmatch(r"latest(?:\s*([+-])\s*(\d+))?", text.strip())
    if found:
        by = int(found[2] or 0) * (-1 if found[1] == "-" else 1)
        return shifted((start.year, start.month), by - 1)
    found = re.fullmatch(r"(\d{4})-(\d\d)", text.strip())
    if not found or not 1 <= int(found[2]) <= 12:
        raise ValueError(f"'{text}' is not a month; write it like 2026-05, or `latest`")
    return int(found[1]), int(found[2])


def plus_workdays(day: date, count: int) -> date:
    """The count-th weekday after a day (Monday to Friday, holidays unheeded)."""
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
    found = SPAN.fullmatch(str(text).strip())
    if not found:
        raise ValueError(f"'{text}' is not a span of time; write it like 40s or 5m")
    return timedelta(seconds=float(found[1]) * UNITS[found[2]])


def when(text: str, *, start: datetime, month: Month | None) -> datetime:
    """The instant an event of a scenario happens at.

    `2026-06-05T16:00:00Z`, `2026-06-05 17:00 Europe/London`, `start + 40s`, or against the end of the event's
    month `month_end + 5d 17:00 Europe/London` (`w` instead of `d`: weekdays). Raises ValueError in words.
    """
    text = text.strip()
    if found := SINCE_START.fullmatch(text):
        offset = span(found[2]) if found[2] else timedelta()
        return start - offset if found[1] == "-" else start + offset
    if found := MONTH_END.fullmatch(text):
        if month is None:
            raise ValueError(f"'{text}' needs an event with a `period`")
        count, end = int(found[1]), last_day(month)
        day = plus_workdays(end, count) if found[2] == "w" else end + timedelta(days=count)
        return local(day, time.fromisoformat(found[3]), found[4])
    if found := WALL.fullmatch(text):
        return local(date.fromisoformat(found[1]), time.fromisoformat(found[2]), found[3])
    return instant(text)
