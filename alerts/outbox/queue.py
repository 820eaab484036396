"""The outbox: one sender claims a due message under a lease, sends it, and marks it while it holds the claim.

Mail is one channel, and each destination another: a pause of one stops no other; a hold stops them all.

Claiming, sending and marking are three steps, and nothing is locked between them. A sender that dies leaves a lease;
when it expires the message is claimed again, with the same Message-ID: nothing is lost, and each death costs at
most one more copy on the wire (05-reliability 4.1). All times here come from the database's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from alerts.channels.state import LONGEST_PAUSE, PAUSE, pause, record_trouble
from alerts.models import EMAIL, Channel, Delivery

# Longer than the longest a send may take (alerts.channels.email.transport.LONGEST_SEND).
LEASE = timedelta(minutes=5)
# The last pause repeats.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 60))
GIVE_UP_AFTER = timedelta(hours=48)
MIN_POST_SPACING = timedelta(seconds=1)  # to one destination: Slack allows no more (05-reliability G1)
SHORTEST_DELAY = timedelta(minutes=1)  # of a channel whose server is busy
MAX_ATTEMPTS = 6  # of a message that cannot be composed, or during which its sender dies


_MAIL_RATE_LOCK = 20_261_124  # advisory lock while the mails of the last minute are counted
_POST_RATE_LOCK = 20_261_125  # advisory lock while a destination's last post is looked up


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one message until the lease expires; `fence` distinguishes this claim from any other.

    `attempts` includes this one. `age` is the time since the message was made, `abandoned` the number of claims right
    before this one whose sender died. `lines` is the number of its lines: a claimed message takes no more.
    `channel` is the channel that sends it, `destination_id` its destination; None for a mail.
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
        """Whether it was tried for more than two days, and more often than RETRY_AFTER has pauses."""
        return self.age > GIVE_UP_AFTER and self.attempts > len(RETRY_AFTER) + 1


_CLAIM = """
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS at),
found AS (
    SELECT id, state FROM alerts_delivery due
    WHERE (state = 'waiting' AND due_at <= (SELECT at FROM now)
           OR state = 'sending' AND lease_until <= (SELECT at FROM now))
      AND NOT EXISTS (SELECT FROM alerts_channel
                      WHERE held OR name = due.channel AND paused_until > (SELECT at FROM now))
      AND {condition}
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE alerts_delivery d
SET state = 'sending', fence = fence + 1, attempts = attempts + 1,
    lease_until = clock_timestamp() + %(lease)s::interval,
    abandoned = CASE found.state WHEN 'sending' THEN abandoned + 1 ELSE 0 END
FROM found WHERE d.id = found.id
RETURNING d.id, d.fence, d.attempts, clock_timestamp() - d.made_at, d.abandoned,
          (SELECT count(*) FROM alerts_deliveryline WHERE delivery_id = d.id), d.channel, d.destination_id
"""
_IS_MAIL = "channel = 'email'"
# Mails being sent count as well, so that several senders cannot each claim the last free place.
_UNDER_RATE_LIMIT = """
channel = 'email'
AND (SELECT count(*) FROM alerts_delivery
     WHERE state = 'sent' AND ended_at > (SELECT at FROM now) - interval '1 minute' AND channel = 'email')
  + (SELECT count(*) FROM alerts_delivery
     WHERE state = 'sending' AND lease_until > (SELECT at FROM now) AND channel = 'email')
< %(a_minute)s
"""
# The next post to a destination waits until the one before has ended, however it ends.
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
    """Claim the next mail that is due and that no sender holds.

    None when there is none, when the channel is paused or held, when the server has got as many mails as it may get
    in a minute, and when no mail server is configured: then messages wait.
    """
    if not settings.MAILS_LEAVE:
        return None
    per_minute = settings.MAILS_A_MINUTE
    if not per_minute:
        return _claim(_IS_MAIL, {"lease": lease})
    return _claim(_UNDER_RATE_LIMIT, {"lease": lease, "a_minute": per_minute}, lock=_MAIL_RATE_LOCK)


def claim_post(
    lease: timedelta = LEASE, but_not: Collection[str] = (), apart: timedelta = MIN_POST_SPACING
) -> Claim | None:
    """Claim the next due message to a destination that no sender holds, except on the channels `but_not`.

    None when there is none, when its channel is paused, when all channels are held, and while another message is
    being sent to its destination or was sent less than `apart` ago.
    """
    values = {"lease": lease, "but_not": list(but_not), "apart": apart}
    return _claim(_FREE_DESTINATION, values, lock=_POST_RATE_LOCK)


def has_due_posts(but_not: Collection[str] = ()) -> bool:
    """Whether a message to a destination is due that can be claimed as soon as its destination is no longer busy."""
    stopped = Channel.objects.filter(Q(held=True) | Q(name=OuterRef("channel"), paused_until__gt=Now()))
    due = Delivery.objects.filter(~Exists(stopped), state=Delivery.State.WAITING, due_at__lte=Now())
    return due.exclude(channel__in=[EMAIL, *but_not]).exists()


def _claim(condition: str, values: Mapping[str, Any], lock: int = 0) -> Claim | None:
    with transaction.atomic() if lock else nullcontext(), database.cursor() as cursor:
        if lock:
            # Before the statement that counts, so that it sees the claim of the sender before this one.
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        cursor.execute(_CLAIM.format(condition=condition), values)
        row = cursor.fetchone()
    return Claim(*row) if row is not None else None


def end(claim: Claim, state: Delivery.State, words: str = "") -> bool:
    """Record how the message ended; False when the lease had expired and it was claimed again.

    A failed one stays `parked` until an administrator retries it.
    """
    return bool(_claimed(claim).update(state=state, ended_at=Now(), lease_until=None, words=words))


def requeue(claim: Claim, words: str, after: timedelta = timedelta(0), *, counts: bool = False) -> bool:
    """Let the message wait again, so that others are sent before it; this attempt does not count by default."""
    updated = _claimed(claim).update(
        state=Delivery.State.WAITING,
        due_at=Now() + after,
        lease_until=None,
        attempts=F("attempts") - (0 if counts else 1),
        abandoned=0,
        words=words,
    )
    return bool(updated)


def retry_later(claim: Claim, error: str, wait: timedelta = timedelta(0)) -> bool:
    """Schedule the next try of a message after 1, 2, 5, 15, 60 minutes, then each hour.

    Not sooner than the `wait` that the server asked for.
    """
    after = RETRY_AFTER[min(claim.attempts, len(RETRY_AFTER)) - 1]
    return requeue(claim, error, max(after, wait), counts=True)


def pause_and_requeue(claim: Claim, error: str, *, refused: bool = True) -> bool:
    """Pause the whole channel after a failure that the message did not cause; this attempt does not count.

    The message goes to the end of the queue, in case it did cause it. `refused` is False where no server answered.
    Mail pauses for PAUSE, a destination longer and longer, up to LONGEST_PAUSE.
    """
    with transaction.atomic():
        began = record_trouble(claim.channel, claim.destination_id, error, refused=refused)
        longer = min(max(PAUSE, began / 4), LONGEST_PAUSE)
        pause(claim.channel, error, PAUSE if claim.destination_id is None else longer)
        return requeue(claim, error)


def delay_channel(claim: Claim, error: str) -> bool:
    """Pause the channel of a server that is too busy for us: a minute at first, longer while it stays so.

    The message is tried again without end, as every other message would be delayed too.
    """
    with transaction.atomic():
        began = record_trouble(claim.channel, claim.destination_id, error, refused=False)
        pause(claim.channel, error, min(max(SHORTEST_DELAY, began / 4), PAUSE))
        return retry_later(claim, error)


def retry_failed() -> int:
    """Requeue all failed messages with no attempts counted, once the cause is mended; returns how many."""
    return Delivery.objects.filter(state=Delivery.State.PARKED).update(
        state=Delivery.State.WAITING, due_at=Now(), attempts=0, abandoned=0, ended_at=None, words=""
    )


def _claimed(claim: Claim) -> QuerySet[Delivery]:
    """The claimed message; none once its lease had expired and it was claimed again."""
    return Delivery.objects.filter(pk=claim.delivery_id, fence=claim.fence, state=Delivery.State.SENDING)
