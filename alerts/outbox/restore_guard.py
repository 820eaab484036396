"""Whether this database is the one that messages left from before: one put back from a backup sends nothing yet.

What waits in a restored database may have gone out after the backup was made (05-reliability C7).
"""

from __future__ import annotations

import contextlib
from datetime import datetime

import structlog
from django.core.cache import cache
from django.db import connection as database

from alerts.channels import state as channel_state
from alerts.models import Channel, Home

RESTORED = (
    "this database was put back from a backup, or copied, since messages last left from it, so what waits may have"
    " gone out already"
)
_FOR_EVER = None

log = structlog.get_logger(__name__)


def hold_if_restored(as_of: datetime) -> bool:
    """Hold every channel when this is not the database that messages left from before; says whether it is held so.

    A database in which nobody has looked before is taken for what it is. How far it has come is remembered in Redis,
    outside of what a restore sets back; while Redis is away only the place can tell.
    """
    place = _place()
    known, _ = Home.objects.get_or_create(pk=1, defaults={"fingerprint": place, "since": as_of})
    # In this order: what another sender has remembered meanwhile is then never ahead of what we count.
    remembered = _remembered(place)
    newest = _newest()
    if known.fingerprint == place and remembered <= newest:
        _remember(place, newest)
        return False
    if not Channel.objects.filter(held=True).exists():
        log.error("sending is held", why=RESTORED)
        channel_state.hold(RESTORED)
    return True


def accept_database(as_of: datetime) -> None:
    """Somebody has looked: messages may leave from here as it is now."""
    place = _place()
    Home.objects.update_or_create(pk=1, defaults={"fingerprint": place, "since": as_of})
    _remember(place, _newest())


def _place() -> str:
    """What changes when the database is restored elsewhere or made anew.

    The server's own id, and the ids of the database and of the table of messages. It stays the same when a server or
    a volume is set back in time; then the number of the newest message has gone back.
    """
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                             (SELECT oid FROM pg_database WHERE datname = current_database()),
                             'alerts_delivery'::regclass::oid)
            """
        )
        (place,) = cursor.fetchone()
    return str(place)


def _newest() -> int:
    """The number of the newest message that was ever made here, whether it was kept or not."""
    with database.cursor() as cursor:
        cursor.execute("SELECT last_value FROM alerts_delivery_id_seq")
        (newest,) = cursor.fetchone()
    return int(newest)


def _remembered(place: str) -> int:
    with contextlib.suppress(Exception):  # Redis is away, which is no reason to hold anything
        return int(cache.get(_key(place)) or 0)
    return 0


def _remember(place: str, newest: int) -> None:
    with contextlib.suppress(Exception):
        cache.set(_key(place), newest, _FOR_EVER)


def _key(place: str) -> str:
    return f"alerts:newest:{place}"
