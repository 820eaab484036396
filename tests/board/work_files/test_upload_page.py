"""The pages of files of unfinished work: form, preview, result, template, and who gets them."""

from __future__ import annotations

import html
import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from entities.models import Person
from infra.models import AuditEvent
from tests.worklist.work_files import (
    POSITIONS,
    RATES,
    RUNS,
    WORK,
    csv_file,
    position,
    rate,
    reversal,
    run,
    work,
    workbook_file,
)
from worklist.models import BlockerReading, ClosingRate, InventoryRunFact, PartnerPosition, WorkUpload
from worklist.recording.work_file import SentFile

pytestmark = pytest.mark.django_db
CLOSES = [run("2026-03-31", "2026-04-03 18:05"), run("2026-04-30", "2026-05-05 18:05")]


def send(client: Client, file: SentFile) -> HttpResponse:
    sent = SimpleUploadedFile(file.name, file.content)
    return client.post(reverse("work_upload"), {"file": sent})  # type: ignore[return-value]


def preview(client: Client, file: SentFile) -> tuple[str, str]:
    """The address and the text of the preview of a file."""
    response = send(client, file)
    assert response.status_code == 303
    return response.url, text(client, response.url)  # type: ignore[attr-defined]


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def save(client: Client, file: SentFile, which: str = "all") -> str:
    url, _ = preview(client, file)
    response = client.post(url, {"save": which})
    assert (response.status_code, response["Location"]) == (303, url)
    return text(client, url)


def test_a_file_is_shown_before_it_is_saved_and_its_result_stays(ann: Client) -> None:
    url, shown = preview(ann, csv_file(WORK, work()))
    assert "Nothing is saved yet. 1 row can be taken: 1 new." in shown
    assert "unposted journal lines, May 2026" in shown
    assert "Save all 1 row<" in shown
    assert not BlockerReading.objects.exists()
    assert ann.post(url, {"save": "all"}).status_code == 303
    assert BlockerReading.objects.get().count == 61
    for _ in range(2):  # a second press of the button changes nothing
        result = text(ann, url)
        assert "1 row saved" in result
        assert "1 fact changed on the board." in result
        assert ann.post(url, {"save": "all"}).status_code == 303
    assert AuditEvent.objects.filter(verb="work.by_file").count() == 1
    assert "work.csv</a>" in text(ann, reverse("work_upload"))
    assert WorkUpload.objects.get().content is None


def test_bad_rows_have_their_place_and_only_the_good_ones_can_be_saved(ann: Client) -> None:
    file = csv_file(WORK, work(), work("UKRT", "many"))
    url, shown = preview(ann, file)
    assert "1 row cannot be taken" in shown
    assert "<b>Unfinished work, row 3, Count</b> “many” is not a whole number from 0 on." in shown
    assert 'value="all"' not in shown
    response = ann.post(url, {"save": "all"})
    assert response.status_code == 422
    assert b"1 row cannot be taken. Correct them, or save the good rows only." in response.content
    assert not BlockerReading.objects.exists()
    assert ann.post(url, {"save": "good"}).status_code == 303
    result = text(ann, url)
    assert "1 row saved" in result
    assert "<b>Unfinished work, row 3, Count</b>" in result
    assert BlockerReading.objects.count() == 1


def test_a_discarded_file_changes_nothing(ann: Client) -> None:
    url, _ = preview(ann, csv_file(WORK, work()))
    response = ann.post(url, {"save": "discard"}, follow=True)
    assert "The file is discarded. Nothing was changed." in response.content.decode()
    assert ann.get(url).status_code == 404
    assert not WorkUpload.objects.exists()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, "Choose a workbook or a CSV file first."),
        (SentFile("empty.csv", b""), "The file is empty. Start from the template."),
        (SentFile("x.xlsx", b"PK\x03\x04broken"), "The workbook is damaged or is none."),
        (SentFile("x.csv", "Entität".encode("cp1252")), "is not text in UTF-8."),
    ],
)
def test_a_file_that_cannot_be_read_gets_a_sentence(ann: Client, file: SentFile | None, words: str) -> None:
    response = send(ann, file) if file is not None else ann.post(reverse("work_upload"))
    assert response.status_code == 422
    assert words in html.unescape(response.content.decode())
    assert not WorkUpload.objects.exists()


