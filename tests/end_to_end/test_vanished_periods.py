"""Periods that the ERP lists under another name, in another calendar or with other days: no month becomes Unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from alerts.models import Notice, OverdueFlag, Overrun
from alerts.reconciliation import reconcile
from closing.facts.readings import PeriodReading
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod, PeriodDeadline, StateChange
from periods.recording import staging
from periods.remarks import add_note
from simulator.run import running
from tests.builders import CLOSED, NOT_UNDERSTOOD, utc
from tests.db_builders import save_person
from tests.end_to_end.renamed_periods import (
    AFTER,
    IDENTITIES,
    Rename,
    another_calendar,
    another_name,
    board,
    evaluate,
    levels,
    read,
    same_identity,
)
from tests.periods.recorded_reads import begin, facts_of_all, read_result, record

pytestmark = pytest.mark.django_db

WORKED = {
    "UKHC": ("closed", "closed_on_time", 0),
    "UKRT": ("closed", "closed_on_time", 0),
    "USRT": ("open", "late", 3),
    "NLDT": ("open", "late", 3),
}


@pytest.mark.parametrize("rename", IDENTITIES)
def test_a_period_under_another_identity_keeps_its_history(
    rename: Rename, worked: tuple[Connection, dict[str, LegalEntity]], client: Client
) -> None:
    source, entities = worked
    may = FiscalPeriod.objects.get(entity=entities["NLDT"], reporting_month=date(2026, 5, 1))
    rosa = save_person()
    add_note(rosa, "NLDT", date(2026, 5, 1), "The warehouse counts again.", utc("2026-06-11 12:01"))
    now = facts_of_all(UKHC=CLOSED, UKRT=CLOSED)
    assert read(source, AFTER, now, rename) == ["late NLDT", "late USRT"]  # each day, under any name
    assert PeriodDeadline.objects.filter(period=may).count() == 1  # also if its days moved: it had passed
    assert levels("2026-06-12T12:00:00Z") == WORKED
    assert "2 of 4 outstanding" in board("2026-06-12T12:00:00Z")["headline"]
    assert levels("2026-06-11T12:05:00Z") == {
        code: (state, level, late and late - 1) for code, (state, level, late) in WORKED.items()
    }
    client.force_login(rosa)
    page = client.get("/entities/NLDT/", {"month": "2026-05", "at": "2026-06-12T12:00:00Z"}).content.decode()
    assert "The warehouse counts again." in page
    assert "until then listed as Period 5 of 2026" in page
    assert not StateChange.objects.filter(state="unknown").exists()
    read(source, "2026-06-15 12:00", now, rename)
    read(source, "2026-06-15 12:05", now, rename)
    alerts = Notice.objects.filter(kind="alert").values_list("period__entity__code", flat=True)
    assert sorted(alerts) == ["NLDT", "USRT"]
    assert Overrun.objects.filter(closed_at=None).count() == 2


@pytest.mark.slow
def test_names_that_change_to_and_fro_leave_one_history(
    worked: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    source, _ = worked
    now = facts_of_all(UKHC=CLOSED, UKRT=CLOSED)
    for minute, rename in enumerate(
        (another_name, same_identity, another_calendar, another_name, same_identity)
    ):
        read(source, f"2026-06-12 11:5{minute}", now, rename)
    assert levels("2026-06-12T12:00:00Z") == WORKED
    assert FiscalPeriod.objects.count() == 8


def test_a_close_under_the_new_name_is_a_close_between_two_reads(
    worked: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    source, _ = worked
    read(source, AFTER, facts_of_all(UKHC=CLOSED, UKRT=CLOSED, NLDT=CLOSED), another_name)
    [row] = [row for row in board("2026-06-12T12:00:00Z")["entities"] if row["code"] == "NLDT"]
    assert (row["state"], row["level"], row["days_late"]) == ("closed", "closed_late", 3)


def test_a_period_deleted_in_one_read_and_made_anew_in_the_next_goes_on(
    worked: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    source, _ = worked
    now = facts_of_all(UKHC=CLOSED, UKRT=CLOSED)
    without = replace(brought := read_result(now), readings=tuple(brought.readings[::2]))  # April alone
    record(begin(source, "2026-06-12 11:50"), without)
    assert levels("2026-06-12T11:55:00Z")["UKHC"][0] == "unknown"
    read(source, AFTER, now, another_name)
    assert levels("2026-06-12T12:00:00Z") == WORKED


def test_names_given_to_other_days_take_no_history_along(
    worked: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    """The fiscal year begins in April now, so that May is Period 2: April's old name is another month's."""
    source, _ = worked

    def two_later(reading: PeriodReading) -> PeriodReading:
        number = {4: 5, 5: 4}[int(reading.name.removeprefix("Period "))]
        name = f"Period {number}"
        key = f"Fiscal|{reading.year}|{name}|{reading.type.value}"
        return replace(reading, name=name, erp_key=key)

    read(source, AFTER, facts_of_all(UKHC=CLOSED, UKRT=CLOSED), two_later)
    assert levels("2026-06-12T12:00:00Z") == WORKED
    april = {row["code"]: row["state"] for row in board("2026-06-12T12:00:00Z", "2026-04")["entities"]}
    assert set(april.values()) == {"closed"}
    assert FiscalPeriod.objects.count() == 8


def test_the_listed_period_answers_and_the_vanished_one_is_a_note(
    old_rows: tuple[Connection, dict[str, LegalEntity]], client: Client
) -> None:
    at = "2026-06-15T13:05:00Z"
    assert evaluate("2026-06-15 13:04") == []
    assert {state for state, *_ in levels(at).values()} == {"closed"}
    assert board(at)["headline"].startswith("Group closed")
    client.force_login(save_person())
    page = client.get("/entities/NLDT/", {"month": "2026-05", "at": at}).content.decode()
    assert "The ERP no longer lists Period 5 of 2026" in page
    assert not OverdueFlag.objects.exclude(level="closed").exists()
    assert not Overrun.objects.filter(closed_at=None).exists()
    told = [kind for later in ("15 13:40", "18 09:00", "30 09:00") for kind in evaluate(f"2026-06-{later}")]
    assert [line for line in told if not line.startswith("stale")] == []
    assert not reconcile(utc("2026-06-15 13:50")).differences


@pytest.mark.slow
def test_what_was_known_before_the_periods_vanished_stays_on_past_boards(
    old_rows: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    assert levels("2026-06-15T12:30:00Z")["NLDT"] == ("open", "alerting", 6)
    assert levels("2026-06-15T12:30:00Z")["UKHC"] == ("closed", "closed_on_time", 0)


def test_a_vanished_period_without_another_one_stays_unknown(
    worked: tuple[Connection, dict[str, LegalEntity]],
) -> None:
    source, _ = worked
    brought = read_result(facts_of_all())
    record(begin(source, AFTER), replace(brought, readings=tuple(brought.readings[::2])))
    assert {state for state, *_ in levels("2026-06-12T12:00:00Z").values()} == {"unknown"}


@pytest.mark.slow
def test_a_status_that_was_not_understood_before_the_period_vanished_does_not_stay(
    worked: tuple[Connection, dict[str, LegalEntity]], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = worked
    read(source, "2026-06-12 11:50", facts_of_all(UKHC=CLOSED, UKRT=CLOSED, NLDT=NOT_UNDERSTOOD))
    monkeypatch.setattr(staging, "keep_periods_under_other_keys", lambda *_: None)
    read(source, AFTER, facts_of_all(UKHC=CLOSED, UKRT=CLOSED), another_name)
    assert levels("2026-06-12T12:00:00Z")["NLDT"] == ("open", "late", 3)


STORY = """
finops:
  calendars: {{{0}: {{from: 2025, to: 2026}}}}
  companies: [{{code: UKRT, name: UK Retail Ltd, calendar: {0}, country: GBR}}]
