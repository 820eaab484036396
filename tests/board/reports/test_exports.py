"""Exports read back as somebody else's program would: the rows of the screen, harmless, with dates and numbers."""

from __future__ import annotations

import csv
import io
import re
import subprocess
import sys
import zipfile
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.http import QueryDict
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from board.reports.matrix import matrix
from board.reports.spreadsheet import SheetColumn, Worksheet, write_workbook
from board.scoreboard.serializers import could_be_formula
from board.web.board_request import resolve_request
from board.web.params import MatrixWindow
from closing.calendar.date_phrases import month_and_year
from entities.models import LegalEntity, Membership, Person
from tests.board.page_client import signed_in
from tests.builders import WORKED_EXAMPLE_AT, utc
from tests.db_builders import (
    BUSY_GROUP_AT,
    SampleGroup,
    save_person,
)
from tests.hypothesis_profiles import examples

HOSTILE = (
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-1",
    "@SUM(A1)",
    "\tTab",
    "\rCR",
    "\nLF",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "  =1",
    'Ünï, “quoted” "plain" and\nnew\r\nlines',
    "_x000D_ looks like an escape",
    "<b>&amp;</b>",
)
UNWRITABLE = {chr(code) for code in range(32)} - {"\t", "\n"} | {"\ufffe", "\uffff"}
LONDON = ZoneInfo("Europe/London")


def body(client: Client, path: str) -> bytes:
    answer = client.get(path)
    assert answer.status_code == 200
    content: bytes = answer.getvalue()
    assert answer["Content-Length"] == str(len(content))
    return content


def lines(client: Client, path: str) -> list[dict[str, str]]:
    text = body(client, path).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def sheets(client: Client, path: str) -> dict[str, list[list[Any]]]:
    book = load_workbook(io.BytesIO(body(client, path)))
    return {page.title: [[cell.value for cell in row] for row in page.iter_rows()] for page in book}


def table(rows: list[list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def about(book: dict[str, list[list[Any]]]) -> dict[str, str]:
    return {row[0]: row[1] for row in book["About"]}


# --- the board ----------------------------------------------------------------------------------------------------


def test_the_board_as_csv_says_what_the_page_says(rosa: Client) -> None:
    found = lines(rosa, "/export/board.csv")
    assert [(each["code"], each["state"], each["level"], each["days_late"]) for each in found] == [
        ("NLDT", "open", "late", "3"),
        ("USRT", "on_hold", "late", "1"),
        ("UKHC", "closed", "closed_on_time", "0"),
        ("UKRT", "closed", "closed_on_time", "0"),
    ]
    assert {each["as_of"] for each in found} == {"2026-06-12T12:00:00Z"}
    assert {(each["fresh"], each["read_at"]) for each in found} == {("true", "2026-06-12T11:58:00Z")}


def test_the_board_as_excel_has_real_dates_and_numbers(rosa: Client) -> None:
    book = sheets(rosa, "/export/board.xlsx")
    found = table(book["Board"])
    assert [(each["Code"], each["State"], each["Against deadline"], each["Days late"]) for each in found] == [
        ("NLDT", "Open", "+3d late", 3),
        ("USRT", "On hold", "+1d late", 1),
        ("UKHC", "Closed", "on time", 0),
        ("UKRT", "Closed", "on time", 0),
    ]
    assert [each["Deadline"] for each in found][:2] == [datetime(2026, 6, 9), datetime(2026, 6, 11)]  # noqa: DTZ001
    assert found[2]["First closed"] == datetime(2026, 6, 5)  # noqa: DTZ001
    assert {each["As of (London time)"] for each in found} == {datetime(2026, 6, 12, 13)}  # noqa: DTZ001
    assert {each["Last read (London time)"] for each in found} == {datetime(2026, 6, 12, 12, 58)}  # noqa: DTZ001
    assert {each["Days are"] for each in found} == {"calendar days"}
    told = about(book)
    assert told["Board of"] == "May 2026"
    assert told["As known at"] == "Fri 12 June 2026, 13:00 London (2026-06-12T12:00:00Z)"
    assert told["Filters"] == "none: everything that you may see"
    assert told["Headline, of all that you see"].startswith("Not closed: 2 of 4 outstanding. EU DTC BV holds")
    assert told["In this file"] == "2 closed · 1 on hold · 1 open · 0 alerting · 2 watch"
    assert told["Asked for by"] == "Rosa Bell (rosa.bell@meridian.test)"


def test_a_workbook_is_ready_to_work_with(rosa: Client) -> None:
    book = load_workbook(io.BytesIO(body(rosa, "/export/board.xlsx")))
    page = book["Board"]
    assert page.freeze_panes == "A2"
    assert page.auto_filter.ref == page.dimensions
    assert page["A1"].font.bold
    assert page.column_dimensions["D"].width > 20
    deadline = next(cell for cell in page[1] if cell.value == "Deadline").column_letter
    assert page[f"{deadline}2"].is_date
    assert page.print_title_rows == "$1:$1"
    assert page.page_setup.orientation == "landscape"


def test_the_same_question_at_the_same_moment_is_the_same_file(rosa: Client) -> None:
    for path in ("board.csv", "board.xlsx", "past-deadline.xlsx"):
        assert body(rosa, f"/export/{path}") == body(rosa, f"/export/{path}")


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", "NLDT DEVT ESIB FRSA IEOP UKWS UKHC UKRT USRT MXCO CALC USHQ"),
        ("?by=none", "NLDT ESIB UKWS DEVT USRT MXCO CALC FRSA IEOP UKHC UKRT USHQ"),
        ("?show=late&by=none&sort=name", "NLDT ESIB UKWS USRT DEVT"),
        ("?group=AMERICAS", "USRT MXCO CALC USHQ"),
        ("?q=hale", "UKHC UKRT"),
    ],
)
def test_exactly_the_rows_of_the_screen_in_its_order(
    rosa_in_busy_group: Client, query: str, codes: str
) -> None:
    on_screen = re.findall(r'<tr id="row-(\w+)"', rosa_in_busy_group.get(f"/{query}").content.decode())
    assert set(on_screen) == set(codes.split())
    assert [each["code"] for each in lines(rosa_in_busy_group, f"/export/board.csv{query}")] == on_screen
    assert [
        each["Code"] for each in table(sheets(rosa_in_busy_group, f"/export/board.xlsx{query}")["Board"])
    ] == on_screen


