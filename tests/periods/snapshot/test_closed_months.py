"""Counting closed months in the database says what the rows of a snapshot say."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.calendar.days import DateSpan
from closing.facts.readings import GapReason, ReadGap
from entities.models import LegalEntity
from periods.models import FiscalPeriod, PolicyVersion
from periods.snapshot.builder import take_snapshots
from periods.snapshot.closed_months import closed_months
from tests.builders import CLOSED, NOT_UNDERSTOOD, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_busy_group, save_sample_group
from tests.saved_once import saved_once

pytestmark = pytest.mark.django_db

MONTHS = [date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)]


def counted(at: str) -> dict[tuple[str, date], bool]:
    """Closed and fresh by entity and month, as counted in the database."""
    codes = dict(LegalEntity.objects.values_list("id", "code"))
    found = closed_months(LegalEntity.objects.values_list("id", "group__path"), MONTHS, utc(at))
    return {
        (codes[pk], month): each.fresh and month in each.months
        for pk, each in found.items()
        for month in MONTHS
    }


def judged(at: str) -> dict[tuple[str, date], bool]:
    """The same as the rows of a snapshot have it."""
    boards = take_snapshots(LegalEntity.objects.all(), MONTHS, utc(at))
    return {
        (row.code, month): row.fresh and row.counts_as_closed
        for month in MONTHS
        for row in boards[month].rows
    }


@pytest.mark.parametrize(
    "at",
    [
        "2026-04-30 12:00",
        "2026-05-08 12:01",
        "2026-05-28 12:01",
        "2026-06-08 15:01",
        "2026-06-16 18:05",
        "2026-06-17 09:42",
        "2026-06-18 09:42",
    ],
)
def test_it_agrees_with_the_snapshot_at_any_moment(at: str) -> None:
    saved_once(save_busy_group)
    assert counted(at) == judged(at)


def test_something_is_closed_in_that_story() -> None:
    saved_once(save_busy_group)
    assert sum(counted("2026-06-17 09:42").values()) > 10


def test_the_closed_rule_is_the_policys() -> None:
    group = save_sample_group()
    group.read("2026-06-09 12:00", dict.fromkeys(group.entities, ON_HOLD) | {"UKHC": CLOSED})
    may = date(2026, 5, 1)
    assert {code for (code, month), closed in counted("2026-06-09 12:01").items() if closed} == {"UKHC"}
    PolicyVersion.objects.update(on_hold_counts_as_closed=True)
    closed = counted("2026-06-09 12:01")
    assert {code for (code, month), each in closed.items() if each} == set(group.entities)
    assert closed == judged("2026-06-09 12:01")
    assert closed["UKHC", may]


def two_periods_in_one_month() -> SampleGroup:
    """Two periods of UK HoldCo are in May, one of them by hand; the second read does not reach so far back."""
    group = save_sample_group()
    early = DateSpan(date(2026, 4, 3), date(2026, 4, 30))
    group.read("2026-05-04 12:00", {"UKHC": OPEN}, span=early)
    FiscalPeriod.objects.update(reporting_month=date(2026, 5, 1), month_set_by_hand=True, erp_key="Period 5a")
    group.read("2026-06-01 12:00", dict.fromkeys(group.entities, OPEN))
    return group


def test_of_two_periods_in_a_month_both_must_be_closed() -> None:
    group = two_periods_in_one_month()
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    assert not counted("2026-06-08 12:01")["UKHC", date(2026, 5, 1)]
    assert counted("2026-06-08 12:01") == judged("2026-06-08 12:01")


def test_what_is_missing_not_understood_or_stale_is_not_closed() -> None:
    group = save_sample_group()
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, CLOSED))
    gap = ReadGap("nldt", GapReason.MISSING, "The ERP no longer lists this company.")
    group.read("2026-06-08 12:10", {"UKHC": CLOSED, "UKRT": NOT_UNDERSTOOD, "USRT": CLOSED}, gaps=[gap])
    closed = counted("2026-06-08 12:11")
    assert {code for (code, _), each in closed.items() if each} == {"UKHC", "USRT"}
    assert closed == judged("2026-06-08 12:11")
    assert not any(counted("2026-06-08 14:00").values())


def test_the_number_of_statements_is_fixed() -> None:
    saved_once(save_busy_group)
    pairs = list(LegalEntity.objects.values_list("id", "group__path"))
    for some in (pairs[:1], pairs):
        with CaptureQueriesContext(connection) as ran:
            closed_months(some, MONTHS, utc("2026-06-17 09:42"))
        assert len(ran) == 3


@pytest.mark.parametrize(
    "at", ["2026-05-31 20:00", "2026-05-31 22:30", "2026-06-01 00:00", "2026-06-01 04:30"]
)
def test_a_month_that_has_not_ended_in_an_entitys_zone_is_not_closed(at: str) -> None:
    """As the rows say, at each midnight from Amsterdam to New York."""
    group = save_sample_group()
    group.read("2026-05-29 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-05-30 12:00", dict.fromkeys(group.entities, CLOSED))
    group.read(at, dict.fromkeys(group.entities, CLOSED))
    assert counted(at) == judged(at)
    closed = sum(counted(at).values())
    assert closed == {"20:00": 0, "22:30": 1, "00:00": 3, "04:30": 4}[at[-5:]]
