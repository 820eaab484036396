"""One blocked scenario behind every door: pages, stream, files, command, mail and post have the same words."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client
from openpyxl import load_workbook

from alerts.channels.webhook.channel import _entity as posted_entity
from alerts.mail.rows import MessageContext, entity_row
from alerts.notices.entries import EntityMonth
from board.live.hub import authorize_stream
from board.live.screen_diff import ScreenState
from entities.models import LegalEntity, Membership, Person
from periods.snapshot.builder import take_snapshot
from tests.board.page_client import signed_in
from tests.builders import MAY, WORKED_EXAMPLE_AT
from tests.db_builders import save_person
from tests.worklist.blocked_scenario import READ_AT

pytestmark = pytest.mark.django_db
WORDS = (
    "61 lines not posted, 4 vendor invoices not posted, intercompany with UK Retail Ltd 640.00 EUR,"
    " inventory close missing; not readable in full: recurring journals"
)
UNREAD = (
    "not readable in full: unposted customer invoices: none seen, unposted journal lines, recurring journals"
)
CAUSE = "EU DTC BV and US Retail Inc likely share a root cause: intercompany with UK Retail Ltd."
IN_FULL = [
    "61 lines not posted, above 50; 2 approved, waiting to be posted",
    "4 vendor invoices not posted, due Tue 9 Jun",
    "EU DTC BV and UK Retail Ltd 640.00 EUR apart, above 127.00",
    "no inventory close through 31 May 2026",
    "Finance & Operations does not show recurring journals",
]


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def row_in(html: str, code: str) -> str:
    found = re.search(rf'<tr id="row-{code}".*?</tr>', html, re.DOTALL)
    assert found is not None
    return re.sub(r"<time.*?</time>", "", found[0])


def page(client: Client, path: str, **headers: str) -> str:
    return client.get(path, headers=headers).content.decode()


def command(format_: str, as_of: str) -> str:
    out = io.StringIO()
    call_command("scoreboard", "--format", format_, "--as-of", as_of, stdout=out)
    return out.getvalue()


def csv_rows(client: Client, query: str = "") -> dict[str, dict[str, str]]:
    text = client.get(f"/export/board.csv{query}").getvalue().decode("utf-8-sig")
    return {line["code"]: line for line in csv.DictReader(io.StringIO(text, newline=""))}


def excel_rows(client: Client, path: str, sheet: str) -> dict[str, dict[str, Any]]:
    book = load_workbook(io.BytesIO(client.get(path).getvalue()))
    names, *lines = ([cell.value for cell in line] for line in book[sheet].iter_rows())
    rows: list[dict[str, Any]] = [dict(zip(map(str, names), line, strict=True)) for line in lines]
    return {str(row["Code"]): row for row in rows}


def test_pages_and_the_stream(blocked_group_client: Client) -> None:
    board = page(blocked_group_client, "/")
    row = row_in(board, "NLDT")
    assert [text_of(item) for item in re.findall(r"<li[^>]*>(.*?)</li>", row)] == IN_FULL
    assert CAUSE in text_of(board)
    assert row_in(page(blocked_group_client, "/", **{"HX-Request": "true"}), "NLDT") == row
    rosa = Person.objects.get(email="rosa.bell@meridian.test")
    opening = authorize_stream(rosa.pk, "no session", {})
    assert opening is not None
    state = opening[0].state
    assert isinstance(state, ScreenState)
    assert row_in(state.screen.row(state.rows["row-NLDT"]), "NLDT") == row
    assert CAUSE in text_of(state.parts["verdict"])
    assert state.sums["EUROPE"] in board
    assert f"In the way: {WORDS}" in unescape(page(blocked_group_client, "/matrix/"))
    assert WORDS in text_of(page(blocked_group_client, "/past-deadline/"))
    wall = text_of(page(blocked_group_client, "/wall/"))
    assert CAUSE in wall
    assert "61 lines not posted, +3, 1 not readable" in wall


def test_files_and_the_command(blocked_group_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    as_of = WORKED_EXAMPLE_AT.isoformat()
    told = json.loads(command("json", as_of))
    assert told["headline"].endswith(CAUSE)
    of_eu, of_uk = (
        next(each for each in told["entities"] if each["code"] == code) for code in ("NLDT", "UKHC")
    )
    assert [each["because"] for each in of_eu["blockers"]] == IN_FULL
    assert of_eu["tasks"] == {"done": 2, "total": 4, "not_needed": 0, "overdue": 2, "due_today": 0}
    assert {each["count"] for each in of_uk["blockers"] if each["level"] == "not_readable"} == {None}
    lines = csv_rows(blocked_group_client)
    assert (lines["NLDT"]["in_the_way"], lines["UKHC"]["in_the_way"].startswith(UNREAD)) == (WORDS, True)
    assert [lines["NLDT"][f"tasks_{name}"] for name in ("done", "total", "not_needed", "overdue")] == [
        *"2402"
    ]
    board = excel_rows(blocked_group_client, "/export/board.xlsx", "Board")
    queue = excel_rows(blocked_group_client, "/export/past-deadline.xlsx", "Overdue")
    periods = excel_rows(blocked_group_client, "/export/matrix.xlsx?months=6", "Periods")
    for rows in (board, queue, periods):
        assert rows["NLDT"]["Unfinished work"] == WORDS
        assert rows["NLDT"]["Close tasks"] == "2 of 4; 2 overdue"
    table = " ".join(command("table", as_of).split())
    assert CAUSE in table
    assert f"{WORDS}; tasks 2 of 4; 2 overdue" in table
    assert [
        line["in_the_way"] for line in csv.DictReader(io.StringIO(command("csv", as_of), newline=""))
    ] == [lines[code]["in_the_way"] for code in (each["code"] for each in told["entities"])]


def test_mail_and_post(blocked_group_client: Client) -> None:
    board = take_snapshot(LegalEntity.objects.all(), MAY, WORKED_EXAMPLE_AT, visible=lambda: None)
    row = next(row for row in board.rows if row.code == "NLDT")
    context = MessageContext(WORKED_EXAMPLE_AT, ZoneInfo("Europe/London"), "London", "https://board.test", "")
    details = {each.name: each.text for each in entity_row(EntityMonth(row, MAY, ()), context).details}
    assert details["In the way"] == WORDS
    told = json.loads(command("json", WORKED_EXAMPLE_AT.isoformat()))["entities"][0]
    assert posted_entity(row, MAY)["blockers"] == told["blockers"]


def test_a_past_moment_shows_what_was_known_then(blocked_group_client: Client) -> None:
    between = "2026-06-12T12:50"  # in London: after the first reading, before the second
    board = page(blocked_group_client, f"/?at={between}")
    assert "root cause" not in text_of(board)
    assert [text_of(item) for item in re.findall(r"<li[^>]*>(.*?)</li>", row_in(board, "NLDT"))] == IN_FULL
    assert "blockers" not in row_in(board, "UKHC")
    assert csv_rows(blocked_group_client, f"?at={between}")["NLDT"]["in_the_way"] == WORDS
    told = json.loads(command("json", READ_AT.isoformat()))
    assert [each["because"] for each in told["entities"][0]["blockers"]] == IN_FULL
    before = csv_rows(blocked_group_client, "?at=2026-06-12T12:49&blocked=anything")
    assert before == {}
    early = csv_rows(blocked_group_client, "?at=2026-06-12T12:49")["NLDT"]
    assert (early["in_the_way"], early["tasks_done"], early["tasks_total"]) == ("", "0", "4")


def test_nobody_reads_the_name_of_counterparties_that_they_may_not_see(blocked_group_client: Client) -> None:
    dana = save_person("dana.field@meridian.test", "Dana Field", group=None)
    seen = LegalEntity.objects.filter(code__in=("NLDT", "USRT", "UKHC"))
    for entity in seen:
        Membership.objects.create(person=dana, role=Membership.Role.AUDITOR, entity=entity)
    client = signed_in(dana)
    texts = [
        page(client, path)
        for path in ("/", "/matrix/", "/past-deadline/", "/wall/", "/?blocked=anything&by=erp")
    ]
    texts += [client.get(f"/export/{name}.csv").getvalue().decode() for name in ("board", "matrix")]
    assert not any("UK Retail" in text or "640.00" in text for text in texts)
    board = text_of(texts[0])
    assert "EU DTC BV and US Retail Inc likely share a root cause: intercompany balances." in board
    assert "at least 1 intercompany counterparty out of step" in text_of(texts[4])
