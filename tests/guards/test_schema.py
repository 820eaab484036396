"""The migrated schema, with its triggers and functions, is the one in tests/golden/schema.txt."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

from tests.golden_files import assert_golden
from tests.guards.schema_dump import schema_text

pytestmark = pytest.mark.django_db

STAYS = (
    "  CREATE TRIGGER statechange_stays BEFORE DELETE OR UPDATE ON periods_statechange FOR EACH ROW"
    " EXECUTE FUNCTION periods_statechange_refuse()"
)
NAME = "  column name character varying(200)"
LOWER_CASE = "  constraint person_email_is_lower_case CHECK (email::text = lower(email::text))"
SENT = (
    "  CREATE INDEX delivery_sent ON alerts_delivery USING btree (ended_at) WHERE state::text = 'sent'::text"
)
ROOM = "table periods_fiscalperiod"


def test_the_migrations_make_this_schema() -> None:
    assert_golden("schema.txt", schema_text())


@pytest.mark.parametrize(
    ("statement", "removed", "added"),
    [
        ("DROP TRIGGER statechange_stays ON periods_statechange", [f"{STAYS} (always)"], []),
        (
            "ALTER TABLE periods_statechange ENABLE TRIGGER statechange_stays",
            [f"{STAYS} (always)"],
            [STAYS],
        ),
        (
            "ALTER TABLE periods_statechange DISABLE TRIGGER statechange_stays",
            [f"{STAYS} (always)"],
            [f"{STAYS} (disabled)"],
        ),
        ("ALTER TABLE entities_person ALTER name DROP NOT NULL", [f"{NAME} not null"], [NAME]),
        (
            "ALTER TABLE entities_person ALTER name SET DEFAULT 'x'",
            [f"{NAME} not null"],
            [f"{NAME} not null default 'x'::character varying"],
        ),
        ("ALTER TABLE entities_person DROP CONSTRAINT person_email_is_lower_case", [LOWER_CASE], []),
        ("ALTER TABLE periods_fiscalperiod RESET (fillfactor)", [f"{ROOM} with (fillfactor=85)"], [ROOM]),
        ("CREATE SEQUENCE numbers START 7", [], ["", "sequence numbers bigint start 7 increment 1"]),
        (
            "DROP INDEX delivery_sent",
            [
                SENT,
            ],
            [],
        ),
    ],
)
def test_a_changed_schema_changes_its_text(statement: str, removed: list[str], added: list[str]) -> None:
    before = Counter(schema_text().splitlines())
    with connection.cursor() as cursor:
        cursor.execute(statement)
    after = Counter(schema_text().splitlines())
    assert sorted((before - after).elements()) == removed
    assert sorted((after - before).elements()) == added


def test_a_changed_function_changes_the_text() -> None:
    before = schema_text()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION periods_statechange_refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'"
        )
    assert "state changes are never updated or deleted" in before
    assert "state changes are never updated or deleted" not in schema_text()