"""
GROUP_FILE = """
groups: [{{code: TOP, name: Top}}]
calendars: [{{code: ENGLAND, name: England, country: GB, subdivision: ENG}}]
people: [{{email: rosa@example.com, name: Rosa Bell, roles: [{{role: finance, group: TOP}}]}}]
connections:
  - {{name: finops, kind: finops, base_url: "{0}", authority: "{0}", tenant: periods.example,
     client_id: simulator, secret: simulator}}
policies: [{{group: TOP, working_day: 6}}]
entities:
  - {{code: UKRT, name: UK Retail Ltd, country: GB, zone: Europe/London, group: TOP, calendar: ENGLAND,
     connection: finops, erp_id: ukrt}}
"""


def test_a_ledger_that_gets_another_calendar_is_read_on(tmp_path: Path) -> None:
    """Finance & Operations from end to end: the ledger of UK Retail Ltd gets another fiscal calendar on 12 June."""
    for calendar, clock in (("Fiscal", "2026-06-05T12:00:00Z"), ("Group", "2026-06-12T11:58:00Z")):
        (tmp_path / "story.yaml").write_text(STORY.format(calendar), encoding="utf-8")
        with running(tmp_path / "story.yaml", clock=clock) as erp:
            (tmp_path / "group.yaml").write_text(GROUP_FILE.format(erp.url), encoding="utf-8")
            call_command("load_group", str(tmp_path / "group.yaml"), stdout=StringIO())
            erp.set_state("UKRT", period="2026-05", status="Open")
            call_command("sync", "--as-of", clock, stdout=StringIO())
            erp.set_state("UKRT", period="2026-05", status="Closed")
            later = clock.replace(":00Z", ":30Z")
            call_command("sync", "--as-of", later, stdout=StringIO())
    [row] = board("2026-06-12T12:00:00Z")["entities"]
    assert (row["state"], row["level"], row["first_closed_on"]) == ("closed", "closed_on_time", "2026-06-05")
