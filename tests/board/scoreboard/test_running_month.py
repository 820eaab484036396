"""A month that has not ended is never closed, whatever the ERP says of its periods (01-domain 1.3)."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from alerts.models import Notice
from closing.calendar.days import DateSpan
from closing.facts.base import NativePeriodFacts
from closing.facts.business_central_facts import PostingWindowFacts
from closing.judging.notice_rules import NoticeKind, NoticeReason
from entities.models import Group
from periods.models import PolicyVersion
from tests.alerts.evaluations import (
    ALL_CLOSED,
    evaluate_and_list_notices,
    save_evaluation_span,
    save_group_with_recipients,
)
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import SampleGroup, save_person, save_sample_group

pytestmark = pytest.mark.django_db
JUNE = DateSpan(date(2026, 6, 1), date(2026, 6, 30))
AUGUST = DateSpan(date(2026, 8, 1), date(2026, 8, 31))
ONLY_MAY = PostingWindowFacts(date(2026, 5, 1), date(2026, 5, 31))
FROM_AUGUST = PostingWindowFacts(date(2026, 8, 1), None)


def read(group: SampleGroup, at: str, facts: NativePeriodFacts, span: DateSpan = JUNE) -> None:
    group.read(at, dict.fromkeys(ALL_CLOSED, facts), span=span)


def board(month: str, at: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("scoreboard", "--format", "json", "--month", month, "--as-of", at, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def states(told: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["state"], each["level"]) for each in told["entities"]}


@pytest.mark.parametrize(
    "at", ["2026-06-01 06:00", "2026-06-01 12:00", "2026-06-15 12:00", "2026-06-30 20:00"]
)
@pytest.mark.parametrize("facts", [ONLY_MAY, FROM_AUGUST, CLOSED], ids=["only_may", "from_august", "closed"])
def test_a_running_month_is_not_closed(facts: NativePeriodFacts, at: str) -> None:
    read(save_sample_group(), at, facts)
    told = board("2026-06", f"{at.replace(' ', 'T')}Z")
    assert states(told) == {("not_started", "not_due")}
    assert (told["counts"]["closed"], told["group_closed"]) == (0, False)
    assert told["headline"].startswith("June 2026 ends ")


def test_on_hold_ahead_of_time_is_stopped_early_and_told_to_nobody() -> None:
    group = save_group_with_recipients(read=False)
    PolicyVersion.objects.update(on_hold_counts_as_closed=True)
    read(group, "2026-06-04 09:00", OPEN, AUGUST)
    read(group, "2026-06-04 12:00", ON_HOLD, AUGUST)
    read(group, "2026-06-04 12:30", ON_HOLD, AUGUST)
    save_evaluation_span(utc("2026-06-04 12:30"))
    assert evaluate_and_list_notices(utc("2026-06-04 12:30"), list(NoticeKind)) == []
    told = board("2026-08", "2026-06-04T12:31:00Z")
    assert states(told) == {("not_started", "not_due")}
    assert {each["because"].split(":")[0] for each in told["entities"]} == {"stopped early"}


def test_a_window_that_was_not_moved_has_closed_nothing() -> None:
    """To stays at 31 May: June is not opened while it runs, then closed with a warning, and never on time."""
    group = save_group_with_recipients(read=False)
    for at in (
        "2026-05-31 12:00",
        "2026-06-01 12:00",
        "2026-06-30 12:00",
        "2026-07-01 12:00",
        "2026-07-01 12:40",
    ):
        read(group, at, ONLY_MAY)
        save_evaluation_span(utc(at))
        assert evaluate_and_list_notices(utc(at), [NoticeKind.GROUP_CLOSED]) == []
    assert states(board("2026-06", "2026-07-01T12:41:00Z")) == {("closed", "closed_date_unknown")}


def test_the_window_of_an_older_version_reopens_nothing() -> None:
    """Rows recorded as Closed for a running month become not started without a notice."""
    group = save_group_with_recipients(read=False)
    read(group, "2026-06-01 12:00", CLOSED)
    read(group, "2026-06-02 12:00", ONLY_MAY)
    read(group, "2026-06-03 12:00", PostingWindowFacts(date(2026, 5, 1), date(2026, 6, 30)))
    save_evaluation_span(utc("2026-06-03 12:00"))
    evaluate_and_list_notices(utc("2026-06-03 12:00"))
    assert list(Notice.objects.all()) == []
    assert [each["reopened"] for each in board("2026-06", "2026-06-03T12:00:00Z")["entities"]] == [False] * 4


@pytest.mark.parametrize("already_told", [False, True], ids=["untold", "told_by_an_older_version"])
def test_a_month_stopped_early_is_closed_when_it_has_ended(already_told: bool) -> None:
    group = save_group_with_recipients(read=False)
    if already_told:
        Notice.objects.create(
            kind="group_closed",
            group=Group.objects.get(code="MERIDIAN"),
            month=JUNE.first,
            episode=1,
            reason=NoticeReason.EVERYBODY_CLOSED.value,
            raised_at=utc("2026-06-01 13:00"),
            fresh=True,
        )
    read(group, "2026-06-29 09:00", OPEN)
    read(group, "2026-06-30 17:00", CLOSED)
    read(group, "2026-07-02 12:00", CLOSED)
    told = board("2026-06", "2026-07-02T12:00:00Z")
    assert states(told) == {("closed", "closed_on_time")}
    save_evaluation_span(utc("2026-07-02 12:00"))
    assert evaluate_and_list_notices(utc("2026-07-02 12:00"), [NoticeKind.GROUP_CLOSED]) == [
        "group_closed Meridian Group",
        "group_closed United Kingdom",
    ]


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        ("2026-06-10 12:00", "June 2026 ends on Tue 30 Jun, first deadline Thu 9 Jul"),
        ("2026-06-29 12:00", "June 2026 ends tomorrow, first deadline Thu 9 Jul"),
        ("2026-06-30 12:00", "June 2026 ends today, first deadline Thu 9 Jul"),
        ("2026-07-01 12:00", "Not closed: 4 of 4 outstanding"),
    ],
)
def test_the_page_of_a_running_month_says_when_it_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch, at: str, verdict: str
) -> None:
    monkeypatch.setattr("board.web.board_request.now", lambda: utc(at))
    cache.clear()
    read(save_sample_group(), at, OPEN)
    client.force_login(save_person())
    page = client.get("/?month=2026-06").content.decode()
    assert verdict in page
    assert ("of 4 outstanding" in page) is (at > "2026-07")


def test_a_running_month_without_deadlines_says_so() -> None:
    read(save_sample_group(policy=False), "2026-06-10 12:00", OPEN)
    told = board("2026-06", "2026-06-10T12:00:00Z")
    assert told["headline"] == "June 2026 ends on Tue 30 Jun, no deadline set."