def test_a_reversal_of_an_earlier_close_is_refused_on_the_page(ann: Client) -> None:
    save(ann, csv_file(RUNS, *CLOSES))
    _, shown = preview(ann, csv_file(RUNS, reversal("2026-03-31", "2026-06-04 09:00")))
    assert "Only the last close can be reversed; to reverse March: April, March." in shown
    assert 'name="save" value="good"' not in shown
    _, shown = preview(ann, csv_file(RUNS, reversal("2026-04-30", "2026-06-04 09:00")))
    [line] = re.findall(r"Inventory closed through.*?</tr>", shown)
    assert [re.sub("<.*?>", "", cell) for cell in line.split("</td>")[1:3]] == [
        "30 April 2026",
        "31 March 2026",
    ]


def test_what_the_template_holds_is_taken_back_unchanged(ann: Client) -> None:
    rows = {
        WORK: [
            work(Amount="1234.50", Currency="EUR", Note="=Rents", At_least="yes"),
            work("UKRT", "not readable", Kind="bank_not_reconciled", Unit="statements"),
            work(Kind="unposted_documents", Part="vendor_invoices", As_of="2026-06-12"),
        ],
        RUNS: [*CLOSES, reversal("2026-04-30", "2026-06-04 09:00", Warnings=2, Voucher="ICL-7")],
        POSITIONS: [position("NLDT", "UKRT", "127000.00"), position("UKRT", "NLDT", "9.5", Basis="ledger")],
        RATES: [rate()],
    }
    assert "9 rows saved" in save(ann, workbook_file(rows))
    stored = ClosingRate, InventoryRunFact, PartnerPosition
    before = [model.objects.count() for model in stored]
    assert before == [1, 3, 2]
    response = ann.get(reverse("work_template"))
    content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
    _, shown = preview(ann, SentFile("back.xlsx", content))
    assert "9 rows can be taken: 9 as before." in shown
    for sheet, count in (("unfinished-work", 3), ("inventory-runs", 3), ("intercompany-positions", 2)):
        response = ann.get(reverse("work_template_csv"), {"sheet": sheet})
        content = b"".join(response.streaming_content)  # type: ignore[attr-defined]
        _, shown = preview(ann, SentFile(f"{sheet}.csv", content))
        assert f"{count} rows can be taken: {count} as before." in shown
    assert [model.objects.count() for model in stored] == before


def test_the_template_lists_the_entities_that_the_person_sees_and_the_valid_values(olga: Client) -> None:
    content = b"".join(olga.get(reverse("work_template")).streaming_content)  # type: ignore[attr-defined]
    book = load_workbook(io.BytesIO(content))
    assert book.sheetnames == [WORK, RUNS, POSITIONS, RATES, "Read me", "Entities", "Valid values"]
    listed = [[cell.value for cell in row] for row in book["Entities"].iter_rows(min_row=2)]
    assert listed == [["NLDT", "EU DTC BV", "state its work"]]
    values = {row[1].value for row in book["Valid values"].iter_rows(min_row=2)}
    assert {"unposted_journals", "vendor_invoices", "recalculation", "ledger"} <= values


def test_who_writes_on_nothing_gets_no_page_and_no_link(auditor: Client, ann: Client) -> None:
    address = reverse("work_upload")
    assert auditor.get(address).status_code == 403
    assert address not in text(auditor, reverse("scoreboard"))
    assert address in text(ann, reverse("scoreboard"))
    url, _ = preview(ann, csv_file(WORK, work()))
    assert auditor.get(url).status_code == 404
    assert send(auditor, csv_file(WORK, work())).status_code == 403


def test_a_file_is_its_sender_s_alone(ann: Client, olga: Client) -> None:
    url, _ = preview(ann, csv_file(WORK, work("UKRT")))
    assert olga.get(url).status_code == 404
    assert olga.post(url, {"save": "all"}).status_code == 404
    _, shown = preview(olga, csv_file(WORK, work(), work("UKRT")))
    assert "You see no entity with the code “UKRT”." in shown
    assert "UK Retail" not in shown
    assert "EU DTC BV" in shown


def test_a_file_that_nobody_saved_goes_after_a_day(ann: Client) -> None:
    url, _ = preview(ann, csv_file(WORK, work()))
    sent = WorkUpload.objects.get()
    WorkUpload.objects.update(at=sent.at - timedelta(days=2))
    preview(ann, csv_file(WORK, work()))
    assert ann.get(url).status_code == 404


def test_the_board_names_who_brought_it(ann: Client) -> None:
    Person.objects.filter(email="ann@meridian.example").update(name="Ann <Controller>")
    save(ann, csv_file(WORK, work()))
    board = ann.get(reverse("scoreboard") + "?month=2026-05").content.decode()
    assert "<small>by file, Ann &lt;Controller&gt;, 12 Jun</small>" in board
