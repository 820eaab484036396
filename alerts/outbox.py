"""The outbox: a message that is due is claimed by one sender for a while, sent, and marked by who still holds it.

Claiming, sending and marking are three steps, and nothing is locked between them. A sender that dies leaves a lease,
and when it is over the message is claimed again, with the same Message-ID: nothing is lost, and each death costs at
most one more copy on the wire (05-reliability 4.1). All clocks here are the database's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection as database
from django.db import transaction

LEASE = timedelta(minutes=5)  # longer than the longest a send may take (alerts.transports.LONGEST_SEND)
RETRY_AFTER = tuple(
    timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60)
)  # the last one again and again
GIVE_UP_AFTER = timedelta(hours=48)
PAUSE = timedelta(minutes=5)  # of the channel when the server refuses us and not a message
MOST_TRIES = 6  # of a message that cannot be made, or that ends whoever tries

_ONE_AT_A_TIME = 20_261_124  # advisory lock of those who count what the server was given


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message until the lease is over; `fence` tells this claim from any other.

    `attempts` counts this one. `age` is how long ago the message was made, `abandoned` how many claims right before
    this one were never ended, because the sender died. `lines` is what it holds, which nobody adds to any more.
    """

    delivery_id: int
    fence: int
    attempts: int
    age: timedelta = timedelta(0)
    abandoned: int = 0
    lines: int = 0

    @property
    def spent(self) -> bool:
        """It was tried for two days, and often enough."""
        return self.age > GIVE_UP_AFTER and self.attempts > len(RETRY_AFTER) + 1


_CLAIM = """
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at),
found AS (
    SELECT id, state FROM alerts_delivery
    WHERE (state = 'waiting' AND due_at <= (SELECT at FROM now)
           OR state = 'sending' AND lease_until <= (SELECT at FROM now))
      AND NOT EXISTS (SELECT FROM alerts_channel
                      WHERE name = 'email' AND (held OR paused_until > (SELECT at FROM now)))
      AND {there_is_room}
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE alerts_delivery d
SET state = 'sending', fence = fence + 1, attempts = attempts + 1,
    lease_until = clock_timestamp() + %(lease)s::interval,
    abandoned = CASE found.state WHEN 'sending' THEN abandoned + 1 ELSE 0 END
FROM found WHERE d.id = found.id
RETURNING d.id, d.fence, d.attempts, clock_timestamp() - d.made_at, d.abandoned,
          (SELECT count(*) FROM alerts_deliveryline WHERE delivery_id = d.id)
"""
# What somebody is sending at this moment counts, so that several senders cannot each see the last free place.
_ROOM = """
(SELECT count(*) FROM alerts_delivery
 WHERE state = 'sent' AND ended_at > (SELECT at FROM now) - interval '1 minute')
+ (SELECT count(*) FROM alerts_delivery WHERE state = 'sending' AND lease_until > (SELECT at FROM now))
< %(a_minute)s
"""


def claim(lease: timedelta = LEASE) -> Claim | None:
    """The next message that is due and nobody's.

    None when there is none, when the channel is paused or held, when the server was given as many as it may be in a
    minute, and when no mail server is named at all: then messages wait, for nobody would get them.
    """
    if not settings.MAILS_LEAVE:
        return None
    a_minute = settings.MAILS_A_MINUTE
    with transaction.atomic() if a_minute else nullcontext(), database.cursor() as cursor:
        if a_minute:
            # Before the statement that counts, so that it sees what the one before us claimed.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        cursor.execute(
            _CLAIM.format(there_is_room=_ROOM if a_minute else "true"),
            {"lease": str(lease), "a_minute": a_minute},
        )
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
    """It could not be sent this time: the next try is 1, 2, 5, 15, 60 minutes away, then each hour."""
    after = RETRY_AFTER[min(held.attempts, len(RETRY_AFTER)) - 1]
    return _wait(held, words, after, counts=True)


def postpone(held: Claim, words: str) -> bool:
    """It is not to be sent yet: it waits a minute as if nobody had tried."""
    return _wait(held, words, timedelta(minutes=1), counts=False)


