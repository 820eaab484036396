"""The matrix of other groups than one with a full year: little known, on hold as a close, large; and its costs."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entities.models import LegalEntity, Membership
from tests.board.reports.matrix_html import cells, fractions, page, text_of
from tests.board.reports.year_of_closes import YEAR_AT
from tests.builders import CLOSED, ON_HOLD, OPEN, utc
from tests.db_builders import save_busy_group, save_person, save_sample_group
from tests.sample_entities import SampleEntity
from tests.settable_clock import SettableClock

pytestmark = pytest.mark.django_db


def test_a_close_between_two_reads_around_the_deadline_is_perhaps_on_time(clock: SettableClock) -> None:
    group = save_sample_group()
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN) | {"UKHC": CLOSED})
    client = Client()
    client.force_login(save_person())
    text = page(client)
    assert cells(text, "UKHC")[-1] == (
        "undated",
        "UK HoldCo, May 2026: Closed, perhaps on time, closed between 8 and 12 June",
    )
    assert "could be judged: 1 perhaps on time" in text
    assert ">on time?<" not in text
    for path in ("/", "/matrix/", "/calendar/", "/entities/UKHC/"):
        told = client.get(path).content.decode().lower()
        assert "perhaps on time" in told, path
        names_of_other_cases = (
            r"(perhaps on time; closed, date unknown|date unknown</li>)"  # a filter, the legend
        )
        assert "date unknown" not in re.sub(names_of_other_cases, "", told), path
    assert "1 perhaps on time</small>" in client.get("/").content.decode()


def test_closed_when_first_read_has_no_date(clock: SettableClock) -> None:
    group = save_sample_group()
    group.read("2026-06-12 11:58", dict.fromkeys(group.entities, OPEN) | {"UKHC": CLOSED})
    client = Client()
    client.force_login(save_person())
    text = page(client)
    assert cells(text, "UKHC")[-1] == (
        "undated",
        "UK HoldCo, May 2026: Closed, date unknown, already closed when first read",
    )
    assert "could be judged: 1 closed, date unknown, 44 unknown" in text


def test_before_anything_was_known_nothing_is_green(rosa: Client) -> None:
    told = cells(page(rosa), "UKHC")
    assert {looks for looks, _ in told[:-1]} == {"unsure unknown"}
    assert told[0][1] == "UK HoldCo, June 2025: Unknown, the ERP lists no period for June 2025"


def test_what_the_rate_leaves_out_is_counted(clock: SettableClock) -> None:
    save_busy_group()
    clock.at = YEAR_AT
    client = Client()
    client.force_login(save_person())
    text = page(client, "?months=6")
    assert "could be judged: 3 perhaps on time, 48 unknown" in text


def test_on_hold_as_a_close_is_told(clock: SettableClock) -> None:
    group = save_sample_group(on_hold_counts=True)
    group.read("2026-06-08 12:00", dict.fromkeys(group.entities, OPEN))
    group.read("2026-06-09 12:00", dict.fromkeys(group.entities, ON_HOLD))
    clock.at = utc("2026-06-09 12:01")
    client = Client()
    client.force_login(save_person())
    text = page(client)
    assert cells(text, "UKHC")[-1] == (
        "ok on_hold",
        "UK HoldCo, May 2026: On hold, on time, on hold 9 Jun, counts as closed",
    )
    assert fractions(text, "UK")[-1] == "2/2"
    assert "On hold counts as closed." in text


def test_other_numbers_of_months_are_refused_in_words(rosa: Client) -> None:
    for months in ("7", "0", "-12", "twelve", "12.0", "٣٦", "1" * 400):
        answer = rosa.get("/matrix/", {"months": months})
        assert answer.status_code == 400
        assert "it shows 6, 12, 24, 36." in text_of(answer)


def test_the_first_and_the_last_month_that_can_be_asked_for(rosa: Client) -> None:
    for month in ("1990-01", "1990-03", "2100-12"):
        assert rosa.get(f"/matrix/?month={month}&months=36").status_code == 200
    assert 'id="previous"' not in page(rosa, "?month=1990-03")


def test_before_there_is_anything_an_administrator_is_told_what_to_do(clock: SettableClock) -> None:
    somebody = save_person("root@meridian.test", "Root", group=None)
    somebody.is_superuser = True
    somebody.save()
    client = Client()
    client.force_login(somebody)
    assert "manage.py load_group" in page(client)


def many(count: int) -> None:
    zones = {"UK": ("GB", "Europe/London"), "EUROPE": ("NL", "Europe/Amsterdam")}
    cast_ = [
        SampleEntity(f"E{n:03}", f"Entity {n}", *zones[group], group, "Amira Hale", "", "", "")
        for n in range(count)
        for group in (("UK", "EUROPE")[n % 2],)
    ]
    group = save_sample_group(cast_)
    group.read("2026-06-01 12:00", {who.code: OPEN for who in cast_})
    group.read("2026-06-12 11:58", {who.code: (OPEN, CLOSED)[n % 2] for n, who in enumerate(cast_)})


def statements(client: Client, query: str) -> int:
    client.get(f"/matrix/{query}")
    with CaptureQueriesContext(connection) as ran:
        assert client.get(f"/matrix/{query}").status_code == 200
    assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in ran), "a GET wrote"
    return len(ran)


def few_and_many() -> tuple[Client, Client]:
    """Somebody who sees 4 of 40 entities, and somebody who sees them all."""
    many(40)
    somebody = save_person("few@meridian.test", "Few", group=None)
    for code in ("E000", "E001", "E002", "E003"):
        Membership.objects.create(
            person=somebody, role=Membership.Role.OWNER, entity=LegalEntity.objects.get(code=code)
        )
    few, everybody = Client(), Client()
    few.force_login(somebody)
    everybody.force_login(save_person())
    return few, everybody


def test_it_costs_the_same_few_statements_however_many_entities_and_months(clock: SettableClock) -> None:
    queries = ("", "?months=36", "?months=6&by=erp", "?q=Entity")
    counted = {statements(client, query) for client in few_and_many() for query in queries}
    assert len(counted) == 1, counted
    assert counted.pop() <= 18


def test_with_too_many_to_load_it_costs_the_same_too(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the transaction of a test the board of now is always made anew, which costs about ten of them."""
    monkeypatch.setattr("board.reports.matrix.FOLD_THRESHOLD", 3)
    clients = few_and_many()
    folded = {statements(client, query) for client in clients for query in ("", "?months=36", "?by=owner")}
    opened = {
        statements(client, query)
        for client in clients
        for query in ("?open=UK", "?open=UK&open=EUROPE&months=36")
    }
    assert (len(folded), len(opened)) == (1, 1), (folded, opened)
    assert folded.pop() <= 25
    assert opened.pop() <= 38
