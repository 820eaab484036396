"""Files of unfinished work as rows: each wrong cell has its sheet, row, column and remedy, and nothing is guessed."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from closing.blockers.blocker_kinds import BlockerKind, CountedUnit
from closing.blockers.inventory_runs import RunKind, RunStatus
from closing.blockers.work_cells import FilePeriod
from closing.blockers.work_rows import CellProblem, WorkRow
from closing.blockers.work_sheets import SHEETS, TooManyRows, WorkFile, read_work_file
from closing.tables import FileTable, RefusedCell, TableCell, TableRow

WORK, RUNS, POSITIONS, RATES = (spec.name for spec in SHEETS)
GOOD: dict[str, dict[str, TableCell]] = {
    WORK: {
        "Entity": "NLDT",
        "Period": "2026-05",
        "Kind": "unposted_journals",
        "Count": "61",
        "As of": "2026-06-12",
    },
    RUNS: {
        "Entity": "NLDT",
        "Through": "2026-05-31",
        "Kind": "closing",
        "Status": "done",
        "Executed at": "2026-06-03 18:05",
    },
    POSITIONS: {
        "Entity": "NLDT",
        "Partner": "UKRT",
        "Month": "2026-05",
        "Side": "due_from",
        "Amount": "127000.00",
        "Currency": "EUR",
        "As of": "2026-06-12 08:00",
    },
    RATES: {"Group": "MERIDIAN", "Month": "2026-05", "Currency": "GBP", "In": "EUR", "Rate": "1.17"},
}


def table(sheet: str, *rows: dict[str, TableCell], name: str | None = None) -> FileTable:
    columns = next(spec.columns for spec in SHEETS if spec.name == sheet)
    lines = [TableRow(1, list(columns))]
    lines += [
        TableRow(line, [row.get(column) for column in columns]) for line, row in enumerate(rows, start=2)
    ]
    return FileTable(sheet if name is None else name, lines)


def read_one(sheet: str, **changed: TableCell) -> WorkFile:
    cells = {key.replace("_", " "): value for key, value in changed.items()}
    return read_work_file([table(sheet, GOOD[sheet] | cells)])


def problem(sheet: str, **changed: TableCell) -> tuple[str, str]:
    [found] = read_one(sheet, **changed).problems
    assert (found.sheet, found.line) == (sheet, 2)
    return found.column, found.words


def only_work(file: WorkFile) -> WorkRow:
    assert not file.problems
    [row] = file.work
    return row


def test_a_good_row_of_each_sheet_is_read() -> None:
    file = read_work_file([table(sheet, row) for sheet, row in GOOD.items()])
    assert file.problems == ()
    assert file.rows == 4
    [work], [run], [position], [rate] = file.work, file.runs, file.positions, file.rates
    assert (work.kind, work.unit, work.count) == (BlockerKind.UNPOSTED_JOURNALS, CountedUnit.LINES, 61)
    assert (work.period, work.as_of) == (FilePeriod(date(2026, 5, 1)), date(2026, 6, 12))
    assert (run.kind, run.status, run.through) == (RunKind.CLOSING, RunStatus.DONE, date(2026, 5, 31))
    assert run.executed_at == datetime.fromisoformat("2026-06-03 18:05")
    assert (position.amount, position.as_of) == (
        Decimal("127000.00"),
        datetime.fromisoformat("2026-06-12 08:00"),
    )
    assert (rate.base, rate.quote, rate.rate) == ("GBP", "EUR", Decimal("1.17"))


def test_a_csv_is_the_sheet_whose_headings_it_has() -> None:
    for sheet, row in GOOD.items():
        file = read_work_file([table(sheet, row, name="")])
        assert (file.rows, file.problems) == (1, ())


WRONG_CELLS: list[tuple[str, str, TableCell, str]] = [
    (WORK, "Entity", None, "Entity is missing. Fill it in."),
    (WORK, "Period", None, "Period is missing. Write the month like 2026-05."),
    (
        WORK,
        "Period",
        "05/2026",
        "“05/2026” is not a month. Write it like 2026-05, or the last day like 2026-05-31.",
    ),
    (WORK, "Kind", "unposted stuff", "“unposted stuff” is no valid value. Write one of: unposted_journals, "),
    (WORK, "Kind", "intercompany_imbalance", "“intercompany_imbalance” is no valid value."),
    (WORK, "Part", "vendor_invoices", "unposted_journals has no parts. Leave this blank."),
    (WORK, "Unit", "pieces", "“pieces” is no valid value. Write one of: lines, documents."),
    (WORK, "Count", None, "Count is missing. Write a whole number, or “not readable” where nobody can tell."),
    (WORK, "Count", "1,204", "“1,204” is not a whole number from 0 on. Write digits only, like 61."),
    (WORK, "Count", Decimal("1.5"), "“1.5” is not a whole number from 0 on. Write digits only, like 61."),
    (WORK, "Count", "-1", "“-1” is not a whole number from 0 on. Write digits only, like 61."),
    (WORK, "Count", "٦١", "“٦١” is not a whole number from 0 on. Write digits only, like 61."),
    (WORK, "Count", RefusedCell("This cell holds a formula."), "This cell holds a formula."),
    (WORK, "At least", "perhaps", "At least is “perhaps”. Write yes or no."),
    (
        WORK,
        "Amount",
        "1.234,56",
        "“1.234,56” is not an amount. Write it like 1234.56: a point, no separators.",
    ),
    (WORK, "Amount", "1234.56", "Give the amount and its currency, or neither."),
    (WORK, "Currency", "eur", "“eur” is not a currency. Write its code of three capital letters, like EUR."),
    (
        WORK,
        "As of",
        "12.06.2026",
        "“12.06.2026” is not a date or a moment. Write 2026-06-12 or 2026-06-12 18:05.",
    ),
    (WORK, "Note", "x" * 301, "Note has 301 letters. Shorten it to 300."),
    (RUNS, "Through", "31/05/2026", "“31/05/2026” is not a date. Write it like 2026-05-31."),
    (
        RUNS,
        "Through",
        datetime.fromisoformat("2026-05-31 08:00"),
        "Through holds a time of day. Write the day alone, like 2026-05-31.",
    ),
    (RUNS, "Kind", "close", "“close” is no valid value. Write one of: closing, recalculation, reversal."),
    (RUNS, "Kind", "reversal", "A reversal names the close that it reverses. Write the day it ran through."),
    (RUNS, "Reverses", "2026-05-31", "Only a reversal reverses a close. Leave this blank for a closing."),
    (RUNS, "Status", "ended", "“ended” is no valid value. Write one of: done, running, stopped, reversed."),
    (RUNS, "Executed at", None, "A run that is over has a moment. Write it like 2026-06-03 18:05."),
    (RUNS, "Warnings", "few", "“few” is not a whole number from 0 on. Write digits only, like 61."),
    (
        POSITIONS,
        "Partner",
        "NLDT",
        "NLDT cannot be its own counterparty. Write the code of the other entity.",
    ),
    (POSITIONS, "Month", "2026-05-17", "“2026-05-17” is within a month. Write the month like 2026-05."),
    (POSITIONS, "Side", "debit", "“debit” is no valid value. Write one of: due_from, due_to."),
    (RATES, "In", "GBP", "1 GBP is always 1 GBP. Write another currency."),
    (RATES, "Rate", "0", "“0” is not a rate above zero. Write it like 1.17: a point, no separators."),
]


@pytest.mark.parametrize(("sheet", "column", "typed", "words"), WRONG_CELLS)
def test_a_wrong_cell_names_its_column_and_the_remedy(
    sheet: str, column: str, typed: TableCell, words: str
) -> None:
    named, said = problem(sheet, **{column: typed})
    assert said.startswith(words)
    assert named == {"Give": "Currency", "A reversal": "Reverses"}.get(
        next((start for start in ("Give", "A reversal") if words.startswith(start)), ""), column
    )


def test_documents_need_a_part_that_is_known() -> None:
    assert problem(WORK, Kind="unposted_documents")[0] == "Part"
    assert problem(WORK, Kind="unposted_documents", Part="bills")[1].startswith("“bills” is no valid value.")
    assert (
        only_work(read_one(WORK, Kind="Unposted documents", Part="Vendor invoices")).part == "vendor_invoices"
    )


def test_not_readable_is_only_what_is_written_so() -> None:
    assert only_work(read_one(WORK, Count="Not readable")).count is None
    assert only_work(read_one(WORK, Count="0")).count == 0
    column, words = problem(WORK, Count="not readable", At_least="yes")
    assert column == "At least"
    assert words.startswith("Work that is not readable has no least count.")


def test_periods_are_months_or_last_days_and_excel_makes_the_first_day_of_a_month() -> None:
    def period(cell: TableCell) -> FilePeriod:
        return only_work(read_one(WORK, Period=cell)).period

    assert period("2026-05") == period(date(2026, 5, 1)) == FilePeriod(date(2026, 5, 1))
    assert (
        period("2026-05-28") == period(date(2026, 5, 28)) == FilePeriod(date(2026, 5, 1), date(2026, 5, 28))
    )


def test_an_unknown_sheet_or_heading_is_named_and_help_and_empty_sheets_are_not_read() -> None:
    header = ["Entity", "Entity", "Perod", "Kind", "Count", "As of"]
    file = read_work_file(
        [
            FileTable("Unfinished wrk", [TableRow(1, ["Entity"])]),
            FileTable("Valid values", [TableRow(1, ["Kind"]), TableRow(2, ["anything"])]),
            FileTable("Sheet1", []),
            FileTable(WORK, [TableRow(1, header), TableRow(2, ["NLDT"])]),
        ]
    )
    assert file.rows == 0
    assert file.problems == (
        CellProblem(
            "Unfinished wrk",
            1,
            "",
            "There is no sheet of this name. Rename it to one of these, or remove it:"
            " Unfinished work, Inventory runs, Intercompany positions, Closing rates.",
        ),
        CellProblem(WORK, 1, "Period", "This column is missing. Add it, with this heading."),
        CellProblem(
            WORK, 1, "perod", "No column of the sheet has this heading. Correct it or remove the column."
        ),
        CellProblem(WORK, 1, "entity", "This heading is there twice. Remove one column."),
    )


def test_good_rows_are_read_beside_bad_ones() -> None:
    file = read_work_file([table(WORK, GOOD[WORK], GOOD[WORK] | {"Count": "x", "Entity": None}, GOOD[WORK])])
    assert [row.line for row in file.work] == [2, 4]
    assert [(found.line, found.column) for found in file.problems] == [(3, "Count"), (3, "Entity")]


def test_too_many_rows_or_problems_stop_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("closing.blockers.work_sheets.MOST_ROWS", 2)
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        read_work_file([table(WORK, *[GOOD[WORK]] * 3)])
    monkeypatch.setattr("closing.blockers.work_sheets.MOST_PROBLEMS", 1)
    with pytest.raises(TooManyRows, match="More than 1 cells"):
        read_work_file([table(WORK, *[GOOD[WORK] | {"Count": "x"}] * 2)])
