"""Files of unfinished work by property: a workbook and a CSV of the same rows are read alike, and nothing raises."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from closing.blockers.work_cells import FilePeriod
from closing.blockers.work_rows import FILE_KINDS, WorkRow, units_of
from closing.blockers.work_sheets import MOST_PROBLEMS, SHEETS, TooManyRows, WorkFile, read_work_file
from closing.tables import FileTable, RefusedCell, TableCell, TableRow
from infra.table_files import read_tables
from infra.workbook_reader import UnreadableFile
from tests.worklist.work_files import WORK, csv_file, workbook_file

ZONES = st.sampled_from([None, *(timezone(timedelta(hours=hours)) for hours in (-5, 0, 2))])
WALL_TIMES = st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-12-31"))
MOMENTS = st.builds(lambda at, zone: at.replace(microsecond=0, tzinfo=zone), WALL_TIMES, ZONES)
NOTES = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "), max_size=60)
AMOUNTS = st.decimals(-(10**12), 10**12, places=2, allow_nan=False)


@st.composite
def work_rows(draw: st.DrawFn) -> WorkRow:
    """A row as a person may state it."""
    kind = draw(st.sampled_from(FILE_KINDS))
    documents = kind is BlockerKind.UNPOSTED_DOCUMENTS
    count = draw(st.none() | st.integers(0, 10**6))
    amount = draw(st.none() | AMOUNTS)
    month = date(2026, draw(st.integers(1, 12)), 1)
    last = draw(st.sampled_from([None, month.replace(day=28)]))
    return WorkRow(
        2,
        draw(st.sampled_from(["NLDT", "UKRT"])),
        FilePeriod(month, last),
        kind,
        draw(st.sampled_from(DocumentPart)).value if documents else "",
        draw(st.sampled_from(units_of(kind))),
        count,
        draw(st.booleans()) and count is not None,
        amount,
        "EUR" if amount is not None else "",
        draw(st.dates(date(2020, 1, 1), date(2030, 12, 31)) | MOMENTS),
        " ".join(draw(NOTES).split()).lstrip("'"),
    )


def cells_of(row: WorkRow) -> dict[str, object]:
    return {
        "Entity": row.entity,
        "Period": str(row.period),
        "Kind": row.kind.value,
        "Part": row.part,
        "Count": "not readable" if row.count is None else row.count,
        "Unit": row.unit.value,
        "At least": "yes" if row.at_least else "",
        "Amount": "" if row.amount is None else f"{row.amount:f}",
        "Currency": row.currency,
        "As of": row.as_of.isoformat(*([" "] if isinstance(row.as_of, datetime) else [])),
        "Note": row.note,
    }


def read_back(content: bytes) -> WorkFile:
    return read_work_file(read_tables(content))


@given(work_rows())
def test_a_row_is_read_as_it_was_written(row: WorkRow) -> None:
    for file in (csv_file(WORK, cells_of(row)), workbook_file({WORK: [cells_of(row)]})):
        read = read_back(file.content)
        assert (read.problems, read.work) == ((), (row,))


CELLS: st.SearchStrategy[TableCell] = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from(["NLDT", "2026-05", "2026-05-31", "closing", "done", "due_to", "EUR", "1.17", "61"]),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
    st.booleans(),
    st.just(RefusedCell("This cell holds a formula.")),
)


@given(st.sampled_from(SHEETS), st.lists(st.lists(CELLS, max_size=14), max_size=4))
def test_each_row_is_read_or_has_a_problem_whatever_its_cells_hold(
    spec: object, rows: list[list[TableCell]]
) -> None:
    sheet = next(one for one in SHEETS if one is spec)
    lines = [TableRow(1, list(sheet.columns))]
    lines += [TableRow(line, row) for line, row in enumerate(rows, start=2)]
    read = read_work_file([FileTable(sheet.name, lines)])
    assert read.rows + len({problem.line for problem in read.problems}) == len(rows)
    assert all(problem.words.endswith(".") for problem in read.problems)


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"Entity,Through\n"]))
def test_no_file_raises_anything_but_a_sentence(content: bytes, start: bytes) -> None:
    with suppress(UnreadableFile, TooManyRows):
        assert len(read_back(start + content).problems) <= MOST_PROBLEMS
