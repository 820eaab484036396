"""Files of 50,000 rows are read, planned and saved within bounds of memory and statements."""

from __future__ import annotations

import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from closing.blockers.blocker_kinds import BlockerKind, DocumentPart
from closing.blockers.work_rows import FILE_KINDS
from closing.blockers.work_sheets import MOST_ROWS
from entities.models import Person
from tests.builders import utc
from tests.worklist.work_files import RUNS, WORK, csv_file, run, work, workbook_file
from worklist.models import BlockerReading
from worklist.recording.work_file import SentFile, import_work, plan_import, read_sent_file

pytestmark = pytest.mark.django_db
AT = utc("2026-06-12 12:00")


@pytest.mark.slow
@pytest.mark.parametrize("as_workbook", [True, False])
def test_a_file_of_50_000_rows_is_read_within_bounds_of_memory(as_workbook: bool) -> None:
    rows = [work(f"E{number:05}", number) for number in range(MOST_ROWS)]
    file = workbook_file({WORK: rows})
    del rows
    tracemalloc.start()
    try:
        assert read_sent_file(file).rows == MOST_ROWS
        assert tracemalloc.get_traced_memory()[1] < 128 * 1024 * 1024
    finally:
        tracemalloc.stop()


def statements(by: Person, file: SentFile) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        import_work(by, file, AT, good_rows=False)
    return len(captured)


def test_the_statements_do_not_grow_with_the_rows(ann: Person) -> None:
    one = statements(ann, csv_file(WORK, work()))
    documents = BlockerKind.UNPOSTED_DOCUMENTS
    parts: list[tuple[BlockerKind, str]] = [(kind, "") for kind in FILE_KINDS if kind is not documents]
    parts += [(documents, part.value) for part in DocumentPart]
    rows = [
        work(code, number, Kind=kind.value, Part=part, Period=f"2026-0{month}")
        for code in ("NLDT", "UKRT")
        for month in range(1, 7)
        for number, (kind, part) in enumerate(parts)
    ]
    many = statements(ann, csv_file(WORK, *rows))
    assert many <= one + 2  # an event of the second entity, and facts that end
    assert BlockerReading.objects.filter(superseded_at=None).count() == len(rows)
    runs = [run(f"2026-0{month}-28", f"2026-06-{month:02} 18:05") for month in range(1, 7)]
    planned = plan_import(ann, read_sent_file(csv_file(RUNS, *runs)), AT)
    assert (planned.rows, planned.problems) == (6, [])
