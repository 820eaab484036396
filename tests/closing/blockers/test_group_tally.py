"""Tallies of groups: groups add up to the group above, hidden counterparties never make a sum too low."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_facts import Doubt
from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.rollup import GroupTally, divided, group_sums, sums_in_the_way, unsure_sums
from closing.blockers.weighing import Blocker, without_counterparty
from tests.closing.blockers.blocker_builders import fact, judged

K = BlockerKind


def imbalance(part: str, count: int | None = 1, currency: str = "EUR") -> Blocker:
    fields = {"amount": Decimal("640.00")} if count else {"doubt": Doubt.NO_POSITION}
    return judged(fact(K.INTERCOMPANY_IMBALANCE, count, part=part, currency=currency, **fields))


def tally(*entities: list[Blocker], fresh: bool = True) -> GroupTally:
    added = GroupTally()
    for blockers in entities:
        added.add_blockers(*divided((blocker, fresh) for blocker in blockers))
    return added


ANY_BLOCKER = st.one_of(
    st.builds(
        lambda kind, count, at_least: judged(fact(kind, count, at_least=at_least)),
        st.sampled_from((K.UNPOSTED_JOURNALS, K.RECURRING_DUE, K.INVENTORY_NOT_CLOSED)),
        st.none() | st.integers(0, 3),
        st.booleans(),
    ),
    st.builds(
        imbalance,
        st.sampled_from(("EUDTC/UKRT", "UKRT/USRT")),
        st.sampled_from((None, 1)),
        st.sampled_from(("EUR", "USD")),
    ),
)
ENTITIES = st.lists(st.lists(ANY_BLOCKER, max_size=4), max_size=4)


@given(ENTITIES, ENTITIES)
def test_groups_add_up_to_the_group_above_them(some: list[list[Blocker]], more: list[list[Blocker]]) -> None:
    above = tally(*some)
    above.add(tally(*more))
    assert above.sums() == tally(*some, *more).sums()
    assert tally(*some).sums() == group_sums(blocker for blockers in some for blocker in blockers)


@given(
    st.permutations([imbalance("EUDTC/UKRT"), imbalance("UKRT/USRT", None), judged(fact(K.RECURRING_DUE, 2))])
)
def test_the_order_of_entities_does_not_matter(blockers: list[Blocker]) -> None:
    assert tally(*([blocker] for blocker in blockers)).sums() == group_sums(blockers)


def test_counterparties_that_the_reader_may_not_see_are_a_lower_bound() -> None:
    hidden = without_counterparty(imbalance("EUDTC/UKRT"))
    (one,) = tally([hidden]).sums()
    assert (one.count, one.at_least) == (1, False)
    below = tally([hidden])
    (two,) = tally([hidden], [hidden]).sums()
    assert (two.count, two.at_least, two.phrase) == (
        1,
        True,
        "at least 1 intercompany counterparty out of step",
    )
    below.add(tally([hidden]))
    assert below.sums() == [two]
    (beside,) = tally([hidden], [imbalance("UKRT/USRT")]).sums()
    assert (beside.count, beside.at_least) == (2, False)
    unread = without_counterparty(imbalance("EUDTC/UKRT", None))
    assert [each.count for each in tally([unread], [hidden]).sums()] == [1]
    assert [each.count for each in tally([unread]).sums()] == [None]


def test_the_words_of_a_heading() -> None:
    sums = tally(
        [judged(fact(K.UNPOSTED_JOURNALS, 61)), judged(fact(K.RECURRING_DUE, None)), imbalance("EUDTC/UKRT")],
        [judged(fact(K.UNPOSTED_JOURNALS, None)), judged(fact(K.RECURRING_DUE, None))],
        [judged(fact(K.INVENTORY_NOT_CLOSED, None)), judged(fact(K.BANK_NOT_RECONCILED, None))],
        [judged(fact(K.INVENTORY_NOT_CLOSED, 0)), judged(fact(K.LATE_INVOICES, 0, at_least=True))],
        [judged(fact(K.APPROVALS_WAITING, 2))],
    ).sums()
    assert [each.in_full for each in sums_in_the_way(sums)] == [
        "at least 61 lines not posted; not readable for 1 entity",
        "1 intercompany counterparty out of step: 640.00 EUR",
        "2 items waiting for approval",
    ]
    assert [phrase for phrase, _ in unsure_sums(sums)] == [
        "not readable for 2 entities: recurring journals",
        "none seen, not readable for 1 entity: inventory periods",
        "none seen: late invoices",
        "not readable for 1 entity: bank reconciliations",
    ]


def test_a_sum_says_how_many_of_its_members_are_as_last_read() -> None:
    lines, pair = judged(fact(K.UNPOSTED_JOURNALS, 61)), imbalance("EUDTC/UKRT")
    above = tally([lines, pair], [pair], fresh=False)
    above.add(tally([lines, pair]))
    assert [each.in_full for each in sums_in_the_way(above.sums())] == [
        "122 lines not posted; as last read for 1 entity",
        "1 intercompany counterparty out of step: 640.00 EUR; as last read for 1 counterparty",
    ]


def test_work_that_a_newer_version_stored_keeps_its_name_in_a_sum() -> None:
    newer = fact(K.NOT_UNDERSTOOD, None, part="payroll runs: weekly", doubt=Doubt.NOT_UNDERSTOOD)
    sums = tally([judged(newer)], [judged(newer)]).sums()
    assert [phrase for phrase, _ in unsure_sums(sums)] == [
        "not readable for 2 entities: payroll runs: weekly"
    ]
