"""The state of each channel: in trouble, paused or held. All times here come from the database's clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import connection as database
from django.db import transaction

from alerts.models import EMAIL

PAUSE = timedelta(minutes=5)  # of a channel whose server refuses us, not just one message


LONGEST_PAUSE = timedelta(hours=1)  # of a destination that has refused us for long


SqlValue = str | int | list[str] | None  # a parameter of a statement


def pause_span(channel: str, began: timedelta) -> timedelta:
    """How long to pause: five minutes for mail; longer and longer for a destination, up to LONGEST_PAUSE."""
    return PAUSE if channel == EMAIL else min(max(PAUSE, began / 4), LONGEST_PAUSE)


def pause(channel: str, error: str, span: timedelta) -> None:
    """Send nothing by a channel for `span`; the text of a held channel stays."""
    run_statement(
        """
        INSERT INTO alerts_channel (name, held, paused_until, words)
        VALUES (%(channel)s, false, clock_timestamp() + %(pause)s::interval, %(words)s)
        ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until,
            words = CASE WHEN alerts_channel.held THEN alerts_channel.words ELSE excluded.words END
        """,
        {"channel": channel, "pause": str(span), "words": error},
    )


def mark_unreachable(error: str, channel: str = EMAIL, destination_id: int | None = None) -> None:
    """Record that the channel's server does not answer. The next sender tries again; the channel keeps the error."""
    with transaction.atomic():
        record_trouble(channel, destination_id, error, refused=False)
        run_statement(
            """
            INSERT INTO alerts_channel (name, held, words) VALUES (%(channel)s, false, %(words)s)
            ON CONFLICT (name) DO UPDATE SET words = excluded.words WHERE NOT alerts_channel.held
            """,
            {"channel": channel, "words": error},
        )


def record_trouble(channel: str, destination_id: int | None, error: str, *, refused: bool) -> timedelta:
    """Record that a channel is in trouble; returns for how long it has been."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO alerts_trouble AS open (channel, destination_id, refused, words, began_at)
            VALUES (%(channel)s, %(destination)s, %(refused)s, %(words)s, clock_timestamp())
            ON CONFLICT (channel) WHERE ended_at IS NULL
            DO UPDATE SET words = excluded.words, refused = open.refused OR excluded.refused
            RETURNING clock_timestamp() - began_at
            """,
            {"channel": channel, "destination": destination_id, "refused": refused, "words": error},
        )
        span: timedelta = cursor.fetchone()[0]
    return span


def has_mails_to_retry() -> bool:
    """Whether mails wait for a retry while no server answers, so that a try to reach it is worthwhile."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM alerts_channel WHERE name = 'email' AND words <> '' AND NOT held"
            " AND paused_until IS NULL)"
            " AND EXISTS (SELECT FROM alerts_delivery WHERE state = 'waiting' AND attempts > 0 AND channel = 'email')"
        )
        (waiting,) = cursor.fetchone()
    return bool(waiting)


def mark_recovered(channel: str = EMAIL) -> bool:
    """Record that a channel works again: messages waiting for a retry are due now. False when it had no trouble."""
    return reset_channel(channel, only_in_trouble=True)


def reset_channel(channel: str, *, only_in_trouble: bool = False) -> bool:
    """Clear the troubles of a channel, as its address was changed or it was switched on or off; whether it did.

    Its messages that wait for a retry are due now.
    """
    values: dict[str, SqlValue] = {"channel": channel, "any": not only_in_trouble}
    with transaction.atomic():
        cleared = run_statement(
            "UPDATE alerts_channel SET paused_until = NULL, words = ''"
            " WHERE name = %(channel)s AND NOT held AND (words <> '' OR %(any)s)",
            values,
        )
        if cleared or not only_in_trouble:
            run_statement(
                "UPDATE alerts_delivery SET due_at = clock_timestamp() WHERE state = 'waiting' AND attempts > 0"
                " AND due_at > clock_timestamp() AND channel = %(channel)s",
                values,
            )
            run_statement(
                "UPDATE alerts_trouble SET ended_at = clock_timestamp()"
                " WHERE ended_at IS NULL AND channel = %(channel)s",
                values,
            )
    return cleared


def hold(reason: str) -> None:
    """Send nothing by any channel until `release`: a restored database holds messages already sent (C7)."""
    run_statement(
        "INSERT INTO alerts_channel (name, held, words) VALUES ('email', true, %(words)s)"
        " ON CONFLICT (name) DO UPDATE SET held = true, words = excluded.words",
        {"words": reason},
    )


def release() -> None:
    """Send waiting messages again, by every channel."""
    with transaction.atomic():
        run_statement("UPDATE alerts_channel SET held = false, paused_until = NULL, words = ''", {})
        run_statement("UPDATE alerts_trouble SET ended_at = clock_timestamp() WHERE ended_at IS NULL", {})


def run_statement(statement: str, values: Mapping[str, SqlValue]) -> bool:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)
