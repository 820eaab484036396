"""A kind of facts that no product file knows goes from its ERP to boards, pages, files and alerts."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.test import Client

from alerts.mail.compose import compose_mail
from alerts.models import Delivery, Notice
from alerts.outbox.relevance import relevant_items
from alerts.outbox.send_context import SendContext
from closeboard import checks
from entities.models import Connection
from periods.board_cache.cache import BoardCache
from periods.deadline_setting import set_deadlines
from periods.expected_periods import EXPECTED_KEY
from periods.models import FiscalPeriod, NativeFacts, StateChange
from tests.alerts.scenarios import evaluate_now, join
from tests.board.page_client import signed_in
from tests.builders import utc
from tests.company_lock.company_lock_erp import LockedGroup
from tests.company_lock.company_lock_facts import LockException, forgotten
from tests.db_builders import save_person
from tests.periods.board_cache.test_cache import assert_the_same
from tests.periods.events import ChangingGroup
from tests.settable_clock import SettableClock

pytestmark = pytest.mark.django_db
APRIL_END, MAY_END = date(2026, 4, 30), date(2026, 5, 31)
AP_TEAM = LockException("AP team", date(2026, 5, 1), datetime(2026, 6, 12, 17, 0))  # noqa: DTZ001 - wall time


def board(at: str, month: str = "2026-05") -> dict[str, dict[str, Any]]:
    """The rows of a past board by code, as the command gives them."""
    out = io.StringIO()
    call_command("scoreboard", "--format", "json", "--month", month, "--as-of", at, stdout=out)
    return {row["code"]: row for row in json.loads(out.getvalue())["entities"]}


def states(at: str) -> dict[str, str]:
    return {code: row["state"] for code, row in board(at).items()}


def months_changed(since: str) -> list[tuple[str, str]]:
    """Entity and month of each change seen from a moment on."""
    changes = StateChange.objects.filter(seen_at__gte=utc(since))
    found = changes.values_list("period__entity__code", "period__first_day")
    return sorted((code, f"{first:%Y-%m}") for code, first in found)


def read_until_the_exceptions(group: LockedGroup) -> None:
    """Open on 1 June; the UK entities are locked on the 8th, the others except for the AP team until the 12th."""
    group.read("2026-06-01 12:00")
    group.lock(APRIL_END)
    group.read("2026-06-02 12:00")
    group.lock(MAY_END, codes=["UKHC", "UKRT"])
    group.read("2026-06-08 12:00")
    group.lock(MAY_END, AP_TEAM, codes=["USRT", "NLDT"])
    group.read("2026-06-12 14:58")


def test_a_moved_lock_date_changes_the_months_that_it_passes(locked_group: LockedGroup) -> None:
    locked_group.lock(APRIL_END)
    locked_group.read("2026-06-02 12:00")
    assert FiscalPeriod.objects.filter(entity__code="NLDT").count() == 28
    assert NativeFacts.objects.count() == 1 + 23  # not locked, and locked to the last day of each month
    locked_group.lock(MAY_END, codes=["NLDT"])
    result = locked_group.read("2026-06-08 12:00")
    assert (result.changes, months_changed("2026-06-08 12:00")) == (1, [("NLDT", "2026-05")])


def test_an_exception_changes_the_months_that_it_reaches(locked_group: LockedGroup) -> None:
    locked_group.lock(MAY_END)
    locked_group.read("2026-06-08 12:00")
    locked_group.lock(MAY_END, replace(AP_TEAM, from_day=date(2026, 4, 20)), codes=["NLDT"])
    locked_group.read("2026-06-12 09:00")
    assert months_changed("2026-06-12 09:00") == [("NLDT", "2026-04"), ("NLDT", "2026-05")]


def test_an_exception_ends_at_its_hour_in_the_zone_of_each_entity(locked_group: LockedGroup) -> None:
    """The ERP's answer stays the same: only the clock moves, and each reading judges at its own moment."""
    read_until_the_exceptions(locked_group)
    cache, group = BoardCache(), SimpleNamespace(now=utc("2026-06-12 14:59"))
    world = cast("ChangingGroup", group)
    assert_the_same(cache, world)
    assert states("2026-06-12T14:59:00Z") == {
        "UKHC": "closed",
        "UKRT": "closed",
        "USRT": "on_hold",
        "NLDT": "on_hold",
    }
    because = board("2026-06-12T14:59:00Z")["NLDT"]["because"]
    assert because == "locked to its last day; AP team may post until Fri 12 June 17:00"

    group.now = utc("2026-06-12 15:01")  # past 17:00 in Amsterdam, not read since: as when last read
    assert_the_same(cache, world)
    assert states("2026-06-12T15:01:00Z")["NLDT"] == "on_hold"
    assert locked_group.read("2026-06-12 15:03").changes == 1
    group.now = utc("2026-06-12 15:04")
    assert_the_same(cache, world)
    assert states("2026-06-12T15:04:00Z") == {
        "UKHC": "closed",
        "UKRT": "closed",
        "USRT": "on_hold",
        "NLDT": "closed",
    }
    change = StateChange.objects.latest("id")
    assert (change.previous_read_at, change.seen_at) == (utc("2026-06-12 14:58"), utc("2026-06-12 15:03"))

    assert locked_group.read("2026-06-12 20:59").changes == 0
    assert locked_group.read("2026-06-12 21:00").changes == 1  # 17:00 in New York
    group.now = utc("2026-06-12 21:01")
    assert_the_same(cache, world)
    assert set(states("2026-06-12T21:01:00Z").values()) == {"closed"}
    assert locked_group.read("2026-06-12 21:05").changes == 0


