"""The rule tables of 01-domain 1.2, row by row, and what every window must come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import DateSpan
from closing.calendar.instants import zone_named
from closing.facts.base import DerivedState, PeriodState
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import NO_MODULE_RESTRICTED, NOBODY_CAN_POST, FinopsFacts
from closing.judging.states import because_today
from tests.closing.core_builders import CLOSED, MAY, NOT_STARTED, ON_HOLD, OPEN, UNKNOWN
from tests.hypothesis_profiles import examples

JUNE = DateSpan(date(2026, 6, 1), date(2026, 6, 30))
TODAY = date(2026, 6, 12)
MODULES = (
    "Ledger Tax Bank Cust Vend Sales Purch Invent Prod Project FixedAssets Payroll Expense FixedAssets_RU "
    "Retail ITM"
)
ALL_OPEN: dict[str, str | None] = dict.fromkeys(MODULES.split(), "All")


def from_finops(facts: FinopsFacts, *, ledger_restricted_means_on_hold: bool = False) -> DerivedState:
    """The state of May on TODAY."""
    options = frozenset({"ledger_restricted_means_on_hold"} if ledger_restricted_means_on_hold else ())
    return facts.state(MAY, at=noon(TODAY), zone=zone_named("UTC"), options=options)


def from_posting_window(span: DateSpan, facts: PostingWindowFacts, *, today: date) -> DerivedState:
    return facts.state(span, at=noon(today), zone=zone_named("UTC"), options=frozenset())


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


# --- Finance & Operations


@pytest.mark.parametrize("access", [{}, ALL_OPEN, {**ALL_OPEN, "Ledger": None}])
def test_open_with_all_modules_is_open(access: dict[str, str | None]) -> None:
    assert from_finops(FinopsFacts("Open", access)) == DerivedState(OPEN, NO_MODULE_RESTRICTED, "F&O-1")


def test_open_with_ledger_for_a_group_and_vendor_for_nobody_is_open_with_two_modules_restricted() -> None:
    facts = FinopsFacts("Open", {**ALL_OPEN, "Vend": "None", "Ledger": "User"}, {"Ledger": "FINCLOSE"})
    found = from_finops(facts)
    assert (found.state, found.rule, found.flags) == (OPEN, "F&O-2", ("restricted_modules",))
    assert found.because == ("two modules restricted: Ledger only for user group FINCLOSE, Vendor for nobody")


def test_a_policy_may_take_a_restricted_ledger_for_on_hold() -> None:
    facts = FinopsFacts("Open", {**ALL_OPEN, "Ledger": "User"}, {"Ledger": "FINCLOSE"})
    found = from_finops(facts, ledger_restricted_means_on_hold=True)
    assert (found.state, found.flags) == (ON_HOLD, ("restricted_modules",))
    assert "FINCLOSE" in found.because
    assert "by policy" in found.because
    assert from_finops(facts).state is OPEN


def test_the_policy_looks_at_the_ledger_module_alone() -> None:
    facts = FinopsFacts("Open", {**ALL_OPEN, "Vend": "None"})
    found = from_finops(facts, ledger_restricted_means_on_hold=True)
    assert (found.state, found.because) == (OPEN, "one module restricted: Vendor for nobody")


def test_modules_are_named_in_words_and_unknown_ones_as_they_are() -> None:
    prefixes = "Vend Cust Sales Purch Invent Prod FixedAssets FixedAssets_RU ITM Quality"
    because = from_finops(FinopsFacts("Open", dict.fromkeys(prefixes.split(), "None"))).because
    words = (
        "Customer, Fixed assets, Fixed assets (RU), Inventory, Landed cost, Production, Purchasing, Quality, "
        "Sales, Vendor"
    )
    listed = because.removeprefix("ten modules restricted: ")
    assert listed == words.replace(",", " for nobody,") + " for nobody"


def test_a_user_group_without_a_name_is_still_a_restriction() -> None:
    found = from_finops(FinopsFacts("Open", {"Bank": "User"}))
    assert found.because == "one module restricted: Bank only for a user group"


@pytest.mark.parametrize("access", [{}, {"Ledger": "None"}, {"Ledger": "Everybody"}])
def test_on_hold_and_closed_are_not_widened_by_module_access(access: dict[str, str | None]) -> None:
    assert from_finops(FinopsFacts("OnHold", access)).state is ON_HOLD
    found = from_finops(FinopsFacts("Closed", access))
    assert (found.state, found.because, found.flags) == (CLOSED, NOBODY_CAN_POST, ("permanent",))


def test_no_status_row_is_unknown() -> None:
    assert from_finops(FinopsFacts(None)) == DerivedState(UNKNOWN, "no status row for this ledger", "F&O-5")


@pytest.mark.parametrize("status", ["open", "Frozen", "", " Open", "CLOSED", "Onhold", "1", 1, True])
def test_a_status_that_is_not_exactly_a_known_word_is_unknown_and_quoted(status: Any) -> None:
    found = from_finops(FinopsFacts(status))
    assert (found.state, found.rule) == (UNKNOWN, "F&O-5")
    assert (f'"{status}"' if isinstance(status, str) else str(status)) in found.because


@pytest.mark.parametrize("word", ["all", "none", "UserGroup", "", 0])
def test_an_open_period_with_an_access_word_nobody_knows_is_unknown(word: Any) -> None:
    found = from_finops(FinopsFacts("Open", {**ALL_OPEN, "Vend": word}), ledger_restricted_means_on_hold=True)
    assert (found.state, found.rule) == (UNKNOWN, "F&O-5")
    assert "Vendor" in found.because
    assert str(word) in found.because


@given(
    st.none() | st.sampled_from(["Open", "OnHold", "Closed"]) | st.text(max_size=8),
    st.dictionaries(st.sampled_from(list(ALL_OPEN)), st.sampled_from(["All", "None", "User", None, "Some"])),
    st.booleans(),
)
def test_any_facts_of_finance_and_operations_give_one_verdict(
    status: str | None, access: dict[str, str | None], policy: bool
) -> None:
    found = from_finops(FinopsFacts(status, access), ledger_restricted_means_on_hold=policy)
    assert found.because
    assert (found.state is CLOSED) == (status == "Closed")
    if found.state is OPEN:
        assert status == "Open"
        assert "Some" not in access.values()


# --- Business Central


def window(lower: str, upper: str, **flags: Any) -> PostingWindowFacts:
    return PostingWindowFacts(
        date.fromisoformat(lower) if lower else None, date.fromisoformat(upper) if upper else None, **flags
    )


def test_may_against_from_1_june_is_closed() -> None:
    found = from_posting_window(MAY, window("2026-06-01", ""), today=TODAY)
    assert found == DerivedState(
        CLOSED, "posting allowed only from 1 June 2026", "BC-1", ("by_posting_range", "to_blank_or_formula")
    )


def test_both_bounds_blank_is_open_and_flagged() -> None:
    found = from_posting_window(MAY, window("", ""), today=TODAY)
    assert found == DerivedState(
        OPEN, "no limit, or a date formula that the API hides", "BC-6", ("unrestricted_or_formula",)
    )


@pytest.mark.parametrize(
    ("lower", "upper", "state", "rule", "flags", "because"),
    [
        ("2026-06-01", "2026-06-30", CLOSED, "BC-1", ("by_posting_range",), "only from 1 June 2026"),
        (
            "",
            "2026-04-30",
            CLOSED,
            "BC-3",
            ("by_posting_range", "window_before_period", "from_blank_or_formula"),
            "only to 30 April 2026",
        ),
        ("2026-05-01", "2026-05-31", OPEN, "BC-4", (), "posting allowed from 1 May 2026 to 31 May 2026"),
        ("2026-05-01", "", OPEN, "BC-4", ("to_blank_or_formula",), "posting allowed from 1 May 2026"),
        ("", "2026-05-31", OPEN, "BC-4", ("from_blank_or_formula",), "posting allowed to 31 May 2026"),
        ("2026-05-15", "", ON_HOLD, "BC-5", ("partial", "to_blank_or_formula"), "15 May 2026 to 31 May 2026"),
        ("2026-05-02", "2026-06-30", ON_HOLD, "BC-5", ("partial",), "2 May 2026 to 31 May 2026"),
        ("", "2026-05-01", ON_HOLD, "BC-5", ("partial", "from_blank_or_formula"), "1 May 2026 only"),
        ("2026-05-10", "2026-05-20", ON_HOLD, "BC-5", ("partial",), "10 May 2026 to 20 May 2026"),
        (
            "2026-06-30",
            "2026-06-01",
            UNKNOWN,
            "BC-8",
            ("window_reversed",),
            "before it begins on 30 June 2026",
        ),
    ],
)
def test_each_row_of_the_table(
    lower: str, upper: str, state: PeriodState, rule: str, flags: tuple[str, ...], because: str
) -> None:
    found = from_posting_window(MAY, window(lower, upper), today=TODAY)
    assert (found.state, found.rule, found.flags) == (state, rule, flags)
    assert because in found.because


def test_a_period_ahead_of_the_window_has_not_started_until_its_last_day_is_over() -> None:
    may_only = window("2026-05-01", "2026-05-31")
    ahead = from_posting_window(JUNE, may_only, today=date(2026, 5, 31))
    assert (ahead.state, ahead.rule, ahead.flags) == (NOT_STARTED, "BC-2", ("future",))
    assert ahead.because == "not started: posting allowed only to 31 May 2026"
    for day in (date(2026, 6, 1), date(2026, 6, 30)):
        assert from_posting_window(JUNE, may_only, today=day) == ahead
    past = from_posting_window(JUNE, may_only, today=date(2026, 7, 1))
    assert (past.state, past.rule) == (CLOSED, "BC-3")


def test_a_closed_fiscal_year_does_not_stop_posting() -> None:
    found = from_posting_window(MAY, window("2026-05-01", "", year_closed=True), today=TODAY)
    assert (found.state, found.flags) == (OPEN, ("year_closed_but_postable", "to_blank_or_formula"))
    assert found.because.endswith("year closed, still postable")


def test_a_closed_fiscal_year_outside_the_window_is_closed_twice_over() -> None:
    found = from_posting_window(MAY, window("2026-06-01", "", year_closed=True), today=TODAY)
    assert (found.state, found.flags) == (CLOSED, ("by_posting_range", "year_closed", "to_blank_or_formula"))


def test_a_closed_year_without_any_limit_keeps_both_flags() -> None:
    found = from_posting_window(MAY, window("", "", year_closed=True, assumed_end=True), today=TODAY)
    assert found.flags == ("unrestricted_or_formula", "year_closed_but_postable", "assumed_end")


NEAR = st.dates(date(2026, 4, 20), date(2026, 7, 10))
SPANS = st.tuples(NEAR, NEAR).map(lambda days: DateSpan(min(days), max(days)))


@examples(400)
@given(
    SPANS,
    st.builds(
        PostingWindowFacts,
        st.none() | NEAR,
        st.none() | NEAR,
        year_closed=st.booleans(),
        assumed_end=st.booleans(),
    ),
    NEAR,
)
def test_any_window_gives_the_verdict_that_its_postable_days_call_for(
    span: DateSpan, facts: PostingWindowFacts, today: date
) -> None:
    found = from_posting_window(span, facts, today=today)
    lower, upper = facts.allowed_from or date.min, facts.allowed_to or date.max
    length = span.last.toordinal() - span.first.toordinal() + 1
    postable = max(0, min(span.last, upper).toordinal() - max(span.first, lower).toordinal() + 1)
    if lower > upper:
        assert found.state is UNKNOWN
    elif postable == length:
        assert found.state is OPEN
    elif postable:
        assert found.state is ON_HOLD
    elif span.first > upper and span.last >= today:
        assert found.state is NOT_STARTED
    else:
        assert found.state is CLOSED
    assert ("assumed_end" in found.flags) == facts.assumed_end
    assert ("from_blank_or_formula" in found.flags) == (facts.allowed_from is None is not facts.allowed_to)
    assert ("to_blank_or_formula" in found.flags) == (facts.allowed_to is None is not facts.allowed_from)


@given(
    st.tuples(st.dates(), st.dates()).map(lambda days: DateSpan(min(days), max(days))),
    st.builds(PostingWindowFacts, st.none() | st.dates(), st.none() | st.dates(), year_closed=st.booleans()),
    st.dates(),
)
def test_the_table_never_raises_not_even_at_the_ends_of_time(
    span: DateSpan, facts: PostingWindowFacts, today: date
) -> None:
    assert from_posting_window(span, facts, today=today).because


def test_the_day_of_a_posting_range_is_that_of_the_entitys_zone() -> None:
    may_only, at = window("2026-05-01", "2026-05-31"), datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    for zone, state in (("Europe/London", NOT_STARTED), ("Europe/Amsterdam", CLOSED)):
        assert may_only.state(JUNE, at=at, zone=zone_named(zone), options=frozenset()).state is state


# --- words that earlier versions stored


@pytest.mark.parametrize(
    ("stored", "today"),
    [
        ("posting allowed", NO_MODULE_RESTRICTED),
        ("permanently closed", NOBODY_CAN_POST),
        ("on hold: nobody can post, and it can be undone", "nobody can post, can be reopened"),
        (
            "posting allowed, one module restricted: Vendor for nobody",
            "one module restricted: Vendor for nobody",
        ),
        ("some dates of the period are postable: 1 May 2026 only", "posting limited to 1 May 2026 only"),
        ("posting allowed only from 1 June 2026", "posting allowed only from 1 June 2026"),
    ],
)
def test_a_because_stored_by_an_earlier_version_is_shown_in_todays_words(stored: str, today: str) -> None:
    assert because_today(stored) == today
    assert because_today(today) == today
