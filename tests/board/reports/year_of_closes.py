"""Twelve months of the twelve sample entities up to 17 June 2026, read as from an ERP."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta

from closing.calendar.days import DateSpan
from closing.calendar.months import month_end, next_month
from closing.facts.base import NativePeriodFacts
from closing.facts.readings import GapReason, ReadGap
from periods.models import PeriodDeadline
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_sample_group
from tests.sample_entities import TWELVE_ENTITIES

YEAR_AT = utc("2026-06-17 09:42")
FIRST = date(2025, 6, 1)
APRIL = date(2026, 4, 1)

# Days late of the closes that were not on time, by entity and month.
LATE = {
    "UKHC": {"2025-09": 1, "2026-02": 9},
    "UKRT": {"2026-01": 6, "2026-04": 1},
    "UKWS": {"2025-06": 1, "2026-02": 1},
    "NLDT": {"2025-07": 3, "2025-11": 6, "2026-03": 2},
    "DEVT": {"2025-11": 3},
    "FRSA": {"2025-06": 9, "2025-07": 1, "2025-10": 9, "2025-12": 1},
    "IEOP": {"2026-02": 6},
    "ESIB": {"2025-07": 9, "2025-09": 2, "2026-02": 2},
    "USRT": {"2025-06": 1},
    "USHQ": {"2025-07": 6, "2025-11": 2, "2026-01": 1},
    "CALC": {"2025-09": 2, "2025-11": 2, "2026-03": 9},
    "MXCO": {"2025-12": 1},
}
CODES = [who.code for who in TWELVE_ENTITIES]


def save_year_of_closes(months: int = 12) -> SampleGroup:
    """The group with its last `months` months (12 at most); May 2026 is being closed, March was reopened."""
    group = save_sample_group(TWELVE_ENTITIES, own_n={"MXCO": 15, "DEVT": 7, "USHQ": 9, "CALC": 9})
    first = next_month(month_end(FIRST)) if months < 12 else FIRST
    for _ in range(12 - months - (1 if months < 12 else 0)):
        first = next_month(first)
    month = first
    while month <= APRIL:
        _close(group, month)
        month = next_month(month)
    _may(group)
    return group


def _close(group: SampleGroup, month: date) -> None:
    """Read on the first day after the month, then around each close: an hour before and at the close."""
    span = DateSpan(month, month_end(month))
    said: dict[str, NativePeriodFacts] = dict.fromkeys(CODES, OPEN)
    group.read(_noon(span.last + timedelta(days=1)), said, span=span)
    due = dict(
        PeriodDeadline.objects.filter(period__reporting_month=month, current=True).values_list(
            "period__entity__code", "due_on"
        )
    )
    closes: dict[date, list[str]] = defaultdict(list)
    for code in CODES:
        closes[due[code] + timedelta(days=LATE[code].get(f"{month:%Y-%m}", 0))].append(code)
    for day in sorted(closes):
        group.read(_noon(day) - timedelta(hours=1), said, span=span)
        said |= dict.fromkeys(closes[day], CLOSED)
        group.read(_noon(day), said, span=span)


def _may(group: SampleGroup) -> None:
    march = DateSpan(date(2026, 3, 1), date(2026, 3, 31))
    group.read("2026-05-28 12:00", dict.fromkeys(CODES, CLOSED) | {"FRSA": OPEN}, span=march)
    said: dict[str, NativePeriodFacts] = dict.fromkeys(CODES, OPEN)
    for at, news in (
        ("2026-06-01 12:00", {}),
        ("2026-06-05 15:00", {"UKHC": CLOSED}),
        ("2026-06-08 15:00", {"UKRT": CLOSED, "IEOP": CLOSED}),
        ("2026-06-10 10:00", {}),
        ("2026-06-10 15:00", {"FRSA": CLOSED, "USRT": ON_HOLD, "USHQ": CLOSED, "CALC": CLOSED}),
        ("2026-06-11 15:00", {"UKWS": ON_HOLD}),
        ("2026-06-17 08:12", {}),
    ):
        said |= news
        group.read(at, said)
    gone = ReadGap("esib", GapReason.NO_ACCESS, "The ERP refused access to this company (403).")
    group.read(
        "2026-06-17 09:40", {code: facts for code, facts in said.items() if code != "ESIB"}, gaps=[gone]
    )


def _noon(day: date) -> datetime:
    return utc(f"{datetime.combine(day, time(12)):%Y-%m-%d %H:%M}")
