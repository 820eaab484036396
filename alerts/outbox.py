"""The outbox: a message that is due is claimed by one sender for a while, sent, and marked by who still holds it.

Claiming, sending and marking are three steps, and nothing is locked between them. A sender that dies leaves a lease,
and when it is over the message is claimed again, with the same Message-ID: nothing is lost, and each death costs at
most one more copy on the wire (05-reliability 4.1). All clocks here are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection as database

LEASE = timedelta(minutes=5)  # longer than the longest a send may take (alerts.transports)
RETRY_AFTER = tuple(
    timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60)
)  # the last one again and again
GIVE_UP_AFTER = timedelta(hours=48)
PAUSE = timedelta(minutes=5)  # of the channel when the server refuses us and not a message


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message until the lease is over; `fence` tells this claim from any other."""

    delivery_id: int
    fence: int
    attempts: int


_CLAIM = """
UPDATE alerts_delivery SET state = 'sending', fence = fence + 1, attempts = attempts + 1,
                           lease_until = clock_timestamp() + %(lease)s::interval
WHERE id = (SELECT id FROM alerts_delivery
            WHERE (state = 'waiting' AND due_at <= clock_timestamp()
                   OR state = 'sending' AND lease_until <= clock_timestamp())
              AND NOT EXISTS (SELECT FROM alerts_channel
                              WHERE name = 'email' AND (held OR paused_until > clock_timestamp()))
              AND (SELECT count(*) FROM alerts_delivery
                   WHERE state = 'sent' AND ended_at > clock_timestamp() - interval '1 minute') < %(a_minute)s
            ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, fence, attempts
"""


def claim() -> Claim | None:
    """The next message that is due and nobody's.

    None when there is none, when the channel is paused, held or busy, and when no mail server is named at all: then
    messages wait, for nobody would get them.
    """
    if not settings.MAILS_LEAVE:
        return None
    with database.cursor() as cursor:
        cursor.execute(_CLAIM, {"lease": str(LEASE), "a_minute": settings.MAILS_A_MINUTE})
        row = cursor.fetchone()
    return Claim(*row) if row is not None else None


def mark_sent(held: Claim) -> bool:
    """The server has taken it; False when the lease was over and somebody else has claimed it since."""
    return _end(held, "sent", "")


def mark_cancelled(held: Claim, words: str) -> bool:
    """Nothing in it is to be told any more."""
    return _end(held, "cancelled", words)


def mark_parked(held: Claim, words: str) -> bool:
    """It cannot be sent, now or later; it stays until somebody looks at it."""
    return _end(held, "parked", words)


def retry_later(held: Claim, words: str) -> bool:
    """It could not be sent this time. After two days of that it is parked; False as in `mark_sent`."""
    after = RETRY_AFTER[min(held.attempts, len(RETRY_AFTER)) - 1]
    with database.cursor() as cursor:
        cursor.execute(
            """
            UPDATE alerts_delivery
            SET state = CASE WHEN made_at + %(give_up)s::interval < clock_timestamp() AND attempts > 6
                        THEN 'parked' ELSE 'waiting' END,
                ended_at = CASE WHEN made_at + %(give_up)s::interval < clock_timestamp() AND attempts > 6
                           THEN clock_timestamp() END,
                due_at = clock_timestamp() + %(after)s::interval, lease_until = NULL, words = %(words)s
            WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'
            RETURNING state
            """,
            {
                "id": held.delivery_id,
                "fence": held.fence,
                "after": str(after),
                "give_up": str(GIVE_UP_AFTER),
                "words": words,
            },
        )
        return cursor.fetchone() is not None


def give_back(held: Claim, words: str) -> None:
    """It was no fault of the message: it waits as if nobody had tried, and the channel pauses for everybody."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_channel (name, held, paused_until, words) "
            "VALUES ('email', false, clock_timestamp() + %(pause)s::interval, %(words)s) "
            "ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until, words = excluded.words",
            {"pause": str(PAUSE), "words": words},
        )
        cursor.execute(
            "UPDATE alerts_delivery SET state = 'waiting', lease_until = NULL, attempts = attempts - 1,"
            " words = %(words)s WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'",
            {"id": held.delivery_id, "fence": held.fence, "words": words},
        )


def works_again() -> None:
    """The server has taken a message: what was wrong with it is over."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_channel SET paused_until = NULL, words = '' WHERE name = 'email' AND words <> ''"
        )


def hold(words: str) -> None:
    """Send nothing until `release`: for a database that was restored, whose mails may have gone out already (C7)."""
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO alerts_channel (name, held, words) VALUES ('email', true, %s) "
            "ON CONFLICT (name) DO UPDATE SET held = true, words = excluded.words",
            [words],
        )


def release() -> None:
    """Send again what waits."""
    with database.cursor() as cursor:
        cursor.execute("UPDATE alerts_channel SET held = false, paused_until = NULL, words = ''")


def _end(held: Claim, state: str, words: str) -> bool:
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_delivery SET state = %s, ended_at = clock_timestamp(), lease_until = NULL, words = %s "
            "WHERE id = %s AND fence = %s AND state = 'sending'",
            [state, words, held.delivery_id, held.fence],
        )
        return bool(cursor.rowcount)
