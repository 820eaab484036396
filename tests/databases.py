"""Makes databases for tests that commit: copies of a worker's test database, dropped afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import connection, connections
from psycopg import sql
from pytest_django import DjangoDbBlocker

_NUMBERS = itertools.count(1)


def maintenance() -> psycopg.Connection[Any]:
    """A connection to the tests' server from which databases are made and dropped."""
    return psycopg.connect(database_url(os.environ["DATABASE_URL"], "postgres"), autocommit=True)


def database_url(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def copy_database(server: psycopg.Connection[Any], source: str, name: str) -> None:
    """Copy a database without connections; by files, which takes half the time on a server that does not sync."""
    words = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"
    server.execute(sql.SQL(words).format(sql.Identifier(name), sql.Identifier(source)))


def drop_database(server: psycopg.Connection[Any], name: str) -> None:
    """Drop a database, if it exists, with all connections to it."""
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def in_use(name: str) -> Iterator[None]:
    """Django in this process, its server threads included, uses this database until the block ends."""
    before = str(connection.settings_dict["NAME"])
    _use(name)
    try:
        yield
    finally:
        _use(before)


def _use(name: str) -> None:
    from periods.board_cache.cache import BOARD_CACHE  # noqa: PLC0415 - only once Django is set up

    connections.close_all()
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name
    BOARD_CACHE.clear()  # a board of another database must not be shown


@contextmanager
def live_copy(template: str, blocker: DjangoDbBlocker) -> Iterator[str]:
    """A copy of the database of this name, which Django in this process uses until the block ends; its DATABASE_URL.

    Dropped and not emptied, because history cannot be deleted: pytest-django's way of emptying tables is refused.
    """
    connection.close()
    name = f"{template}_live{next(_NUMBERS)}"
    with maintenance() as server:
        copy_database(server, template, name)
        try:
            with in_use(name), blocker.unblock():
                yield database_url(os.environ["DATABASE_URL"], name)
        finally:
            drop_database(server, name)
