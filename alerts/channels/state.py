"""The state of each channel: in trouble, paused or held, and its messages. All times are of the database's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists
from django.db.models.functions import Now

from alerts.models import EMAIL, Channel, Delivery, Trouble
from infra.fast_cursor import fetch_rows

PAUSE = timedelta(minutes=5)  # of a channel whose server refuses us, not just one message
LONGEST_PAUSE = timedelta(hours=1)  # of a destination that has refused us for long

_CHANNELS = """
WITH counted AS (
    SELECT channel AS name, count(*) FILTER (WHERE state IN ('waiting', 'sending')) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked
    FROM alerts_delivery WHERE state IN ('waiting', 'sending', 'parked') GROUP BY channel
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


def channel_stats() -> Mapping[str, ChannelStats]:
    """The channels that were ever in trouble or have messages not sent, by name, mail first."""
    return {row[0]: ChannelStats(*row) for row in fetch_rows(_CHANNELS)}


def pause(channel: str, error: str, span: timedelta | None) -> None:
    """Send nothing by a channel for `span` (None: as long as before); the text of a held channel stays."""
    values: dict[str, Any] = {"channel": channel, "span": span, "words": error}
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO alerts_channel (name, held, paused_until, words)
            VALUES (%(channel)s, false, clock_timestamp() + %(span)s::interval, %(words)s)
            ON CONFLICT (name) DO UPDATE SET
                paused_until = coalesce(excluded.paused_until, alerts_channel.paused_until),
                words = CASE WHEN alerts_channel.held THEN alerts_channel.words ELSE excluded.words END
            """,
            values,
        )


def mark_unreachable(error: str, channel: str = EMAIL, destination_id: int | None = None) -> None:
    """Record that the channel's server does not answer. The next sender tries again; the channel keeps the error."""
    with transaction.atomic():
        record_trouble(channel, destination_id, error, refused=False)
        pause(channel, error, None)


def record_trouble(channel: str, destination_id: int | None, error: str, *, refused: bool) -> timedelta:
    """Record that a channel is in trouble; returns for how long it has been."""
    span: timedelta
    [(span,)] = fetch_rows(
        """
        INSERT INTO alerts_trouble AS open (channel, destination_id, refused, words, began_at)
        VALUES (%(channel)s, %(destination)s, %(refused)s, %(words)s, clock_timestamp())
        ON CONFLICT (channel) WHERE ended_at IS NULL
        DO UPDATE SET words = excluded.words, refused = open.refused OR excluded.refused
        RETURNING clock_timestamp() - began_at
        """,
        {"channel": channel, "destination": destination_id, "refused": refused, "words": error},
    )
    return span


def has_mails_to_retry() -> bool:
    """Whether mails wait for a retry while no server answers, so that a try to reach it is worthwhile."""
    silent = Channel.objects.filter(name=EMAIL, held=False, paused_until=None).exclude(words="")
    retried = Delivery.objects.filter(channel=EMAIL, state=Delivery.State.WAITING, attempts__gt=0)
    return silent.filter(Exists(retried)).exists()


def mark_recovered(channel: str = EMAIL) -> bool:
    """Record that a channel works again: messages waiting for a retry are due now. False when it had no trouble."""
    return reset_channel(channel, only_in_trouble=True)


def reset_channel(channel: str, *, only_in_trouble: bool = False) -> bool:
    """Clear the troubles of a channel, as its address was changed or it was switched on or off; whether it did.

    Its messages that wait for a retry are due now.
    """
    rows = Channel.objects.filter(name=channel, held=False)
    with transaction.atomic():
        cleared = bool(
            (rows.exclude(words="") if only_in_trouble else rows).update(paused_until=None, words="")
        )
        if cleared or not only_in_trouble:
            retried = Delivery.objects.filter(channel=channel, state=Delivery.State.WAITING, attempts__gt=0)
            retried.filter(due_at__gt=Now()).update(due_at=Now())
            Trouble.objects.filter(channel=channel, ended_at=None).update(ended_at=Now())
    return cleared


def hold(reason: str) -> None:
    """Send nothing by any channel until `release`: a restored database holds messages already sent (C7)."""
    Channel.objects.update_or_create(name=EMAIL, defaults={"held": True, "words": reason})


def release() -> None:
    """Send waiting messages again, by every channel."""
    with transaction.atomic():
        Channel.objects.update(held=False, paused_until=None, words="")
        Trouble.objects.filter(ended_at=None).update(ended_at=Now())
