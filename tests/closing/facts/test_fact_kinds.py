"""The laws that every kind of facts keeps, and the registry of the kinds."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.calendar.days import DateSpan
from closing.calendar.instants import zone_named
from closing.facts.base import (
    FACT_KINDS,
    DerivedState,
    NativePeriodFacts,
    PeriodState,
    UnknownFactKind,
    UnreadableFacts,
    facts_from_json,
    facts_to_json,
    read_stored_facts,
    require_kind,
)
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from tests.company_lock.company_lock_facts import CompanyLockFacts, LockException, registered
from tests.hypothesis_profiles import examples

DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))
SPANS = st.tuples(DAYS, st.integers(0, 92)).map(lambda pair: DateSpan(pair[0], pair[0] + timedelta(pair[1])))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 31), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/London", "Pacific/Auckland", "America/Los_Angeles"]).map(zone_named)
OPTIONS = st.sets(st.just("ledger_restricted_means_on_hold")).map(frozenset)
ACCESS = st.dictionaries(
    st.sampled_from(["Ledger", "Vend"]), st.sampled_from(["All", "None", "User", None, "x"])
)
FINOPS = st.builds(FinopsFacts, st.sampled_from(["Open", "OnHold", "Closed", None, "Frozen"]), ACCESS)
FAR_AND_NEAR = st.none() | st.dates(date(2024, 1, 1), date(2029, 1, 1)) | DAYS
FLAGS = {name: st.booleans() for name in ("year_closed", "date_locked", "assumed_end")}
WINDOWS = st.builds(PostingWindowFacts, FAR_AND_NEAR, FAR_AND_NEAR, **FLAGS)
UNTIL = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 31))  # noqa: DTZ001 - wall times
EXCEPTIONS = st.lists(st.builds(LockException, st.sampled_from("AB"), DAYS, UNTIL), max_size=3).map(tuple)
LOCKS = st.builds(CompanyLockFacts, FAR_AND_NEAR, EXCEPTIONS)
ANY_FACTS = FINOPS | WINDOWS | LOCKS


@examples(300)
@given(ANY_FACTS, SPANS, MOMENTS, ZONES, OPTIONS)
def test_what_does_not_concern_a_period_does_not_move_its_state(
    facts: NativePeriodFacts, span: DateSpan, at: datetime, zone: Any, options: frozenset[str]
) -> None:
    whole = facts.state(span, at=at, zone=zone, options=options)
    kept = facts.for_period(span)
    state = kept.state(span, at=at, zone=zone, options=options)
    assert (state.state, state.rule, state.flags) == (whole.state, whole.rule, whole.flags)
    assert kept.for_period(span) == kept
    assert (state.because == whole.because) or " or earlier" in state.because or " or later" in state.because


@examples(300)
@given(ANY_FACTS, SPANS, MOMENTS, MOMENTS, ZONES, OPTIONS)
def test_what_is_stored_beside_equal_facts_follows_from_the_state(
    facts: NativePeriodFacts,
    span: DateSpan,
    at: datetime,
    later: datetime,
    zone: Any,
    options: frozenset[str],
) -> None:
    """The same facts in the same state write nothing, so their because must not depend on the moment."""
    first, second = (facts.state(span, at=moment, zone=zone, options=options) for moment in (at, later))
    assert first.state is not second.state or first == second


def worded(facts: NativePeriodFacts) -> dict[str, Any]:
    """What differs in words: a status is the state itself, and an assumed end its advice, both in the because.

    A module without a word is as one that the ERP does not list.
    """
    stored = facts_to_json(facts)
    if isinstance(facts, FinopsFacts):
        stored["access"] = {module: word for module, word in facts.access.items() if word is not None}
    return {name: value for name, value in stored.items() if name not in ("status", "assumed_end")}


@examples(200)
@given(ANY_FACTS, ANY_FACTS, SPANS)
def test_narrowed_facts_come_back_as_they_went_and_differ_in_words_where_they_differ(
    facts: NativePeriodFacts, before: NativePeriodFacts, span: DateSpan
) -> None:
    with registered():
        now, then = facts.for_period(span), before.for_period(span)
        assert facts_from_json(json.loads(json.dumps(facts_to_json(now)))) == now
        if type(now) is type(then):
            assert (list(now.changes_from(then)) == []) == (worded(now) == worded(then))
    assert facts.in_words() is not None


def window(lower: str, upper: str, from_or: str = "", to_or: str = "") -> PostingWindowFacts:
    begins, ends = (date.fromisoformat(day) if day else None for day in (lower, upper))
    return PostingWindowFacts(begins, ends, from_or=from_or, to_or=to_or)


@pytest.mark.parametrize(
    ("lower", "upper", "kept"),
    [
        ("2026-06-01", "2026-06-30", window("2026-06-01", "2026-06-30")),
        ("2026-07-02", "2026-07-31", window("2026-06-01", "2026-06-01", "later", "later")),
        ("2026-06-01", "2026-12-31", window("2026-06-01", "2026-06-01", "", "later")),
        ("2020-01-01", "2026-05-20", window("2026-05-01", "2026-05-20", "earlier")),
        ("2020-01-01", "2026-04-20", window("2026-04-20", "2026-04-20", "earlier")),
        ("2020-01-01", "2020-12-31", window("2026-04-30", "2026-04-30", "earlier", "earlier")),
        ("2020-01-01", "", window("2026-05-01", "", "earlier")),
        ("2031-01-01", "2030-01-01", window("2031-01-01", "2030-01-01")),
        ("", "", window("", "")),
    ],
)
def test_a_bound_more_than_a_month_away_is_given_as_near_as_it_concerns_may(
    lower: str, upper: str, kept: PostingWindowFacts
) -> None:
    assert window(lower, upper).for_period(DateSpan(date(2026, 5, 1), date(2026, 5, 31))) == kept


def test_a_far_bound_is_worded_as_such() -> None:
    span = DateSpan(date(2026, 5, 1), date(2026, 5, 31))
    near = PostingWindowFacts(date(2026, 6, 1), None).for_period(span)
    far = PostingWindowFacts(date(2026, 8, 1), None).for_period(span)
    state = far.state(span, at=datetime(2026, 8, 3, tzinfo=UTC), zone=zone_named("UTC"), options=frozenset())
    assert state.because == "posting allowed only from 1 June 2026 or later"
    assert list(far.changes_from(near)) == ["Allow Posting From set to 1 June 2026 or later, was 1 June 2026"]
    words = far.in_words()
    assert words.details[0] == ("Allow Posting From", "Mon 1 June 2026 or later")
    assert words.posting_range is not None
    assert (words.posting_range.words, words.posting_range.drawn) == ("from 1 June 2026 or later", False)


# --- the registry -------------------------------------------------------------------------------------------------


def test_a_kind_is_known_while_it_is_registered() -> None:
    lock = CompanyLockFacts(date(2026, 5, 31))
    with registered():
        assert FACT_KINDS["company_lock"].label == "Company Lock"
        body = facts_to_json(lock)
        assert facts_from_json(body) == lock
        require_kind("company_lock")
    with pytest.raises(UnknownFactKind, match="there are: finops, business_central"):
        require_kind("company_lock")
    with pytest.raises(UnknownFactKind, match=r"CompanyLockFacts .*there are: finops, business_central"):
        facts_to_json(lock)
    with pytest.raises(UnknownFactKind, match=r"'company_lock' .*there are: finops, posting_window"):
        facts_from_json(body)


@pytest.mark.parametrize("body", [{"kind": "sap", "b": 1, "a": [2]}, {}, {"kind": "finops", "status": 7}])
def test_stored_facts_that_nobody_reads_are_unknown_with_the_reason(body: dict[str, Any]) -> None:
    for stored in (body, json.dumps(body)):
        facts = read_stored_facts(stored)
        assert isinstance(facts, UnreadableFacts)
        span = DateSpan(date(2026, 5, 1), date(2026, 5, 31))
        state = facts.state(
            span, at=datetime(2026, 6, 1, tzinfo=UTC), zone=zone_named("UTC"), options=frozenset()
        )
        assert state == DerivedState(PeriodState.UNKNOWN, facts.reason, "")
        assert facts.reason
        assert facts_to_json(facts).items() >= body.items()
