"""Counts the messages in the outbox and reads the state of each channel, for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection as database

from alerts.models import EMAIL

_CHANNELS = """
WITH used AS (
    SELECT channel AS name, state FROM alerts_delivery
    WHERE state IN ('waiting', 'sending', 'parked')
), counted AS (
    SELECT name, count(*) FILTER (WHERE state IN ('waiting', 'sending')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked
    FROM used GROUP BY name
)
SELECT name, coalesce(held, false),
       CASE WHEN paused_until > clock_timestamp() THEN paused_until - clock_timestamp() END,
       coalesce(words, ''), coalesce(waiting, 0), coalesce(parked, 0)
FROM alerts_channel FULL JOIN counted USING (name) ORDER BY name <> 'email', name
"""


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """One channel: whether it is held or paused, its last error, and how many messages wait or have failed."""

    name: str
    held: bool = False
    paused_for: timedelta | None = None
    words: str = ""
    waiting: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The number of messages by state, how long the oldest due one has been due, and the state of each channel.

    `held`, `paused_for` and `words` are of the mail channel; a hold of it holds every channel.
    """

    by_state: dict[str, int]
    oldest_due: timedelta | None
    held: bool
    paused_for: timedelta | None
    words: str
    channels: Sequence[ChannelStats] = ()


def outbox_stats() -> OutboxStats:
    """Count the outbox and read the state of its channels."""
    with database.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM alerts_delivery GROUP BY state")
        by_state = dict(cursor.fetchall())
        cursor.execute(
            "SELECT clock_timestamp() - min(due_at) FROM alerts_delivery"
            " WHERE state IN ('waiting', 'sending') AND due_at <= clock_timestamp()"
        )
        (oldest,) = cursor.fetchone()
    channels = channel_stats()
    mail = channels.get(EMAIL, ChannelStats(EMAIL))
    return OutboxStats(by_state, oldest, mail.held, mail.paused_for, mail.words, list(channels.values()))


def channel_stats() -> Mapping[str, ChannelStats]:
    """The channels that were ever in trouble or have messages not sent, by name, mail first."""
    with database.cursor() as cursor:
        cursor.execute(_CHANNELS)
        return {row[0]: ChannelStats(*row) for row in cursor.fetchall()}