def give_back(held: Claim, words: str) -> bool:
    """It was no fault of the message: it waits as if nobody had tried, and the channel pauses for everybody.

    It goes to the end of the queue, in case it was the message's fault after all.
    """
    with transaction.atomic():
        _say(
            """
            INSERT INTO alerts_channel (name, held, paused_until, words)
            VALUES ('email', false, clock_timestamp() + %(pause)s::interval, %(words)s)
            ON CONFLICT (name) DO UPDATE SET paused_until = excluded.paused_until,
                words = CASE WHEN alerts_channel.held THEN alerts_channel.words ELSE excluded.words END
            """,
            {"pause": str(PAUSE), "words": words},
        )
        return _wait(held, words, timedelta(0), counts=False)


def away(words: str) -> None:
    """No server answers. Whoever sends next tries again; what is wrong can be read in the channel."""
    _say(
        """
        INSERT INTO alerts_channel (name, held, words) VALUES ('email', false, %(words)s)
        ON CONFLICT (name) DO UPDATE SET words = excluded.words WHERE NOT alerts_channel.held
        """,
        {"words": words},
    )


def waits_for_the_server() -> bool:
    """Whether messages wait for another try while no server answers, so that it is worth looking for one."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM alerts_channel WHERE name = 'email' AND words <> '' AND NOT held"
            " AND paused_until IS NULL)"
            " AND EXISTS (SELECT FROM alerts_delivery WHERE state = 'waiting' AND attempts > 0)"
        )
        (found,) = cursor.fetchone()
    return bool(found)


def works_again() -> bool:
    """What was wrong with the server is over: what waits for another try is due now. False when nothing was."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_channel SET paused_until = NULL, words = ''"
            " WHERE name = 'email' AND words <> '' AND NOT held RETURNING name"
        )
        if cursor.fetchone() is None:
            return False
        cursor.execute(
            "UPDATE alerts_delivery SET due_at = clock_timestamp()"
            " WHERE state = 'waiting' AND attempts > 0 AND due_at > clock_timestamp()"
        )
    return True


def hold(words: str) -> None:
    """Send nothing until `release`: for a database that was restored, whose mails may have gone out already (C7)."""
    _say(
        "INSERT INTO alerts_channel (name, held, words) VALUES ('email', true, %(words)s)"
        " ON CONFLICT (name) DO UPDATE SET held = true, words = excluded.words",
        {"words": words},
    )


def release() -> None:
    """Send again what waits."""
    _say("UPDATE alerts_channel SET held = false, paused_until = NULL, words = ''", {})


def retry_parked() -> int:
    """Whatever made them fail was mended: parked messages wait again as if nobody had tried; returns how many."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_delivery SET state = 'waiting', due_at = clock_timestamp(), attempts = 0, abandoned = 0,"
            " ended_at = NULL, words = '' WHERE state = 'parked'"
        )
        return int(cursor.rowcount)


@dataclass(frozen=True, slots=True)
class Stock:
    """What the outbox holds: messages by state, how long the oldest that is due has been due, and the channel."""

    by_state: dict[str, int]
    oldest_due: timedelta | None
    held: bool
    paused_for: timedelta | None
    words: str


def stock() -> Stock:
    """What is in the outbox, and whether messages may leave."""
    with database.cursor() as cursor:
        cursor.execute("SELECT state, count(*) FROM alerts_delivery GROUP BY state")
        by_state = dict(cursor.fetchall())
        cursor.execute(
            "SELECT clock_timestamp() - min(due_at) FROM alerts_delivery"
            " WHERE state IN ('waiting', 'sending') AND due_at <= clock_timestamp()"
        )
        (oldest,) = cursor.fetchone()
        cursor.execute(
            "SELECT held, CASE WHEN paused_until > clock_timestamp() THEN paused_until - clock_timestamp() END, words"
            " FROM alerts_channel WHERE name = 'email'"
        )
        channel = cursor.fetchone() or (False, None, "")
    return Stock(by_state, oldest, *channel)


def _wait(held: Claim, words: str, after: timedelta, *, counts: bool) -> bool:
    return _say(
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
    return _say(
        """
        UPDATE alerts_delivery
        SET state = %(state)s, ended_at = clock_timestamp(), lease_until = NULL, words = %(words)s
        WHERE id = %(id)s AND fence = %(fence)s AND state = 'sending'
        """,
        {"id": held.delivery_id, "fence": held.fence, "state": state, "words": words},
    )


def _say(statement: str, values: Mapping[str, str | int]) -> bool:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.rowcount)
