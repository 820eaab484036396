"""The cause that late entities likely share, and the cases without one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.common_cause import CauseKind, EntityCauses, common_cause
from closing.blockers.weighing import Blocker
from tests.closing.blockers.blocker_builders import (
    EU_DTC,
    NAMES,
    UK_HOLDCO,
    UK_RETAIL,
    US_RETAIL,
    fact,
    judged,
)

K = BlockerKind
MANY_LINES = judged(fact(K.UNPOSTED_JOURNALS, 61))
FEW_LINES = judged(fact(K.UNPOSTED_JOURNALS, 7))
UNREAD_LINES = judged(fact(K.UNPOSTED_JOURNALS, None))
NO_INVENTORY_CLOSE = judged(fact(K.INVENTORY_NOT_CLOSED, 1))


def imbalance(one: str, other: str) -> Blocker:
    part = "/".join(sorted((one, other)))
    return judged(fact(K.INTERCOMPANY_IMBALANCE, 1, part=part, amount=Decimal("640.00"), currency="EUR"))


def entity(
    code: str, *blockers: Blocker, late: bool = False, connection: str = "", owner: str = ""
) -> EntityCauses:
    return EntityCauses(code, NAMES.get(code, code), late, connection or code, owner or code, blockers)


def sentence(*entities: EntityCauses) -> str:
    cause = common_cause(entities, NAMES)
    return cause.sentence if cause is not None else ""


EU_LATE, US_LATE = entity(EU_DTC, late=True), entity(US_RETAIL, late=True)
UK_CLOSED, HOLDCO_CLOSED = entity(UK_RETAIL), entity(UK_HOLDCO)


def with_blockers(each: EntityCauses, *blockers: Blocker) -> EntityCauses:
    return replace(each, blockers=blockers)


def test_a_common_counterparty() -> None:
    eu, us = (with_blockers(each, imbalance(each.code, UK_RETAIL)) for each in (EU_LATE, US_LATE))
    uk = with_blockers(UK_CLOSED, imbalance(EU_DTC, UK_RETAIL), imbalance(US_RETAIL, UK_RETAIL))
    cause = common_cause([eu, us, uk, HOLDCO_CLOSED], NAMES)
    assert cause is not None
    assert (cause.kind, cause.name) == (CauseKind.COUNTERPARTY, UK_RETAIL)
    assert (
        cause.sentence
        == "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd"
    )
    # The counterparty may be late as well.
    assert sentence(eu, us, replace(uk, late=True), HOLDCO_CLOSED) == (
        "3 late entities likely share a root cause: intercompany with UK Retail Ltd"
    )


def test_two_late_entities_that_are_out_of_step_with_each_other() -> None:
    eu, us = (with_blockers(each, imbalance(EU_DTC, US_RETAIL)) for each in (EU_LATE, US_LATE))
    assert sentence(eu, us, UK_CLOSED).endswith("the intercompany balance between them")


def test_a_common_connection_or_owner_that_the_others_do_not_have() -> None:
    eu, us = (replace(each, connection="meridian-bc") for each in (EU_LATE, US_LATE))
    assert sentence(eu, us, UK_CLOSED).endswith("likely share a root cause: the connection meridian-bc")
    eu, us = (replace(each, owner="Dana Whitfield") for each in (EU_LATE, US_LATE))
    assert sentence(eu, us, UK_CLOSED).endswith("likely share a root cause: their owner Dana Whitfield")


def test_a_connection_that_half_of_the_others_have_as_well_explains_nothing() -> None:
    every = [replace(each, connection="meridian-bc") for each in (EU_LATE, US_LATE, UK_CLOSED, HOLDCO_CLOSED)]
    assert sentence(*every) == ""
    assert sentence(*every[:3], HOLDCO_CLOSED) == ""
    assert sentence(*every[:3], HOLDCO_CLOSED, entity("FR01")) != ""


def test_a_kind_that_is_warned_on_in_all_late_and_under_half_of_the_others() -> None:
    eu, us = (with_blockers(each, MANY_LINES, NO_INVENTORY_CLOSE) for each in (EU_LATE, US_LATE))
    lines_only = with_blockers(US_LATE, MANY_LINES)
    assert sentence(eu, us, UK_CLOSED).endswith("likely share a root cause: unposted journal lines")
    assert sentence(eu, lines_only, UK_CLOSED).endswith("unposted journal lines")
    assert sentence(eu, with_blockers(US_LATE, FEW_LINES), UK_CLOSED) == ""
    warned = with_blockers(UK_CLOSED, MANY_LINES)
    assert sentence(eu, lines_only, warned, HOLDCO_CLOSED) == ""
    assert sentence(eu, lines_only, warned, HOLDCO_CLOSED, entity("FR01")) != ""
    # Nothing is known of one of them: it may have them too.
    assert sentence(eu, lines_only, with_blockers(UK_CLOSED, UNREAD_LINES), HOLDCO_CLOSED) == ""


def test_one_late_entity_shares_nothing_and_all_late_have_nobody_to_differ_from() -> None:
    eu, us = (with_blockers(each, MANY_LINES) for each in (EU_LATE, US_LATE))
    assert sentence(eu, UK_CLOSED) == ""
    assert sentence(eu, us) == ""
    assert sentence() == ""
    assert (
        sentence(
            replace(EU_LATE, owner="", connection=""), replace(US_LATE, owner="", connection=""), UK_CLOSED
        )
        == ""
    )


SOME_BLOCKERS = st.lists(st.sampled_from([MANY_LINES, UNREAD_LINES, NO_INVENTORY_CLOSE]), max_size=2).map(
    tuple
)
ENTITIES = st.lists(
    st.builds(
        EntityCauses,
        st.uuids().map(str),
        st.just("X"),
        st.booleans(),
        st.sampled_from(["", "one", "two"]),
        st.sampled_from(["", "Amira Hale", "Dana Whitfield"]),
        SOME_BLOCKERS,
    ),
    max_size=8,
)


@given(ENTITIES)
def test_a_cause_is_shared_by_all_late_and_by_under_half_of_the_others(entities: list[EntityCauses]) -> None:
    cause = common_cause(entities, {})
    if cause is None:
        return

    def has(each: EntityCauses) -> bool:
        return cause.name in {each.connection, each.owner, *(kind.value for kind in each.warned)}

    late = [each for each in entities if each.late]
    others = [each for each in entities if not each.late]
    assert len(late) >= 2
    assert all(map(has, late))
    assert 2 * sum(map(has, others)) < len(others)
