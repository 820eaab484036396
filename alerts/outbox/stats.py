"""What the outbox holds, and whether messages may leave by each channel; for whoever looks."""

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
    """One channel: whether it is paused, what was last wrong with it, and how many messages wait or are parked."""

    name: str
    held: bool = False
    paused_for: timedelta | None = None
    words: str = ""
    waiting: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """What the outbox holds: messages by state, how long the oldest that is due has been due, and each channel.

    `held`, `paused_for` and `words` are of the mails; what holds them holds every channel.
    """

    by_state: dict[str, int]
    oldest_due: timedelta | None
    held: bool
    paused_for: timedelta | None
    words: str
    channels: Sequence[ChannelStats] = ()


def outbox_stats() -> OutboxStats:
    """What is in the outbox, and whether messages may leave."""
    with database.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM alerts_delivery GROUP BY state")
        by_state = dict(cursor.fetchall())
        cursor.execute(
            "SELECT clock_timestamp() - min(due_at) FROM alerts_delivery"
            " WHERE state IN ('waiting', 'sending') AND due_at <= clock_timestamp()"
        )
        (oldest,) = cursor.fetchone()
    known = channel_stats()
    mail = known.get(EMAIL, ChannelStats(EMAIL))
    return OutboxStats(by_state, oldest, mail.held, mail.paused_for, mail.words, list(known.values()))


def channel_stats() -> Mapping[str, ChannelStats]:
    """Each channel that was ever in trouble or has messages that are not sent, by name, mail first."""
    with database.cursor() as cursor:
        cursor.execute(_CHANNELS)
        return {row[0]: ChannelStats(*row) for row in cursor.fetchall()}
