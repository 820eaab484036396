"""What the page of alerts tells of connections and of whole groups, and to whom."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client

from entities.models import Connection, Group, LegalEntity, Person
from tests.alerts.evaluations import (
    Role,
    save_member,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("closed_and_silent_group")]


def history(who: str, query: str = "") -> list[tuple[str, str, str]]:
    """(kind, about what, its address) of each notice that somebody sees."""
    client = Client()
    client.force_login(Person.objects.get(name=who))
    answer = client.get(f"/alerts/{query}")
    assert answer.status_code == 200
    _, _, below = unescape(answer.content.decode()).partition("All notices")
    kinds = re.findall(r'class="kind-of">.*?<b>([^<]+)</b>', below)
    about = re.findall(r'class="of-whom"><a href="([^"]+)">([^<]+)</a>', below)
    return [(kind, name, url) for kind, (url, name) in zip(kinds, about, strict=True)]


WHOLE = ("Group closed", "Meridian Group", "/?month=2026-05&group=MERIDIAN")
UK = ("Group closed", "United Kingdom", "/?month=2026-05&group=UK")
SILENT = ("Connection not read", "meridian-prod", "/?erp=meridian-prod")


def test_who_works_for_the_whole_group_sees_all_of_it() -> None:
    assert set(history("Rosa")) == {WHOLE, UK, SILENT}


def test_who_works_for_a_part_sees_that_part_and_its_connection() -> None:
    assert set(history("Paul")) == {UK, SILENT}


def test_who_sees_one_entity_hears_of_no_group() -> None:
    save_member("ed", Role.FINANCE, LegalEntity.objects.get(code="NLDT"))
    assert set(history("Ed")) == {SILENT}


def test_who_sees_no_entity_of_a_connection_does_not_hear_of_it() -> None:
    save_member("ed", Role.FINANCE, LegalEntity.objects.get(code="NLDT"))
    other = Connection.objects.get()
    other.pk, other.name = None, "elsewhere"
    other.uid = type(other).uid.field.get_default()
    other.save()
    LegalEntity.objects.filter(code="NLDT").update(connection=other)
    assert history("Ed") == []


def test_superusers_see_everything() -> None:
    Person.objects.create(email="root@meridian.test", name="Root", is_superuser=True)
    assert set(history("Root")) == {WHOLE, UK, SILENT}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?kind=stale", {SILENT}),
        ("?kind=group_closed", {WHOLE, UK}),
        ("?for=2026-05", {WHOLE, UK}),
        ("?for=2026-04", set()),
        ("?q=dtc", set()),
    ],
)
def test_filters_hold_for_them_too(query: str, found: set[tuple[str, str, str]]) -> None:
    assert set(history("Rosa", query)) == found


def test_a_group_that_moved_under_a_new_roof_is_seen_from_there() -> None:
    holding = Group.objects.create(code="HOLDING", name="Holding", path="HOLDING/")
    save_member("olga", Role.OWNER, holding)
    assert history("Olga") == []
    Group.objects.filter(code="MERIDIAN").update(parent=holding, path="HOLDING/MERIDIAN/")
    LegalEntity.objects.filter(code="NLDT").update(group=Group.objects.get(code="MERIDIAN"))
    assert {name for _, name, _ in history("Olga")} == {"Meridian Group", "meridian-prod"}
