"""How many statements the page of an entity costs: the same whatever the history and however many entities."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from entities.models import LegalEntity
from tests.board.entity.entity_scenarios import save_notes, twelve_closes_of_all
from tests.builders import CLOSED, OPEN, WORKED_EXAMPLE_AT
from tests.db_builders import record_worked_example, save_person, save_sample_group


def statements(client: Client, address: str) -> list[str]:
    """What a page asks of the database once this process keeps the board."""
    client.get(address)
    with CaptureQueriesContext(connection) as ran:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in ran]


def test_the_statements_do_not_grow_with_history_or_entities(
    live_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.web.board_request.now", lambda: WORKED_EXAMPLE_AT)
    meridian = save_sample_group()
    record_worked_example(meridian)
    rosa = Client()
    rosa.force_login(save_person())
    few = statements(rosa, "/entities/NLDT/")
    assert len(few) <= 29, "\n".join(sql[:150] for sql in few)
    assert all(sql.lstrip().upper().startswith(("SELECT", "WITH")) for sql in few)

    by = save_person("kim.x@meridian.test", "Kim")
    states = dict.fromkeys(meridian.entities, OPEN)
    like = meridian.entities["NLDT"]
    save_notes(by, like, 40, WORKED_EXAMPLE_AT)
    for number in range(12):
        meridian.read(
            WORKED_EXAMPLE_AT + timedelta(minutes=number), states | {"NLDT": (CLOSED, OPEN)[number % 2]}
        )
    twelve_closes_of_all(meridian)
    LegalEntity.objects.bulk_create(
        LegalEntity(
            code=f"X{number}",
            name=f"Extra {number}",
            country="NL",
            zone=like.zone,
            group=like.group,
            calendar=like.calendar,
            connection=like.connection,
            erp_id=f"x{number}",
        )
        for number in range(30)
    )
    monkeypatch.setattr("board.web.board_request.now", lambda: WORKED_EXAMPLE_AT + timedelta(hours=2))
    many = statements(rosa, "/entities/NLDT/?month=2026-05")
    assert len(many) == len(few)
    answer = rosa.get("/entities/NLDT/?month=2026-05")
    assert answer.content.decode().count('<li class="is-said" id="remark-') == 40
