"""The cells of a template as people write them, and back (08 9.1, 9.3)."""

from __future__ import annotations

from datetime import time

import pytest

from closing.close_tasks.due_offsets import DueOffset
from closing.close_tasks.erp_checks import ErpCheck, WorkCheck
from closing.close_tasks.task_templates import ELIMINATION_ROLES, AppliesIf, Reach
from closing.close_tasks.template_cells import (
    applies_if_cell,
    depends_on_cell,
    parse_applies_if,
    parse_check,
    parse_depends_on,
    parse_offset,
)


def test_unknown_words_of_a_profile_and_of_a_check_list_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match='"stock" is no role and no part of a profile; there are: consolidation, '
    ):
        parse_applies_if("stock")
    with pytest.raises(ValueError, match='"everything" is no ERP check; there are: unposted_journals, '):
        parse_check("everything")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", AppliesIf()),
        ("inventory", AppliesIf(needs=frozenset({"inventory"}))),
        ("Foreign Currency, VAT", AppliesIf(needs=frozenset({"foreign_currency", "vat"}))),
        ("dormant", AppliesIf(frozenset({"dormant"}))),
        ("also dormant", AppliesIf(frozenset({"operating", "holding", "dormant"}))),
        ("elimination", AppliesIf(ELIMINATION_ROLES)),
        ("elimination only", AppliesIf(frozenset({"elimination"}))),
        ("operating", AppliesIf(frozenset({"operating"}))),
        ("entity UKRT, group EMEA", AppliesIf(entities=frozenset({"UKRT"}), groups=frozenset({"EMEA"}))),
    ],
)
def test_what_a_task_applies_to(text: str, rule: AppliesIf) -> None:
    assert parse_applies_if(text) == rule
    assert parse_applies_if(applies_if_cell(rule)) == rule


@pytest.mark.parametrize(
    ("text", "dependencies"),
    [
        ("gl-post, bank", [("gl-post", Reach.SAME), ("bank", Reach.SAME)]),
        ("hold of all, elim of all", [("hold", Reach.ALL), ("elim", Reach.ALL)]),
        ("of partners: ic-inv, gl-post", [("ic-inv", Reach.PARTNERS), ("gl-post", Reach.PARTNERS)]),
        ("a; of partners: b; of all: c", [("a", Reach.SAME), ("b", Reach.PARTNERS), ("c", Reach.ALL)]),
    ],
)
def test_dependencies(text: str, dependencies: list[tuple[str, Reach]]) -> None:
    read = parse_depends_on(text)
    assert [(each.code, each.reach) for each in read] == dependencies
    assert parse_depends_on(depends_on_cell(read)) == read


def test_an_invoice_check_takes_the_credit_memos_of_its_side_with_it() -> None:
    check = parse_check("vendor_invoices")
    assert check.names("unposted_documents", "vendor_memos")
    assert not check.names("unposted_documents", "customer_memos")
    assert not check.names("unposted_journals", "")
    assert parse_check("unposted_documents").names("unposted_documents", "vendor_memos")


@pytest.mark.parametrize("check", [WorkCheck("rain"), WorkCheck("unposted_journals", "vendor_invoices")])
def test_an_unknown_check_is_refused(check: WorkCheck) -> None:
    with pytest.raises(ValueError, match=r"there is no kind|has no part"):
        ErpCheck((check,))


def test_seconds_and_clock_give_the_same_time() -> None:
    assert (
        parse_offset("1", "", "43200") == parse_offset("+1", "working", "12:00") == DueOffset(1, at=time(12))
    )
    assert parse_offset("1", "", "43200.0").at == time(12)
    assert parse_offset("1", "", "0").at is None
