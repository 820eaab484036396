"""How many statements a page of the board costs: few, and the same at any size."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from periods.snapshot.annotations import row_annotations
from tests.builders import CLOSED, OPEN
from tests.db_builders import SampleGroup, save_person, save_sample_group
from tests.sample_entities import SampleEntity

pytestmark = pytest.mark.usefixtures("clock")
BASE = 15  # statements of a first look at the board, besides one for each row annotation


def many(count: int) -> SampleGroup:
    zones = ("Europe/London", "Europe/Amsterdam")
    cast = [
        SampleEntity(
            f"E{n:03}",
            f"Entity {n}",
            ("GB", "NL")[n % 2],
            zones[n % 2],
            ("UK", "EUROPE")[n % 2],
            "Amira Hale",
            "",
            "",
            "",
        )
        for n in range(count)
    ]
    group = save_sample_group(cast)
    group.read("2026-06-01 12:00", {who.code: OPEN for who in cast})
    group.read("2026-06-12 11:58", {who.code: (OPEN, CLOSED)[n % 2] for n, who in enumerate(cast)})
    return group


@pytest.mark.parametrize("entities", [4, 40])
def test_the_page_costs_the_same_few_statements_at_any_size(live_database: str, entities: int) -> None:
    group = many(entities)
    most = BASE + len(row_annotations())
    client = Client()
    client.force_login(save_person())
    with CaptureQueriesContext(connection) as first:
        tag = client.get("/")["ETag"]
    assert len(first) <= most, "\n".join(query["sql"][:120] for query in first)
    with CaptureQueriesContext(connection) as again:  # session; person with what is new; saved views
        answer = client.get("/")
    assert answer.content.decode().count('id="row-E') == entities
    assert len(again) == 3, "\n".join(query["sql"][:120] for query in again)
    with CaptureQueriesContext(connection) as unchanged:
        assert client.get("/", headers={"If-None-Match": tag}).status_code == 304
    assert len(unchanged) == 2
    group.read("2026-06-12 11:59", dict.fromkeys(group.entities, CLOSED))
    with CaptureQueriesContext(connection) as changed:
        assert "Group closed" in client.get("/").content.decode()
    assert len(changed) <= most, "\n".join(query["sql"][:120] for query in changed)
