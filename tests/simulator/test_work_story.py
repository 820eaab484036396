"""Work is finished by the clock, by a play or at the control door, and setting the clock back replays it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.app import build
from simulator.world.situations import day_of, items_of, moment_of, situations
from simulator.world.story import Story
from simulator.world.times import instant
from simulator.world.work import Balance, Inventory, Journal, movements, spread
from tests.hypothesis_profiles import examples
from tests.simulator.erp_clients import Erps

MAY = (2026, 5)


def lines(story: Story, now: str, company: str = "NLDT") -> int:
    """The lines that a close would have to post: no templates, nothing posted."""
    work = story.at(instant(now)).work[company]
    return sum(len(one.lines) for one in work.of(Journal) if not one.posted and one.type != "Periodic")


@pytest.mark.parametrize(
    ("now", "left"),
    [
        ("2026-06-01T12:00:00Z", 61),
        ("2026-06-12T12:00:00Z", 61),
        ("2026-06-15T09:00:00Z", 39),
        ("2026-06-16T12:00:00Z", 21),
        ("2026-06-16T13:00:00Z", 16),
        ("2026-06-17T09:00:00Z", 0),
    ],
)
def test_eu_dtc_posts_its_lines_as_its_close_goes_on(erps: Erps, now: str, left: int) -> None:
    erps.sim.set_clock(now)
    unposted = "IsPosted eq Microsoft.Dynamics.DataEntities.NoYes'No' and JournalName eq 'GenJrn'"
    path = f"/data/LedgerJournalHeaders?cross-company=true&$filter={unposted}&$expand=LedgerJournalLine"
    rows = [row for row in erps.rows(path) if row["dataAreaId"] == "nldt"]
    assert sum(len(row["LedgerJournalLine"]) for row in rows) == left


def test_on_12_june_only_two_companies_have_work_left() -> None:
    story = build("worked_example", "2026-06-12T12:00:00Z").story
    at = instant("2026-06-12T12:00:00Z")
    left = {
        code
        for code, work in story.at(at).work.items()
        if any(not one.posted and one.type != "Periodic" and one.lines for one in work.of(Journal))
    }
    assert left == {"NLDT", "IEOP"}


def test_play_goes_step_by_step_and_ends_with_a_sentence(erps: Erps) -> None:
    def standing() -> tuple[int, str, bool]:
        work = erps.sim.call("GET", "work")["NLDT"]
        open_lines = sum(
            one["lines"]
            for one in work
            if one["kind"] == "journal" and one["type"] == "Daily" and not one["posted"]
        )
        (owed,) = [one["amount"] for one in work if one["kind"] == "balance"]
        (closed,) = [one["closed"] for one in work if one["number"] == "month"]
        return open_lines, owed, closed

    seen = [standing()]
    for _ in range(6):
        erps.sim.play("NLDT")
        seen.append(standing())
    assert [one[0] for one in seen] == [61, 49, 39, 21, 0, 0, 0]
    assert [one[1] for one in seen[-3:]] == ["127000", "126360", "126360"]
    assert [one[2] for one in seen[-2:]] == [False, True]
    with pytest.raises(ValueError, match="the play of NLDT has 0 more steps"):
        erps.sim.play("NLDT")
    erps.sim.clear()
    assert standing() == seen[0]
    erps.sim.play("NLDT", steps=6)
    assert standing() == seen[-1]


def test_play_of_a_company_of_business_central_finishes_everything(erps: Erps) -> None:
    erps.sim.play("IEOP", steps=8)
    work = {one["number"]: one for one in erps.sim.call("GET", "work")["IEOP"]}
    documents = [one for one in work.values() if one["kind"] == "document"]
    assert {one["status"] for one in documents} == {"posted"}
    assert {one["handled"] for one in work.values() if one["kind"] == "transaction"} == {True}
    assert (work["month"]["closed"], work["unadjusted"]["count"], work["DEFAULT"]["posted"]) == (
        True,
        0,
        True,
    )


def test_setting_the_clock_back_replays_the_work() -> None:
    simulator = build("worked_example", "2026-06-12T12:00:00Z")
    before, after = "2026-06-12T11:59:59Z", "2026-06-20T00:00:00Z"
    first = [simulator.story.at(instant(now)).work for now in (before, after, before)]
    assert first[0] == first[2] != first[1]
    other = build("worked_example", "2026-06-12T12:00:00Z")
    assert other.story.at(instant(after)).work == first[1]


def test_step_set_by_hand_happens_at_the_clocks_instant(erps: Erps) -> None:
    erps.sim.set_work("NLDT", month="2026-05", situation=["unposted_50", "no_inventory_close"])
    erps.sim.set_work("NLDT", change={"NLDT-000512": {"workflow": "Approved", "in_use_by": "s.jansen"}})
    erps.sim.set_work("NLDT", work=[{"kind": "journal", "number": "X", "lines": [{"count": 3, "debit": 9}]}])
    erps.sim.set_work("NLDT", remove="NLDT-000513")
    work = {one["number"]: one for one in erps.sim.call("GET", "work")["NLDT"]}
    assert list(work) == ["NLDT-000512", "previous", "month", "X"]
    assert (work["NLDT-000512"]["workflow"], work["NLDT-000512"]["in_use_by"]) == ("Approved", "s.jansen")
    assert work["X"]["lines"] == 3
    erps.sim.set_clock("2026-06-12T11:00:00Z")
    assert "NLDT-000412" in {one["number"] for one in erps.sim.call("GET", "work")["NLDT"]}


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"situation": "nothing"}, "there is no situation 'nothing'"),
        ({"work": [{"kind": "poem"}]}, "there is no work of the kind 'poem'"),
        ({"work": [{"kind": "journal", "rhyme": 1}]}, "a journal has no rhyme"),
        ({"work": [{"kind": "journal", "posted": "yes"}]}, "'yes' is not true or false"),
        ({"change": {"NLDT-000412": {"rhyme": 1}}}, "no kind of work has rhyme"),
        ({"change": {"NLDT-000412": {"balance": 1}}}, "no kind of work has balance"),
        ({"change": {"NLDT-000412": {"partner": "UKRT"}}}, "partner"),
        ({"finish": "*", "month": "May"}, "'May' is not a month"),
        ({"snapshot": "soon"}, "soon"),
    ],
)
def test_a_mistake_in_a_step_is_one_sentence_and_changes_nothing(
    erps: Erps, step: dict[str, Any], sentence: str
) -> None:
    before = erps.sim.call("GET", "work")
    with pytest.raises(ValueError, match=sentence):
        erps.sim.set_work("NLDT", **step)
    assert erps.sim.call("GET", "work") == before


@pytest.mark.parametrize("name", sorted(situations()))
def test_every_situation_can_be_put_into_any_month(name: str) -> None:
    for month in ((2024, 2), (2026, 12)):
        items = items_of(situations()[name]["work"], "NLDT", month)
        assert len({(type(one), one.number) for one in items}) == len(items)
        assert "{" not in "".join(one.number for one in items)
    assert situations()[name]["about"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("end", date(2026, 5, 31)),
        ("start + 4", date(2026, 5, 5)),
        ("previous end", date(2026, 4, 30)),
        ("next start", date(2026, 6, 1)),
        ("next end - 2", date(2026, 6, 28)),
        ("2031-12-31", date(2031, 12, 31)),
        ("none", None),
        (None, None),
    ],
)
def test_days_are_relative_to_the_month(text: str | None, day: date | None) -> None:
    assert day_of(text, MAY) == day


def test_moments_are_days_with_a_time() -> None:
    assert moment_of("next start + 2 01:00", MAY) == datetime(2026, 6, 3, 1, tzinfo=UTC)
    assert moment_of("2026-06-03T01:00:00+02:00", MAY) == datetime(2026, 6, 2, 23, tzinfo=UTC)


@examples(50)
@given(st.integers(1, 200), st.decimals(0, 10**7, places=2))
def test_lines_balance_to_the_cent(count: int, debit: Decimal) -> None:
    amounts = spread(count, debit)
    assert len(amounts) == count
    assert sum(amount for amount in amounts if amount > 0) == debit
    assert sum(amounts) == (0 if count > 1 else debit)


@examples(50)
@given(st.decimals(-(10**7), 10**7, places=2), st.integers(1, 13))
def test_a_balance_is_its_opening_and_its_movements(amount: Decimal, count: int) -> None:
    opening, booked = movements(Balance("UKRT", amount=amount), count)
    assert len(booked) == count
    assert opening + sum(booked) == amount


def test_the_demo_posts_its_lines_and_begins_again() -> None:
    simulator = build("demo", "2026-06-12T12:00:00Z")
    left = {"12:19": 61, "12:20": 39, "12:21": 0, "12:34": 0, "12:35": 61, "12:49": 61, "12:50": 39}
    assert {minute: lines(simulator.story, f"2026-06-12T{minute}:30Z") for minute in left} == left
    work = simulator.story.at(instant("2026-06-12T12:30:00Z")).work["NLDT"]
    assert [one.closed for one in work.of(Inventory)] == [True, True]
    assert work.snapshot == instant("2026-06-12T12:22:30Z")
