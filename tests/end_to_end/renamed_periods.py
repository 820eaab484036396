"""Reads that list the same periods under other names, in other calendars or with other days, and their boards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.readings import PeriodReading
from closing.judging.notice_rules import NoticeKind
from entities.models import Connection
from tests.alerts.evaluations import evaluate_and_list_notices, save_evaluation_span
from tests.builders import utc
from tests.periods.recorded_reads import begin, read_result, record

Rename = Callable[[PeriodReading], PeriodReading]
AFTER = "2026-06-12 11:58"


def same_identity(reading: PeriodReading) -> PeriodReading:
    return reading


def another_name(reading: PeriodReading) -> PeriodReading:
    name = reading.name.replace("Period", "Mth")
    return replace(reading, name=name, erp_key=f"Fiscal|{reading.year}|{name}")


def another_calendar(reading: PeriodReading) -> PeriodReading:
    return replace(reading, calendar="Group", erp_key=f"Group|{reading.year}|{reading.name}")


def another_year(reading: PeriodReading) -> PeriodReading:
    return replace(reading, year="FY26", erp_key=f"Fiscal|FY26|{reading.name}")


def other_days(reading: PeriodReading) -> PeriodReading:
    first, last = reading.span.first - timedelta(days=2), reading.span.last - timedelta(days=2)
    return replace(another_name(reading), span=DateSpan(first, last))


def another_erp(reading: PeriodReading) -> PeriodReading:
    return replace(reading, calendar="", name="May", erp_key=reading.span.first.isoformat())


IDENTITIES = [
    another_name,
    other_days,
    *(pytest.param(one, marks=pytest.mark.slow) for one in (another_calendar, another_year, another_erp)),
]


def read(
    source: Connection, at: str, said: Mapping[str, NativePeriodFacts], rename: Rename = same_identity
) -> list[str]:
    """Record one read and evaluate; returns the new notices."""
    brought = read_result(said)
    record(
        begin(source, at), replace(brought, readings=tuple(rename(reading) for reading in brought.readings))
    )
    return evaluate(at)


def evaluate(at: str) -> list[str]:
    """Evaluate half a minute after a moment; returns the new notices, each kind with its entity."""
    moment = utc(at) + timedelta(seconds=30)
    save_evaluation_span(moment)
    return sorted(evaluate_and_list_notices(moment, list(NoticeKind)))


def board(as_of: str, month: str = "2026-05") -> dict[str, Any]:
    told = StringIO()
    call_command("scoreboard", "--month", month, "--as-of", as_of, "--format", "json", stdout=told)
    answer: dict[str, Any] = json.loads(told.getvalue())
    return answer


def levels(as_of: str) -> dict[str, tuple[str, str, int]]:
    return {row["code"]: (row["state"], row["level"], row["days_late"]) for row in board(as_of)["entities"]}
