"""Properties of the judgement of any fact, and where it is shown (08-blockers-and-tasks 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_kinds import BlockerKind
from closing.blockers.blocker_policy import WeighedPeriod
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.weighing import BlockerLevel, is_revalued, without_counterparty
from closing.judging.states import PeriodState
from tests.closing.blockers.blocker_builders import MAY, MAY_PERIOD, NAMES, READ_AT, fact, judged
from tests.hypothesis_profiles import examples

K = BlockerKind
CLEAR, WARNING, NOT_READABLE = BlockerLevel.CLEAR, BlockerLevel.WARNING, BlockerLevel.NOT_READABLE
CLOSED = replace(MAY_PERIOD, state=PeriodState.CLOSED, can_reopen=False)
HELD = replace(MAY_PERIOD, state=PeriodState.ON_HOLD, held=True)
PARTLY_HELD = replace(MAY_PERIOD, state=PeriodState.ON_HOLD)

COUNTS = st.none() | st.integers(0, 200)
KINDS_WITHOUT_PARTS = st.sampled_from(
    [kind for kind in BlockerKind if kind not in {K.UNPOSTED_DOCUMENTS, K.INTERCOMPANY_IMBALANCE}]
)
PERIODS = st.sampled_from([MAY_PERIOD, CLOSED, HELD, PARTLY_HELD, replace(MAY_PERIOD, due_on=None)])
AGES = st.sampled_from([datetime(2026, 5, 20, tzinfo=UTC), datetime(2026, 6, 1, 8, tzinfo=UTC), READ_AT])


@examples(300)
@given(KINDS_WITHOUT_PARTS, COUNTS, st.booleans(), PERIODS, st.booleans(), st.booleans(), AGES)
def test_any_fact_has_one_judgement_that_agrees_with_itself(
    kind: BlockerKind,
    count: int | None,
    at_least: bool,
    period: WeighedPeriod,
    near: bool,
    due: bool,
    as_of: datetime,
) -> None:
    blocker = judged(fact(kind, count, at_least=at_least), period, near=near, due=due, as_of=as_of)
    assert blocker.because
    assert blocker.short
    assert (blocker.level is NOT_READABLE) == (count is None)
    assert blocker.count == count
    if blocker.level is CLEAR:
        assert not count or kind is K.ACCRUAL_REVERSALS
    if blocker.level is WARNING:
        assert near or due or blocker.rule == 6
        assert as_of.date() > MAY.last
    if count and at_least and kind not in {K.INVENTORY_NOT_CLOSED, K.REVALUATION_NOT_RUN}:
        assert blocker.because.startswith("at least ")


@given(KINDS_WITHOUT_PARTS, st.integers(1, 200), PERIODS)
def test_nothing_but_work_left_behind_warns_before_anything_is_near_or_due(
    kind: BlockerKind, count: int, period: WeighedPeriod
) -> None:
    blocker = judged(fact(kind, count), period, near=False, due=False)
    assert (blocker.level is WARNING) == (blocker.rule == 6)


@given(KINDS_WITHOUT_PARTS, COUNTS, PERIODS, AGES)
def test_equal_facts_look_the_same_however_old_they_are(
    kind: BlockerKind, count: int | None, period: WeighedPeriod, later: datetime
) -> None:
    older = fact(kind, count)
    newer = replace(older, read_at=later)
    assert judged(older, period) == judged(newer, period)
    assert hash(judged(older, period)) == hash(judged(newer, period))


def test_a_revaluation_is_done_by_its_task_or_by_a_clear_blocker() -> None:
    done, missing, unread = (judged(fact(K.REVALUATION_NOT_RUN, count)) for count in (0, 1, None))
    no_currency = EntityProfile(foreign_currency=False)
    not_needed = judged(fact(K.REVALUATION_NOT_RUN, None), profile=no_currency)
    assert [is_revalued(each, task_done=False) for each in (done, not_needed, missing, unread, None)] == [
        *(True, True),
        *(False, False, False),
    ]
    assert is_revalued(missing, task_done=True)


def test_a_blocker_for_a_reader_who_may_not_see_both_names_nobody() -> None:
    imbalance = fact(K.INTERCOMPANY_IMBALANCE, 1, part="EUDTC/UKRT", amount=Decimal("640.00"), currency="EUR")
    hidden = without_counterparty(judged(imbalance))
    assert hidden.level is WARNING
    text = repr(hidden)
    assert not any(word in text for word in ("UKRT", "EUDTC", "640", "EUR", *NAMES.values()))


def test_signals_undated_work_and_running_periods_are_shown_on_the_page_of_the_entity_alone() -> None:
    lines = fact(K.UNPOSTED_JOURNALS, 14)
    assert judged(fact(K.ACCRUAL_REVERSALS, 14)).entity_page_only
    assert judged(lines, as_of=datetime(2026, 5, 20, tzinfo=UTC)).entity_page_only
    assert judged(replace(lines, period=None), None).entity_page_only
    assert not judged(lines).entity_page_only
