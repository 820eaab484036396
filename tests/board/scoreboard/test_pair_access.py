"""A difference between two entities on the pages: whole for who sees both, without the other one for who does not."""

from __future__ import annotations

import pytest
from django.test import Client

from entities.models import LegalEntity, Membership, Person
from tests.board.page_client import signed_in
from tests.db_builders import SampleGroup
from tests.worklist.position_reads import (
    balance,
    positions_read,
    rates_of_may,
    record_read,
    without_foreign_currency,
)

pytestmark = pytest.mark.django_db
NIGHT = "2026-06-12 03:10"
PAGES = ("/", "/past-deadline/", "/matrix/", "/wall/", "/export/board.csv", "/entities/NLDT/")


def read_both(meridian: SampleGroup) -> None:
    rates_of_may()
    without_foreign_currency("UKRT", "NLDT")
    sides = balance("UKRT", "NLDT", "-108000", NIGHT), balance("NLDT", "UKRT", "127000", NIGHT)
    record_read(meridian.connection, "2026-06-12 11:50", positions_read(*sides))


def text_of(client: Client, page: str) -> str:
    answer = client.get(page)
    assert answer.status_code == 200, page
    return str(answer.getvalue().decode())


def test_who_sees_both_reads_name_and_difference(meridian: SampleGroup, rosa: Client) -> None:
    read_both(meridian)
    for page in ("/", "/past-deadline/", "/export/board.csv"):
        assert "intercompany with UK Retail Ltd 640.00 EUR" in text_of(rosa, page)


def test_who_sees_one_reads_neither_name_nor_side_nor_amount(meridian: SampleGroup) -> None:
    read_both(meridian)
    sanne = Person.objects.create(email="only.nldt@meridian.test", name="Only NLDT")
    Membership.objects.create(person=sanne, role="finance", entity=LegalEntity.objects.get(code="NLDT"))
    client = signed_in(sanne)
    assert "intercompany with an entity that you may not see" in text_of(client, "/")
    for page in PAGES:
        text = text_of(client, page)
        for secret in ("UK Retail", "UKRT", "640", "127,000", "127000", "108,000", "108000", "127.00"):
            assert secret not in text, (page, secret)
