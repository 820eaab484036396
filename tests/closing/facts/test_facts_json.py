"""Native facts are kept word for word and come back from JSON as they went."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.facts.base import NativePeriodFacts, facts_from_json, facts_to_json
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts

WORDS = st.text(max_size=12)
FINOPS = st.builds(
    FinopsFacts,
    status=st.none() | WORDS,
    access=st.dictionaries(WORDS, st.none() | WORDS, max_size=5),
    user_groups=st.dictionaries(WORDS, WORDS, max_size=3),
)
WINDOWS = st.builds(
    PostingWindowFacts, allowed_from=st.none() | st.dates(), allowed_to=st.none() | st.dates()
)
WINDOWS_WITH_FLAGS = st.builds(
    PostingWindowFacts,
    st.none() | st.dates(),
    st.none() | st.dates(),
    year_closed=st.booleans(),
    date_locked=st.booleans(),
    assumed_end=st.booleans(),
)


@given(FINOPS | WINDOWS | WINDOWS_WITH_FLAGS)
def test_facts_come_back_as_they_went(facts: NativePeriodFacts) -> None:
    assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts


@given(FINOPS)
def test_equal_facts_give_equal_text(facts: FinopsFacts) -> None:
    turned = FinopsFacts(
        facts.status, dict(list(facts.access.items())[::-1]), dict(list(facts.user_groups.items())[::-1])
    )
    text = json.dumps(facts_to_json(facts))
    assert json.dumps(facts_to_json(turned)) == text
    assert json.dumps(json.loads(text), sort_keys=True) == text


def test_what_it_looks_like() -> None:
    facts = FinopsFacts("Open", {"Vend": "None", "Ledger": "User", "Tax": None}, {"Ledger": "FINCLOSE"})
    assert facts_to_json(facts) == {
        "kind": "finops",
        "status": "Open",
        "access": {"Ledger": "User", "Tax": None, "Vend": "None"},
        "user_groups": {"Ledger": "FINCLOSE"},
    }
    assert facts_to_json(PostingWindowFacts(date(2026, 6, 1), None))["allowed_from"] == "2026-06-01"


GOOD = facts_to_json(FinopsFacts("Open"))
WINDOW = facts_to_json(PostingWindowFacts(None, None))


@pytest.mark.parametrize(
    "obj",
    [
        {},
        {"kind": "sap"},
        {**GOOD, "status": 1},
        {**GOOD, "access": []},
        {**GOOD, "access": {"Ledger": 0}},
        {**GOOD, "user_groups": {"Ledger": None}},
        {**WINDOW, "year_closed": "false"},
        {**WINDOW, "allowed_to": "June"},
        {**WINDOW, "allowed_to": 20260601},
    ],
)
def test_anything_else_is_refused(obj: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        facts_from_json(obj)
