"""Databases for benchmarks: made, filled by SQL, and dropped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.core.management import call_command
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

_NAME = f"closeboard_bench_{os.getpid()}"
_made: list[str] = []


@contextmanager
def _server() -> Iterator[psycopg.Connection]:
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as server:
        yield server


@contextmanager
def migrated_template() -> Iterator[None]:
    """Migrate one empty database that all others are copied from; the database of DATABASE_URL is not written to."""
    first = connections["default"]
    with _server() as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_NAME)))
    try:
        template = _wrapper(_NAME)
        use(template)
        call_command("migrate", verbosity=0)
        template.close()
        yield
    finally:
        use(first)
        _drop(_NAME)


@contextmanager
def database(title: str) -> Iterator[BaseDatabaseWrapper]:
    """An empty migrated database, used by everything that opens Django's connection."""
    before = connections["default"]
    name = f"{_NAME}_{title}"
    with _server() as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(_NAME))
        )
    ours = _wrapper(name)
    use(ours)
    try:
        yield ours
    finally:
        use(before)
        ours.close()
        _drop(name)


def use(wrapper: BaseDatabaseWrapper) -> None:
    """Make Django's connection use this one; the others stay open, so that switching costs no time."""
    connections["default"] = wrapper


def _wrapper(name: str) -> BaseDatabaseWrapper:
    copy = connection.copy()
    copy.settings_dict["NAME"] = name
    return copy


def _drop(name: str) -> None:
    with _server() as server:
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def execute(statement: str, **values: Any) -> int:
    """Run one statement for its effect; returns the rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return int(cursor.rowcount)


def number(statement: str, **values: Any) -> int:
    """The single number that a query returns."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        (found,) = cursor.fetchone()
        return int(found)


def settle(*tables: str) -> None:
    """VACUUM and ANALYZE tables, and write dirty pages, so that no contender pays for the previous one."""
    for table in tables:
        execute(f"VACUUM (ANALYZE) {table}")
    execute("CHECKPOINT")


def written(table: str) -> int:
    """Rows inserted and updated in a table so far, as PostgreSQL counts them."""
    execute("SELECT pg_stat_force_next_flush()")
    return number(
        "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = %(table)s", table=table
    )
