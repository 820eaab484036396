"""The state of each channel: in trouble, paused, held; all clocks here are the database's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import connection as database
from django.db import transaction

from alerts.models import EMAIL

PAUSE = timedelta(minutes=5)  # of the channel when the server refuses us and not a message


LONGEST_PAUSE = timedelta(hours=1)  # of a destination that has refused us for long


SqlValue = str | int | list[str] | None  # what a statement is told


def pause_span(channel: str, began: timedelta) -> timedelta:
    """Mail is looked for every five minutes; an address that is no more less and less often."""
    return PAUSE if channel == EMAIL else min(max(PAUSE, began / 4), LONGEST_PAUSE)


def pause(channel: str, words: str, span: timedelta) -> None:
    """Send nothing by a channel for so long; nothing changes while it is held."""
    run_statement(
        """
        INSERT INTO alerts_channel (name, held, paused_until, words)
        VALUES (%(channel)s, false, clock_timestamp() + %(pause)s::interval, %(words)s)
        ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until,
            words = CASE WHEN alerts_channel.held THEN alerts_channel.words ELSE excluded.words END
        """,
        {"channel": channel, "pause": str(span), "words": words},
    )


def mark_unreachable(words: str, channel: str = EMAIL, destination_id: int | None = None) -> None:
    """No server answers. Whoever sends next tries again; what is wrong can be read in the channel."""
    with transaction.atomic():
        record_trouble(channel, destination_id, words, refused=False)
        run_statement(
            """
            INSERT INTO alerts_channel (name, held, words) VALUES (%(channel)s, false, %(words)s)
            ON CONFLICT (name) DO UPDATE SET words = excluded.words WHERE NOT alerts_channel.held
            """,
            {"channel": channel, "words": words},
        )


def record_trouble(channel: str, destination_id: int | None, words: str, *, refused: bool) -> timedelta:
    """Keep that a channel is in trouble; returns for how long it has been."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO alerts_trouble AS known (channel, destination_id, refused, words, began_at)
            VALUES (%(channel)s, %(destination)s, %(refused)s, %(words)s, clock_timestamp())
            ON CONFLICT (channel) WHERE ended_at IS NULL
            DO UPDATE SET words = excluded.words, refused = known.refused OR excluded.refused
            RETURNING clock_timestamp() - began_at
            """,
            {"channel": channel, "destination": destination_id, "refused": refused, "words": words},
        )
        span: timedelta = cursor.fetchone()[0]
    return span


def has_mails_to_retry() -> bool:
    """Whether mails wait for another try while no server answers, so that it is worth looking for one."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM alerts_channel WHERE name = 'email' AND words <> '' AND NOT held"
            " AND paused_until IS NULL)"
            " AND EXISTS (SELECT FROM alerts_delivery WHERE state = 'waiting' AND attempts > 0 AND channel = 'email')"
        )
        (found,) = cursor.fetchone()
    return bool(found)


def mark_recovered(channel: str = EMAIL) -> bool:
    """What was wrong with a channel is over: what waits for another try is due now. False when nothing was."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_channel SET paused_until = NULL, words = ''"
            " WHERE name = %s AND words <> '' AND NOT held RETURNING name",
            [channel],
        )
        if cursor.fetchone() is None:
            return False
        cursor.execute(
            "UPDATE alerts_delivery SET due_at = clock_timestamp()"
            " WHERE state = 'waiting' AND attempts > 0 AND due_at > clock_timestamp() AND channel = %s",
            [channel],
        )
        _end_troubles(channel)
    return True


def reset_channel(channel: str) -> None:
    """Somebody has given a channel another address, or switched it: nothing is known against it any more."""
    with transaction.atomic(), database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_channel SET paused_until = NULL, words = '' WHERE name = %s AND NOT held",
            [channel],
        )
        cursor.execute(
            "UPDATE alerts_delivery SET due_at = clock_timestamp()"
            " WHERE state = 'waiting' AND due_at > clock_timestamp() AND channel = %s AND attempts > 0",
            [channel],
        )
        _end_troubles(channel)


def hold(words: str) -> None:
    """Send nothing until `release`, by any channel: a restored database holds what has gone out already (C7)."""
    run_statement(
        "INSERT INTO alerts_channel (name, held, words) VALUES ('email', true, %(words)s)"
        " ON CONFLICT (name) DO UPDATE SET held = true, words = excluded.words",
        {"words": words},
    )


def release() -> None:
    """Send again what waits, by every channel."""
    with transaction.atomic():
        run_statement("UPDATE alerts_channel SET held = false, paused_until = NULL, words = ''", {})
        run_statement("UPDATE alerts_trouble SET ended_at = clock_timestamp() WHERE ended_at IS NULL", {})


def _end_troubles(channel: str) -> None:
    run_statement(
        "UPDATE alerts_trouble SET ended_at = clock_timestamp() WHERE ended_at IS NULL AND channel = %(channel)s",
        {"channel": channel},
    )


def run_statement(statement: str, values: Mapping[str, SqlValue]) -> bool:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)
