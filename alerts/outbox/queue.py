"""The outbox: a message that is due is claimed by one sender for a while, sent, and marked by who still holds it.

Mail is one channel, and each destination another: what stops one of them stops no other, but for a hold.

Claiming, sending and marking are three steps, and nothing is locked between them. A sender that dies leaves a lease,
and when it is over the message is claimed again, with the same Message-ID: nothing is lost, and each death costs at
most one more copy on the wire (05-reliability 4.1). All clocks here are the database's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection as database
from django.db import transaction

from alerts.channels.state import SqlValue, pause, pause_span, record_trouble, run_statement
from alerts.models import EMAIL

# Longer than the longest a send may take (alerts.channels.email.transport.LONGEST_SEND).
LEASE = timedelta(minutes=5)
# The last one again and again.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))
GIVE_UP_AFTER = timedelta(hours=48)
POSTS_APART = timedelta(seconds=1)  # to one destination: what Slack allows (05-reliability G1)
MOST_TRIES = 6  # of a message that cannot be made, or that ends whoever tries


_ONE_AT_A_TIME = 20_261_124  # advisory lock of those who count what the server was given
_ONE_POST_AT_A_TIME = 20_261_125  # and of those who look when a destination was given its last


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message until the lease is over; `fence` tells this claim from any other.

    `attempts` counts this one. `age` is how long ago the message was made, `abandoned` how many claims right before
    this one were never ended, because the sender died. `lines` is what it holds, which nobody adds to any more.
    `channel` is the way that it takes, `destination_id` where that leads; None for a mail.
    """

    delivery_id: int
    fence: int
    attempts: int
    age: timedelta = timedelta(0)
    abandoned: int = 0
    lines: int = 0
    channel: str = EMAIL
    destination_id: int | None = None

    @property
    def retries_exhausted(self) -> bool:
        """It was tried for two days, and often enough."""
        return self.age > GIVE_UP_AFTER and self.attempts > len(RETRY_AFTER) + 1


_CLAIM = """
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at),
found AS (
    SELECT id, state FROM alerts_delivery due
    WHERE (state = 'waiting' AND due_at <= (SELECT at FROM now)
           OR state = 'sending' AND lease_until <= (SELECT at FROM now))
      AND NOT EXISTS (SELECT FROM alerts_channel
                      WHERE held OR name = due.channel AND paused_until > (SELECT at FROM now))
      AND {there_is_room}
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE alerts_delivery d
SET state = 'sending', fence = fence + 1, attempts = attempts + 1,
    lease_until = clock_timestamp() + %(lease)s::interval,
    abandoned = CASE found.state WHEN 'sending' THEN abandoned + 1 ELSE 0 END
FROM found WHERE d.id = found.id
RETURNING d.id, d.fence, d.attempts, clock_timestamp() - d.made_at, d.abandoned,
          (SELECT count(*) FROM alerts_deliveryline WHERE delivery_id = d.id), d.channel, d.destination_id
"""
_BY_MAIL = "channel = 'email'"
# What somebody is sending at this moment counts, so that several senders cannot each see the last free place.
_ROOM = """
channel = 'email'
AND (SELECT count(*) FROM alerts_delivery
     WHERE state = 'sent' AND ended_at > (SELECT at FROM now) - interval '1 minute' AND channel = 'email')
  + (SELECT count(*) FROM alerts_delivery
     WHERE state = 'sending' AND lease_until > (SELECT at FROM now) AND channel = 'email')
< %(a_minute)s
"""
# Its next post waits until the one before has ended, however it ends.
_FREE_DESTINATION = """
channel <> 'email' AND channel <> ALL(%(but_not)s)
AND NOT EXISTS (SELECT FROM alerts_delivery other
                WHERE other.channel = due.channel AND other.state = 'sent'
                  AND other.ended_at > (SELECT at FROM now) - %(apart)s::interval)
AND NOT EXISTS (SELECT FROM alerts_delivery other
                WHERE other.channel = due.channel AND other.state = 'sending'
                  AND other.lease_until > (SELECT at FROM now))
"""


def claim_mail(lease: timedelta = LEASE) -> Claim | None:
    """The next mail that is due and nobody's.

    None when there is none, when the channel is paused or held, when the server was given as many as it may be in a
    minute, and when no mail server is named at all: then messages wait, for nobody would get them.
    """
    if not settings.MAILS_LEAVE:
        return None
    a_minute = settings.MAILS_A_MINUTE
    if not a_minute:
        return _claim(_BY_MAIL, {"lease": str(lease)})
    return _claim(_ROOM, {"lease": str(lease), "a_minute": a_minute}, lock=_ONE_AT_A_TIME)


