"""The wall screen through HTTP: its round, its verdict under filters, and what it must not show."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from board.scoreboard.wall import MAX_SCREENS, ROWS_PER_SCREEN
from entities.models import LegalEntity, Membership, Person
from tests.board.page_client import signed_in
from tests.builders import CLOSED, OPEN
from tests.db_builders import (
    SampleGroup,
    save_person,
    save_sample_group,
)
from tests.sample_entities import SampleEntity
from tests.settable_clock import SettableClock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def ask(client: Client, query: str = "") -> HttpResponse:
    answer = client.get(f"/wall/{query}")
    assert answer.status_code == 200
    return answer  # type: ignore[return-value]


def text_of(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def verdict(text: str) -> str:
    found = re.search(r"<h1[^>]*>([^<]+)</h1>", text)
    assert found is not None
    return found[1]


def names(text: str) -> list[str]:
    return re.findall(r'<li class="[^"]*"> <b[^>]*>([^<]+)</b>', text)


# --- the round ----------------------------------------------------------------------------------------------------


def test_few_entities_are_one_screen_that_renews_itself(meridian: SampleGroup) -> None:
    answer = ask(signed_in(save_person()))
    text = text_of(answer)
    assert answer["Refresh"] == "20; url=/wall/"
    assert names(text) == ["EU DTC BV", "US Retail Inc", "UK HoldCo", "UK Retail Ltd"]
    assert verdict(text) == "Not closed: 2 of 4 outstanding"
    assert "renewed every 20 s" in text
    assert re.search(r"<time datetime=\"2026-06-12T12:00:00Z\">13:00</time>", text)


def test_many_begin_with_those_furthest_behind_and_go_on_by_group_and_back(
    rosa_in_busy_group: Client,
) -> None:
    seen, headings, url = [], [], "/wall/"
    for number in (1, 2, 3):
        answer = rosa_in_busy_group.get(url)
        text = text_of(answer)  # type: ignore[arg-type]
        assert f"{number} of 3" in text
        seen.append(names(text))
        headings += re.findall(r"<h2><span>([^<]+)</span>", text)
        url = answer["Refresh"].partition("url=")[2]
    assert url == "/wall/"
    assert seen[0][:2] == ["EU DTC BV", "Ibérica SL"]
    assert headings == ["Continental Europe", "United Kingdom", "Americas"]
    waited_for = set(seen[0])
    assert {name for screen in seen[1:] for name in screen} == waited_for  # who is closed is in a fraction
    assert "UK HoldCo" not in waited_for


def test_filters_grouping_month_and_moment_are_kept_from_screen_to_screen(rosa_in_busy_group: Client) -> None:
    query = "?month=2026-05&at=2026-06-17T10%3A42%2B01%3A00&erp=meridian-prod&by=owner"
    answer = ask(rosa_in_busy_group, query)
    to = answer["Refresh"].removeprefix("20; url=/wall/")
    assert to == f"{query}&screen=2"
    text = text_of(ask(rosa_in_busy_group, to))
    assert "2 of " in text
    assert "As known then" in text
    assert "ERP: meridian-prod" in text


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1.5", "٣", "9" * 50])
def test_a_screen_that_is_none_is_the_first(rosa_in_busy_group: Client, number: str) -> None:
    assert "1 of 3" in text_of(ask(rosa_in_busy_group, f"?screen={number}"))


def many(count: int) -> None:
    cast = [
        SampleEntity(
            f"E{n:03}",
            f"Entity {n}",
            "GB",
            "Europe/London",
            ("UK", "EUROPE")[n % 2],
            "Amira Hale",
            "",
            "",
            "",
        )
        for n in range(count)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-12 11:58", {who.code: OPEN for who in cast})


def test_a_round_ends_and_counts_whom_it_leaves_out() -> None:
    many(200)
    client = signed_in(save_person())
    text = text_of(ask(client))
    assert f"1 of {MAX_SCREENS}" in text
    last = ask(client, f"?screen={MAX_SCREENS}")
    assert last["Refresh"] == "20; url=/wall/"
    shown = set()
    for number in range(1, MAX_SCREENS + 1):
        on_it = names(text_of(ask(client, f"?screen={number}")))
        assert len(on_it) <= ROWS_PER_SCREEN
        shown |= set(on_it)
    found = re.search(r"(\d+) more outstanding, not shown", text)
    assert found is not None
    assert len(shown) + int(found[1]) >= 200
    assert 0 < int(found[1]) < 200


def test_it_costs_the_same_few_statements_at_any_size_and_writes_nothing() -> None:
    many(40)
    client = signed_in(save_person())
    ask(client)
    counts = []
    for query in ("", "?screen=2", "?group=UK"):
        with CaptureQueriesContext(connection) as counted:
            ask(client, query)
        assert all(each["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for each in counted)
        counts.append(len(counted))
    assert len(set(counts)) == 1
    assert counts[0] <= 19


# --- the verdict --------------------------------------------------------------------------------------------------


def test_all_closed_is_calm_and_full_screen(meridian: SampleGroup, clock: SettableClock) -> None:
    meridian.read("2026-06-12 11:59", dict.fromkeys(meridian.entities, CLOSED))
    client = signed_in(save_person())
    text = text_of(ask(client))
    assert verdict(text) == "Group closed on 12 June, 1 day late"
    assert "4 entities closed and confirmed. Nothing left to do." in text
    assert "all-closed" in text
    assert names(text) == []
    clock.at += timedelta(hours=1)  # nobody has confirmed it since
    text = text_of(ask(client))
    assert "all-closed" not in text
    assert verdict(text) == "Unknown: 4 of 4 not read"
    assert len(names(text)) == 4
    assert text.count("not read since 12:59") == 4


@pytest.mark.parametrize("path", ["/wall/", "/"])
def test_only_the_lateness_is_an_alarm_and_no_name_that_reads_like_one(
    meridian: SampleGroup, path: str
) -> None:
    LegalEntity.objects.filter(code="UKRT").update(name="Zeta 40 days past Ltd")
    meridian.read("2026-06-12 11:59", {"UKHC": CLOSED, "UKRT": OPEN, "USRT": CLOSED, "NLDT": OPEN})
    text = signed_in(save_person()).get(path).content.decode()
    assert (
        '<b class="strong">EU DTC BV</b> and Zeta 40 days past Ltd hold the group up, '
        '<b class="alert">3 days past</b> their 9 June deadline.'
    ) in text


def test_a_part_of_what_one_sees_is_never_called_the_group(meridian: SampleGroup) -> None:
    text = text_of(ask(signed_in(save_person()), "?group=UK"))
    assert verdict(text) == "United Kingdom: closed on 8 June, 1 day early"
    text = text_of(ask(signed_in(Person.objects.get(name="Rosa Bell")), "?owner=Amira+Hale"))
    assert verdict(text) == "Owner: Amira Hale: closed on 8 June, 1 day early"


@pytest.mark.parametrize(
    "query", ["?state=closed", "?show=stale", "?level=closed_on_time", "?state=closed&sort=name"]
)
def test_a_filter_on_states_makes_no_verdict_of_its_own(meridian: SampleGroup, query: str) -> None:
    text = text_of(ask(signed_in(save_person()), query))
    assert "all-closed" not in text
    assert "Not closed: 2 of 4 outstanding" in text or "Nobody to show" in text


def test_who_sees_the_uk_sees_nothing_of_the_rest(meridian: SampleGroup) -> None:
    client = signed_in(save_person("uma@meridian.test", "Uma", group="UK", role=Membership.Role.OWNER))
    text = text_of(ask(client))
    assert verdict(text) == "Group closed on 8 June, 1 day early"
    for foreign in (
        "EU DTC BV",
        "US Retail",
        "Americas",
        "Continental Europe",
        "Meridian Group",
        "outstanding",
    ):
        assert foreign not in text
    assert "Nobody to show" in text_of(ask(client, "?group=EUROPE"))
    assert "Continental Europe" not in text_of(ask(client, "?group=EUROPE"))


def test_without_a_role_the_next_step_is_named(meridian: SampleGroup) -> None:
    text = text_of(ask(signed_in(save_person("nina@meridian.test", "Nina", group=None))))
    assert verdict(text) == "You have no entities yet"


def test_there_is_no_control_and_nothing_inline(rosa_in_busy_group: Client) -> None:
    text = text_of(ask(rosa_in_busy_group))
    assert not re.search(r"<button|<form|<input|<select|<script|<style|\sstyle=|http-equiv", text)
    assert re.findall(r"<a [^>]*>", text) == ['<a class="skip" href="/">']


def test_a_name_is_text_and_cannot_turn_the_refresh_elsewhere(meridian: SampleGroup) -> None:
    LegalEntity.objects.filter(code="NLDT").update(name='"><script>alert(1)</script>')
    client = signed_in(save_person())
    assert "<script>alert" not in text_of(ask(client))
    answer = ask(client, "?q=x%0D%0ASet-Cookie%3A+a%3Db;url=//evil.test")
    assert answer["Refresh"].startswith("20; url=/wall/?q=x%0D%0ASet-Cookie%3A+a%3Db%3Burl%3D%2F%2Fevil.test")


def test_signed_out_the_login_comes_back_to_the_wall(meridian: SampleGroup) -> None:
    assert Client().get("/wall/?group=UK")["Location"] == "/login/?next=/wall/%3Fgroup%3DUK"
