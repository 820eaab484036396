"""The rows of chapter 4 and the golden cases of chapter 5 (08-blockers-and-tasks)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from closing.blockers.blocker_facts import BlockerFact, Doubt, FactItem
from closing.blockers.blocker_kinds import BlockerKind, CountedUnit, DocumentPart
from closing.blockers.blocker_policy import (
    BlockerPolicy,
    KindTracking,
    WeighedPeriod,
    is_near,
)
from closing.blockers.entity_profile import EntityProfile
from closing.blockers.weighing import BlockerLevel, weigh
from closing.calendar.days import DateSpan
from closing.judging.states import PeriodState
from tests.closing.blockers.blocker_builders import (
    MAY_PERIOD,
    READ_AT,
    fact,
    judged,
)
from tests.closing.core_builders import ENGLAND

CLEAR, NOTE, WARNING = BlockerLevel.CLEAR, BlockerLevel.NOTE, BlockerLevel.WARNING
NOT_READABLE = BlockerLevel.NOT_READABLE
K = BlockerKind
CLOSED = replace(MAY_PERIOD, state=PeriodState.CLOSED, can_reopen=False)
HELD = replace(MAY_PERIOD, state=PeriodState.ON_HOLD, held=True)
PARTLY_HELD = replace(MAY_PERIOD, state=PeriodState.ON_HOLD)
IN_MAY = {"as_of": datetime(2026, 5, 20, 12, tzinfo=UTC), "near": False}
FAR = {"near": False}


def documents(part: DocumentPart, count: int | None, **other: Any) -> BlockerFact:
    return fact(K.UNPOSTED_DOCUMENTS, count, part=part.value, **other)


EU_DTC_LINES = fact(
    K.UNPOSTED_JOURNALS, 61, apart={"approved_waiting": 2}, left_out={"template": 14, "empty": 3}
)
CLOSED_THROUGH_APRIL = fact(K.INVENTORY_NOT_CLOSED, 1, items=(FactItem("INV-0004", date(2026, 4, 30)),))

ROWS = [
    # row 1
    (
        fact(K.INVENTORY_NOT_CLOSED, 1),
        MAY_PERIOD,
        {"profile": EntityProfile(inventory=False)},
        (1, CLEAR, "not applicable: no inventory"),
    ),
    (
        documents(DocumentPart.PROJECT_JOURNALS, None),
        MAY_PERIOD,
        {"profile": EntityProfile(projects=False)},
        (1, CLEAR, "not applicable: no projects"),
    ),
    (
        fact(K.APPROVALS_WAITING, 3),
        MAY_PERIOD,
        {"policy": BlockerPolicy({K.APPROVALS_WAITING: KindTracking.NO})},
        (1, CLEAR, "not applicable: not needed by policy"),
    ),
    # row 2
    (
        fact(K.INVENTORY_NOT_CLOSED, None),
        MAY_PERIOD,
        {},
        (2, NOT_READABLE, "Business Central does not show inventory periods"),
    ),
    (
        documents(DocumentPart.VENDOR_INVOICES, None, doubt=Doubt.REFUSED),
        MAY_PERIOD,
        {},
        (2, NOT_READABLE, "Business Central refused access to unposted vendor invoices"),
    ),
    # row 3
    (
        documents(DocumentPart.CUSTOMER_INVOICES, 0, at_least=True, doubt=Doubt.RELEASED_LOOK_POSTED),
        MAY_PERIOD,
        {},
        (3, NOTE, "none seen; released but unposted ones look posted"),
    ),
    (
        fact(K.UNPOSTED_JOURNALS, 0, at_least=True, doubt=Doubt.PARTY_LINES_HIDDEN),
        MAY_PERIOD,
        {},
        (3, NOTE, "none seen; customer and vendor lines are hidden"),
    ),
    (
        fact(K.LATE_INVOICES, 0, at_least=True),
        CLOSED,
        {},
        (3, NOTE, "none seen; the source does not show all of them"),
    ),
    # row 4
    (fact(K.UNPOSTED_JOURNALS, 0), MAY_PERIOD, {}, (4, CLEAR, "none left")),
    (fact(K.UNPOSTED_JOURNALS, 0), MAY_PERIOD, IN_MAY, (4, CLEAR, "none left")),
    # row 5
    (fact(K.UNPOSTED_JOURNALS, 7), MAY_PERIOD, IN_MAY, (5, NOTE, "7 lines not posted so far")),
    (fact(K.UNPOSTED_JOURNALS, 7), CLOSED, IN_MAY, (5, NOTE, "7 lines not posted so far")),
    (fact(K.ACCRUAL_REVERSALS, 8), MAY_PERIOD, IN_MAY, (5, NOTE, "8 accrual journals reversed so far")),
    (
        CLOSED_THROUGH_APRIL,
        MAY_PERIOD,
        IN_MAY,
        (5, NOTE, "no inventory close through 31 May 2026 so far, closed through 30 Apr"),
    ),
    # row 6
    (fact(K.UNPOSTED_JOURNALS, 3), CLOSED, FAR, (6, WARNING, "3 lines left behind in a closed period")),
    (
        fact(K.UNPOSTED_JOURNALS, 3),
        replace(CLOSED, can_reopen=True),
        FAR,
        (6, WARNING, "3 lines left behind in a closed period; re-date or reopen"),
    ),
    (
        documents(DocumentPart.VENDOR_INVOICES, 61),
        HELD,
        FAR,
        (6, WARNING, "61 vendor invoices left behind in a held period; re-date or reopen"),
    ),
    (fact(K.RECURRING_DUE, 1), CLOSED, FAR, (6, WARNING, "1 recurring line left behind in a closed period")),
    (
        fact(K.SUBLEDGER_NOT_TRANSFERRED, 37, at_least=True),
        CLOSED,
        FAR,
        (6, WARNING, "at least 37 vouchers left behind in a closed period"),
    ),
    (
        fact(K.COSTS_NOT_ADJUSTED, 12),
        CLOSED,
        FAR,
        (6, WARNING, "12 cost entries left behind in a closed period"),
    ),
    (
        fact(K.DEPRECIATION_NOT_POSTED, 2),
        CLOSED,
        FAR,
        (6, WARNING, "2 depreciation journals left behind in a closed period"),
    ),
    (fact(K.BANK_NOT_RECONCILED, 5), CLOSED, {}, (14, NOTE, "5 bank lines not reconciled")),
    (fact(K.UNPOSTED_JOURNALS, 3), PARTLY_HELD, {}, (14, NOTE, "3 lines not posted")),
    # row 7
    (fact(K.UNPOSTED_JOURNALS, 51), MAY_PERIOD, {}, (7, WARNING, "51 lines not posted, above 50")),
    (
        fact(K.UNPOSTED_JOURNALS, 61),
        MAY_PERIOD,
        {"near": False, "due": True},
        (7, WARNING, "61 lines not posted, above 50"),
    ),
    (
        fact(K.UNPOSTED_JOURNALS, 7),
        MAY_PERIOD,
        {"policy": BlockerPolicy(unposted_warn_above=6)},
        (7, WARNING, "7 lines not posted, above 6"),
    ),
    (
        fact(K.UNPOSTED_JOURNALS, 1204),
        MAY_PERIOD,
        {},
        (7, WARNING, "1,204 lines not posted, above 50"),
    ),
    # row 8
    (
        fact(K.RECURRING_DUE, 6),
        MAY_PERIOD,
        {},
        (8, WARNING, "6 recurring lines not posted, due Tue 9 Jun"),
    ),
    (
        fact(K.RECURRING_DUE, 6),
        MAY_PERIOD,
        {"near": False, "due": True},
        (8, NOTE, "6 recurring lines not posted, due Tue 9 Jun"),
    ),
    (
        documents(DocumentPart.EXPENSE_JOURNALS, 1),
        replace(MAY_PERIOD, due_on=None),
        FAR,
        (8, NOTE, "1 expense journal not posted"),
    ),
    # rows 11 and 12
    (fact(K.ACCRUAL_REVERSALS, 8), MAY_PERIOD, {}, (11, CLEAR, "8 accrual journals reversed")),
    (fact(K.ACCRUAL_REVERSALS, 10), MAY_PERIOD, {}, (11, CLEAR, "10 accrual journals reversed")),
    (
        fact(K.ACCRUAL_REVERSALS, 11),
        MAY_PERIOD,
        {},
        (12, NOTE, "11 accrual journals reversed: unusually many"),
    ),
    # row 13
    (
        CLOSED_THROUGH_APRIL,
        MAY_PERIOD,
        {},
        (13, WARNING, "no inventory close through 31 May 2026, closed through 30 Apr"),
    ),
    (
        CLOSED_THROUGH_APRIL,
        MAY_PERIOD,
        FAR,
        (13, NOTE, "no inventory close through 31 May 2026, closed through 30 Apr"),
    ),
    (
        fact(K.INVENTORY_NOT_CLOSED, 1),
        MAY_PERIOD,
        FAR | {"due": True},
        (13, WARNING, "no inventory close through 31 May 2026"),
    ),
    # row 14
    (
        fact(K.LATE_INVOICES, 12),
        MAY_PERIOD,
        {},
        (14, NOTE, "12 invoices dated in May, to post in June: accrue"),
    ),
    (
        fact(K.LATE_INVOICES, 1, at_least=True),
        replace(MAY_PERIOD, span=DateSpan(date(2026, 4, 27), date(2026, 5, 24))),
        {},
        (14, NOTE, "at least 1 invoice dated in the period, to post after it: accrue"),
    ),
    (
        fact(K.BANK_NOT_RECONCILED, 2, unit=CountedUnit.STATEMENTS),
        MAY_PERIOD,
        {},
        (14, NOTE, "2 bank statements not reconciled"),
    ),
    (fact(K.APPROVALS_WAITING, 1), MAY_PERIOD, {}, (14, NOTE, "1 item waiting for approval")),
    (fact(K.REVALUATION_NOT_RUN, 1), MAY_PERIOD, {}, (14, NOTE, "exchange rate revaluation not run")),
    (fact(K.OPEN_TASKS, 8), MAY_PERIOD, {}, (14, NOTE, "8 tasks open")),
    (fact(K.INTERCOMPANY_PENDING, 3), MAY_PERIOD, {}, (14, NOTE, "3 intercompany documents pending")),
    # undated work
    (fact(K.UNPOSTED_JOURNALS, 1, period=None), None, {}, (14, NOTE, "1 undated line not posted")),
    (fact(K.UNPOSTED_JOURNALS, 0, period=None), None, {}, (4, CLEAR, "none left")),
]


@pytest.mark.parametrize(("weighed", "period", "other", "expected"), ROWS)
def test_each_row_of_the_table(
    weighed: BlockerFact,
    period: WeighedPeriod | None,
    other: dict[str, Any],
    expected: tuple[int, BlockerLevel, str],
) -> None:
    blocker = judged(weighed, period, **other)
    assert (blocker.rule, blocker.level, blocker.because) == expected


def test_a_kind_that_is_not_tracked_is_no_blocker() -> None:
    for weighed, policy in (
        (CLOSED_THROUGH_APRIL, BlockerPolicy()),
        (EU_DTC_LINES, BlockerPolicy({K.UNPOSTED_JOURNALS: KindTracking.NOT_TRACKED})),
    ):
        profile = EntityProfile()
        assert weigh(weighed, MAY_PERIOD, policy, profile, near=True, due=True, as_of=READ_AT) is None


# --- golden, chapter 5

ON_8_JUNE = replace(MAY_PERIOD, zone="Europe/London", due_on=date(2026, 6, 8))
FOUR_INVOICES = "4 vendor invoices not posted, due Mon 8 Jun"


@pytest.mark.parametrize(
    ("weighed", "on", "period", "level", "because"),
    [
        (
            EU_DTC_LINES,
            "2026-06-12",
            MAY_PERIOD,
            WARNING,
            "61 lines not posted, above 50; 2 approved, waiting to be posted",
        ),
        (
            EU_DTC_LINES,
            "2026-06-01",
            MAY_PERIOD,
            NOTE,
            "61 lines not posted, above 50; 2 approved, waiting to be posted",
        ),
        (fact(K.UNPOSTED_JOURNALS, 50), "2026-06-12", MAY_PERIOD, NOTE, "50 lines not posted"),
        (
            EU_DTC_LINES,
            "2026-06-12",
            HELD,
            WARNING,
            "61 lines left behind in a held period; re-date or reopen (above 50)",
        ),
        (
            fact(K.UNPOSTED_JOURNALS, 12, left_out={"not_ledger_work": 5}),
            "2026-06-12",
            MAY_PERIOD,
            NOTE,
            "12 lines not posted",
        ),
        (
            fact(K.UNPOSTED_JOURNALS, 7, at_least=True, doubt=Doubt.PARTY_LINES_HIDDEN),
            "2026-06-12",
            MAY_PERIOD,
            NOTE,
            "at least 7 lines not posted",
        ),
        (documents(DocumentPart.VENDOR_INVOICES, 4), "2026-06-03", ON_8_JUNE, NOTE, FOUR_INVOICES),
        (documents(DocumentPart.VENDOR_INVOICES, 4), "2026-06-04", ON_8_JUNE, WARNING, FOUR_INVOICES),
        (fact(K.UNPOSTED_JOURNALS, 1, period=None), "2026-06-12", None, NOTE, "1 undated line not posted"),
        # the sample rows of the companion
        (fact(K.UNPOSTED_JOURNALS, 7), "2026-06-12", MAY_PERIOD, NOTE, "7 lines not posted"),
        (
            fact(K.RECURRING_DUE, 6, left_out={"empty": 3, "expired": 2, "template": 5}),
            "2026-06-12",
            MAY_PERIOD,
            WARNING,
            "6 recurring lines not posted, due Tue 9 Jun",
        ),
        (
            documents(DocumentPart.CUSTOMER_INVOICES, 3, at_least=True),
            "2026-06-01",
            replace(MAY_PERIOD, due_on=None),
            NOTE,
            "at least 3 customer invoices not posted",
        ),
    ],
)
def test_golden_lines_and_documents(
    weighed: BlockerFact, on: str, period: WeighedPeriod | None, level: BlockerLevel, because: str
) -> None:
    today = date.fromisoformat(on)
    due_on = period.due_on if period is not None else None
    as_of = datetime(today.year, today.month, today.day, 10, tzinfo=UTC)
    blocker = judged(weighed, period, near=is_near(due_on, ENGLAND, today), as_of=as_of)
    assert (blocker.level, blocker.because) == (level, because)


@pytest.mark.parametrize(
    ("weighed", "period", "short"),
    [
        (EU_DTC_LINES, MAY_PERIOD, "61 lines not posted"),
        (EU_DTC_LINES, HELD, "61 lines left behind"),
        (CLOSED_THROUGH_APRIL, MAY_PERIOD, "inventory close missing"),
        (fact(K.INVENTORY_NOT_CLOSED, None), MAY_PERIOD, "inventory periods not readable"),
        (fact(K.COSTS_NOT_ADJUSTED, None), MAY_PERIOD, "cost adjustments not readable"),
        (fact(K.LATE_INVOICES, 12), MAY_PERIOD, "12 late invoices"),
        (fact(K.LATE_INVOICES, 1, at_least=True), MAY_PERIOD, "at least 1 late invoice"),
        (fact(K.UNPOSTED_JOURNALS, 0, at_least=True), MAY_PERIOD, "unposted journal lines: none seen"),
    ],
)
def test_the_board_says_it_in_short(weighed: BlockerFact, period: WeighedPeriod, short: str) -> None:
    assert judged(weighed, period).short == short


@pytest.mark.parametrize(
    ("zone", "rule"), [("Europe/Amsterdam", 14), ("Europe/London", 5), ("America/New_York", 5)]
)
def test_a_period_has_ended_once_its_last_day_is_over_in_its_own_zone(zone: str, rule: int) -> None:
    period = replace(MAY_PERIOD, zone=zone)
    late_on_31_may = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
    assert judged(fact(K.UNPOSTED_JOURNALS, 7), period, as_of=late_on_31_may).rule == rule
