"""Deletes many rows in short transactions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection as database

_EXPIRED_SESSIONS = """
DELETE FROM django_session WHERE session_key IN (
    SELECT session_key FROM django_session WHERE expire_date < %(as_of)s ORDER BY expire_date LIMIT %(batch)s)
"""


def delete_in_batches(statement: str, parameters: dict[str, Any]) -> int:
    """Run a DELETE that is limited to a batch until it finds no row; returns how many rows it deleted.

    Outside of a transaction each batch is a transaction of its own: other writers wait for one batch at most, and
    whatever stops the work leaves whole batches.
    """
    deleted = 0
    with database.cursor() as cursor:
        while True:
            cursor.execute(statement, parameters)
            if not cursor.rowcount:
                return deleted
            deleted += cursor.rowcount


def delete_expired_sessions(as_of: datetime) -> int:
    """Delete the sessions of people that ended before a moment; returns how many."""
    return delete_in_batches(_EXPIRED_SESSIONS, {"as_of": as_of, "batch": 5000})
