"""A database cursor for reads of many rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection as database
from django.db.backends.utils import CursorWrapper
from psycopg.pq import Format

_INSTANT = psycopg.adapters.types["timestamptz"].oid


@contextmanager
def fast_cursor() -> Iterator[CursorWrapper]:
    """Django's cursor, with psycopg's own decoder of instants: Django's is written in Python and takes 3 us for each.

    Instants arrive in UTC either way, since Django sets the session's time zone to TIME_ZONE.
    """
    with database.cursor() as cursor:
        loader = psycopg.adapters.get_loader(_INSTANT, Format.TEXT)
        assert loader is not None
        cursor.adapters.register_loader(_INSTANT, loader)
        yield cursor