def claim_post(
    lease: timedelta = LEASE, but_not: Collection[str] = (), apart: timedelta = POSTS_APART
) -> Claim | None:
    """The next message to a destination that is due and nobody's, but for those by some channels.

    None when there is none, when its channel is paused, when all is held, and while its destination has another one
    in hand or had one less than `apart` ago.
    """
    told: dict[str, SqlValue] = {"lease": str(lease), "but_not": list(but_not), "apart": str(apart)}
    return _claim(_FREE_DESTINATION, told, lock=_ONE_POST_AT_A_TIME)


def has_due_posts(but_not: Collection[str] = ()) -> bool:
    """Whether a message to a destination is due that could be claimed in a moment: its destination is busy."""
    with database.cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT FROM alerts_delivery due WHERE state = 'waiting' AND due_at <= clock_timestamp()
                AND channel <> 'email' AND channel <> ALL(%(but_not)s)
                AND NOT EXISTS (SELECT FROM alerts_channel
                                WHERE held OR name = due.channel AND paused_until > clock_timestamp()))
            """,
            {"but_not": list(but_not)},
        )
        (found,) = cursor.fetchone()
    return bool(found)


def _claim(there_is_room: str, told: Mapping[str, SqlValue], lock: int = 0) -> Claim | None:
    with transaction.atomic() if lock else nullcontext(), database.cursor() as cursor:
        if lock:
            # Before the statement that counts, so that it sees what the one before us claimed.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        cursor.execute(_CLAIM.format(there_is_room=there_is_room), told)
        row = cursor.fetchone()
    return Claim(*row) if row is not None else None


def mark_sent(held: Claim) -> bool:
    """The server has taken it; False when the lease was over and somebody else has claimed it since."""
    return _end(held, "sent", "")


def mark_cancelled(held: Claim, words: str) -> bool:
    """Nothing in it is to be told any more."""
    return _end(held, "cancelled", words)


def mark_failed(held: Claim, words: str) -> bool:
    """It cannot be sent, now or later; it stays until somebody looks at it."""
    return _end(held, "parked", words)


def retry_later(held: Claim, words: str, wait: timedelta = timedelta(0)) -> bool:
    """It could not be sent this time: the next try is 1, 2, 5, 15, 60 minutes away, then each hour.

    Not sooner than the `wait` that was asked for.
    """
    after = RETRY_AFTER[min(held.attempts, len(RETRY_AFTER)) - 1]
    return _wait(held, words, max(after, wait), counts=True)


def postpone(held: Claim, words: str) -> bool:
    """It is not to be sent yet: it waits a minute as if nobody had tried."""
    return _wait(held, words, timedelta(minutes=1), counts=False)


def pause_and_requeue(held: Claim, words: str, *, refused: bool = True) -> bool:
    """It was no fault of the message: it waits as if nobody had tried, and its channel pauses for everybody.

    It goes to the end of the queue, in case it was the message's fault after all. Not `refused`: nobody answered.
    """
    with transaction.atomic():
        began = record_trouble(held.channel, held.destination_id, words, refused=refused)
        pause(held.channel, words, pause_span(held.channel, began))
        return _wait(held, words, timedelta(0), counts=False)


def retry_failed() -> int:
    """Whatever made them fail was mended: parked messages wait again as if nobody had tried; returns how many."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_delivery SET state = 'waiting', due_at = clock_timestamp(), attempts = 0, abandoned = 0,"
            " ended_at = NULL, words = '' WHERE state = 'parked'"
        )
        return int(cursor.rowcount)


def _wait(held: Claim, words: str, after: timedelta, *, counts: bool) -> bool:
    return run_statement(
        """
        UPDATE alerts_delivery
        SET state = 'waiting', due_at = clock_timestamp() + %(after)s::interval, lease_until = NULL,
            attempts = attempts - %(uncounted)s, abandoned = 0, words = %(words)s
        WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'
        """,
        {
            "id": held.delivery_id,
            "fence": held.fence,
            "after": str(after),
            "uncounted": 0 if counts else 1,
            "words": words,
        },
    )


def _end(held: Claim, state: str, words: str) -> bool:
    return run_statement(
        """
        UPDATE alerts_delivery
        SET state = %(state)s, ended_at = clock_timestamp(), lease_until = NULL, words = %(words)s
        WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'
        """,
        {"id": held.delivery_id, "fence": held.fence, "state": state, "words": words},
    )
