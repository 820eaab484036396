"""Fiscal calendars of any shape, from the read to boards, files and notices."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import Client

from alerts.models import Overrun
from closing.calendar.days import DateSpan
from closing.calendar.months import reporting_month
from entities.models import Connection, LegalEntity, Membership
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from periods.snapshot.builder import take_snapshot
from periods.snapshot.closed_months import closed_months
from tests.alerts.evaluations import save_member
from tests.builders import utc
from tests.db_builders import save_person
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


def thirteen(year_begins: date) -> list[DateSpan]:
    return [
        DateSpan(first, first + timedelta(days=27))
        for first in (year_begins + timedelta(days=28 * n) for n in range(13))
    ]


THIRTEEN = thirteen(date(2025, 12, 29))  # P5 ends on 17 May, P6 on 14 June: both are May


def test_of_thirteen_periods_the_one_that_has_ended_is_shown_before_the_running_one(
    four_connected: Connection, client: Client
) -> None:
    calendars = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), (THIRTEEN, closed_before(date(2026, 5, 10))))
    record(begin(four_connected, "2026-05-18 12:00"), calendars_read(calendars))
    save_member("rosa", Membership.Role.FINANCE, top_group())
    closed = dict.fromkeys(calendars, (THIRTEEN, closed_before(date(2026, 5, 31))))
    record(begin(four_connected, "2026-05-20 12:00"), calendars_read(closed))
    at = "2026-05-20T12:05:00Z"
    assert states("2026-05", at) == dict.fromkeys(calendars, ("closed", "closed_on_time"))
    assert board(at, "2026-05")["headline"].startswith("Group closed on 20 May")
    ids = [(pk, path) for pk, path in LegalEntity.objects.values_list("pk", "group__path")]
    for moment in (utc("2026-05-20 12:05"), utc("2026-05-18 12:05"), utc("2026-06-15 12:00")):
        counted = closed_months(ids, [date(2026, 5, 1)], moment)
        rows = take_snapshot(LegalEntity.objects.all(), date(2026, 5, 1), moment).rows
        assert {pk: bool(one.months) for pk, one in counted.items()} == {
            row.entity_id: row.counts_as_closed for row in rows
        }
    assert evaluate("2026-05-20 12:01") == []
    record(begin(four_connected, "2026-05-20 12:40"), calendars_read(closed))
    assert evaluate("2026-05-20 12:40") == ["group_closed Meridian Group"]
    client.force_login(save_person())
    page = client.get("/entities/NLDT/", {"month": "2026-05", "at": at}).content.decode()
    assert "shown is the period that has ended" in page
    # The next one has ended: it holds the month up now.
    record(begin(four_connected, "2026-06-15 12:00"), calendars_read(closed))
    assert states("2026-05", "2026-06-15T12:05:00Z") == dict.fromkeys(calendars, ("open", "not_due"))
    early = states("2026-05", "2026-05-16T12:00:00Z")
    assert set(early.values()) == {("unknown", "unknown")}  # nothing had been read
