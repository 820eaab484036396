"""Policies laid over each other: entity over group over parent group."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from closing.calendar.deadlines import CalendarDayRule, DayOfMonthRule, WorkdayRule
from closing.judging.standing import JudgingPolicy, LatenessUnit
from entities.models import LegalEntity
from periods.models import DeadlinePolicy, PolicyVersion
from periods.policies import NO_POLICY, EffectivePolicy, combine_policies, effective_policies
from tests.periods.model_builders import policy, save_four_entities, top_group, workday


def in_force(*entities: LegalEntity, as_of: datetime | None = None) -> list[EffectivePolicy]:
    found = effective_policies([(one.id, one.group.path) for one in entities], as_of=as_of)
    return [found[one.id] for one in entities]


@pytest.mark.django_db
def test_where_nobody_says_anything() -> None:
    [ukhc] = in_force(save_four_entities()["UKHC"])
    assert ukhc == NO_POLICY
    assert (ukhc.rule, ukhc.judging) == (None, JudgingPolicy(5, LatenessUnit.CALENDAR_DAYS, False))


@pytest.mark.django_db
def test_entity_over_group_over_parent_group() -> None:
    cast = save_four_entities()
    ukhc, usrt, nldt = cast["UKHC"], cast["USRT"], cast["NLDT"]
    top = policy(top_group(), **workday(6, 0, n_year_end=10, cut_off=time(18)), alert_after_days=4)
    policy(usrt.group, lateness_unit="working_days", ledger_restricted_means_on_hold=True)
    own = policy(nldt, rule="day_of_month", n=15, on_hold_counts_as_closed=True)

    plain, american, dutch = in_force(ukhc, usrt, nldt)
    assert plain.rule == WorkdayRule(6, first_is=0, n_year_end=10)
    assert (plain.cut_off, plain.version_id, plain.name, plain.number) == (
        time(18),
        top.id,
        "Meridian Group close",
        1,
    )
    assert plain.judging == JudgingPolicy(4, LatenessUnit.CALENDAR_DAYS, False)
    # a group below that says nothing about the rule takes it whole from above
    assert (american.rule, american.version_id) == (plain.rule, top.id)
    assert american.judging == JudgingPolicy(4, LatenessUnit.WORKING_DAYS, False)
    assert american.ledger_restricted_means_on_hold
    # a rule of one's own brings its own cut-off, also none; the rest still comes from above
    assert (dutch.rule, dutch.cut_off, dutch.version_id) == (DayOfMonthRule(15), None, own.id)
    assert dutch.judging == JudgingPolicy(4, LatenessUnit.CALENDAR_DAYS, True)


@pytest.mark.django_db
def test_the_newest_version_counts_and_a_past_moment_sees_its_own() -> None:
    [ukhc, *_] = save_four_entities().values()
    policy(ukhc.group, set_at=datetime(2026, 3, 1, tzinfo=UTC), **workday(6))
    policy(ukhc.group, set_at=datetime(2026, 5, 1, tzinfo=UTC), rule="calendar_day", n=10)
    assert [one.rule for one in in_force(ukhc)] == [CalendarDayRule(10)]
    for month, rule in ((1, WorkdayRule(6)), (4, WorkdayRule(6)), (6, CalendarDayRule(10))):
        assert in_force(ukhc, as_of=datetime(2026, month, 1, tzinfo=UTC))[0].rule == rule


@pytest.mark.django_db
def test_one_query_however_many(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    cast = save_four_entities()
    for one in cast.values():
        policy(one, alert_after_days=3)
    with django_assert_num_queries(1):
        found = effective_policies([(one.id, one.group.path) for one in cast.values()] * 100)
    assert {one.judging.alert_after_days for one in found.values()} == {3}


said: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "alert_after_days": st.none() | st.integers(0, 9),
        "lateness_unit": st.none() | st.sampled_from(["calendar_days", "working_days"]),
        "on_hold_counts_as_closed": st.none() | st.booleans(),
        "ledger_restricted_means_on_hold": st.none() | st.booleans(),
        "overdue_reason_required": st.none() | st.booleans(),
        "n": st.none() | st.integers(1, 20),
        "cut_off": st.none() | st.just(time(18)),
    }
)


@given(st.lists(said, max_size=4))
def test_each_choice_is_that_of_the_nearest_who_made_it(levels: list[dict[str, Any]]) -> None:
    wordings = [
        PolicyVersion(
            id=at,
            policy=DeadlinePolicy(name=str(at)),
            number=1,
            rule=None if words["n"] is None else "workday",
            n_quarter_end=None,
            n_year_end=None,
            first_is=None,
            **(words | ({"cut_off": None} if words["n"] is None else {})),
        )
        for at, words in enumerate(levels)
    ]
    policy_in_force = combine_policies(wordings)

    def nearest(choice: str, default: object) -> object:
        return next((words[choice] for words in reversed(levels) if words[choice] is not None), default)

    assert policy_in_force.judging.alert_after_days == nearest("alert_after_days", 5)
    assert policy_in_force.judging.unit == nearest("lateness_unit", "calendar_days")
    assert policy_in_force.judging.on_hold_counts_as_closed == nearest("on_hold_counts_as_closed", False)
    assert policy_in_force.ledger_restricted_means_on_hold == nearest(
        "ledger_restricted_means_on_hold", False
    )
    assert policy_in_force.overdue_reason_required == nearest("overdue_reason_required", False)
    who = next((at for at in reversed(range(len(levels))) if levels[at]["n"] is not None), None)
    assert policy_in_force.version_id == who
    assert policy_in_force.cut_off == (None if who is None else levels[who]["cut_off"])
