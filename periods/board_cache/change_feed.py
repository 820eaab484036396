"""The change feed: rows that the database writes whenever something that a board shows is written.

Triggers write them (migration 0004), so that no writer can forget to, not even one who types SQL. A reader keeps the
PostgreSQL snapshot of the transactions that it has seen; all that committed since is new, in any order. Redis only
carries the nudge to read the feed.
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

# The events that a snapshot (given twice) has not seen, for a statement that also selects the SNAPSHOT_SQL that has.
# A null snapshot has no unseen events: a new reader reads the tables themselves. Events of this very transaction
# are always unseen: its snapshots do not list it as running, so they would pass for having seen all that it writes
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
    """One change, and the ids that it concerns; None: all.

    Kinds and their ids: `rows` (entities), `places` (entities whose group, and so their readers, may have changed),
    `read` (connections), `access` (people), and the topic of each row annotation (entities).
    """

    kind: str
    ids: tuple[int, ...] | None


def changes_since(since: str | None) -> tuple[str, list[ChangeEvent], str | None]:
    """The snapshot of all that is committed, the events since an earlier one, and that earlier one; one query."""
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {SNAPSHOT_SQL}, {UNSEEN_EVENTS_SQL}", [since, since])
        snapshot, texts = cursor.fetchone()
    return snapshot, parse_events(texts), since


def parse_events(texts: Iterable[str]) -> list[ChangeEvent]:
    """Decode the events that UNSEEN_EVENTS_SQL selects."""
    events = map(json.loads, texts)
    return [ChangeEvent(kind, None if ids is None else tuple(ids)) for kind, ids in events]


def nudge_after_commit() -> None:
    """Publish a nudge once this transaction has committed; no event is lost when Redis is away.

    A process that misses the nudge reads the feed by itself within seconds (board.live.hub).
    """
    transaction.on_commit(_nudge, robust=True)


def _nudge() -> None:
    try:
        _server(settings.REDIS_URL).publish(WAKEUP_CHANNEL, "")
    except redis.RedisError as error:
        log.warning("no nudge sent", why=str(error))


@cache
def _server(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)


def delete_old_events(as_of: datetime, *, keep: timedelta = timedelta(days=1)) -> int:
    """Delete old events; returns how many. A cache that has read nothing for so long clears itself."""
    with database.cursor() as cursor:
        cursor.execute("DELETE FROM periods_news WHERE at < %s", [as_of - keep])
        return int(cursor.rowcount)
