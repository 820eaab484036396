"""Databases that tests commit to: copies of a worker's test database, dropped afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
from django.db import connection
from psycopg import sql
from pytest_django import DjangoDbBlocker

_NUMBERS = itertools.count(1)


@contextmanager
def live_copy(template: str, blocker: DjangoDbBlocker) -> Iterator[str]:
    """A copy of the database of this name, which Django in this process uses until the block ends; its DATABASE_URL.

    Dropped and not emptied, because history cannot be deleted: pytest-django's way of emptying tables is refused.
    """
    connection.close()
    name = f"{template}_live{next(_NUMBERS)}"
    url = urlsplit(os.environ["DATABASE_URL"])
    with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        connection.settings_dict["NAME"] = name
        try:
            with blocker.unblock():
                yield url._replace(path=f"/{name}").geturl()
        finally:
            connection.close()
            connection.settings_dict["NAME"] = template
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
