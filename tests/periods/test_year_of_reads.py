"""No minute, read or board of now looks at more rows of what grows, after months and after packing (ADR 0027)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bench.read_costs import costs, rows_by_table, size, works
from bench.read_year import AS_OF, READ_TABLES, Year, seed, settle
from bench.scratch_databases import execute, number
from entities.models import LegalEntity
from periods.packing import pack_attempts
from periods.snapshot.freshness import freshness

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
# A tenth of 100 connections and 500 entities, read every quarter of an hour.
CONNECTIONS, ENTITIES, DAYS, EVERY = 10, 50, 150, 15
# By table: the most rows for each connection. A clock looks at a dozen attempts; an outage of each kind may go on,
# and of those that ended in the last two days the newest notice of each kind is read.
MOST = {
    "periods_syncattempt": 25,
    "periods_packedattempts": 0,
    "alerts_outage": 3,
    "alerts_notice": 3,
    "alerts_delivery": 1,
    "alerts_deliveryline": 1,
}


def add_outages_of_many_years() -> None:
    """So many that PostgreSQL would rather not read all of them."""
    execute(
        """
        INSERT INTO alerts_outage (connection_id, kind, episode, opened_at, closed_at)
        SELECT c.id, 'refused', n, %(at)s - n * interval '1 day', %(at)s - n * interval '1 day' + interval '1 h'
        FROM entities_connection c, generate_series(10, 3000) n
        """,
        at=AS_OF,
    )
    settle()


def assert_nothing_grows() -> None:
    for name, work in works().items():
        rows = rows_by_table(work)
        for table, most in MOST.items():
            assert rows.get(table, 0) <= most * CONNECTIONS, (name, table)


def test_nothing_of_now_grows_with_the_reads(live_database: str) -> None:
    seed(Year(CONNECTIONS, ENTITIES, DAYS, EVERY))
    assert number("SELECT count(*) FROM periods_syncattempt") > 100_000
    add_outages_of_many_years()
    assert_nothing_grows()
    before, unpacked = costs(), size(*READ_TABLES)

    old = number(
        "SELECT count(*) FROM periods_syncattempt WHERE started_at < %(at)s", at=AS_OF - timedelta(days=91)
    )
    packed = pack_attempts(AS_OF, keep=timedelta(days=90))
    assert packed > 0.98 * old
    settle()
    assert_nothing_grows()
    after = costs()
    for name, cost in after.items():
        assert cost.statements == before[name].statements, name
        assert cost.pages <= 1.1 * before[name].pages + 20, name

    for table in READ_TABLES:
        execute(f"VACUUM FULL {table}")
    assert unpacked - size(*READ_TABLES) > 0.9 * unpacked * packed / number(
        "SELECT count(*) + %(packed)s FROM periods_syncattempt", packed=packed
    )


def test_a_past_board_reads_one_packed_day_of_each_connection(live_database: str) -> None:
    seed(Year(CONNECTIONS, ENTITIES, DAYS, EVERY))
    pack_attempts(AS_OF, keep=timedelta(days=90))
    settle()
    ids = list(LegalEntity.objects.values_list("pk", flat=True))
    rows = rows_by_table(lambda: freshness(ids, AS_OF - timedelta(days=120)))
    # The day is looked for and read, among the good ones and among all; a day has a few rows of different content.
    assert 0 < rows["periods_packedattempts"] <= 12 * CONNECTIONS
    assert rows["periods_syncattempt"] <= 4 * CONNECTIONS
