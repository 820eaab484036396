"""Detects a database restored from a backup, and holds all sending until an administrator accepts it.

Messages that wait in a restored database may have been sent after the backup was made (05-reliability C7).
"""

from __future__ import annotations

import contextlib
from datetime import datetime

import structlog
from django.core.cache import cache
from django.db import transaction

from alerts.channels import state as channel_state
from alerts.models import Channel, Home
from entities.audit_trail import Verb, record_act
from infra.audit.recording import INSTALLATION
from infra.fast_cursor import fetch_rows

HOLD_REASON = (
    "this database was put back from a backup, or copied, since messages last left from it, so what waits may have"
    " gone out already"
)

log = structlog.get_logger(__name__)


def hold_if_restored(as_of: datetime) -> bool:
    """Hold every channel when this is not the database that sent messages before; returns whether it is not.

    A database without a recorded fingerprint is accepted. The number of its newest message is kept in Redis, which
    a restore does not set back; while Redis is away only the fingerprint is compared.
    """
    fingerprint = _fingerprint()
    home, _ = Home.objects.get_or_create(pk=1, defaults={"fingerprint": fingerprint, "since": as_of})
    # In this order: a number that another sender stores meanwhile is then never ahead of the one read below.
    remembered = _stored_number(fingerprint)
    newest = _newest_number()
    if home.fingerprint == fingerprint and remembered <= newest:
        _store_number(fingerprint, newest)
        return False
    if not Channel.objects.filter(held=True).exists():
        log.error("sending is held", why=HOLD_REASON)
        with transaction.atomic():
            channel_state.hold(HOLD_REASON)
            record_act(Verb.SENDING_HELD, INSTALLATION, reason=HOLD_REASON)
    return True


def accept_database(as_of: datetime) -> None:
    """Record the fingerprint and the newest number of this database: an administrator lets it send from now on."""
    fingerprint = _fingerprint()
    Home.objects.update_or_create(pk=1, defaults={"fingerprint": fingerprint, "since": as_of})
    _store_number(fingerprint, _newest_number())


def _fingerprint() -> str:
    """A value that changes when the database is restored elsewhere or made anew.

    The server's own id, and the ids of the database and of the table of messages. It stays the same when a server or
    a volume is set back in time; then the number of the newest message has gone back.
    """
    [(fingerprint,)] = fetch_rows(
        """
        SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                         (SELECT oid FROM pg_database WHERE datname = current_database()),
                         'alerts_delivery'::regclass::oid)
        """
    )
    return str(fingerprint)


def _newest_number() -> int:
    """The highest message number that this database ever gave, whether its row was kept or not."""
    [(newest,)] = fetch_rows("SELECT last_value FROM alerts_delivery_id_seq")
    return int(newest)


def _stored_number(fingerprint: str) -> int:
    with contextlib.suppress(Exception):  # while Redis is away nothing is held for that
        return int(cache.get(_key(fingerprint)) or 0)
    return 0


def _store_number(fingerprint: str, newest: int) -> None:
    with contextlib.suppress(Exception):
        cache.set(_key(fingerprint), newest, timeout=None)


def _key(fingerprint: str) -> str:
    return f"alerts:newest:{fingerprint}"
