"""Who stands in the escalation queue, in which order, and since when (04-screens, Overdue)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.deadlines import Deadline
from closing.judging.risk import first_alerting_day, overdue_entities
from closing.judging.standing import JudgingPolicy, LatenessUnit, fold, judge
from closing.scoreboard.board import Scoreboard
from closing.scoreboard.row import Row
from tests.closing.core_builders import (
    ENGLAND,
    EU_DTC,
    EU_DTC_STORY,
    MAY,
    OPEN,
    UK_HOLDCO,
    US_RETAIL,
    Entity,
    board,
    change_seen,
    deadline_on,
    row,
    utc,
    worked_example,
)

APRIL = date(2026, 4, 1)
TEMPLATE = row(EU_DTC, EU_DTC_STORY, deadline_on("2026-06-09"), "2026-06-15 12:00")


def test_the_worked_example_is_on_watch_until_the_15th() -> None:
    watched = overdue_entities([worked_example("2026-06-14 12:00")])
    assert [(each.worst_row.code, each.alerting) for each in watched] == [("NLDT", False), ("USRT", False)]
    assert first_alerting_day(watched[0].worst_row) == date(2026, 6, 15)
    first, second = overdue_entities([worked_example("2026-06-15 12:00")])
    assert [(month, each.code, each.standing.days_late) for month, each in first.months] == [
        (date(2026, 5, 1), "NLDT", 6)
    ]
    assert (first.alerting, second.alerting) == (True, False)
    assert first_alerting_day(first.worst_row) == date(2026, 6, 15)


def test_months_of_one_entity_stand_together_where_its_worst_month_ranks() -> None:
    def late(entity: Entity, on: str) -> Row:
        return row(entity, [change_seen(OPEN, "2026-04-01 09:00")], deadline_on(on), "2026-06-20 12:00")

    april = Scoreboard(APRIL, board().as_of, [late(EU_DTC, "2026-05-08")])
    may = board(late(EU_DTC, "2026-06-12"), late(US_RETAIL, "2026-06-08"), late(UK_HOLDCO, "2026-06-18"))
    told = [
        [(f"{month:%B}", each.code, each.standing.days_late) for month, each in entity.months]
        for entity in overdue_entities([may, april])
    ]
    assert told == [[("April", "NLDT", 43), ("May", "NLDT", 8)], [("May", "USRT", 12)], [("May", "UKHC", 2)]]


def test_who_cannot_be_confirmed_stays_in_the_queue() -> None:
    stale = replace(worked_example("2026-06-15 12:00").rows[0], fresh=False)
    (only,) = overdue_entities([board(stale)])
    assert only.worst_row is stale


@given(st.dates(date(2026, 6, 1), date(2026, 9, 1)), st.integers(0, 12), st.sampled_from(LatenessUnit))
def test_over_the_line_from_that_day_on_and_not_the_day_before(
    due_on: date, line: int, unit: LatenessUnit
) -> None:
    policy = JudgingPolicy(line, unit)
    deadline = Deadline(due_on, "UTC")

    def on(day: date) -> Row:
        standing = judge(
            fold(EU_DTC_STORY, policy),
            deadline,
            as_of=utc(f"{day} 12:00"),
            period=MAY,
            policy=policy,
            calendar=ENGLAND,
        )
        return replace(TEMPLATE, deadline=deadline, standing=standing, alert_after_days=line)

    far = on(due_on + timedelta(days=60))
    first = first_alerting_day(far, ENGLAND)
    assert first is not None
    assert on(first).standing.alerting
    assert not on(first - timedelta(days=1)).standing.alerting
    eve = on(first - timedelta(days=1))
    assert first_alerting_day(eve, ENGLAND) == (first if eve.standing.overdue else None)
    assert (first_alerting_day(far) is None) == (unit is LatenessUnit.WORKING_DAYS)
