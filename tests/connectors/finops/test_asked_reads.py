"""Reads that a person asks for: periods and every turn of work, with the pauses that hold for people as well."""

from __future__ import annotations

from datetime import timedelta

import pytest

from board.entity_work.work_items import ids_of_items
from closing.blockers.blocker_kinds import BlockerKind
from connectors.asked_reads import read_one_turn, read_periods, waiting
from connectors.registry import safe_work_link, work_turns
from entities.models import Connection
from periods.models import ReadAttempt, SyncAttempt
from periods.recording.attempts import AttemptResult, begin_attempt_of, finish_attempt
from simulator.run import Running
from tests.builders import utc
from tests.db_builders import SampleGroup
from worklist.models import BlockerReading, WorkAttempt
from worklist.recording.fact_rows import fact_of

pytestmark = pytest.mark.django_db
AT = utc("2026-06-12 12:00")
LATER = AT + timedelta(seconds=30)


def test_the_periods_are_read_once_and_each_turn_of_work_after_them(group: SampleGroup, sim: Running) -> None:
    source = group.connection
    assert read_periods(source, AT)
    assert read_periods(source, LATER)  # they have just been read
    assert SyncAttempt.objects.filter(connection=source).count() == 1
    turns = work_turns()["finops"]
    assert all(read_one_turn(source, LATER) for _ in range(turns))
    assert set(WorkAttempt.objects.values_list("turn", flat=True)) == set(range(turns))
    listed = BlockerReading.objects.filter(body__has_keys=["items", "ids"])
    with_items = [fact_of(row) for row in listed.exclude(kind=BlockerKind.INTERCOMPANY_IMBALANCE.value)]
    rows = [ids_of_items(fact) for fact in with_items]
    assert rows, "the simulator has items behind its numbers"
    assert all(each is not None for row in rows for each in row)


def test_a_running_read_a_pause_and_a_wish_of_the_erp_hold_for_people(group: SampleGroup) -> None:
    source = group.connection
    assert waiting(source, AT) is None
    attempt = begin_attempt_of(WorkAttempt, source.pk, AT, lease=timedelta(minutes=3))
    assert attempt is not None
    assert waiting(source, AT) is not None
    assert not read_periods(source, AT)
    retry_at = AT + timedelta(minutes=10)
    result = AttemptResult(ReadAttempt.Outcome.UNAVAILABLE, AT, retry_at=retry_at)
    finish_attempt(attempt.pk, result, attempts=WorkAttempt)
    wait = waiting(source, LATER)
    assert wait is not None
    assert wait.until == retry_at
    assert not read_one_turn(source, LATER)
    assert waiting(source, retry_at) is None
    source.paused = True
    paused = waiting(source, retry_at)
    assert paused is not None
    assert paused.words == "The connection is paused."


@pytest.mark.parametrize(
    ("kind", "url", "safe"),
    [
        ("finops", "https://meridian.operations.dynamics.com/?cmp=nldt", True),
        ("finops", "https://meridian.operations.dynamics.com.evil.example/", False),
        ("finops", "http://meridian.operations.dynamics.com/", False),
        ("finops", "https://user@meridian.operations.dynamics.com/", False),
        ("finops", "javascript:alert(1)", False),
        ("finops", "https://businesscentral.dynamics.com/x", False),
        ("business_central", "https://businesscentral.dynamics.com/x?company=IE", True),
        ("spreadsheet", "https://meridian.operations.dynamics.com/", False),
        ("finops", None, False),
    ],
)
def test_only_pages_of_the_erp_are_linked(kind: str, url: str | None, safe: bool) -> None:
    source = Connection(kind=kind, base_url="https://meridian.operations.dynamics.com")
    assert (safe_work_link(source, url) == url) is safe
    assert bool(safe_work_link(source, url)) is safe
    assert safe_work_link(None, url) == ""
