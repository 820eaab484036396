"""The way into the ERP, and the posting range drawn against the period: pure functions."""

from __future__ import annotations

from datetime import date

import pytest

from board.entity.native_facts import facts_card
from board.web.readers import Reader
from closing.facts.business_central_facts import PostingWindowFacts
from closing.facts.finops_facts import FinopsFacts
from connectors.registry import erp_link
from entities.models import Connection
from tests.builders import WORKED_EXAMPLE_AT, row
from tests.sample_entities import NLDT

LONDON = Reader.in_zone("Europe/London")


def connection(kind: str, base_url: str, **fields: str) -> Connection:
    return Connection(kind=kind, base_url=base_url, **({"tenant": "meridian"} | fields))


@pytest.mark.parametrize(
    ("of", "link"),
    [
        (
            connection("finops", "https://contoso.operations.dynamics.com"),
            "https://contoso.operations.dynamics.com/?cmp=usmf&mi=LedgerFiscalCalendar",
        ),
        (
            connection("finops", "https://erp.contoso.example:8443/namespaces/AXSF"),
            "https://erp.contoso.example:8443/?cmp=usmf&mi=LedgerFiscalCalendar",
        ),
        (connection("finops", "http://contoso.operations.dynamics.com"), ""),
        (connection("finops", "http://127.0.0.1:9100"), ""),
        (connection("finops", "https://user@contoso.operations.dynamics.com"), ""),
        (connection("finops", "https://[::1"), ""),
        (
            connection(
                "business_central", "https://api.businesscentral.dynamics.com", environment="production"
            ),
            "https://businesscentral.dynamics.com/meridian/production?company=usmf",
        ),
        (
            connection(
                "business_central",
                "https://api.businesscentral.dynamics.com",
                environment="a/../b",
                tenant="?x=",
            ),
            "https://businesscentral.dynamics.com/%3Fx%3D/a%2F..%2Fb?company=usmf",
        ),
        (connection("business_central", "https://dynamics.com.evil.example", environment="production"), ""),
        (connection("business_central", "https://evildynamics.com", environment="production"), ""),
        (None, ""),
    ],
)
def test_a_link_leads_only_to_where_the_maker_or_the_connection_is(of: Connection | None, link: str) -> None:
    assert erp_link(of, "usmf") == link


def test_a_company_name_cannot_leave_its_place() -> None:
    of = connection("business_central", "https://api.businesscentral.dynamics.com", environment="production")
    assert erp_link(of, "A&B=c#d e").endswith("?company=A%26B%3Dc%23d%20e")
    assert erp_link(of, "") == ""


def card(facts: FinopsFacts | PostingWindowFacts) -> object:
    found = row(NLDT, ("2026-06-12 11:58", facts))
    return facts_card(found, "2026", WORKED_EXAMPLE_AT, LONDON, frozenset())


@pytest.mark.parametrize(
    ("lower", "upper", "left", "right", "words"),
    [
        (None, None, True, True, "without limits"),
        (date(2026, 5, 1), date(2026, 5, 31), False, False, "from 1 May 2026 to 31 May 2026"),
        (date(2020, 1, 1), None, True, True, "from 1 January 2020"),
        (None, date(2026, 3, 31), True, False, "to 31 March 2026"),
        (date(2026, 9, 1), date(2035, 1, 1), False, True, "from 1 September 2026 to 1 January 2035"),
    ],
)
def test_the_range_runs_out_of_the_drawing_where_it_is_open_or_far(
    lower: date | None, upper: date | None, left: bool, right: bool, words: str
) -> None:
    window = card(PostingWindowFacts(lower, upper)).window  # type: ignore[attr-defined]
    x, width = (float(each.rstrip("%")) for each in (window.allowed.x, window.allowed.width))
    assert 0 <= x < x + width <= 100.01
    assert (x == 0, x + width >= 99.99) == (left, right)
    assert window.allowed_words == words
    assert window.today


def test_a_range_far_away_is_said_and_not_drawn() -> None:
    window = card(PostingWindowFacts(date(2031, 1, 1), None)).window  # type: ignore[attr-defined]
    assert window.allowed is None
    assert window.allowed_words == "from 1 January 2031"


def test_every_module_word_is_shown_as_it_came() -> None:
    access = {
        "Ledger": "User",
        "Vend": "None",
        "Tax": None,
        "Bank": "All",
        "Cust": " all",
        "NewModule": "All",
    }
    modules = {
        each.name: (each.word, each.group, each.kind)
        for each in card(FinopsFacts("Open", access, {"Ledger": "FINCLOSE"})).says.modules  # type: ignore[attr-defined]
    }
    assert len(modules) == 17
    assert modules["Ledger"] == ("User", "FINCLOSE", "user")
    assert modules["Vendor"] == ("None", "", "none")
    assert modules["Tax"] == ("blank", "as All", "all")
    assert modules["Bank"] == ("All", "", "all")
    assert modules["Customer"] == ('" all"', "not understood", "strange")
    assert modules["Retail"] == ("no answer", "", "untold")
    assert modules["NewModule"] == ("All", "", "all")
