"""Fiscal calendars of any shape, from the read to boards, files and notices."""

from __future__ import annotations

from datetime import date

import pytest

from alerts.models import Overrun
from closing.calendar.months import reporting_month
from entities.models import Connection
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from tests.end_to_end.fiscal_calendars import calendars_read, closed_before, months_ending_on
from tests.end_to_end.renamed_periods import board, evaluate
from tests.periods.model_builders import top_group
from tests.periods.recorded_reads import begin, record

pytestmark = pytest.mark.django_db
MID_MONTH = months_ending_on(15, date(2024, 12, 1), 26)


def states(month: str, as_of: str) -> dict[str, tuple[str, str]]:
    return {row["code"]: (row["state"], row["level"]) for row in board(as_of, month)["entities"]}


def read_all(source: Connection, at: str, day: date) -> None:
    """Each company has periods that end on the 15th, or the 20th, or with the month."""
    calendars = {code: (MID_MONTH, closed_before(day)) for code in ("UKHC", "UKRT")}
    calendars["USRT"] = months_ending_on(20, date(2024, 12, 1), 26), closed_before(day)
    calendars["NLDT"] = months_ending_on(31, date(2024, 12, 1), 26), closed_before(day)
    record(begin(source, at), calendars_read(calendars))


def test_periods_that_end_on_the_15th_put_one_into_each_month(four_connected: Connection) -> None:
    read_all(four_connected, "2026-02-20 12:00", date(2026, 2, 1))
    at = "2026-02-20T12:00:00Z"
    for month in ("2025-01", "2025-02", "2025-03", "2025-06", "2025-11", "2025-12"):
        assert {state for state, _ in states(month, at).values()} == {"closed"}, month
    january = states("2026-01", at)  # of the mid-month companies, the period that ended on 15 February
    assert january["UKHC"] == january["UKRT"] == ("open", "not_due")
    assert january["USRT"] == january["NLDT"] == ("closed", "closed_date_unknown")
    taken = FiscalPeriod.objects.filter(entity__code="UKHC").values_list("reporting_month", flat=True)
    assert len(set(taken)) == len(taken) == 26


def test_months_stored_by_the_rule_of_older_versions_are_set_anew_and_nothing_is_told(
    four_connected: Connection,
) -> None:
    read_all(four_connected, "2026-02-20 12:00", date(2026, 2, 1))
    evaluate("2026-02-20 12:01")
    for period in FiscalPeriod.objects.all():
        FiscalPeriod.objects.filter(pk=period.pk).update(reporting_month=reporting_month(period.last_day))
    by_hand = FiscalPeriod.objects.get(entity__code="UKRT", last_day=date(2025, 2, 15))
    FiscalPeriod.objects.filter(pk=by_hand.pk).update(
        month_set_by_hand=True, reporting_month=date(2025, 2, 1)
    )
    before = [
        list(model.objects.order_by("pk").values_list("pk", flat=True))
        for model in (StateChange, PeriodDeadline, Overrun)
    ]
    assert states("2026-01", "2026-02-20T12:00:00Z")["UKHC"][0] == "unknown"
    # The read of the new version brings the periods of 2026; what lies before is set anew as well.
    brought = calendars_read(
        {
            code: (spans[12:], closed_before(date(2026, 2, 1)))
            for code, spans in (
                ("UKHC", MID_MONTH),
                ("UKRT", MID_MONTH),
                ("USRT", months_ending_on(20, date(2024, 12, 1), 26)),
                ("NLDT", months_ending_on(31, date(2024, 12, 1), 26)),
            )
        }
    )
    record(begin(four_connected, "2026-02-20 12:10"), brought)
    assert evaluate("2026-02-20 12:10") == []
    assert before == [
        list(model.objects.order_by("pk").values_list("pk", flat=True))
        for model in (StateChange, PeriodDeadline, Overrun)
    ]
    for month in ("2025-01", "2025-03", "2026-01"):
        assert states(month, "2026-02-20T12:11:00Z")["UKHC"][0] != "unknown", month
    by_hand.refresh_from_db()
    assert by_hand.reporting_month == date(2025, 2, 1)


def test_a_deadline_of_a_day_of_the_month_counts_from_the_reporting_month(
    four_connected: Connection,
) -> None:
    top_group().policy.versions.update(rule="day_of_month", n=20, first_is=None)
    read_all(four_connected, "2026-02-16 12:00", date(2026, 2, 1))
    due = {row["code"]: row["due_on"] for row in board("2026-02-16T12:00:00Z", "2026-01")["entities"]}
    assert due["UKHC"] == "2026-02-20"
