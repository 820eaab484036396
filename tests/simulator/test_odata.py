"""The query language, apart from any product: operators, precedence, types, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.odata.filters import Dialect, Filter
from simulator.odata.query import find_by_key, parse, parse_key
from simulator.odata.tables import Column, EntitySet
from simulator.web.wire import Refusal

FINOPS = Dialect(wildcards=True, ignore_case=True, functions=False)
CENTRAL = Dialect(wildcards=False, ignore_case=False, functions=True)
STATUS = "Microsoft.Dynamics.DataEntities.FiscalPeriodStatus"
PERIODS = EntitySet(
    "Periods",
    "Period",
    ("Code", "Name"),
    (
        Column("Code", "String", False),
        Column("Name", "String", True),
        Column("Days", "Int32", False),
        Column("Amount", "Decimal", False),
        Column("Ends", "DateTimeOffset", False),
        Column("Starts", "Date", True),
        Column("State", "FiscalPeriodStatus", True),
        Column("Done", "Boolean", False),
    ),
)


def row(
    code: str, name: str | None, days: int, amount: float, ends: str, state: str | None, done: bool
) -> tuple[Any, ...]:
    return ("etag", code, name, days, amount, ends, "2026-05-01", state, done)


ROWS = [
    row("UKHC", "UK HoldCo", 31, 1.5, "2026-05-31T12:00:00Z", "Closed", True),
    row("UKRT", "UK Retail Ltd", 30, 20, "2026-06-30T12:00:00Z", "Closed", True),
    row("USRT", "US Retail Inc", 31, 0, "2026-05-31T12:00:00Z", "OnHold", False),
    row("NLDT", "EU DTC BV's", 28, 7, "2026-02-28T12:00:00.500Z", "Open", False),
    row("DEVT", None, 28, 7, "2026-02-28T12:00:00Z", None, False),
]


def found(text: str, dialect: Dialect = FINOPS) -> list[str]:
    keep = Filter(text, PERIODS, dialect).compile()
    return [one[1] for one in ROWS if keep(one)]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Code eq 'ukrt'", ["UKRT"]),
        ("Code ne 'UKRT'", ["UKHC", "USRT", "NLDT", "DEVT"]),
        ("Name eq '*retail*'", ["UKRT", "USRT"]),
        ("Name eq 'UK*'", ["UKHC", "UKRT"]),
        ("Name ne '*retail*' and Code eq '*'", ["UKHC", "NLDT", "DEVT"]),
        ("Name eq 'EU DTC BV''s'", ["NLDT"]),
        ("Name eq null", ["DEVT"]),
        ("null ne Name and Days eq 28", ["NLDT"]),
        (f"State eq {STATUS}'Closed'", ["UKHC", "UKRT"]),
        (f"State ne {STATUS}'Closed'", ["USRT", "NLDT", "DEVT"]),
        ("State eq null", ["DEVT"]),
        ("Ends ge 2026-05-31T00:00:00Z and Ends le 2026-05-31T23:59:59Z", ["UKHC", "USRT"]),
        ("Ends gt 2026-02-28T12:00:00Z and Ends lt 2026-03-01T00:00:00Z", ["NLDT"]),
        ("Ends eq 2026-05-31T14:00:00+02:00", ["UKHC", "USRT"]),
        ("Ends lt 2026-03-01", ["NLDT", "DEVT"]),
        ("Starts eq 2026-05-01 and Days gt 30", ["UKHC", "USRT"]),
        ("Days add 1 eq 32", ["UKHC", "USRT"]),
        ("Days sub 1 mul 2 eq 28", ["UKRT"]),
        ("(Days sub 1) mul 2 eq 58", ["UKRT"]),
        ("Days mod 30 eq 1 and Days div 2 eq 15", ["UKHC", "USRT"]),
        ("Amount gt 1 and Amount le 7", ["UKHC", "NLDT", "DEVT"]),
        ("Done", ["UKHC", "UKRT"]),
        ("not Done and Days eq 31", ["USRT"]),
        ("Done eq true and Code eq 'UKHC' or Days eq 28", ["UKHC", "NLDT", "DEVT"]),
        ("Done eq true and (Code eq 'UKHC' or Days eq 28)", ["UKHC"]),
        ("not (Code eq 'UKHC' or Code eq 'UKRT')", ["USRT", "NLDT", "DEVT"]),
        ("31 eq Days", ["UKHC", "USRT"]),
        ("30 lt Days", ["UKHC", "USRT"]),
    ],
)
def test_filters_choose(text: str, codes: list[str]) -> None:
    assert found(text) == codes


def test_dialects_differ() -> None:
    assert found("Code eq 'ukrt'", CENTRAL) == []
    assert found("Name eq '*retail*'", CENTRAL) == []
    assert found("contains(tolower(Name),'retail') and startswith(Code,'UK')", CENTRAL) == ["UKRT"]
    with pytest.raises(Refusal):
        found("contains(Name,'Retail')")


@pytest.mark.parametrize(
    "text",
    [
        "Code",
        "Code eq",
        "Code eq 'a",
        "Code eq 5",
        "Days eq '5'",
        "Nothing eq 1",
        "code eq 'UKRT'",
        "State eq 'Closed'",
        "State eq Closed",
        f"State eq {STATUS}'Frozen'",
        f"State gt {STATUS}'Closed'",
        "State eq Microsoft.Dynamics.DataEntities.NoYes'No'",
        f"State has {STATUS}'Closed'",
        "Code in ('UKRT','UKHC')",
        "Days eq 1 and",
        "(Days eq 1",
        "Days eq 1)",
        "Days eq 1 Days eq 2",
        "Days div 0 eq 1",
        "Starts eq 2026-13-01",
        "not Code",
        "Code add 1 eq 2",
        "Days eq 1 && Days eq 2",
        "unknown(Code)",
    ],
)
def test_what_is_not_understood_is_400(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        found(text)
    assert refused.value.status == 400


@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3), st.booleans(), st.booleans())
def test_precedence_is_that_of_the_standard(a: int, b: int, c: int, first: bool, second: bool) -> None:
    joins = ["and" if first else "or", "and" if second else "or"]
    text = f"{a} eq {b} {joins[0]} {b} lt {c} {joins[1]} not ({a} add {b} mul {c} ge 1)"
    wanted = eval(f"{a} == {b} {joins[0]} {b} < {c} {joins[1]} not ({a} + {b} * {c} >= 1)")
    assert bool(Filter(text, PERIODS, FINOPS).compile()(ROWS[0])) is wanted


def test_order_select_top_and_skip() -> None:
    query = parse(
        [
            ("$orderby", "Days desc, Code"),
            ("$select", "Code,Days,Code"),
            ("$top", "2"),
            ("$skip", "1"),
            ("$count", "true"),
        ],
        PERIODS,
        FINOPS,
    )
    assert [one[1] for one in query.rows(ROWS)] == ["UKHC", "USRT", "UKRT", "DEVT", "NLDT"]
    assert (query.select, query.top, query.skip, query.count) == (("Code", "Days"), 2, 1, True)


@pytest.mark.parametrize(
    "options",
    [
        [("$top", "-1")],
        [("$skip", "x")],
        [("$count", "maybe")],
        [("$orderby", "Nothing")],
        [("$orderby", "Code down")],
        [("$select", "Nothing")],
        [("$filter", "Days eq 1"), ("$filter", "Days eq 2")],
        [("$apply", "x")],
    ],
)
def test_bad_options_are_400(options: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal) as refused:
        parse(options, PERIODS, FINOPS)
    assert refused.value.status == 400


def test_options_without_a_dollar_are_the_servers_own_business() -> None:
    assert parse([("cross-company", "true"), ("round", "2")], PERIODS, FINOPS).where is None


def test_key_needs_every_field() -> None:
    key = parse_key("Code='ukrt',Name='UK Retail Ltd'", PERIODS)
    assert find_by_key(ROWS, PERIODS, key) == ROWS[1]
    for text in ("'UKRT'", "Code='UKRT'", "Code=UKRT,Name='x'", "Code='a',Code='b'", "Code='a',Else='b'", ""):
        with pytest.raises(Refusal):
            parse_key(text, PERIODS)