def test_past_boards_say_what_was_known_then(locked_group: LockedGroup) -> None:
    read_until_the_exceptions(locked_group)
    locked_group.read("2026-06-12 15:03")
    assert set(states("2026-06-01T13:00:00Z").values()) == {"open"}
    assert states("2026-06-12T15:02:00Z")["NLDT"] == "on_hold"
    row = board("2026-06-12T15:04:00Z")["NLDT"]
    assert (row["state"], row["level"]) == ("closed", "closed_late")
    assert row["native"] == {
        "exceptions": [["AP team", "2026-05-01", "2026-06-12T17:00:00"]],
        "kind": "company_lock",
        "locked_to": "2026-05-31",
    }


def test_expected_periods_are_taken_over_by_calendar_months(locked_group: LockedGroup) -> None:
    set_deadlines(None, utc("2026-06-01 08:00"))
    expected = FiscalPeriod.objects.filter(erp_key__startswith=EXPECTED_KEY)
    rows = set(expected.values_list("pk", flat=True))
    assert rows
    locked_group.read("2026-06-01 12:00")
    assert not expected.exists()
    assert rows <= set(FiscalPeriod.objects.values_list("pk", flat=True))
    assert board("2026-06-01T12:01:00Z")["NLDT"]["due_on"] == "2026-06-09"


PAGES = ("/", "/matrix/", "/calendar/", "/past-deadline/", "/entities/NLDT/", "/wall/", "/alerts/")
REASON = 'facts of kind "company_lock" are not understood by this Closeboard'
FILES = ("/export/board.csv", "/export/board.xlsx", "/export/matrix.csv", "/export/past-deadline.csv")


def texts(client: Client, addresses: Iterable[str]) -> dict[str, str]:
    """The answers of these addresses, all of which succeed."""
    answers = {}
    for address in addresses:
        response = client.get(address, {"month": "2026-05"} if address != "/alerts/" else None)
        assert response.status_code == 200, address
        body = b"".join(response) if response.streaming else response.content
        answers[address] = body.decode(errors="replace")
    return answers


