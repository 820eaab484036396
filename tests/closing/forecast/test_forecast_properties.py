"""What holds for the forecast of any group (09-insight 9.4 and 9.6)."""

from __future__ import annotations

from datetime import date
from itertools import accumulate, combinations
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.workdays import WEEKDAYS, WorkdayCalendar
from closing.forecast.close_forecast import LAST_DAY, CloseForecast, forecast_close, still_open, summary_of
from closing.forecast.close_patterns import learn_patterns
from closing.forecast.group_chances import GroupMember, group_forecast, steps_ahead, steps_behind
from closing.forecast.past_closes import MonthKind, PastClose
from closing.forecast.stated_dates import combine
from tests.closing.forecast.golden_group import GOLDEN_GROUP, kind_at
from tests.closing.forecast.past_groups import mixed_group

_CHANCES = st.lists(st.floats(0, 1), min_size=LAST_DAY + 1, max_size=LAST_DAY + 1).map(
    lambda weights: [weight / sum(weights) if sum(weights) else 1 / len(weights) for weight in weights]
)
_HISTORIES = st.dictionaries(
    st.sampled_from(["UKHC", "UKRT", "USRT", "EUDTC", "DEMF"]),
    st.lists(st.none() | st.integers(1, 40), min_size=1, max_size=30).map(
        lambda days: [None if day is None else PastClose(day, kind_at(i)) for i, day in enumerate(days)]
    ),
    min_size=1,
)
_SEEDS = st.integers(0, 10**6)


@given(_HISTORIES, st.randoms(use_true_random=False))
def test_the_order_of_entities_does_not_matter(
    histories: dict[str, list[PastClose | None]], rng: object
) -> None:
    keys = list(histories)
    rng.shuffle(keys)  # type: ignore[attr-defined]
    assert (
        learn_patterns({key: histories[key] for key in keys}).entities == learn_patterns(histories).entities
    )


@given(_SEEDS)
def test_a_group_in_another_order_has_the_same_numbers_to_the_last_digit(seed: int) -> None:
    histories = mixed_group(8, seed).known
    one, other = learn_patterns(histories), learn_patterns(dict(reversed(histories.items())))
    for key in histories:
        for kind in MonthKind:
            assert forecast_close(one, key, kind) == forecast_close(other, key, kind)


@given(_HISTORIES, st.sampled_from(MonthKind), st.integers(0, 70))
def test_chances_are_whole_and_never_lie_before_the_first_day_left(
    histories: dict[str, list[PastClose | None]], kind: MonthKind, open_after: int
) -> None:
    patterns = learn_patterns(GOLDEN_GROUP | histories)
    for key in histories:
        forecast = forecast_close(patterns, key, kind, open_after=open_after)
        if isinstance(forecast, CloseForecast):
            assert sum(forecast.chances) == pytest.approx(1)
            assert min(forecast.chances) >= 0
            assert sum(forecast.chances[: min(open_after + 1, LAST_DAY)]) == 0


@given(_CHANCES, st.integers(0, LAST_DAY - 1))
def test_waiting_one_day_more_never_makes_a_close_by_any_day_likelier(
    chances: list[float], first: int
) -> None:
    now, later = (list(accumulate(still_open(chances, day))) for day in (first, first + 1))
    assert all(after <= before + 1e-9 for before, after in zip(now, later, strict=True))


@given(_CHANCES)
def test_no_shorter_range_holds_as_much(chances: list[float]) -> None:
    summary = summary_of(chances)
    assert sum(chances[summary.first : summary.last + 1]) == pytest.approx(summary.holds)
    assert summary.holds >= 0.8 - 1e-6
    width = summary.last - summary.first
    assert all(sum(chances[day : day + width]) < 0.8 for day in range(LAST_DAY + 2 - width))
    assert summary.likely <= summary.nine_in_ten_by


@given(st.lists(_CHANCES, min_size=1, max_size=4))
def test_a_group_of_one_calendar_is_the_product_of_its_entities(every: list[list[float]]) -> None:
    every = [still_open(chances, 1) for chances in every]
    forecast = group_forecast(GroupMember(chances, WEEKDAYS, date(2026, 5, 31)) for chances in every)
    for day in (1, 6, 20, LAST_DAY):
        by = prod(sum(chances[: day + 1]) for chances in every)
        assert forecast.by(WEEKDAYS.nth_workday_after(date(2026, 5, 31), day)) == pytest.approx(by)


def test_a_group_of_two_calendars_counts_each_in_its_own_days() -> None:
    on_day_one = [0.0, 1.0] + [0.0] * (LAST_DAY - 1)
    gulf = WorkdayCalendar("Gulf", weekend=frozenset({4, 5}))
    members = [
        GroupMember(on_day_one, calendar, date(2026, 6, 5)) for calendar in (WEEKDAYS, gulf)
    ]  # a Friday
    assert group_forecast(members[1:]).by(date(2026, 6, 7)) == 1
    forecast = group_forecast(members)
    assert forecast.by(date(2026, 6, 7)) == 0
    assert forecast.by(date(2026, 6, 8)) == 1


def test_a_group_without_open_entities_has_no_dates() -> None:
    assert group_forecast([]).dates == []


@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.floats(0.01, 1), min_size=1))
def test_no_other_choice_of_entities_helps_more_than_the_steps_ahead(on_time: dict[str, float]) -> None:
    as_it_is, steps = steps_ahead(on_time)
    assert as_it_is == pytest.approx(prod(on_time.values()))
    for count, step in enumerate(steps, start=1):
        best = max(
            prod(chance for key, chance in on_time.items() if key not in fixed)
            for fixed in combinations(on_time, count)
        )
        assert step.group == pytest.approx(best)
    assert len(steps) == 5 or len(steps) == len(on_time) or not steps or steps[-1].group >= 0.8 - 1e-9


@given(st.lists(st.frozensets(st.sampled_from("ABCDEFGH"), max_size=4), max_size=12))
def test_each_step_behind_is_the_best_next_one(late_in: list[frozenset[str]]) -> None:
    as_it_was, steps = steps_behind(late_in)
    assert as_it_was == sum(not late for late in late_in)
    fixed: set[str] = set()
    for step in steps:
        turned = {
            key: sum(late <= fixed | {key} for late in late_in) for key in frozenset().union(*late_in) - fixed
        }
        assert step.on_time == turned[step.key] == max(turned.values())
        assert step.late == sum(step.key in late for late in late_in)
        fixed.add(step.key)
    assert not steps or steps[-1].on_time > (steps[-2].on_time if len(steps) > 1 else as_it_was)
    assert len(steps) <= 5


def test_few_stated_dates_are_not_combined() -> None:
    assert combine([1.0], 5, [0] * 29) is None


@given(_CHANCES, st.integers(1, 20))
def test_a_stated_date_that_always_held_draws_the_forecast_to_it(chances: list[float], stated: int) -> None:
    chances = still_open(chances, 1)
    combined = combine(chances, stated, [0] * 300)
    assert combined is not None
    assert sum(combined) == pytest.approx(1)
    assert combined[stated] >= chances[stated] - 1e-9


def test_only_the_newest_three_hundred_statements_count() -> None:
    chances = still_open([1 / 61] * 61, 1)
    assert combine(chances, 5, [0] * 300 + [9] * 500) == combine(chances, 5, [0] * 300)
