"""Fiscal calendars of any shape, from the read to boards, files and notices."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.test import Client

from alerts.models import Notice, Overrun
from closing.calendar.days import DateSpan
from closing.calendar.months import reporting_month
from entities.models import Connection, LegalEntity, Membership
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from periods.snapshot.builder import take_snapshot, take_snapshots
from periods.snapshot.closed_months import closed_months
from tests.alerts.evaluations import save_member
from tests.builders import utc
from tests.db_builders import save_person
from tests.end_to_end.fiscal_calendars import (
    CALENDAR_MONTHS,
    QUARTERS,
    calendars_read,
    closed_before,
    months_ending_on,
    read_quarters,
)
from tests.end_to_end.renamed_periods import board, evaluate
from tests.periods.group_file.sample_group_file import load
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


# --- quarters, half-years and years -------------------------------------------------------------------------------


def test_a_month_without_a_period_of_its_own_is_not_due(quarters: Connection) -> None:
    may = board("2026-06-05T12:05:00Z", "2026-05")
    rows = {row["code"]: row for row in may["entities"]}
    assert {code: (row["state"], row["level"]) for code, row in rows.items()} == {
        "UKHC": ("not_due", "not_due"),
        "UKRT": ("not_due", "not_due"),
        "USRT": ("closed", "closed_on_time"),
        "NLDT": ("closed", "closed_on_time"),
    }
    assert rows["UKHC"]["because"] == "no period ends in May 2026; Period 01 Apr ends on 30 June 2026"
    assert rows["UKHC"]["due_on"] is None
    assert may["group_closed"] is True
    assert may["headline"].startswith("Group closed on 5 June")
    assert "(2 not due)" in may["headline"]
    counts = may["counts"]
    assert (counts["closed"], counts["not_due"], counts["unknown"], counts["no_deadline"]) == (2, 2, 0, 0)
    open_now = board("2026-06-01T12:05:00Z", "2026-05")
    assert open_now["headline"].startswith("Not closed: 2 of 4 outstanding (2 not due)")
    assert states("2026-03", "2026-06-05T12:05:00Z")["UKHC"][0] == "closed"
    assert states("2026-03", "2026-06-05T12:05:00Z")["UKRT"][0] == "not_due"
    assert states("2025-12", "2026-06-05T12:05:00Z")["UKRT"][0] == "closed"
    # Before the calendars begin nothing is known.
    assert states("2024-11", "2026-06-05T12:05:00Z")["UKHC"][0] == "unknown"


def test_outstanding_closed_and_not_due_add_up_in_each_month(quarters: Connection) -> None:
    for month in (date(2025, 2, 1), date(2025, 12, 1), date(2026, 3, 1), date(2026, 5, 1), date(2026, 6, 1)):
        seen = take_snapshot(LegalEntity.objects.all(), month, utc("2026-06-05 12:05"))
        counts = seen.counts
        assert counts.outstanding + counts.closed + counts.not_due == counts.entities, month
        by_state = counts.closed + counts.on_hold + counts.open + counts.unknown + counts.not_started
        assert by_state + counts.not_due == counts.entities, month


def test_the_group_closes_without_those_for_whom_the_month_is_not_due(quarters: Connection) -> None:
    evaluate("2026-06-05 12:01")
    read_quarters(quarters, "2026-06-05 12:40", date(2026, 6, 1))
    assert evaluate("2026-06-05 12:40") == ["group_closed Meridian Group"]
    notice = Notice.objects.get(kind="group_closed")
    assert (notice.month, notice.episode) == (date(2026, 5, 1), 1)
    read_quarters(quarters, "2026-06-30 12:00", date(2026, 6, 1))
    assert not [line for line in evaluate("2026-06-30 12:00") if "UK" in line]


def test_months_that_are_not_due_show_on_every_screen_and_in_every_file(
    quarters: Connection, client: Client
) -> None:
    client.force_login(save_person())
    at = {"month": "2026-05", "at": "2026-06-05T12:05:00Z"}
    pages = {
        path: client.get(path, at).content.decode() for path in ("/", "/matrix/", "/calendar/", "/wall/")
    }
    assert "2 not due" in pages["/"]
    assert pages["/"].count("Not due</span>") == 2
    assert "no period ends in May 2026; Period 01 Apr ends on 30 June 2026" in pages["/"]
    assert "not set" not in pages["/"]
    assert "not due" in pages["/matrix/"]
    assert "no period ends in May 2026" in pages["/matrix/"]
    assert "2 of 2 closed, 2 not due" in pages["/matrix/"]
    assert pages["/calendar/"].count("Not due") >= 2
    assert "not set" not in pages["/calendar/"]
    assert "Every entity with something due is closed" in pages["/calendar/"]
    assert "2 not due" in pages["/wall/"]
    for path, page in pages.items():
        assert "Unknown</span>" not in page, path
    filtered = client.get("/", at | {"state": "not_due"}).content.decode()
    assert "UK HoldCo" in filtered
    assert "EU DTC BV" not in filtered
    outstanding = client.get("/", at | {"show": "outstanding"}).content.decode()
    assert "UK HoldCo" not in outstanding
    entity = client.get("/entities/UKHC/", at).content.decode()
    assert "Nothing is due for May 2026" in entity
    assert "Period 01 Apr ends on 30 June 2026." in entity
    csv = client.get("/export/board.csv", at).getvalue().decode()
    lines = csv.splitlines()
    assert sum(",not_due," in line for line in lines) == 2


def test_many_entities_are_counted_as_their_rows_are(quarters: Connection) -> None:
    pairs = list(LegalEntity.objects.values_list("id", "group__path"))
    months = [date(2025, number, 1) for number in range(1, 13)] + [date(2026, 5, 1)]
    for moment in (utc("2026-06-05 12:05"), utc("2026-06-01 12:05")):
        counted = closed_months(pairs, months, moment)
        for month, seen in take_snapshots(LegalEntity.objects.all(), months, moment).items():
            for row in seen.rows:
                one = counted[row.entity_id]
                assert (month in one.months, month in one.not_due) == (row.counts_as_closed, row.not_due)


def test_a_month_of_which_nothing_is_due_says_so(four_connected: Connection) -> None:
    calendars = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), (QUARTERS, closed_before(date(2026, 4, 1))))
    record(begin(four_connected, "2026-06-05 12:00"), calendars_read(calendars))
    may = board("2026-06-05T12:05:00Z", "2026-05")
    assert may["headline"] == "Nothing is due: no period ends in May 2026."
    assert may["group_closed"] is None


def test_an_entity_that_goes_from_months_to_quarters_has_months_that_are_not_due(
    four_connected: Connection, client: Client
) -> None:
    codes = ("UKHC", "UKRT", "USRT", "NLDT")
    by_month = dict.fromkeys(codes, (CALENDAR_MONTHS, closed_before(date(2026, 2, 1))))
    record(begin(four_connected, "2026-02-10 12:00"), calendars_read(by_month))
    assert states("2026-01", "2026-02-10T12:05:00Z")["UKHC"][0] == "closed"
    mixed = [*CALENDAR_MONTHS[:12], *QUARTERS[4:]]
    by_quarter = by_month | {"UKHC": (mixed, closed_before(date(2026, 2, 1)))}
    record(begin(four_connected, "2026-02-20 12:00"), calendars_read(by_quarter))
    assert states("2026-01", "2026-02-20T12:05:00Z")["UKHC"] == ("not_due", "not_due")
    assert states("2025-12", "2026-02-20T12:05:00Z")["UKHC"][0] == "closed"
    assert states("2026-01", "2026-02-10T12:05:00Z")["UKHC"][0] == "closed"  # as it was known then
    told = evaluate("2026-03-20 12:00")
    assert not [line for line in told if line.endswith("UKHC")]


def test_an_administrator_puts_a_period_into_another_month_by_the_group_file(
    four_connected: Connection, client: Client, tmp_path: Path
) -> None:
    def read_all(at: str) -> None:
        calendars = dict.fromkeys(
            ("UKHC", "UKRT", "USRT", "NLDT"), (THIRTEEN, closed_before(date(2026, 6, 1)))
        )
        record(begin(four_connected, at), calendars_read(calendars))

    def section(month: str, ends: str = "2026-06-14") -> str:
        return f"reporting_months: [{{entity: UKHC, period_ends: {ends}, month: {month}}}]"

    read_all("2026-06-15 12:00")
    told = load(tmp_path, section("2026-06"))
    assert "~ month of the period of UKHC that ends on 14 June 2026\n    by rule -> June 2026" in told
    read_all("2026-06-15 12:05")
    at = "2026-06-15T12:06:00Z"
    assert states("2026-06", at)["UKHC"] == ("open", "not_due")
    assert states("2026-05", at)["UKHC"][0] == "closed"
    assert states("2026-05", at)["UKRT"][0] == "open"
    client.force_login(save_person())
    page = client.get("/entities/UKHC/", {"month": "2026-06", "at": at}).content.decode()
    assert "An administrator has put this period into June 2026." in page
    assert "Nothing to change" in load(tmp_path, section("2026-06"))
    assert "the month of the period of UKHC that ends on 14 June 2026" in load(tmp_path, "groups: []")
    for mistake, problem in (
        (
            section("2026-06", "2026-06-15"),
            "UKHC has no period that ends on 15 June 2026; near it end those of",
        ),
        (section("2025-06"), "is not near the end of June 2025; is it mistyped?"),
        (section("June"), "is not a month"),
    ):
        with pytest.raises(CommandError, match=problem):
            load(tmp_path, mistake)
    assert "June 2026 -> by rule" in load(tmp_path, section(""))
    assert states("2026-05", at)["UKHC"][0] == "open"
