"""When a deadline is near, who can post, and the moments at which a judgement may change without a new fact."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_policy import is_near, near_from, weighed_period, weighing_changes_at
from closing.blockers.carried import CarriedMark
from closing.calendar.instants import zone_named
from closing.facts.finops_facts import FinopsFacts
from closing.judging.states import PeriodState
from tests.closing.blockers.blocker_builders import MAY, MAY_PERIOD, READ_AT
from tests.closing.core_builders import ENGLAND, deadline_on


@pytest.mark.parametrize(
    ("due_on", "today", "near"),
    [
        ("2026-06-08", "2026-06-03", False),
        ("2026-06-08", "2026-06-04", True),
        ("2026-06-08", "2026-06-06", True),
        ("2026-06-08", "2026-06-08", True),
        ("2026-06-08", "2026-07-20", True),
        ("2026-06-09", "2026-06-01", False),
        ("2026-05-26", "2026-05-21", True),  # 25 May is a holiday in England
        ("2026-05-26", "2026-05-20", False),
        (None, "2026-06-12", False),
    ],
)
def test_near_is_two_working_days_ahead_of_the_deadline(due_on: str | None, today: str, near: bool) -> None:
    due = date.fromisoformat(due_on) if due_on is not None else None
    assert is_near(due, ENGLAND, date.fromisoformat(today)) is near


@given(st.dates(date(2026, 1, 10), date(2026, 12, 31)), st.dates(date(2026, 1, 2), date(2026, 12, 31)))
def test_a_deadline_is_near_from_its_first_near_day_on(due_on: date, today: date) -> None:
    assert is_near(due_on, ENGLAND, today) == (today >= near_from(due_on, ENGLAND))


def test_the_moments_at_which_a_judgement_may_change() -> None:
    mark = CarriedMark("J-1", 2, None, date(2026, 6, 30), "waiting for the auditor")
    moments = weighing_changes_at(MAY_PERIOD, ENGLAND, [mark])
    assert moments == [
        datetime(2026, 5, 31, 22, tzinfo=UTC),
        datetime(2026, 6, 4, 22, tzinfo=UTC),
        datetime(2026, 6, 30, 22, tzinfo=UTC),
    ]


def test_who_can_post_follows_from_the_state_and_its_because() -> None:
    zone = "Europe/London"
    for status, held, can_reopen in (("Open", False, True), ("OnHold", True, True), ("Closed", False, False)):
        state = FinopsFacts(status).state(MAY, at=READ_AT, zone=zone_named(zone), options=frozenset())
        period = weighed_period(MAY, zone, state.state, state.because, deadline_on("2026-06-09"))
        assert (period.held, period.can_reopen, period.due_on) == (held, can_reopen, date(2026, 6, 9))
    partly = weighed_period(MAY, zone, PeriodState.ON_HOLD, "posting limited to 1 May 2026 only", None)
    assert (partly.held, partly.due_on) == (False, None)