def test_filters_and_order_are_told_in_words(rosa_in_busy_group: Client) -> None:
    told = about(sheets(rosa_in_busy_group, "/export/board.xlsx?group=EUROPE&show=late&sort=name&q=b"))
    assert told["Filters"] == "Show: Overdue; Search: “b”; Group: Continental Europe"
    assert told["Order"] == "Name"


def test_what_cannot_be_confirmed_is_said_in_every_row(rosa_in_busy_group: Client) -> None:
    found = {each["Code"]: each for each in table(sheets(rosa_in_busy_group, "/export/board.xlsx")["Board"])}
    assert (found["IEOP"]["State"], found["IEOP"]["Confirmed"]) == ("Closed (as last read)", "no")
    assert found["IEOP"]["Trouble"] == "The ERP refused access to this company (403)."
    assert (found["NLDT"]["State"], found["NLDT"]["Confirmed"]) == ("Open", "yes")
    assert found["UKWS"]["Confirmed"] == "no"
    assert "not read: as when last read" in about(sheets(rosa_in_busy_group, "/export/board.xlsx"))["Note"]


def test_a_past_moment_is_exported_as_it_was_known(rosa: Client) -> None:
    path = "/export/board.xlsx?at=2026-06-08T13:05&by=none"
    book = sheets(rosa, path)
    assert {each["Code"]: each["State"] for each in table(book["Board"])} == {
        "NLDT": "Open",
        "USRT": "Open",
        "UKRT": "Open",
        "UKHC": "Closed",
    }
    assert about(book)["As known at"].startswith("Mon 8 June 2026, 13:05 London")
    assert {each["as_of"] for each in lines(rosa, path.replace("xlsx", "csv"))} == {"2026-06-08T12:05:00Z"}


def test_the_file_is_named_by_us_alone_and_kept_by_nobody(rosa: Client, meridian: SampleGroup) -> None:
    LegalEntity.objects.update(name='x"; filename="evil.exe')
    for path, name in (
        ("board.csv", "closeboard-2026-05-board-20260612T1200Z.csv"),
        ("board.xlsx", "closeboard-2026-05-board-20260612T1200Z.xlsx"),
        ("past-deadline.csv", "closeboard-2026-05-past-deadline-20260612T1200Z.csv"),
    ):
        answer = rosa.get(f"/export/{path}?q=x%22%0D%0Aevil")
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_nobody_elses_rows_are_in_a_file(meridian: SampleGroup) -> None:
    client = signed_in(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.AUDITOR))
    text = body(client, "/export/board.csv").decode()
    assert "UK HoldCo" in text
    with zipfile.ZipFile(io.BytesIO(body(client, "/export/board.xlsx"))) as book:
        text += "".join(book.read(name).decode() for name in book.namelist())
    for foreign in ("EU DTC BV", "NLDT", "US Retail", "Americas", "Sanne"):
        assert foreign not in text
    nobody = signed_in(save_person("nina@meridian.test", "Nina", group=None))
    assert lines(nobody, "/export/board.csv") == []
    assert about(sheets(nobody, "/export/board.xlsx"))["In this file"] == "no entity"


