"""Evaluating: flags and overruns move once, whoever evaluates and however often."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluate.overdue import OverdueChanges, evaluate_overdue
from alerts.models import OverdueFlag, Overrun
from closing.calendar.instants import local_date
from closing.facts.finops_facts import FinopsFacts
from closing.judging.states import PeriodState
from entities.models import Connection, LegalEntity, WorkCalendar
from periods.deadline_setting import set_deadlines
from periods.models import AgreedDate, FiscalPeriod
from periods.recording.attempts import OutOfOrderRead
from periods.snapshot.builder import take_snapshot
from tests.builders import CLOSED, MAY, NOT_UNDERSTOOD, ON_HOLD, OPEN, utc
from tests.hypothesis_profiles import examples
from tests.periods.model_builders import policy, top_group
from tests.periods.recorded_reads import connect_four_entities, facts_of_all, read, read_result

NOTHING = OverdueChanges(0, 0, 0, 0, 0)


def flag(code: str) -> tuple[str, int]:
    found = OverdueFlag.objects.get(period__entity__code=code, period__reporting_month=MAY)
    return found.level, found.days_late


def overruns(code: str) -> list[Overrun]:
    return list(Overrun.objects.filter(period__entity__code=code).order_by("episode"))


@pytest.mark.django_db
def test_the_story_of_eu_dtc() -> None:
    source, _ = connect_four_entities()
    others = dict.fromkeys(("UKHC", "UKRT", "USRT"), CLOSED)
    for day in (5, 9, 10, 14, 15):
        at = utc(f"2026-06-{day:02} 12:00")
        read(source, at, others | {"NLDT": OPEN})
        done = evaluate_overdue(at)
        assert evaluate_overdue(at + timedelta(minutes=1)) == NOTHING
        expected = {
            5: ("not_due", 0),
            9: ("due_today", 0),
            10: ("late", 1),
            14: ("late", 5),
            15: ("alerting", 6),
        }
        assert flag("NLDT") == expected[day]
        assert (done.opened, done.crossed) == {10: (1, 0), 15: (0, 1)}.get(day, (0, 0))
    (overrun,) = overruns("NLDT")
    assert overrun.opened_at == utc("2026-06-10 12:00")
    assert overrun.crossed_line_at == utc("2026-06-15 12:00")
    read(source, "2026-06-18 16:00", others | {"NLDT": CLOSED})
    assert evaluate_overdue(utc("2026-06-18 16:00")).ended == 1
    (overrun,) = overruns("NLDT")
    assert (overrun.closed_at, overrun.worst_days_late) == (utc("2026-06-18 16:00"), 6)
    read(source, "2026-06-20 16:00", facts_of_all() | {"NLDT": OPEN})
    done = evaluate_overdue(utc("2026-06-20 16:00"))
    assert flag("NLDT") == ("alerting", 11)
    first, second = overruns("NLDT")
    assert first.closed_at is not None
    assert (second.episode, second.after_reopening, second.closed_at) == (2, True, None)
    assert done.reopened == 4  # the three others were opened again as well


@pytest.mark.django_db
def test_stale_neither_clears_nor_escalates() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all())
    evaluate_overdue(utc("2026-06-12 12:00"))
    assert flag("NLDT") == ("late", 3)
    assert evaluate_overdue(utc("2026-06-20 12:00")) == NOTHING
    assert flag("NLDT") == ("late", 3)
    read(source, "2026-06-20 12:05", facts_of_all())
    evaluate_overdue(utc("2026-06-20 12:05"))
    assert flag("NLDT") == ("alerting", 11)


@pytest.mark.django_db
def test_not_understood_keeps_the_flag_and_never_known_is_unknown() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all(UKHC=NOT_UNDERSTOOD))
    evaluate_overdue(utc("2026-06-12 12:00"))
    assert flag("UKHC") == ("unknown", 0)
    read(source, "2026-06-16 12:00", facts_of_all(NLDT=NOT_UNDERSTOOD))
    evaluate_overdue(utc("2026-06-16 12:00"))
    assert flag("NLDT") == ("late", 3)
    assert flag("UKHC") == ("alerting", 7)


@pytest.mark.django_db
def test_a_date_agreed_after_the_deadline_ends_no_overrun() -> None:
    source, entities = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all())
    evaluate_overdue(utc("2026-06-12 12:00"))
    AgreedDate.objects.create(
        entity=entities["NLDT"],
        reporting_month=MAY,
        due_on=date(2026, 6, 30),
        reason="auditors",
        agreed_by="R. Bell",
        set_at=utc("2026-06-12 12:30"),
    )
    set_deadlines(None, utc("2026-06-12 12:30"))
    assert evaluate_overdue(utc("2026-06-12 12:31")) == NOTHING


@pytest.mark.django_db
def test_a_period_that_ends_later_ends_the_overrun() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all())
    evaluate_overdue(utc("2026-06-12 12:00"))
    FiscalPeriod.objects.filter(entity__code="NLDT").update(last_day=date(2026, 6, 10))
    set_deadlines(None, utc("2026-06-12 12:30"))
    assert evaluate_overdue(utc("2026-06-12 12:31")).ended == 1


@pytest.mark.django_db
def test_evaluating_goes_forward_only() -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-12 12:00", facts_of_all())
    with pytest.raises(OutOfOrderRead, match="states were read for 2026-06-12 12:00:00 UTC"):
        evaluate_overdue(utc("2026-06-12 11:00"))


def test_a3_evaluators_at_once_write_what_one_writes(live_database: str) -> None:
    source, _ = connect_four_entities()
    read(source, "2026-06-16 12:00", read_result(facts_of_all(), april=OPEN))
    barrier = threading.Barrier(4)
    results: list[OverdueChanges] = []

    def run() -> None:
        barrier.wait()
        try:
            results.append(evaluate_overdue(utc("2026-06-16 12:00")))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert sorted(result.flags for result in results) == [0, 0, 0, 8]
    assert Overrun.objects.count() == 8


_FACTS: dict[str, FinopsFacts] = {"open": OPEN, "on_hold": ON_HOLD, "closed": CLOSED}


@examples(60)
@given(
    states=st.lists(st.sampled_from(sorted(_FACTS)), min_size=4, max_size=4),
    hour=st.integers(0, 23),
    day=st.integers(1, 30),
    alert_after=st.integers(0, 9),
    hold_counts=st.booleans(),
    unit=st.sampled_from(["calendar_days", "working_days"]),
    cut_off=st.sampled_from([None, time(12, 0), time(18, 30)]),
    stale=st.booleans(),
)
def test_the_evaluator_in_sql_says_what_judge_says(
    cast_connection: Connection,
    states: list[str],
    hour: int,
    day: int,
    alert_after: int,
    hold_counts: bool,
    unit: str,
    cut_off: time | None,
    stale: bool,
) -> None:
    with transaction.atomic():
        policy(
            top_group(),
            rule="workday",
            n=6,
            first_is=0,
            cut_off=cut_off,
            alert_after_days=alert_after,
            lateness_unit=unit,
            on_hold_counts_as_closed=hold_counts,
        )
        at = utc(f"2026-06-{day:02} {hour:02}:00")
        read(cast_connection, at, dict(zip(facts_of_all(), (_FACTS[state] for state in states), strict=True)))
        later: datetime = at + timedelta(days=3) if stale else at
        evaluate_overdue(later)
        for row in take_snapshot(LegalEntity.objects.all(), MAY, later).rows:
            said = "closed" if row.standing.closed else row.standing.level.value
            days = 0 if row.standing.closed else row.standing.days_late
            to_come = row.span and local_date(at, ZoneInfo(row.zone)) <= row.span.last
            if to_come or row.state is PeriodState.CLOSED:  # at its first evaluation
                assert not OverdueFlag.objects.filter(
                    period__entity__code=row.code, period__reporting_month=MAY
                ).exists()
            else:
                assert flag(row.code) == (said, days), row
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_working_days_beyond_the_calendars_holidays_count_calendar_days() -> None:
    source, _ = connect_four_entities()
    policy(top_group(), rule="workday", n=6, first_is=0, lateness_unit="working_days")
    WorkCalendar.objects.filter(code="NL").update(country="LK", subdivision="")  # known until 2026 only
    read(source, "2026-06-12 12:00", facts_of_all())
    read(source, "2027-01-08 12:00", facts_of_all())
    evaluate_overdue(utc("2027-01-08 12:00"))
    assert flag("NLDT") == ("alerting", (date(2027, 1, 8) - date(2026, 6, 9)).days)
    rows = take_snapshot(LegalEntity.objects.all(), MAY, utc("2027-01-08 12:00")).rows
    assert {row.code: flag(row.code)[1] for row in rows} == {row.code: row.standing.days_late for row in rows}
