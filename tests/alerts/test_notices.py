"""Which notice is due, and the named reason: every branch, and what must hold for any case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.judging.notices import HOLD_DOWN, Case, Kind, Reason, due_notices, is_due_soon
from tests.closing.story import ENGLAND

LATE = Case(days_late=6, past_line=True, past_line_now=True, confirmed=True, settled=False, watched=True)
ON_TIME = replace(LATE, days_late=0, past_line=False, past_line_now=False)
ALERTED = frozenset({(Kind.ALERT, 0)})
STALE = replace(LATE, confirmed=False, settled=True)


def due(case: Case) -> list[tuple[Kind, int]]:
    """What is due but for reminders, which have tests of their own."""
    return [each for each in all_due(case) if each[0] is not Kind.LATE]


def all_due(case: Case) -> list[tuple[Kind, int]]:
    return [(verdict.kind, verdict.step) for verdict in due_notices(case) if verdict.due]


def test_eu_dtc_is_told_of_on_the_sixth_day_and_once() -> None:
    assert due(replace(LATE, days_late=5, past_line=False, past_line_now=False)) == []
    assert due(LATE) == [(Kind.ALERT, 0)]
    assert due(replace(LATE, told=ALERTED)) == []
    assert due(replace(LATE, told=ALERTED, days_late=9)) == []


def test_each_step_of_the_escalation_comes_once() -> None:
    told = ALERTED
    assert due(replace(LATE, days_late=10, told=told)) == [(Kind.ESCALATION, 1)]
    told |= {(Kind.ESCALATION, 1)}
    assert due(replace(LATE, days_late=14, told=told)) == []
    assert due(replace(LATE, days_late=15, told=told)) == [(Kind.ESCALATION, 2)]


def test_a_promise_holds_the_escalation_back_and_nothing_else() -> None:
    promised = replace(LATE, days_late=12, promised=True)
    assert due(promised) == [(Kind.ALERT, 0)]
    held_back = due_notices(replace(promised, told=ALERTED))[1:]
    assert {(each.kind, each.due, each.reason) for each in held_back} == {
        (Kind.ESCALATION, False, Reason.PROMISED),
        (Kind.LATE, False, Reason.PROMISED),
    }
    assert due(replace(promised, promised=False, told=ALERTED)) == [(Kind.ESCALATION, 1)]


def test_while_it_is_silenced_all_that_is_due_waits() -> None:
    for case in (LATE, STALE, replace(LATE, days_late=20), replace(LATE, told=ALERTED, closed_for=HOLD_DOWN)):
        heard = all_due(case)
        assert heard
        verdicts = due_notices(replace(case, silenced=True))
        assert not [each for each in verdicts if each.due]
        assert [(each.kind, each.step) for each in verdicts if each.reason is Reason.SILENCED] == heard


def test_whoever_is_found_very_late_is_alerted_and_escalated_at_once() -> None:
    assert due(replace(LATE, days_late=20)) == [(Kind.ALERT, 0), (Kind.ESCALATION, 1), (Kind.ESCALATION, 2)]


def test_a_stale_reading_neither_alerts_nor_escalates_but_is_said_once() -> None:
    stale = replace(STALE, days_late=12)
    assert due(stale) == [(Kind.UNCONFIRMED, 0)]
    assert due(replace(stale, told=frozenset({(Kind.UNCONFIRMED, 0)}))) == []
    assert due(replace(stale, told=ALERTED)) == []
    assert (Kind.ALERT, 0) in due(replace(stale, confirmed=True, told=frozenset({(Kind.UNCONFIRMED, 0)})))


def test_just_back_from_an_outage_nothing_is_said_before_a_reading() -> None:
    back = replace(LATE, confirmed=False, settled=False)
    assert due(back) == []
    assert {verdict.reason for verdict in due_notices(back)} == {Reason.NOT_CONFIRMED, Reason.JUST_BACK}


def test_what_was_late_before_we_watched_is_not_told_of() -> None:
    assert due(replace(LATE, watched=False, days_late=400)) == []
    assert due_notices(replace(LATE, watched=False))[0].reason is Reason.BEFORE_WE_WATCHED


@pytest.mark.parametrize(
    ("closed_for", "expected"),
    [(timedelta(0), []), (HOLD_DOWN - timedelta(seconds=1), []), (HOLD_DOWN, [(Kind.CLEARED, 0)])],
)
def test_the_end_is_told_once_the_close_has_lasted(
    closed_for: timedelta, expected: list[tuple[Kind, int]]
) -> None:
    closed = replace(LATE, days_late=0, past_line=False, closed_for=closed_for, told=ALERTED)
    assert due(closed) == expected
    assert due(replace(closed, told=ALERTED | {(Kind.CLEARED, 0)})) == []
    assert due(replace(closed, told=frozenset())) == []  # nobody heard of it


def test_late_is_told_each_day_up_to_the_last_step_and_then_each_week() -> None:
    told: frozenset[tuple[Kind, int]] = frozenset()
    days = []
    for day in range(1, 40):
        late = replace(LATE, days_late=day, past_line=day > 5, past_line_now=day > 5, told=told)
        found = [step for kind, step in all_due(late) if kind is Kind.LATE]
        days += found
        told |= {(Kind.LATE, step) for step in found}
        assert not {(Kind.LATE, day)} & set(all_due(replace(late, told=told)))
    assert days == [*range(1, 16), 22, 29, 36]


def test_a_reminder_waits_for_a_reading_and_for_a_promise() -> None:
    late = replace(LATE, days_late=3, past_line=False, past_line_now=False)
    assert all_due(late) == [(Kind.LATE, 3)]
    assert all_due(replace(late, confirmed=False)) == []
    assert all_due(replace(late, promised=True)) == []
    assert all_due(replace(late, days_late=0)) == []  # the day of the deadline is not over


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (replace(ON_TIME, due_soon=True), Kind.DUE_SOON),
        (replace(ON_TIME, no_deadline=True), Kind.NO_DEADLINE),
    ],
)
def test_due_soon_and_no_deadline_are_told_once_and_as_read(case: Case, kind: Kind) -> None:
    assert all_due(case) == [(kind, 0)]
    assert all_due(replace(case, told=frozenset({(kind, 0)}))) == []
    assert all_due(replace(case, confirmed=False)) == []
    assert all_due(replace(case, watched=False)) == []


@pytest.mark.parametrize(
    ("today", "soon"),
    [(3, False), (4, False), (5, True), (6, True), (7, True), (8, True), (9, True), (10, False)],
)
def test_due_soon_counts_working_days_over_a_weekend(today: int, soon: bool) -> None:
    """EU DTC BV is due on Tue 9 June; two working days before is Fri 5 June."""
    for calendar in (ENGLAND, None):
        assert is_due_soon(date(2026, 6, today), date(2026, 6, 9), 2, calendar) is soon


_told = st.frozensets(
    st.sampled_from(
        [
            (Kind.ALERT, 0),
            (Kind.UNCONFIRMED, 0),
            (Kind.CLEARED, 0),
            (Kind.ESCALATION, 1),
            (Kind.ESCALATION, 2),
            (Kind.DUE_SOON, 0),
            (Kind.NO_DEADLINE, 0),
        ]
    )
    | st.tuples(st.just(Kind.LATE), st.integers(1, 40))
)
_cases = st.builds(
    Case,
    days_late=st.integers(0, 40),
    past_line=st.booleans(),
    past_line_now=st.booleans(),
    confirmed=st.booleans(),
    settled=st.booleans(),
    watched=st.booleans(),
    promised=st.booleans(),
    due_soon=st.booleans(),
    no_deadline=st.booleans(),
    closed_for=st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)),
    told=_told,
)


@given(_cases)
def test_for_any_case(case: Case) -> None:
    found = due_notices(case)
    for verdict in found:
        assert isinstance(verdict.reason, Reason)
        if verdict.due:
            assert (verdict.kind, verdict.step) not in case.told
    kinds = {verdict.kind for verdict in found if verdict.due}
    if not case.confirmed:
        assert kinds <= {Kind.UNCONFIRMED, Kind.CLEARED}
    if case.closed_for is not None:
        assert kinds <= {Kind.CLEARED}
    if not case.watched and case.closed_for is None:
        assert not kinds
    after = replace(case, told=case.told | {(v.kind, v.step) for v in found if v.due})
    assert not all_due(after)  # told once, whatever is asked again