def test_a_bad_question_and_a_signed_out_one_get_no_file(rosa: Client) -> None:
    answer = rosa.get("/export/board.csv?show=everything")
    assert answer.status_code == 400
    assert "attachment" not in answer.get("Content-Disposition", "")
    assert Client().get("/export/board.csv")["Location"].startswith("/login/")
    assert rosa.post("/export/board.csv").status_code == 405


def test_an_export_costs_a_few_statements_and_writes_nothing(rosa: Client) -> None:
    for path in ("board.csv", "board.xlsx", "past-deadline.csv"):
        with CaptureQueriesContext(connection) as counted:
            body(rosa, f"/export/{path}")
        assert len(counted) <= 21
        assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in counted)


@pytest.mark.django_db(transaction=False)
def test_the_asynchronous_server_sends_the_same_bytes(rosa: Client) -> None:
    async def resolve_request() -> bytes:
        client = AsyncClient()
        client.cookies = rosa.cookies
        answer: Any = await client.get("/export/board.csv")
        return b"".join([part async for part in answer.streaming_content])

    assert async_to_sync(resolve_request)() == body(rosa, "/export/board.csv")


# --- hostile names ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_comes_back_as_text(rosa: Client, name: str) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name=name)
    (line,) = lines(rosa, "/export/board.csv?q=nldt")
    assert line["name"] == (f"'{name}" if could_be_formula(name) else name)
    book = load_workbook(io.BytesIO(body(rosa, "/export/board.xlsx?q=nldt")))
    (cell,) = (each for each in book["Board"]["D"] if each.row == 2)
    assert cell.data_type == "s"
    assert unescape(cell.value) == name.replace("\r\n", "\n").replace("\r", "\n")
    assert cell.quotePrefix is could_be_formula(name)


def write(*rows: list[Any]) -> bytes:
    file = io.BytesIO()
    columns = [SheetColumn(f"C{at}") for at, _ in enumerate(rows[0])]
    write_workbook(file, [Worksheet("Rows", columns, rows)], LONDON, WORKED_EXAMPLE_AT)
    return file.getvalue()


@examples(60)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_a_workbook_gives_back_any_text(text: str) -> None:
    (value,) = load_workbook(io.BytesIO(write([text])))["Rows"][2]
    assert value.data_type == "s"
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert isinstance(value.value, str)
    assert unescape(value.value) == "".join("\ufffd" if each in UNWRITABLE else each for each in lines)


def test_a_workbook_holds_no_formula_and_no_link() -> None:
    content = write(list(HOSTILE), ["https://evil.test", "mailto:x@evil.test", *HOSTILE[2:]])
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in text
    assert "hyperlink" not in text


def test_values_keep_their_kinds() -> None:
    row = [7, True, False, None, "", date(2026, 6, 9), utc("2026-06-12 12:00"), "text"]
    cells = load_workbook(io.BytesIO(write(row)))["Rows"][2]
    assert [cell.value for cell in cells] == [
        *(7, "yes", "no", None, None),
        datetime(2026, 6, 9),  # noqa: DTZ001
        datetime(2026, 6, 12, 13),  # noqa: DTZ001
        "text",
    ]


def test_a_very_long_text_is_cut_and_not_refused() -> None:
    (cell,) = load_workbook(io.BytesIO(write(["x" * 40_000])))["Rows"][2]
    assert isinstance(cell.value, str)
    assert len(cell.value) == 32_767


# --- the matrix ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query", ["", "?months=6", "?group=EUROPE", "?by=none&sort=name", "?show=late&by=owner", "?q=hale"]
)
def test_the_matrix_has_the_lines_and_months_of_the_screen(rosa_in_busy_group: Client, query: str) -> None:
    asked = resolve_request(Person.objects.get(name="Rosa Bell"), dict(parse_qsl(query[1:])), BUSY_GROUP_AT)
    window = MatrixWindow.of(QueryDict(query[1:]))
    shown = matrix(asked, window)
    book = sheets(rosa_in_busy_group, f"/export/matrix.xlsx{query}")
    assert [each["Code"] for each in table(book["Matrix"])] == [each.entity.code for each in shown.lines]
    assert book["Matrix"][0][-len(shown.months) :] == [month_and_year(month) for month in shown.months]
    on_screen = {
        (f"{month:%Y-%m}", row.code, row.state.value, row.standing.level.value, str(row.standing.days_late))
        for each in shown.lines
        for month, row in zip(shown.months, each.rows, strict=True)
        if row is not None
    }
    found = lines(rosa_in_busy_group, f"/export/matrix.csv{query}")
    assert {(e["month"], e["code"], e["state"], e["level"], e["days_late"]) for e in found} == on_screen
    assert len(found) == len(on_screen) == len(book["Periods"]) - 1
    assert {each["as_of"] for each in found} <= {"2026-06-17T09:42:00Z"}


