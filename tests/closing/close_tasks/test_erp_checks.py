"""What readings say of a task: supports, still shows work, not readable (08 9.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closing.close_tasks.erp_checks import (
    UNCHECKED,
    CheckVerdict,
    ErpState,
    StateReading,
    WorkReading,
    contradiction,
    evaluate_check,
)
from closing.close_tasks.template_cells import parse_check

CLEAR, NOTE, WARNING, SILENT = "clear", "note", "warning", "not_readable"
SUPPORTS, SHOWS_WORK, NOT_READABLE = (
    CheckVerdict.SUPPORTS,
    CheckVerdict.SHOWS_WORK,
    CheckVerdict.NOT_READABLE,
)


def _lines(count: int | None, level: str = NOTE, **changes: object) -> WorkReading:
    return WorkReading("unposted_journals", "", level, count, **changes)  # type: ignore[arg-type]


def _documents(part: str, count: int, **changes: object) -> WorkReading:
    return WorkReading("unposted_documents", part, NOTE if count else CLEAR, count, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("check", "readings", "words", "remaining"),
    [
        ("unposted_journals", [_lines(61, WARNING)], "61 lines are still not posted", "61 lines"),
        ("unposted_journals", [_lines(1)], "1 line is still not posted", "1 line"),
        (
            "unposted_journals",
            [_lines(7, at_least=True)],
            "At least 7 lines are still not posted",
            "at least 7 lines",
        ),
        (
            "vendor_invoices",
            [
                _documents("vendor_invoices", 4),
                _documents("vendor_memos", 1),
                _documents("customer_invoices", 9),
            ],
            "4 vendor invoices and 1 vendor credit memo are still not posted",
            "4 vendor invoices and 1 vendor credit memo",
        ),
        (
            "unposted_journals, unposted_documents",
            [_lines(2), _documents("expense_journals", 1), _documents("vendor_payments", 0)],
            "2 lines and 1 expense journal are still not posted",
            "2 lines and 1 expense journal",
        ),
        (
            "inventory_not_closed",
            [WorkReading("inventory_not_closed", "", WARNING, 1)],
            "The inventory close is still missing",
            "no inventory close",
        ),
        (
            "intercompany_imbalance",
            [
                WorkReading("intercompany_imbalance", "EUDTC/UKRT", WARNING, 1),
                WorkReading("intercompany_imbalance", "UKRT/USRT", NOTE, 1, "not comparable", undecided=True),
            ],
            "1 intercompany balance is still not agreed",
            "1 intercompany balance",
        ),
        (
            "recurring_due, costs_not_adjusted",
            [WorkReading("recurring_due", "", NOTE, 6), WorkReading("costs_not_adjusted", "", NOTE, 1204)],
            "6 recurring lines are still not posted and 1,204 cost entries are still not adjusted",
            "6 recurring lines and 1,204 cost entries",
        ),
    ],
)
def test_open_work_is_counted_in_words(
    check: str, readings: list[WorkReading], words: str, remaining: str
) -> None:
    result = evaluate_check(parse_check(check), readings, {})
    assert (result.verdict, result.words, result.remaining) == (SHOWS_WORK, words, remaining)
    assert contradiction(result) == f"marked done, ERP still shows {remaining}"


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (None, "lines: never read"),
        (
            _lines(None, SILENT, because="Business Central does not show journal lines"),
            "Business Central does not show journal lines",
        ),
        (_lines(None, SILENT), "not readable"),
        (
            _lines(0, NOTE, at_least=True, because="none seen; released but unposted ones look posted"),
            "none seen; released but unposted ones look posted",
        ),
        (
            _lines(1, NOTE, undecided=True, because="read at different times"),
            "read at different times",
        ),
    ],
)
def test_not_readable_is_words_and_never_zero(reading: WorkReading | None, words: str) -> None:
    result = evaluate_check(parse_check("unposted_journals"), [reading] if reading else [], {})
    assert (result.verdict, result.words, contradiction(result)) == (NOT_READABLE, words, "")


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (_lines(0, CLEAR, because="none left"), "none left"),
        (_lines(None, CLEAR, because="not applicable: no inventory"), "not applicable: no inventory"),
        (_lines(8, CLEAR, because="8 accrual journals reversed"), "8 accrual journals reversed"),
    ],
)
def test_what_is_clear_or_does_not_apply_supports_a_task(reading: WorkReading, words: str) -> None:
    result = evaluate_check(parse_check("unposted_journals"), [reading], {})
    assert (result.verdict, result.words) == (SUPPORTS, words)
    assert result.work == (reading,)


@pytest.mark.parametrize(
    ("holds", "because", "verdict", "words"),
    [
        (True, "", SUPPORTS, "next period open"),
        (True, "June 2026 is Open", SUPPORTS, "June 2026 is Open"),
        (False, "", SHOWS_WORK, "The next period is not open"),
        (False, "June 2026 is not open yet", SHOWS_WORK, "June 2026 is not open yet"),
        (None, "", NOT_READABLE, "next period open: not readable"),
        (None, "never read", NOT_READABLE, "never read"),
    ],
)
def test_states(holds: bool | None, because: str, verdict: CheckVerdict, words: str) -> None:
    state = ErpState.NEXT_PERIOD_OPEN
    result = evaluate_check(parse_check("next period open"), [], {state: StateReading(state, holds, because)})
    assert (result.verdict, result.words) == (verdict, words)


@pytest.mark.parametrize("state", ErpState)
def test_every_state_has_words_for_its_contradiction(state: ErpState) -> None:
    result = evaluate_check(parse_check(state), [], {state: StateReading(state, holds=False)})
    assert contradiction(result).startswith("marked done, ERP still shows that ")
    assert evaluate_check(parse_check(state), [], {}).verdict is NOT_READABLE


def test_a_task_without_a_check_is_not_checked() -> None:
    assert evaluate_check(parse_check(""), [_lines(61)], {}) is UNCHECKED


def test_open_work_outweighs_what_cannot_be_read() -> None:
    check = parse_check("unposted_journals, recurring_due, counts as closed by policy")
    assert evaluate_check(check, [_lines(0, CLEAR)], {}).verdict is NOT_READABLE
    assert evaluate_check(check, [_lines(2)], {}).verdict is SHOWS_WORK


_READINGS = st.builds(
    WorkReading,
    kind=st.sampled_from(["unposted_journals", "recurring_due", "unposted_documents"]),
    part=st.sampled_from(["", "vendor_invoices", "vendor_memos"]),
    level=st.sampled_from([CLEAR, NOTE, WARNING, SILENT]),
    count=st.none() | st.integers(0, 3),
    at_least=st.booleans(),
    undecided=st.booleans(),
)


@given(readings=st.lists(_READINGS, max_size=5))
def test_a_check_supports_only_what_was_read_whole(readings: list[WorkReading]) -> None:
    check = parse_check("unposted_journals, vendor_invoices")
    result = evaluate_check(check, readings, {})
    concerned = [each for each in readings if check.names(each.kind, each.part)]
    assert list(result.work) == concerned
    if result.verdict is SUPPORTS:
        assert {each.kind for each in concerned} == {"unposted_journals", "unposted_documents"}
        assert all(each.level == CLEAR or (each.count == 0 and not each.at_least) for each in concerned)
    if result.verdict is SHOWS_WORK:
        assert any(each.count for each in concerned)
        assert result.remaining
    assert result.words
