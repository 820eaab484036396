"""Which notice is due, and the named reason: every branch, and what must hold for any case."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.judging.notice_rules import (
    HOLD_DOWN,
    NoticeInputs,
    NoticeKind,
    NoticeReason,
    decide_notices,
    is_due_soon,
)
from tests.closing.core_builders import ENGLAND

LATE = NoticeInputs(
    days_late=6,
    past_line=True,
    past_line_now=True,
    confirmed=True,
    past_restart_grace=False,
    read_before_deadline=True,
)
ON_TIME = replace(LATE, days_late=0, past_line=False, past_line_now=False)
ALERTED = frozenset({(NoticeKind.ALERT, 0)})
STALE = replace(LATE, confirmed=False, past_restart_grace=True)


def due(case: NoticeInputs) -> list[tuple[NoticeKind, int]]:
    """What is due but for reminders, which have tests of their own."""
    return [each for each in all_due(case) if each[0] is not NoticeKind.LATE]


def all_due(case: NoticeInputs) -> list[tuple[NoticeKind, int]]:
    return [(verdict.kind, verdict.step) for verdict in decide_notices(case) if verdict.due]


def test_eu_dtc_is_told_of_on_the_sixth_day_and_once() -> None:
    assert due(replace(LATE, days_late=5, past_line=False, past_line_now=False)) == []
    assert due(LATE) == [(NoticeKind.ALERT, 0)]
    assert due(replace(LATE, already_notified=ALERTED)) == []
    assert due(replace(LATE, already_notified=ALERTED, days_late=9)) == []


def test_each_step_of_the_escalation_comes_once() -> None:
    told = ALERTED
    assert due(replace(LATE, days_late=10, already_notified=told)) == [(NoticeKind.ESCALATION, 1)]
    told |= {(NoticeKind.ESCALATION, 1)}
    assert due(replace(LATE, days_late=14, already_notified=told)) == []
    assert due(replace(LATE, days_late=15, already_notified=told)) == [(NoticeKind.ESCALATION, 2)]


def test_a_promise_holds_the_escalation_back_and_nothing_else() -> None:
    promised = replace(LATE, days_late=12, close_expected=True)
    assert due(promised) == [(NoticeKind.ALERT, 0)]
    held_back = decide_notices(replace(promised, already_notified=ALERTED))[1:]
    assert {(each.kind, each.due, each.reason) for each in held_back} == {
        (NoticeKind.ESCALATION, False, NoticeReason.CLOSE_EXPECTED),
        (NoticeKind.LATE, False, NoticeReason.CLOSE_EXPECTED),
    }
    assert due(replace(promised, close_expected=False, already_notified=ALERTED)) == [
        (NoticeKind.ESCALATION, 1)
    ]


def test_while_it_is_silenced_all_that_is_due_waits() -> None:
    for case in (
        LATE,
        STALE,
        replace(LATE, days_late=20),
        replace(LATE, already_notified=ALERTED, closed_for=HOLD_DOWN),
    ):
        heard = all_due(case)
        assert heard
        verdicts = decide_notices(replace(case, silenced=True))
        assert not [each for each in verdicts if each.due]
        assert [(each.kind, each.step) for each in verdicts if each.reason is NoticeReason.SILENCED] == heard


def test_whoever_is_found_very_late_is_alerted_and_escalated_at_once() -> None:
    assert due(replace(LATE, days_late=20)) == [
        (NoticeKind.ALERT, 0),
        (NoticeKind.ESCALATION, 1),
        (NoticeKind.ESCALATION, 2),
    ]


def test_a_stale_reading_neither_alerts_nor_escalates_but_is_said_once() -> None:
    stale = replace(STALE, days_late=12)
    assert due(stale) == [(NoticeKind.UNCONFIRMED, 0)]
    assert due(replace(stale, already_notified=frozenset({(NoticeKind.UNCONFIRMED, 0)}))) == []
    assert due(replace(stale, already_notified=ALERTED)) == []
    assert (NoticeKind.ALERT, 0) in due(
        replace(stale, confirmed=True, already_notified=frozenset({(NoticeKind.UNCONFIRMED, 0)}))
    )


def test_just_back_from_an_outage_nothing_is_said_before_a_reading() -> None:
    back = replace(LATE, confirmed=False, past_restart_grace=False)
    assert due(back) == []
    assert {verdict.reason for verdict in decide_notices(back)} == {
        NoticeReason.NOT_CONFIRMED,
        NoticeReason.RECENTLY_RESTARTED,
    }


def test_what_was_late_before_we_watched_is_not_told_of() -> None:
    assert due(replace(LATE, read_before_deadline=False, days_late=400)) == []
    assert (
        decide_notices(replace(LATE, read_before_deadline=False))[0].reason
        is NoticeReason.DEADLINE_BEFORE_FIRST_READ
    )


@pytest.mark.parametrize(
    ("closed_for", "expected"),
    [(timedelta(0), []), (HOLD_DOWN - timedelta(seconds=1), []), (HOLD_DOWN, [(NoticeKind.CLEARED, 0)])],
)
def test_the_end_is_told_once_the_close_has_lasted(
    closed_for: timedelta, expected: list[tuple[NoticeKind, int]]
) -> None:
    closed = replace(LATE, days_late=0, past_line=False, closed_for=closed_for, already_notified=ALERTED)
    assert due(closed) == expected
    assert due(replace(closed, already_notified=ALERTED | {(NoticeKind.CLEARED, 0)})) == []
    assert due(replace(closed, already_notified=frozenset())) == []  # nobody heard of it


def test_late_is_told_each_day_up_to_the_last_step_and_then_each_week() -> None:
    told: frozenset[tuple[NoticeKind, int]] = frozenset()
    days = []
    for day in range(1, 40):
        late = replace(LATE, days_late=day, past_line=day > 5, past_line_now=day > 5, already_notified=told)
        found = [step for kind, step in all_due(late) if kind is NoticeKind.LATE]
        days += found
        told |= {(NoticeKind.LATE, step) for step in found}
        assert not {(NoticeKind.LATE, day)} & set(all_due(replace(late, already_notified=told)))
    assert days == [*range(1, 16), 22, 29, 36]


def test_a_reminder_waits_for_a_reading_and_for_a_promise() -> None:
    late = replace(LATE, days_late=3, past_line=False, past_line_now=False)
    assert all_due(late) == [(NoticeKind.LATE, 3)]
    assert all_due(replace(late, confirmed=False)) == []
    assert all_due(replace(late, close_expected=True)) == []
    assert all_due(replace(late, days_late=0)) == []  # the day of the deadline is not over


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (replace(ON_TIME, due_soon=True), NoticeKind.DUE_SOON),
        (replace(ON_TIME, no_deadline=True), NoticeKind.NO_DEADLINE),
    ],
)
def test_due_soon_and_no_deadline_are_told_once_and_as_read(case: NoticeInputs, kind: NoticeKind) -> None:
    assert all_due(case) == [(kind, 0)]
    assert all_due(replace(case, already_notified=frozenset({(kind, 0)}))) == []
    assert all_due(replace(case, confirmed=False)) == []
    assert all_due(replace(case, read_before_deadline=False)) == []


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
            (NoticeKind.ALERT, 0),
            (NoticeKind.UNCONFIRMED, 0),
            (NoticeKind.CLEARED, 0),
            (NoticeKind.ESCALATION, 1),
            (NoticeKind.ESCALATION, 2),
            (NoticeKind.DUE_SOON, 0),
            (NoticeKind.NO_DEADLINE, 0),
        ]
    )
    | st.tuples(st.just(NoticeKind.LATE), st.integers(1, 40))
)
_cases = st.builds(
    NoticeInputs,
    days_late=st.integers(0, 40),
    past_line=st.booleans(),
    past_line_now=st.booleans(),
    confirmed=st.booleans(),
    past_restart_grace=st.booleans(),
    read_before_deadline=st.booleans(),
    close_expected=st.booleans(),
    due_soon=st.booleans(),
    no_deadline=st.booleans(),
    closed_for=st.none() | st.timedeltas(timedelta(0), timedelta(hours=2)),
    already_notified=_told,
)


@given(_cases)
def test_for_any_case(case: NoticeInputs) -> None:
    found = decide_notices(case)
    for verdict in found:
        assert isinstance(verdict.reason, NoticeReason)
        if verdict.due:
            assert (verdict.kind, verdict.step) not in case.already_notified
    kinds = {verdict.kind for verdict in found if verdict.due}
    if not case.confirmed:
        assert kinds <= {NoticeKind.UNCONFIRMED, NoticeKind.CLEARED}
    if case.closed_for is not None:
        assert kinds <= {NoticeKind.CLEARED}
    if not case.read_before_deadline and case.closed_for is None:
        assert not kinds
    after = replace(case, already_notified=case.already_notified | {(v.kind, v.step) for v in found if v.due})
    assert not all_due(after)  # told once, whatever is asked again
