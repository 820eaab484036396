"""Days to close, most often last, late together (09-insight 9.2), told with the cast."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from closing.judging.on_time import CloseOutcome
from closing.trends.close_records import CloseRecord
from closing.trends.days_to_close import (
    DaysTaken,
    LatePair,
    days_to_close,
    late_together,
    most_often_last,
)

CAST = ("UKHC", "UKRT", "USRT", "EUDTC")
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def closed(entity: str, day: int, month: date = MAY, *, late: bool = False) -> CloseRecord:
    """A close so many calendar days after the end of a month, for the tests one working day less."""
    ends = (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    outcome = CloseOutcome.MISSED if late else CloseOutcome.ON_TIME
    return CloseRecord(entity, month, outcome, ends + timedelta(days=day), day, day - 1)


def still_open(entity: str, month: date = MAY) -> CloseRecord:
    return CloseRecord(entity, month, CloseOutcome.MISSED)


def test_half_the_group_nine_of_ten_and_the_last_close() -> None:
    (may,) = days_to_close([closed(entity, day) for entity, day in zip(CAST, (5, 6, 8, 9), strict=True)])
    assert may.calendar_days == DaysTaken(middle=6, nine_in_ten=9, last=9)
    assert may.working_days == DaysTaken(middle=5, nine_in_ten=8, last=8)
    assert (may.closed, may.entities) == (4, 4)


def test_a_group_that_is_not_closed_has_no_last_day() -> None:
    (may,) = days_to_close([closed("UKHC", 5), closed("UKRT", 6), closed("USRT", 8), still_open("EUDTC")])
    assert may.calendar_days == DaysTaken(middle=6, nine_in_ten=None, last=None)
    assert (may.closed, may.entities) == (3, 4)


def test_ten_entities_have_nine_of_ten_closed_with_the_ninth() -> None:
    (may,) = days_to_close(closed(f"E{day}", day) for day in range(1, 11))
    assert may.calendar_days == DaysTaken(middle=5, nine_in_ten=9, last=10)


def test_a_month_with_other_entities_is_marked() -> None:
    taken = days_to_close([closed("UKHC", 5), closed("UKHC", 5, JUNE), closed("NEWCO", 7, JUNE)])
    assert [(month.month, month.changed) for month in taken] == [(MAY, False), (JUNE, True)]


def test_entities_that_closed_last_on_one_day_share_the_month() -> None:
    often = most_often_last([
        closed("UKHC", 5), closed("USRT", 9), closed("EUDTC", 9),
        closed("UKHC", 5, JUNE), closed("USRT", 6, JUNE), closed("EUDTC", 9, JUNE),
    ])  # fmt: skip
    assert (often.months, often.left_out) == (2, 0)
    assert often.times == [("EUDTC", 2), ("USRT", 1)]


def test_a_month_with_an_open_or_unknown_member_is_left_out_and_counted() -> None:
    unknown = CloseRecord("UKHC", JUNE, CloseOutcome.UNKNOWN)
    often = most_often_last([closed("UKHC", 5), still_open("EUDTC"), closed("EUDTC", 9, JUNE), unknown])
    assert (often.months, often.left_out, often.times) == (0, 2, [])


def late_months(entity: str, months: str) -> Iterator[CloseRecord]:
    """One record for each mark: "x" is late, "." is on time."""
    for number, mark in enumerate(months):
        yield closed(entity, 5, date(2026, 1 + number, 1), late=mark == "x")


def test_two_that_are_always_late_together_are_a_pair() -> None:
    records = [
        *late_months("USRT", "xx.xx."),
        *late_months("EUDTC", "xx.x.."),
        *late_months("UKRT", "..x..x"),
    ]
    assert late_together(records) == [LatePair("EUDTC", "USRT", together=3, either=4)]


def test_two_late_together_in_half_of_their_late_months_are_not_a_pair() -> None:
    assert late_together([*late_months("USRT", "xxxx.."), *late_months("EUDTC", ".xxxxx")]) == []


def test_two_late_together_twice_are_not_a_pair() -> None:
    assert late_together([*late_months("USRT", "xx...."), *late_months("EUDTC", "xx....")]) == []


@given(st.dictionaries(st.sampled_from(CAST), st.text("x.", min_size=8, max_size=8)))
def test_pairs_are_those_of_a_count_by_hand(marks: dict[str, str]) -> None:
    records = [record for entity, months in marks.items() for record in late_months(entity, months)]
    expected = set()
    for (first, one), (second, other) in combinations(sorted(marks.items()), 2):
        both = sum(a == b == "x" for a, b in zip(one, other, strict=True))
        either = sum("x" in pair for pair in zip(one, other, strict=True))
        if both >= 3 and 3 * both >= 2 * either:
            expected.add(LatePair(first, second, both, either))
    assert set(late_together(records)) == expected
