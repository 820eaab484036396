"""What has happened to the boards: rows that the database itself writes whenever something they show is written.

Triggers write them (migration 0004), so that no door can forget to, not even a hand with SQL. A reader remembers
which transactions it has seen as a PostgreSQL snapshot; what is new is whatever committed since, in any order. Redis
only carries the nudge that there is something to look for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import redis
import structlog
from django.conf import settings
from django.db import connection as database
from django.db import transaction

WAKEUP_CHANNEL = "closeboard:news"
log = structlog.get_logger(__name__)

# The rows that a snapshot (given twice) has not seen, for a statement that also asks for the SNAPSHOT_SQL that has.
# Where it is null nothing is unseen: whoever begins reads the tables themselves. What this very transaction writes
# is always unseen: its snapshots do not list it as running, so they would pass for having seen all that it writes
# later.
UNSEEN_EVENTS_SQL = """
    array(SELECT json_build_array(kind, ids)::text FROM periods_news
          WHERE txid >= pg_snapshot_xmin(%s::pg_snapshot)::text::bigint
            AND NOT pg_visible_in_snapshot(txid::text::xid8, %s::pg_snapshot)
            OR txid = pg_current_xact_id_if_assigned()::text::bigint)
"""
SNAPSHOT_SQL = "pg_current_snapshot()::text"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One piece of news and whom it is about; None: everybody.

    Kinds: `rows` and `places` (entities; a place decides who may see them), `read` (connections), `access` (people).
    """

    kind: str
    ids: tuple[int, ...] | None


def changes_since(seen: str | None) -> tuple[str, list[ChangeEvent], str | None]:
    """The snapshot that has seen all that is committed, the news since an earlier one, and that one, at once."""
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {SNAPSHOT_SQL}, {UNSEEN_EVENTS_SQL}", [seen, seen])
        snapshot, told = cursor.fetchone()
    return snapshot, parse_events(told), seen


def parse_events(told: Iterable[str]) -> list[ChangeEvent]:
    """News from the texts that the database gives."""
    found = []
    for text in told:
        kind, ids = json.loads(text)
        found.append(ChangeEvent(kind, None if ids is None else tuple(ids)))
    return found


def nudge_after_commit() -> None:
    """Tell everybody who waits that there is news, once this transaction is in; a Redis that is away loses nothing.

    Whoever misses the nudge looks by itself within seconds (board.live.hub).
    """
    transaction.on_commit(_nudge, robust=True)


def _nudge() -> None:
    try:
        _server(settings.REDIS_URL).publish(WAKEUP_CHANNEL, "")
    except redis.RedisError as wrong:
        log.warning("no nudge sent", why=str(wrong))


@cache
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)


def delete_old_events(as_of: datetime, *, keep: timedelta = timedelta(days=1)) -> int:
    """Delete news that every reader has seen or will never ask for: who kept a board for so long makes it anew."""
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM periods_news WHERE at < %s", [as_of - keep])
        return int(cursor.rowcount)
