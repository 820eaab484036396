"""Intercompany positions and closing rates by file: the golden case of 08-blockers-and-tasks 6, and refusals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from closing.blockers.row_blockers import BLOCKERS, DatedBlocker
from entities.models import Connection, LegalEntity, Person
from infra.models import AuditEvent
from periods.snapshot.builder import take_snapshot
from tests.builders import MAY, utc
from tests.worklist.close_task_builders import person
from tests.worklist.position_reads import in_currency, positions_read, record_read, without_foreign_currency
from tests.worklist.work_files import POSITIONS, RATES, position, rate, workbook_file
from worklist.models import BlockerReading, ClosingRate, PartnerPosition
from worklist.recording.file_scope import FileEffect
from worklist.recording.work_file import ImportPlan, import_work, plan_import, read_sent_file

pytestmark = pytest.mark.django_db
AT = utc("2026-06-12 12:00")
Sheets = Mapping[str, Sequence[Mapping[str, object]]]


def save(by: Person, sheets: Sheets, *, good_rows: bool = False) -> None:
    import_work(by, workbook_file(sheets), AT, good_rows=good_rows)


def plan(by: Person, *rows: Mapping[str, object], sheet: str = POSITIONS) -> ImportPlan:
    return plan_import(by, read_sent_file(workbook_file({sheet: rows})), AT)


def intercompany(code: str) -> DatedBlocker:
    board = take_snapshot(LegalEntity.objects.all(), MAY, AT + timedelta(minutes=1))
    value = next(row for row in board.rows if row.code == code).get(BLOCKERS)
    assert value is not None
    [dated] = value.blockers
    return dated


def administrator() -> Person:
    return person("Ada Ministrator", "administrator")


def test_balances_in_the_ledgers_are_compared_at_the_closing_rate_of_the_same_file(ann: Person) -> None:
    without_foreign_currency("NLDT", "UKRT")
    save(
        administrator(),
        {
            POSITIONS: [
                position("NLDT", "UKRT", "127000.00", Basis="ledger"),
                position("UKRT", "NLDT", "108000", Side="due_to", Currency="GBP", Basis="ledger"),
            ],
            RATES: [rate()],
        },
    )
    dated = intercompany("NLDT")
    assert (dated.blocker.level, dated.blocker.amount) == ("warning", Decimal(640))
    assert dated.blocker.short == "intercompany with UK Retail Ltd 640.00 EUR"
    assert dated.source == "by file, Ada Ministrator, 12 Jun"
    assert intercompany("UKRT").blocker.short == "intercompany with EU DTC BV 640.00 EUR"


def test_balances_in_the_currency_of_the_transactions_need_no_rate(ann: Person) -> None:
    rows = [position("NLDT", "UKRT", "300.00"), position("UKRT", "NLDT", "299.20", Side="due_to")]
    save(ann, {POSITIONS: rows})
    assert intercompany("NLDT").blocker.because == "0.80 EUR apart, within 1.00"


def test_a_missing_side_is_never_the_whole_balance(ann: Person) -> None:
    save(ann, {POSITIONS: [position("NLDT", "UKRT", "300.00")]})
    dated = intercompany("NLDT")
    assert (dated.blocker.level, dated.blocker.amount) == ("not_readable", None)


def test_a_file_states_all_balances_with_a_partner(ann: Person) -> None:
    save(
        ann, {POSITIONS: [position("NLDT", "UKRT", "300.00"), position("NLDT", "UKRT", "7", Currency="USD")]}
    )
    save(ann, {POSITIONS: [position("NLDT", "UKRT", "310.00")]})
    rows = PartnerPosition.objects.filter(superseded_at=None)
    assert list(rows.values_list("currency", "amount")) == [("EUR", Decimal(310))]


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"Entity": "NOPE"}, "Entity", "You see no entity with the code “NOPE”."),
        ({"Partner": "NOPE"}, "Partner", "You see no entity with the code “NOPE”."),
        ({"Month": "2031-05"}, "Month", "EU DTC BV has no period 2031-05"),
        ({"As of": "2026-06-14"}, "As of", "As of has not come yet."),
    ],
)
def test_a_position_that_fits_nothing_is_refused(
    ann: Person, cells: dict[str, object], column: str, words: str
) -> None:
    [problem] = plan(ann, position("NLDT", "UKRT", "1") | cells).problems
    assert problem.column == column
    assert problem.words.startswith(words)


def test_the_same_balance_twice_is_refused(ann: Person) -> None:
    ledger = {"Basis": "ledger"}
    rows = [position("NLDT", "UKRT", "1", **ledger), position("NLDT", "UKRT", "2", Currency="USD", **ledger)]
    [problem] = plan(ann, *rows).problems
    assert (problem.line, problem.words) == (3, "Row 2 states the same balance. Remove one of them.")


def test_a_balance_that_the_erp_read_later_stands(source: Connection, ann: Person) -> None:
    at = "2026-06-12 11:00"
    record_read(source, at, positions_read(in_currency("NLDT", "UKRT", "500.00", "EUR", at)))
    [line] = plan(ann, position("NLDT", "UKRT", "1")).lines
    assert (line.before, line.effect) == ("500.00 EUR", FileEffect.OUTDATED)
    save(ann, {POSITIONS: [position("NLDT", "UKRT", "1")]})
    assert PartnerPosition.objects.get(superseded_at=None).amount == 500
    [line] = plan(ann, position("NLDT", "UKRT", "1", **{"As of": "2026-06-12 13:30"})).lines
    assert line.effect is FileEffect.CHANGED


def test_rates_are_of_groups_that_the_person_administers(ann: Person) -> None:
    [problem] = plan(ann, rate(), sheet=RATES).problems
    assert problem.words.startswith("You administer no group with the code “MERIDIAN”.")
    ada = administrator()
    save(ada, {RATES: [rate(), rate("USD", "EUR", "0.91784"), rate("EUR", "GBP", "0.8547")]}, good_rows=True)
    assert list(ClosingRate.objects.order_by("base").values_list("base", "rate")) == [
        ("GBP", Decimal("1.17")),
        ("USD", Decimal("0.91784")),
    ]
    [event] = AuditEvent.objects.filter(verb="work.by_file")
    assert event.after is not None
    assert (event.object_kind, event.object_id, event.after["rows"]) == ("group", "MERIDIAN", 2)
    [line] = plan(ada, rate(value="1.18"), sheet=RATES).lines
    assert (line.before, line.after, line.effect) == ("1.17", "1.18", FileEffect.CHANGED)


def test_a_pair_is_counted_once(ann: Person) -> None:
    rows = [position("NLDT", "UKRT", "300.00"), position("UKRT", "NLDT", "1", Side="due_to")]
    save(ann, {POSITIONS: rows})
    assert BlockerReading.objects.filter(superseded_at=None, count=1).count() == 1
