"""Facts: their key, their JSON, when one is unchanged, and keys that no longer have anything."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_facts import (
    MAX_IDS,
    MAX_ITEMS,
    BlockerFact,
    Doubt,
    FactId,
    FactItem,
    counts_from_json,
    counts_to_json,
    fresh_until,
    ids_from_json,
    ids_to_json,
    is_unchanged,
    items_from_json,
    items_to_json,
    with_superseded_keys,
)
from closing.blockers.blocker_kinds import (
    KINDS,
    BlockerKind,
    CountedUnit,
    DocumentPart,
    counted,
    excluded_because,
    excluded_kinds,
    parts_checked,
    shown_as,
)
from closing.blockers.blocker_phrases import apart_phrases, not_counted_phrases
from closing.blockers.entity_profile import EntityProfile, EntityRole
from closing.blockers.weighing import BlockerLevel
from tests.closing.blockers.blocker_builders import READ_AT, fact, judged

K = BlockerKind
IN_EUR: dict[str, Any] = {"part": "EUDTC/UKRT", "amount": Decimal("640.00"), "currency": "EUR"}
IN_GBP = IN_EUR | {"amount": Decimal("307.69"), "currency": "GBP"}


def test_the_key_under_which_a_newer_fact_replaces_an_older_one() -> None:
    assert fact(K.INTERCOMPANY_IMBALANCE, 1, **IN_EUR).key == (
        4,
        45,
        K.INTERCOMPANY_IMBALANCE,
        "EUDTC/UKRT",
        "EUR",
    )
    assert fact(K.UNPOSTED_JOURNALS, 1, period=None).key == (4, None, K.UNPOSTED_JOURNALS, "", None)


@pytest.mark.parametrize(
    ("change", "unchanged"),
    [
        ({"read_at": READ_AT + timedelta(hours=1)}, True),
        ({"amount": Decimal("640.0")}, True),
        ({"apart": {}}, True),
        ({"count": 60}, False),
        ({"count": None}, False),
        ({"at_least": True}, False),
        ({"apart": {"in_use": 1}}, False),
        ({"source_as_of": READ_AT}, False),
        ({"coverage": ("LedgerJournalHeaders",)}, False),
        ({"ids": (FactId("J-1", 61),)}, False),
    ],
)
def test_a_fact_that_says_the_same_is_unchanged(change: dict[str, Any], unchanged: bool) -> None:
    before = fact(K.UNPOSTED_JOURNALS, 61, amount=Decimal("640.00"), currency="EUR")
    assert is_unchanged(before, replace(before, **change)) is unchanged


@pytest.mark.parametrize(
    ("kind", "values", "mistake"),
    [
        (K.UNPOSTED_JOURNALS, {"count": -1}, "below zero"),
        (K.UNPOSTED_JOURNALS, {"amount": Decimal(1)}, "currency"),
        (K.UNPOSTED_JOURNALS, {"part": "x"}, "no parts"),
        (K.UNPOSTED_DOCUMENTS, {"part": "bills"}, "vendor_invoices"),
        (K.UNPOSTED_DOCUMENTS, {}, "vendor_invoices"),
        (K.INTERCOMPANY_IMBALANCE, {"part": "UKRT/EUDTC"}, "in order"),
        (K.INTERCOMPANY_IMBALANCE, {"part": "UKRT"}, "in order"),
        (K.INTERCOMPANY_IMBALANCE, {"part": "A/B", "count": 2, "doubt": Doubt.NOT_COMPARABLE}, "count 1"),
        (K.UNPOSTED_JOURNALS, {"ids": (FactId("J", 1),) * (MAX_IDS + 1)}, "at most"),
        (K.UNPOSTED_JOURNALS, {"items": (FactItem("J"),) * (MAX_ITEMS + 1)}, "at most"),
    ],
)
def test_a_fact_that_contradicts_itself_is_refused(
    kind: BlockerKind, values: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(ValueError, match=mistake):
        fact(kind, **{"count": 1, **values})


def test_a_fact_grows_old_by_its_snapshot_or_by_the_read_that_confirmed_it() -> None:
    confirmed = READ_AT + timedelta(hours=2)
    assert fresh_until(fact(K.UNPOSTED_JOURNALS, 7), confirmed) == confirmed + timedelta(hours=1)
    snapshot = fact(K.UNPOSTED_JOURNALS, 7, source_as_of=READ_AT - timedelta(hours=30))
    assert fresh_until(snapshot, confirmed) == READ_AT + timedelta(hours=6)


# --- keys that had something


def test_a_currency_that_no_longer_has_anything_gets_a_zero() -> None:
    old = fact(K.INTERCOMPANY_IMBALANCE, 1, **IN_GBP, read_at=READ_AT - timedelta(hours=1))
    now = fact(K.INTERCOMPANY_IMBALANCE, 1, **IN_EUR)
    other = fact(K.INTERCOMPANY_IMBALANCE, 1, **(IN_GBP | {"part": "UKRT/USRT"}))
    first, zero = with_superseded_keys([now], [old, now, other])
    assert first is now
    assert (zero.key, zero.count, zero.amount, zero.read_at) == (old.key, 0, Decimal(0), READ_AT)
    assert judged(zero).level is BlockerLevel.CLEAR


@pytest.mark.parametrize(
    ("now", "because"),
    [
        ({"count": None, "doubt": Doubt.NO_POSITION}, "no GBP position from UK Retail Ltd"),
        ({"count": 1, "doubt": Doubt.BEFORE_REVALUATION}, "not comparable before revaluation"),
    ],
)
def test_a_currency_of_counterparties_that_cannot_be_compared_now_is_not_clear(
    now: dict[str, Any], because: str
) -> None:
    old = fact(K.INTERCOMPANY_IMBALANCE, 1, **IN_GBP)
    read_side = FactItem("EUDTC", amount=Decimal("127000.00"), currency="EUR")
    newer = fact(K.INTERCOMPANY_IMBALANCE, **now, part="EUDTC/UKRT", items=(read_side,))
    _, open_key = with_superseded_keys([newer], [old])
    assert (open_key.key, open_key.count, open_key.amount) == (old.key, None, None)
    blocker = judged(open_key)
    assert (blocker.level, blocker.because) == (BlockerLevel.NOT_READABLE, because)


CURRENCIES = st.lists(st.sampled_from(["EUR", "GBP", "USD", None]), unique=True)


@given(CURRENCIES.filter(bool), CURRENCIES)
def test_each_key_has_one_fact_after_a_read(now: list[str | None], earlier: list[str | None]) -> None:
    def lines(currency: str | None, count: int) -> BlockerFact:
        amount = Decimal(1) if currency else None
        return fact(K.UNPOSTED_JOURNALS, count, amount=amount, currency=currency)

    result = with_superseded_keys(
        [lines(currency, 1) for currency in now], [lines(currency, 2) for currency in earlier]
    )
    assert {each.currency for each in result} == {*now, *earlier}
    assert len(result) == len({each.key for each in result})
    assert [each.count for each in result if each.currency not in now] == [0] * len({*earlier} - {*now})


# --- JSON

TEXTS = st.text(max_size=12)
AMOUNTS = st.none() | st.decimals(
    allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12
)
IDS = st.lists(st.builds(FactId, TEXTS, st.integers(0, 99), AMOUNTS), max_size=4).map(tuple)
ITEMS = st.lists(
    st.builds(
        FactItem, TEXTS, st.none() | st.dates(), AMOUNTS, st.none() | TEXTS, TEXTS, st.none() | TEXTS, TEXTS
    ),
    max_size=4,
).map(tuple)


@given(IDS, ITEMS, st.dictionaries(TEXTS, st.integers(1, 99)))
def test_what_a_row_stores_comes_back_as_it_was(
    ids: tuple[FactId, ...], items: tuple[FactItem, ...], counts: dict[str, int]
) -> None:
    assert ids_from_json(json.loads(json.dumps(ids_to_json(ids)))) == ids
    assert items_from_json(json.loads(json.dumps(items_to_json(items)))) == items
    assert counts_from_json(json.loads(json.dumps(counts_to_json(counts)))) == counts


def test_json_is_short_and_keeps_amounts_word_for_word() -> None:
    assert ids_to_json([FactId("J-1", 40, Decimal("1200.00"))]) == [["J-1", 40, "1200.00"]]
    assert items_to_json([FactItem("J-1", date(2026, 5, 29), Decimal("-1E+3"))]) == [
        {"number": "J-1", "on": "2026-05-29", "amount": "-1000"}
    ]
    assert list(counts_to_json({"template": 14, "empty": 3, "expired": 0})) == ["empty", "template"]


@pytest.mark.parametrize(
    "body", [None, [1], [["J-1", "1", None]], [["J-1", 1]], [["J-1", 1, "NaN"]], [["J", 1, "x"]]]
)
def test_other_json_is_refused(body: object) -> None:
    with pytest.raises(ValueError):
        ids_from_json(body)
    with pytest.raises(ValueError):
        counts_from_json(body)
    with pytest.raises(ValueError):
        items_from_json(body)


# --- kinds, parts and profile


def test_nouns_agree_with_their_counts() -> None:
    said = [
        counted(K.UNPOSTED_DOCUMENTS, part, CountedUnit.DOCUMENTS, count)
        for part in ("vendor_memos", "inventory_journals")
        for count in (0, 1, 2)
    ]
    assert said == [
        "0 vendor credit memos",
        "1 vendor credit memo",
        "2 vendor credit memos",
        "0 inventory journals",
        "1 inventory journal",
        "2 inventory journals",
    ]
    assert counted(K.COSTS_NOT_ADJUSTED, "", CountedUnit.ENTRIES, 1) == "1 cost entry"
    assert shown_as(K.UNPOSTED_DOCUMENTS, "vendor_payments") == "unposted vendor payments"
    assert KINDS.keys() == set(BlockerKind)


def test_the_profile_excludes_kinds_and_the_role_excludes_none() -> None:
    assert excluded_kinds(EntityProfile()) == frozenset()
    for role in EntityRole:
        assert excluded_kinds(EntityProfile(role)) == frozenset()
    nothing = EntityProfile(
        inventory=False, projects=False, fixed_assets=False, foreign_currency=False, intercompany=False
    )
    assert excluded_kinds(nothing) == {
        K.INVENTORY_NOT_CLOSED,
        K.COSTS_NOT_ADJUSTED,
        K.DEPRECIATION_NOT_POSTED,
        K.REVALUATION_NOT_RUN,
        K.INTERCOMPANY_IMBALANCE,
        K.INTERCOMPANY_PENDING,
    }
    parts = {part: excluded_because(nothing, K.UNPOSTED_DOCUMENTS, part) for part in DocumentPart}
    assert {part: because for part, because in parts.items() if because} == {
        "inventory_journals": "not applicable: no inventory",
        "project_journals": "not applicable: no projects",
    }
    assert excluded_because(nothing, K.DEPRECIATION_NOT_POSTED) == "not applicable: no fixed assets"
    assert excluded_because(nothing, K.REVALUATION_NOT_RUN) == "not applicable: no foreign currency"


def test_a_check_of_invoices_takes_the_memos_of_their_side() -> None:
    assert parts_checked(DocumentPart.VENDOR_INVOICES) == {"vendor_invoices", "vendor_memos"}
    assert parts_checked(DocumentPart.CUSTOMER_INVOICES) == {"customer_invoices", "customer_memos"}
    assert parts_checked(DocumentPart.CUSTOMER_PAYMENTS) == {"customer_payments"}


def test_counts_apart_and_items_not_counted_are_named() -> None:
    lines = fact(
        K.UNPOSTED_JOURNALS,
        61,
        apart={"in_use": 1, "approved_waiting": 2, "blocked_by_system": 1, "waiting_for_bank": 4},
        left_out={"template": 1400, "not_ledger_work": 5, "empty": 3, "expired": 2, "other_layer": 0},
    )
    assert apart_phrases(lines) == [
        "2 approved, waiting to be posted",
        "1 in use",
        "1 blocked by the system",
        "4 waiting for bank",
    ]
    assert not_counted_phrases(lines) == [
        "1,400 of templates",
        "3 empty",
        "5 not ledger work",
        "2 expired",
    ]
