"""What a year of reads costs PostgreSQL: rows, pages and statements, and sizes before and after packing.

`python -m bench.read_costs 100 500 365` (connections, entities, days) prints the figures of docs/operations.md.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "closeboard.settings"
    django.setup()

from django.db import connection as database
from django.db import transaction

from alerts.evaluate.run import run_evaluation
from bench.read_year import AS_OF, MONTH, READ_TABLES, TABLES, Year, seed, settle
from bench.scratch_databases import database as scratch_database
from bench.scratch_databases import execute, migrated_template, number
from connectors.pacing import due_connections
from entities.models import LegalEntity
from periods.board_cache.cache import next_future_dated
from periods.packing import pack_attempts
from periods.recording.attempts import AttemptResult, Outcome, begin_attempt, finish_attempt
from periods.snapshot.builder import take_snapshot
from periods.snapshot.freshness import freshness

KEEP = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work costs PostgreSQL: statements, rows taken from tables, and pages looked at."""

    statements: int
    rows: int
    pages: int


def works() -> dict[str, Callable[[], object]]:
    """What each minute, each read and each page does."""
    entities = LegalEntity.objects.order_by("pk")
    ids = list(entities.values_list("pk", flat=True))
    connection = entities[0].connection_id
    assert connection is not None

    def read_and_fail() -> None:
        attempt = begin_attempt(connection, AS_OF, lease=timedelta(minutes=3))
        assert attempt is not None
        finish_attempt(attempt.pk, AttemptResult(Outcome.UNAVAILABLE, AS_OF, words="x"))

    return {
        "the board of the month": lambda: take_snapshot(entities, MONTH, AS_OF),
        "freshness": lambda: freshness(ids, AS_OF),
        "the minute's evaluation": lambda: run_evaluation(AS_OF),
        "a look at what is due": lambda: due_connections(AS_OF),
        "a look at what is dated ahead": lambda: next_future_dated(AS_OF, MONTH, None),
        "an attempt begun and ended": read_and_fail,
    }


def costs() -> dict[str, Cost]:
    """The cost of each of `works`, in transactions that are rolled back; each has run once before."""
    return {name: _cost(work) for name, work in works().items()}


def _cost(work: Callable[[], object]) -> Cost:
    _in_vain(work)
    pages, counted = _pages(), []

    def count() -> None:
        before = _rows()
        statements = _Statements()
        with database.execute_wrapper(statements):
            work()
        counted.extend([statements.count, _rows() - before])

    _in_vain(count)
    return Cost(counted[0], counted[1], _pages() - pages)


class _Statements:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., object], *given: object) -> object:
        self.count += 1
        return execute(*given)


def _in_vain(work: Callable[[], object]) -> None:
    with transaction.atomic():
        work()
        transaction.set_rollback(True)


def _rows() -> int:
    return number("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables")


def _pages() -> int:
    execute("SELECT pg_stat_force_next_flush()")
    return number(
        "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))"
        " FROM pg_statio_user_tables"
    )


def size(*tables: str) -> int:
    """The bytes of tables with their indexes."""
    return sum(number("SELECT pg_total_relation_size(%(table)s::regclass)", table=table) for table in tables)


def rows_by_table(work: Callable[[], object]) -> dict[str, int]:
    """How many rows of each table PostgreSQL takes into its hands for some work."""
    found: dict[str, int] = {}

    def count() -> None:
        before = _rows_by_table()
        work()
        found.update(
            {table: rows - before[table] for table, rows in _rows_by_table().items() if rows > before[table]}
        )

    _in_vain(count)
    return found


def _rows_by_table() -> dict[str, int]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables"
        )
        return dict(cursor.fetchall())


def main() -> None:
    connections, entities, days = (int(text) for text in sys.argv[1:4])
    with migrated_template():
        with scratch_database("first_days"):
            seed(Year(connections, entities, 2))
            _print("two days", costs())
        with scratch_database("year"):
            seed(Year(connections, entities, days))
            _print_sizes("not packed", TABLES)
            _print("not packed", costs())
            began = time.monotonic()
            packed = pack_attempts(AS_OF, keep=KEEP)
            print(f"{packed:,} attempts packed in {time.monotonic() - began:.0f} s")
            settle()
            _print("packed", costs())
            then = AS_OF - timedelta(days=days // 2)
            month = date(then.year, then.month, 1)
            _print(
                "packed, a past moment",
                {
                    "the board of the month": _cost(
                        lambda: take_snapshot(LegalEntity.objects.all(), month, then)
                    )
                },
            )
            for table in READ_TABLES:
                execute(f"VACUUM FULL {table}")
            _print_sizes("packed and rewritten", READ_TABLES)


def _print(title: str, costs_of: dict[str, Cost]) -> None:
    for name, cost in costs_of.items():
        print(
            f"{title}: {name}: {cost.statements} statements, {cost.rows:,} rows, {cost.pages:,} pages",
            flush=True,
        )


def _print_sizes(title: str, tables: tuple[str, ...]) -> None:
    for table in tables:
        rows = number(f"SELECT count(*) FROM {table}")
        print(f"{title}: {table}: {rows:,} rows, {size(table) / 1e6:,.1f} MB", flush=True)


if __name__ == "__main__":
    main()
