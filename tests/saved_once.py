"""Builds what many tests begin with once in a process, and puts its rows back for each later test.

For tests in a transaction that is rolled back; a test that commits has a scenario database instead
(tests/scenario_databases.py).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from django.apps import apps
from django.core.cache import cache
from django.db import connection

T = TypeVar("T")


class _Saved(NamedTuple):
    rows: str  # the statements that put them back
    result: bytes  # pickled, so that each test has objects of its own


# By database and builder: the ids are below the next ones of the sequences of that database only.
_SAVED: dict[tuple[str, str], _Saved] = {}


def saved_once(build: Callable[[], T]) -> T:
    """The result of a builder whose rows stand in the database as if it had just run there.

    What is built outside of a transaction, or beside other rows, is not kept.
    """
    key = str(connection.settings_dict["NAME"]), f"{build.__module__}.{build.__qualname__}"
    if not connection.in_atomic_block:
        return build()
    if key in _SAVED:
        cache.clear()  # it may count what people of the same ids did in another test
        with connection.cursor() as cursor:
            cursor.execute(_SAVED[key].rows)
        found: T = pickle.loads(_SAVED[key].result)
        return found
    if not _is_possible():
        return build()
    made = build()
    _SAVED[key] = _Saved(_statements(_rows()), pickle.dumps(made))
    return made


def _tables() -> list[str]:
    """The tables that tests write, without those that migrations fill."""
    models = apps.get_models(include_auto_created=True)
    return [each._meta.db_table for each in models if each._meta.app_label not in {"contenttypes", "auth"}]


def _is_possible() -> bool:
    """Whether nothing is saved yet, and the tests' role may insert rows without the triggers that fired once."""
    filled = " OR ".join(f'EXISTS (SELECT FROM "{table}")' for table in _tables())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT current_setting('is_superuser') = 'on' AND NOT ({filled})")
        return bool(cursor.fetchone()[0])


def _rows() -> dict[str, str]:
    """The rows of each table that has any, as JSON."""
    found = {}
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f'SELECT json_agg(saved)::text FROM "{table}" saved')
            if rows := cursor.fetchone()[0]:
                found[table] = rows
    return found


def _statements(rows: dict[str, str]) -> str:
    """One text that inserts the rows with their ids, as changes of the transaction that it runs in.

    No trigger fires and nothing is checked again: the rows are what all triggers left.
    """
    inserts = [
        f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE'
        f' SELECT * FROM json_populate_recordset(NULL::"{table}", $saved${saved}$saved$)'
        for table, saved in rows.items()
    ]
    before, after = (f"SET LOCAL session_replication_role = {role}" for role in ("replica", "origin"))
    return "; ".join([before, *inserts, "UPDATE periods_news SET txid = DEFAULT, at = DEFAULT", after])
