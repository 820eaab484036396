"""Accounting periods of Business Central, and their absence, from the simulator through sync to the page."""

from __future__ import annotations

import json
from datetime import date, datetime
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from alerts.models import Notice, OverdueFlag, Overrun
from entities.models import Person
from periods.deadline_setting import set_deadlines
from periods.models import FiscalPeriod, PeriodDeadline, SyncAttempt
from simulator.run import Running
from tests.end_to_end.uncreated_years import CODES

pytestmark = pytest.mark.django_db


def sync(simulator: Running, instant: str, allowed_from: str, allowed_to: str = "") -> None:
    """Read all companies at an instant at which this posting range is in force, and evaluate."""
    simulator.set_clock(instant)
    window = {"allow_posting_from": allowed_from or None, "allow_posting_to": allowed_to or None}
    for code in CODES:
        simulator.set_state(code, **window)
    call_command("sync", "--as-of", instant, stdout=StringIO())
    call_command("evaluate", "--as-of", instant, stdout=StringIO())


def rows(month: str, as_of: str) -> dict[str, dict[str, Any]]:
    told = StringIO()
    call_command("scoreboard", "--month", month, "--as-of", as_of, "--format", "json", stdout=told)
    return {row["code"]: row for row in json.loads(told.getvalue())["entities"]}


UNCREATED = ("BARE", "LATE", "LONG", "TWELVE", "WEEKS")
ADVICE = "no accounting period covers these days: create the fiscal year"


def test_a_month_without_accounting_period_is_judged_by_the_posting_range_with_advice(
    uncreated_years_group: Running, client: Client
) -> None:
    sync(uncreated_years_group, "2026-06-03T12:00:00Z", "2026-06-01")
    may = rows("2026-05", "2026-06-03T12:00:00Z")
    for code in UNCREATED:
        assert (code, may[code]["state"]) == (code, "closed")
        assert may[code]["because"] == f"posting allowed only from 1 June 2026; {ADVICE}"
    assert SyncAttempt.objects.get().outcome == "ok"
    client.force_login(Person.objects.get())
    for code in UNCREATED:
        page = client.get(f"/entities/{code}/", {"month": "2026-05"}).content.decode()
        assert "Create the fiscal year in Business Central." in page
    june = rows("2026-06", "2026-06-03T12:00:00Z")
    assert {june[code]["state"] for code in UNCREATED} == {"open"}


def test_a_lone_row_of_the_next_year_does_not_hold_the_month_before_it_open(
    uncreated_years_group: Running,
) -> None:
    sync(uncreated_years_group, "2026-01-02T12:00:00Z", "2025-12-01")
    sync(uncreated_years_group, "2026-01-05T12:00:00Z", "2025-12-29")
    at = "2026-01-20T12:00:00Z"
    sync(uncreated_years_group, at, "2025-12-29")
    december, january = rows("2025-12", at)["WEEKS"], rows("2026-01", at)["WEEKS"]
    assert (december["state"], december["level"]) == ("closed", "closed_on_time")
    assert december["because"] == "posting allowed only from 29 December 2025"
    assert (january["state"], january["level"]) == ("open", "not_due")
    weeks = FiscalPeriod.objects.filter(entity__code="WEEKS", first_day__year__gte=2025)
    assert len(set(weeks.values_list("reporting_month"))) == weeks.count()
    lone = weeks.get(erp_key="2025-12-29")
    assert (lone.year, str(lone.first_day), str(lone.last_day)) == ("2026", "2025-12-29", "2026-01-31")
    assert not Notice.objects.filter(period__entity__code="WEEKS").exclude(kind="group_closed").exists()


def test_an_alert_of_the_invented_rest_of_december_ends_with_the_next_reading(
    uncreated_years_group: Running,
) -> None:
    """Earlier versions gave the lone row an end of their own: four days of December, and an alert for them."""
    sync(uncreated_years_group, "2026-01-19T12:00:00Z", "2025-12-29")
    lone = FiscalPeriod.objects.filter(entity__code="WEEKS", erp_key="2025-12-29")
    PeriodDeadline.objects.filter(period=lone.get()).delete()
    lone.update(last_day=date(2025, 12, 31), reporting_month=date(2025, 12, 1))
    set_deadlines([lone.get().entity_id], datetime.fromisoformat("2026-01-05T12:00:00Z"))
    call_command("evaluate", "--as-of", "2026-01-19T12:01:00Z", stdout=StringIO())
    alerting = OverdueFlag.objects.filter(period=lone.get(), level="alerting")
    assert alerting.exists()
    sync(uncreated_years_group, "2026-01-20T12:00:00Z", "2025-12-29")
    assert not alerting.exists()
    assert not Overrun.objects.filter(period=lone.get(), closed_at=None).exists()
    january = rows("2026-01", "2026-01-20T12:00:00Z")["WEEKS"]
    assert (january["state"], january["level"], january["due_on"]) == ("open", "not_due", "2026-02-09")


@pytest.mark.parametrize("code", CODES)
def test_every_month_has_one_period_and_every_day_too(code: str, uncreated_years_group: Running) -> None:
    sync(uncreated_years_group, "2026-06-03T12:00:00Z", "2026-06-01")
    spans = FiscalPeriod.objects.filter(entity__code=code).order_by("first_day")
    periods = list(spans.values_list("first_day", "last_day", "reporting_month"))
    for (_, last, month), (first, _, following) in pairwise(periods):
        assert (first - last).days == 1
        assert (following.year - month.year) * 12 + following.month - month.month == 1


def test_years_are_named_after_the_calendar_year_that_they_lie_in(uncreated_years_group: Running) -> None:
    sync(uncreated_years_group, "2026-06-03T12:00:00Z", "2026-06-01")
    years = {
        code: dict(FiscalPeriod.objects.filter(entity__code=code).values_list("erp_key", "year"))
        for code in ("WEEKS", "SIXTH")
    }
    assert years["WEEKS"]["2024-12-30"] == "2025"
    assert years["WEEKS"]["2025-12-29"] == years["WEEKS"]["2026-05-01"] == "2026"
    assert years["SIXTH"]["2026-03-06"] == "2025"
    assert years["SIXTH"]["2026-04-06"] == years["SIXTH"]["2026-09-01"] == "2026"


def test_a_list_of_periods_that_is_suddenly_empty_is_still_not_believed(
    uncreated_years_group: Running,
) -> None:
    sync(uncreated_years_group, "2026-06-03T12:00:00Z", "2026-06-01")
    uncreated_years_group.fault("empty_list", company="SIXTH", match="accountingPeriods")
    call_command("sync", "--as-of", "2026-06-03T12:05:00Z", stdout=StringIO())
    attempt = SyncAttempt.objects.latest("id")
    assert [(one.entity.code, one.reason) for one in attempt.gaps.all()] == [("SIXTH", "empty")]


def test_a_company_whose_years_all_lie_behind_is_read_on(uncreated_years_group: Running) -> None:
    """Late Year Ltd has periods up to 2025; two years on none of them is read any more, and it still keeps some."""
    sync(uncreated_years_group, "2025-12-20T12:00:00Z", "2025-12-01")
    call_command("sync", "--as-of", "2028-03-03T12:00:00Z", stdout=StringIO())
    gaps = SyncAttempt.objects.latest("id").gaps.values_list("entity__code", flat=True)
    assert "LATE" not in gaps
