"""Dates agreed in a group file: who may agree on them, and that no past is moved by one (01-domain 1.4)."""

from __future__ import annotations

import csv
from datetime import datetime
from io import BytesIO

import pytest
from django.test import Client
from openpyxl import load_workbook

from alerts.models import Overrun
from alerts.reconciliation import reconcile
from closing.facts.base import NativePeriodFacts
from entities.models import Membership, Person
from periods.group_file.loading import load_group
from periods.group_file.tree import InvalidGroupFile
from tests.alerts.evaluations import (
    evaluate_and_list_notices,
    read_and_evaluate,
)
from tests.builders import CLOSED, OPEN, utc
from tests.db_builders import SampleGroup

pytestmark = pytest.mark.django_db
FOUR: dict[str, NativePeriodFacts] = dict.fromkeys(("UKHC", "UKRT", "USRT", "NLDT"), OPEN)
Role = Membership.Role
ROSA = "rosa@meridian.test"


def agree(at: datetime, due_on: str, by: str = ROSA, entity: str = "NLDT", cut_off: str = "") -> list[str]:
    """Load a file with one agreed date of May 2026 at a moment; returns the notes."""
    more = f", cut_off: '{cut_off}'" if cut_off else ""
    text = (
        f"agreed_dates:\n  - {{entity: {entity}, month: 2026-05, due_on: {due_on}, reason: stocktaking,"
        f" agreed_by: {by}{more}}}\n"
    )
    return load_group(text, as_of=at, environ={}).notes


def refused(at: datetime, due_on: str, by: str = ROSA, entity: str = "NLDT") -> str:
    with pytest.raises(InvalidGroupFile) as problems:
        agree(at, due_on, by, entity)
    return str(problems.value)


def as_rosa(client: Client, path: str, at: str) -> str:
    """A page as Rosa sees it at a past moment, given in London's time."""
    client.force_login(Person.objects.get(email=ROSA))
    return " ".join(client.get(path, {"month": "2026-05", "at": at}).content.decode().split())


def nldt(client: Client, at: str) -> dict[str, str]:
    """EU DTC BV's line of the board's CSV file at a past moment."""
    client.force_login(Person.objects.get(email=ROSA))
    answer = client.get("/export/board.csv", {"month": "2026-05", "at": at})
    lines = csv.DictReader(answer.getvalue().decode("utf-8-sig").splitlines())
    return next(line for line in lines if line["code"] == "NLDT")


def test_a_date_agreed_after_the_deadline_changes_only_what_is_expected(
    meridian_with_finance: SampleGroup, client: Client
) -> None:
    assert read_and_evaluate(meridian_with_finance, "2026-06-15 12:00", NLDT=OPEN) == ["alert NLDT"]
    notes = agree(utc("2026-06-15 12:30"), "2026-06-30")
    (note,) = notes
    assert note.startswith("The deadline of NLDT for May 2026, Tue 9 June 2026, had passed and stays;")
    assert note.endswith("; Tue 30 June 2026 is only when the close is expected.")
    assert evaluate_and_list_notices(utc("2026-06-15 12:31")) == []
    assert Overrun.objects.get(closed_at=None).period.entity.code == "NLDT"
    meridian_with_finance.read("2026-06-15 12:40", dict.fromkeys(FOUR, CLOSED) | {"NLDT": OPEN})
    assert reconcile(utc("2026-06-15 12:50")).differences == []
    row = nldt(client, "2026-06-15T13:45")
    assert (row["due_on"], row["level"], row["days_late"]) == ("2026-06-09", "alerting", "6")
    assert row["expected_on"] == "2026-06-30"
    page = as_rosa(client, "/entities/NLDT/", "2026-06-15T13:45")
    assert "on Tue 30 June, says rosa@meridian.test" in page
    assert "The deadline stays as it was: stocktaking" in page
    assert "1 deadline extended" in as_rosa(client, "/calendar/", "2026-06-15T13:45")  # US Retail's
    before = nldt(client, "2026-06-15T13:15")  # as it was known before
    assert before["expected_on"] == ""
    meridian_with_finance.read("2026-06-20 12:00", dict.fromkeys(FOUR, CLOSED))
    assert nldt(client, "2026-06-20T13:05")["level"] == "closed_late"


def test_the_same_date_agreed_before_the_deadline_moves_it(
    meridian_with_finance: SampleGroup, client: Client
) -> None:
    meridian_with_finance.read("2026-06-08 12:00", FOUR)
    assert agree(utc("2026-06-08 12:10"), "2026-06-12") == ["New deadlines for 1 period."]
    meridian_with_finance.read("2026-06-11 12:00", FOUR)
    row = nldt(client, "2026-06-11T13:05")
    assert (row["due_on"], row["level"], row["days_late"]) == ("2026-06-12", "not_due", "0")
    # US Retail's date of the worked example, and this one
    assert "2 deadlines extended" in as_rosa(client, "/calendar/", "2026-06-11T13:05")
    assert "2 deadlines extended" in as_rosa(client, "/matrix/", "2026-06-11T13:05")
    assert "1 deadline extended" in as_rosa(client, "/calendar/", "2026-06-08T13:05")
    workbook = client.get("/export/board.xlsx?month=2026-05&at=2026-06-11T13:05").getvalue()
    about = load_workbook(BytesIO(workbook))["About"]
    assert "2 deadlines extended" in {cell.value for row in about.iter_rows() for cell in row}


@pytest.mark.parametrize(
    ("by", "why"),
    [
        ("nina@meridian.test", "nina@meridian.test has no such role"),  # finance of the entity itself
        ("Paul", "Paul has no such role"),  # finance of another group
        ("R. Bell", "no person has the address `R. Bell`. Write the person's e-mail address"),
        ("SANNE", "SANNE is its owner"),  # also finance of Continental Europe
    ],
)
def test_after_period_end_finance_of_a_group_above_agrees(
    meridian_with_finance: SampleGroup, by: str, why: str
) -> None:
    owner = meridian_with_finance.entities["NLDT"].owner
    assert owner is not None
    by = owner.name if by == "SANNE" else by
    assert (
        f"only finance of a group above EU DTC BV can agree on another date, and never its owner; {why}".replace(
            "SANNE", by
        )
        in refused(utc("2026-06-08 12:10"), "2026-06-12", by)
    )
    # Before the period ends, who loads the file may.
    assert agree(utc("2026-05-31 21:50"), "2026-06-12", by) == []


def test_a_deadline_is_not_moved_to_a_day_that_is_past(meridian_with_finance: SampleGroup) -> None:
    words = refused(utc("2026-06-08 12:10"), "2026-06-05")
    assert "2026-06-05 is past; a deadline can only be moved to a day still to come" in words


def test_the_form_says_that_no_date_moves_a_deadline_that_has_passed(
    meridian_with_finance: SampleGroup, client: Client
) -> None:
    client.force_login(Person.objects.get(email=ROSA))
    page = client.get("/entities/NLDT/", {"month": "2026-05"}).content.decode()
    assert "The deadline has passed and stays. No later date moves it." in page