def test_every_page_and_file_shows_it(locked_group: LockedGroup, clock: SettableClock) -> None:
    read_until_the_exceptions(locked_group)
    later = replace(AP_TEAM, until=datetime(2026, 6, 12, 19, 30))  # noqa: DTZ001 - wall time
    locked_group.lock(MAY_END, later, codes=["USRT", "NLDT"])
    locked_group.read("2026-06-12 14:59")
    clock.at = utc("2026-06-12 15:00")
    answers = texts(signed_in(save_person()), (*PAGES, *FILES))
    because = "locked to its last day; AP team may post until Fri 12 June 19:30"
    for address in ("/", "/past-deadline/", "/entities/NLDT/", "/export/board.csv"):
        assert because in answers[address], address
    page = answers["/entities/NLDT/"]
    assert "Company Lock “meridian-prod”" in page
    assert "<dt>Lock in this period</dt><dd>to 31 May 2026</dd>" in page
    assert "The period is locked, with exceptions that have not ended: On hold." in page
    assert "An exception ends by itself." in page
    history = page[page.index('id="history"') :]
    assert "AP team may post until Fri 12 June 19:30; AP team may no longer post" in history
    assert "First seen as Open: not locked" in history


def test_alerts_are_evaluated_and_say_it(locked_group: LockedGroup) -> None:
    """USRT stays on hold by an exception of some weeks, which does not count as closed."""
    join(locked_group.group)
    locked_group.read("2026-06-01 12:00")
    weeks = replace(AP_TEAM, until=datetime(2026, 6, 30, 17, 0))  # noqa: DTZ001 - wall time
    locked_group.lock(MAY_END, codes=["UKHC", "UKRT", "NLDT"])
    locked_group.lock(MAY_END, weeks, codes=["USRT"])
    locked_group.read("2026-06-08 12:00")
    at = utc("2026-06-17 12:00")
    evaluate_now(at - timedelta(minutes=2))
    locked_group.read(at - timedelta(minutes=1))
    evaluate_now(at)
    [notice] = Notice.objects.filter(kind="alert")
    assert notice.period is not None
    assert notice.period.entity.code == "USRT"
    delivery = Delivery.objects.filter(notices=notice, recipient__name="Rosa Bell").get()
    mail = compose_mail(delivery, relevant_items(delivery, SendContext(at))[0], at)
    assert "US Retail Inc is 6 days late for May 2026" in mail.subject
    assert "still On hold in the ERP" in str(mail.body)


def test_without_its_class_each_page_says_unknown(locked_group: LockedGroup, clock: SettableClock) -> None:
    """A version that does not know the kind shows what is stored of it as Unknown, with the reason."""
    read_until_the_exceptions(locked_group)
    clock.at = utc("2026-06-12 15:00")
    client = signed_in(save_person())
    with forgotten():
        answers = texts(client, (*PAGES, *FILES))
        rows = board("2026-06-12T15:00:00Z").values()
        [warning] = checks.kinds_of_erp_are_known(None)
        attempt = locked_group.read("2026-06-12 15:05").attempt
        Connection.objects.update(kind="finops")
        [stored] = checks.kinds_of_erp_are_known(None)
    assert {(row["state"], row["level"], row["because"]) for row in rows} == {("unknown", "unknown", REASON)}
    for address in ("/", "/entities/NLDT/"):
        assert REASON in html.unescape(answers[address]), address
    assert "Unknown" in answers["/matrix/"]
    cells = list(csv.DictReader(io.StringIO(answers["/export/board.csv"].lstrip("\ufeff"))))
    assert [(cell["state"], cell["because"]) for cell in cells] == [("unknown", REASON)] * 4
    assert "company_lock “meridian-prod”" in answers["/entities/NLDT/"]
    assert (warning.id, "meridian-prod" in warning.msg) == ("closeboard.W003", True)
    assert stored == warning
    assert not list(checks.kinds_of_erp_are_known(None))
    assert attempt is not None
    assert (attempt.outcome, attempt.words) == (
        "misread",
        "CompanyLockFacts is no registered kind of facts; there are: finops, business_central.",
    )