def test_a_cell_of_the_matrix_says_state_lateness_and_what_is_unsure(rosa_in_busy_group: Client) -> None:
    book = sheets(rosa_in_busy_group, "/export/matrix.xlsx?by=none")
    cells = {each["Code"]: each for each in table(book["Matrix"])}
    assert cells["NLDT"]["May 2026"] == "Open, +8d late"
    assert cells["UKHC"]["May 2026"] == "Closed, on time"
    assert cells["IEOP"]["May 2026"] == "Closed (as last read), on time"
    assert (
        cells["FRSA"]["April 2026"]
        == "Open, +35d late, reopened once; Finance & Operations should not allow this"
    )
    assert cells["IEOP"]["Confirmed"] == "no"
    assert about(book)["Matrix of"] == "June 2025 to May 2026"


def test_above_many_entities_the_matrix_comes_month_by_month_and_says_the_same(
    rosa_in_busy_group: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = (
        sheets(rosa_in_busy_group, "/export/matrix.xlsx?sort=name"),
        body(rosa_in_busy_group, "/export/matrix.csv"),
    )
    monkeypatch.setattr("board.reports.matrix_export.FOLD_THRESHOLD", 3)
    assert (
        sheets(rosa_in_busy_group, "/export/matrix.xlsx?sort=name"),
        body(rosa_in_busy_group, "/export/matrix.csv"),
    ) == few


def test_months_that_cannot_be_shown_make_no_file(rosa_in_busy_group: Client) -> None:
    assert rosa_in_busy_group.get("/export/matrix.csv?months=7").status_code == 400


# --- the escalation queue -----------------------------------------------------------------------------------------


def test_the_queue_as_csv_and_excel(rosa_in_busy_group: Client) -> None:
    found = lines(rosa_in_busy_group, "/export/past-deadline.csv")
    assert [(each["month"], each["code"], each["days_late"]) for each in found] == [
        ("2026-04", "FRSA", "35"),
        ("2026-05", "NLDT", "8"),
        ("2026-05", "ESIB", "8"),
        ("2026-05", "UKWS", "8"),
        ("2026-05", "DEVT", "7"),
        ("2026-05", "USRT", "6"),
    ]
    assert (found[1]["owner_email"], found[1]["over_line_since"]) == (
        "sanne.de.wit@meridian.test",
        "2026-06-15",
    )
    assert {each["as_of"] for each in found} == {"2026-06-17T09:42:00Z"}
    assert [each["fresh"] for each in found].count("false") == 1
    book = sheets(rosa_in_busy_group, "/export/past-deadline.xlsx?group=EUROPE")
    rows = table(book["Overdue"])
    assert [each["Code"] for each in rows] == ["FRSA", "NLDT", "ESIB", "DEVT"]
    assert rows[1]["Alerting since"] == datetime(2026, 6, 15)  # noqa: DTZ001
    assert rows[2]["In the way"].startswith("Not listed by the ERP since 09:12.")
    assert about(book)["In this file"] == "4 of 6 overdue entities"


def test_the_files_of_the_queue_hold_both_parts(rosa: Client) -> None:
    """The worked example: +3d and +1d, none alerting."""
    found = lines(rosa, "/export/past-deadline.csv")
    assert [(each["code"], each["level"], each["over_line_since"]) for each in found] == [
        ("NLDT", "late", ""),
        ("USRT", "late", ""),
    ]


def test_an_empty_queue_is_a_file_with_headings(rosa: Client) -> None:
    before = "?at=2026-06-03T12:00"
    assert lines(rosa, f"/export/past-deadline.csv{before}") == []
    assert len(sheets(rosa, f"/export/past-deadline.xlsx{before}")["Overdue"]) == 1


# --- size ---------------------------------------------------------------------------------------------------------

GROWTH = """
import resource
from datetime import UTC, datetime
from tempfile import TemporaryFile
from zoneinfo import ZoneInfo
from board.scoreboard.serializers import csv_lines
from board.reports.spreadsheet import SheetColumn, Worksheet, write_workbook

def rows(count):
    for n in range(count):
        yield [f"E{n:06}", f"Entity number {n}", "two modules restricted", n % 9, None, True] * 3

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

for count in (1_000, 130_000):
    with TemporaryFile() as file:
        sheets = [Worksheet("Rows", [SheetColumn("x")] * 18, rows(count))]
        write_workbook(file, sheets, ZoneInfo("UTC"), datetime.now(UTC))
    with TemporaryFile() as file:
        file.writelines(line.encode() for line in csv_lines(["x"] * 18, rows(count)))
    print(peak())
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows() -> None:
    """130,000 rows may cost at most 50 MB more than a thousand (05-reliability 5.4)."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH], capture_output=True, text=True, timeout=110, check=True
    )
    few, many = map(float, done.stdout.split())
    assert many - few <= 50
