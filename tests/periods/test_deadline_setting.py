"""Deadlines set for periods: whose rule, on which calendar, and when a later agreement moves them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.facts.period_remarks import current_remarks
from entities.models import LegalEntity
from periods.deadline_setting import DeadlinesResult, set_deadlines
from periods.lookups import remarks_and_next
from periods.models import AgreedDate, FiscalPeriod, PeriodDeadline
from tests import sample_entities
from tests.builders import utc
from tests.periods.model_builders import (
    calendar,
    in_force,
    months,
    period,
    policy,
    top_group,
    workday,
)

pytestmark = pytest.mark.django_db
MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)
FIRST_READ = utc("2026-06-01 12:00")


def agree(
    of: LegalEntity, due_on: date, set_at: datetime, reason: str = "new warehouse system"
) -> AgreedDate:
    return AgreedDate.objects.create(
        entity=of, reporting_month=MAY, due_on=due_on, reason=reason, agreed_by="R. Bell", set_at=set_at
    )


def test_the_worked_example(entities: dict[str, LegalEntity]) -> None:
    agree(entities["USRT"], date(2026, 6, 11), datetime(2026, 11, 20, tzinfo=UTC))
    may = {code: months(one, MAY, MAY)[0] for code, one in entities.items()}
    assert set_deadlines(None, FIRST_READ) == DeadlinesResult(4, [])
    for who in sample_entities.FOUR_ENTITIES:
        row = in_force(may[who.code])
        assert (row.due_on.isoformat(), row.label, row.explanation) == (
            who.due_on,
            who.label,
            who.explanation,
        )
        assert (row.zone, row.cut_off, row.set_at) == (who.zone, None, FIRST_READ)
    assert in_force(may["USRT"]).agreed_date is not None
    assert in_force(may["USRT"]).policy_version is None
    assert in_force(may["NLDT"]).policy_version == top_group().policy.versions.get()


def test_a_second_run_writes_nothing(entities: dict[str, LegalEntity]) -> None:
    months(entities["UKHC"], date(2025, 1, 1), date(2026, 12, 1))
    assert set_deadlines([entities["UKHC"].id], FIRST_READ).rows == 24
    assert set_deadlines([entities["UKHC"].id], FIRST_READ + timedelta(days=1)).rows == 0
    assert PeriodDeadline.objects.count() == 24


def test_only_the_entities_asked_for_and_only_operating_periods(entities: dict[str, LegalEntity]) -> None:
    months(entities["UKHC"], MAY, MAY)
    period(entities["UKHC"], MAY, date(2026, 5, 31), type="closing")
    months(entities["UKRT"], MAY, MAY)
    assert set_deadlines([entities["UKHC"].id], FIRST_READ).rows == 1
    assert set_deadlines([], FIRST_READ).rows == 0
    assert set_deadlines(None, FIRST_READ).rows == 1


def test_a_changed_policy_moves_what_is_not_past(entities: dict[str, LegalEntity]) -> None:
    april, may, june = months(entities["UKHC"], date(2026, 4, 1), JUNE)
    set_deadlines(None, FIRST_READ)
    newer = policy(top_group(), **workday(8, 0), set_at=utc("2026-06-04 09:00"))
    assert set_deadlines(None, utc("2026-06-04 09:00")).rows == 2
    assert in_force(april).due_on == date(2026, 5, 12)  # past by then: it stays
    assert in_force(may).due_on == date(2026, 6, 11)
    assert in_force(may).policy_version == newer
    assert in_force(june).due_on == date(2026, 7, 13)
    old = may.deadlines.get(current=False)
    assert (old.due_on, old.set_at) == (date(2026, 6, 9), FIRST_READ)


def test_past_is_past_at_the_cut_off_in_the_entity_s_zone(entities: dict[str, LegalEntity]) -> None:
    top = top_group()
    policy(top, **workday(6, 0, cut_off=time(18)))
    [may] = months(entities["USRT"], MAY, MAY)
    set_deadlines(None, FIRST_READ)
    assert in_force(may).explanation.endswith("Tue 9 June 2026, 18:00 New York time")
    policy(top, **workday(8, 0))
    assert set_deadlines(None, utc("2026-06-09 22:00")).rows == 0  # 18:00 in New York
    assert set_deadlines(None, utc("2026-06-09 21:59")).rows == 1


def test_a_wording_that_comes_to_the_same_deadline_sets_none(entities: dict[str, LegalEntity]) -> None:
    months(entities["UKHC"], MAY, JULY)
    set_deadlines(None, FIRST_READ)
    policy(top_group(), **workday(6, 0), alert_after_days=3)
    assert set_deadlines(None, FIRST_READ + timedelta(days=1)).rows == 0


def test_an_agreed_date_replaces_a_deadline_that_is_not_past(entities: dict[str, LegalEntity]) -> None:
    [may] = months(entities["USRT"], MAY, MAY)
    set_deadlines(None, FIRST_READ)
    agreed = agree(entities["USRT"], date(2026, 6, 11), utc("2026-06-08 09:00"))
    assert set_deadlines(None, utc("2026-06-08 09:00")).rows == 1
    assert (in_force(may).due_on, in_force(may).agreed_date) == (date(2026, 6, 11), agreed)
    assert may.deadlines.get(current=False).due_on == date(2026, 6, 9)
    # no policy moves it again, a newer agreement does
    policy(entities["USRT"], **workday(9))
    assert set_deadlines(None, utc("2026-06-08 10:00")).rows == 0
    agree(entities["USRT"], date(2026, 6, 15), utc("2026-06-11 11:00"), reason="stocktaking")
    assert set_deadlines(None, utc("2026-06-11 11:00")).rows == 1
    assert in_force(may).explanation == "agreed date: Mon 15 June 2026, agreed by R. Bell (stocktaking)"


@pytest.mark.parametrize(
    ("entered", "due_on"),
    [
        ("2026-06-10 04:00", date(2026, 6, 12)),  # the deadline ended at midnight in New York
        ("2026-06-30 09:00", date(2026, 7, 15)),
        ("2026-06-08 09:00", date(2026, 6, 5)),  # before the deadline, for a day that is past
    ],
)
def test_an_agreed_date_moves_no_past(entities: dict[str, LegalEntity], entered: str, due_on: date) -> None:
    [may] = months(entities["USRT"], MAY, MAY)
    set_deadlines(None, FIRST_READ)
    agree(entities["USRT"], due_on, utc(entered))
    assert set_deadlines(None, utc(entered)).rows == 0
    assert (in_force(may).due_on, in_force(may).label) == (date(2026, 6, 9), "WD6")
    policy(entities["USRT"], **workday(9))
    assert set_deadlines(None, utc("2026-07-01 09:00")).rows == 0
    remarks_of, _ = remarks_and_next([may.pk], utc("2026-07-01 09:00"))
    remarks = current_remarks(remarks_of[may.pk])
    assert (remarks.expected_on, remarks.expected_by) == (due_on, "R. Bell")


def test_an_agreement_in_force_stays_whenever_it_was_entered(entities: dict[str, LegalEntity]) -> None:
    """An earlier version of Closeboard let a later agreement replace a past deadline."""
    [may] = months(entities["USRT"], MAY, MAY)
    set_deadlines(None, FIRST_READ)
    agreed = agree(entities["USRT"], date(2026, 6, 30), utc("2026-06-12 09:00"))
    may.deadlines.update(current=False)
    PeriodDeadline.objects.create(
        period=may,
        due_on=agreed.due_on,
        zone="America/New_York",
        label="agreed",
        explanation="agreed date: Tue 30 June 2026, agreed by R. Bell (new warehouse system)",
        agreed_date=agreed,
        set_at=utc("2026-06-12 09:00"),
    )
    assert set_deadlines(None, utc("2026-06-13 09:00")).rows == 0
    assert in_force(may).due_on == date(2026, 6, 30)


def test_an_agreed_date_is_for_its_month_only(entities: dict[str, LegalEntity]) -> None:
    agree(entities["USRT"], date(2026, 6, 11), FIRST_READ)
    _, june = months(entities["USRT"], MAY, JUNE)
    set_deadlines(None, FIRST_READ)
    assert in_force(june).label == "WD6"


def test_period_dates_edited_in_the_erp_give_a_new_deadline(entities: dict[str, LegalEntity]) -> None:
    [may] = months(entities["UKHC"], MAY, MAY)
    set_deadlines(None, FIRST_READ)
    FiscalPeriod.objects.filter(id=may.id).update(last_day=date(2026, 5, 29))
    assert set_deadlines(None, FIRST_READ + timedelta(days=1)).rows == 1
    assert in_force(may).explanation.startswith("6th working day after Fri 29 May 2026")
    FiscalPeriod.objects.filter(id=may.id).update(last_day=date(2026, 5, 31))
    assert set_deadlines(None, utc("2026-06-20 12:00")).rows == 0  # past by now


def test_what_was_set_later_stays_and_one_moment_sets_once(entities: dict[str, LegalEntity]) -> None:
    [july] = months(entities["UKHC"], JULY, JULY)
    set_deadlines(None, FIRST_READ)
    policy(top_group(), **workday(8))
    assert set_deadlines(None, FIRST_READ).rows == 0
    assert set_deadlines(None, FIRST_READ - timedelta(days=1)).rows == 0
    assert in_force(july).label == "WD6"


def test_quarter_and_year_ends_by_the_entity_s_own_year(entities: dict[str, LegalEntity]) -> None:
    policy(top_group(), **workday(6, n_quarter_end=8, n_year_end=10))
    ukhc = entities["UKHC"]
    LegalEntity.objects.filter(id=ukhc.id).update(year_end_month=4)
    made = months(ukhc, date(2026, 4, 1), JULY)
    set_deadlines(None, utc("2026-04-01 12:00"))
    labels = [in_force(one).label for one in made]
    assert labels == ["WD10", "WD6", "WD6", "WD8"]


def test_no_rule_no_deadline(entities: dict[str, LegalEntity]) -> None:
    top_group().policy.delete()
    months(entities["UKHC"], MAY, MAY)
    assert set_deadlines(None, FIRST_READ) == DeadlinesResult(0, [])


def test_a_calendar_that_runs_out_is_told_and_nothing_is_guessed(entities: dict[str, LegalEntity]) -> None:
    ukhc = entities["UKHC"]
    LegalEntity.objects.filter(id=ukhc.id).update(calendar=calendar("LK", "Sri Lanka", "LK"))
    months(ukhc, date(2026, 10, 1), date(2027, 1, 1))
    told = set_deadlines(None, FIRST_READ)
    assert told.rows == 2
    assert told.warnings == [
        "The Sri Lanka calendar has no holidays for 2027: 2 periods have no deadline set."
    ]


@pytest.mark.parametrize(("last", "june"), [(date(2026, 6, 30), True), (date(2026, 6, 29), False)])
def test_only_months_on_whose_last_day_the_entity_is_active(
    last: date, june: bool, entities: dict[str, LegalEntity]
) -> None:
    ukhc = entities["UKHC"]
    LegalEntity.objects.filter(id=ukhc.id).update(active_from=date(2026, 5, 15), active_to=last)
    made = months(ukhc, date(2026, 4, 1), JULY)
    set_deadlines(None, FIRST_READ)
    assert [one.deadlines.exists() for one in made] == [False, True, june, False]


def test_a_fixed_number_of_queries(entities: dict[str, LegalEntity]) -> None:
    def queries(as_of: datetime) -> int:
        with CaptureQueriesContext(connection) as asked:
            set_deadlines(None, as_of)
        return len(asked)

    months(entities["UKHC"], MAY, MAY)
    few = queries(FIRST_READ)
    for one in entities.values():
        months(one, date(2026, 6, 1), date(2027, 4, 1))
    assert queries(FIRST_READ + timedelta(days=1)) == few
