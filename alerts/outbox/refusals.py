"""Decides how a failure is handled, and by what happened to other messages whether it is about one or about all.

A server that refuses one recipient accepts others; one that refuses us accepts nobody. So a message whose refusal is
unclear goes to the end of the queue until the server has answered for another recipient, and the channel is paused
where none is accepted. The time of a refusal is the message's `due_at`: putting it last sets that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    CompositionFailed,
    DeliveryFailure,
    MessageRefused,
    ServerBusy,
    TemporaryFailure,
    UnclearRefusal,
)
from alerts.models.delivery import REPLY_WORDS
from alerts.outbox.queue import MAX_ATTEMPTS, Claim
from infra.fast_cursor import fetch_rows

# Ends the text of a refusal that is not clear yet; it is shown to people, and marks the message.
UNCLEAR_NOTE = "It is not clear yet whether this is about one message or about all."
# So many recipients refused one after the other, with none accepted, are no coincidence.
REFUSED_IN_A_ROW = 3
# After so long the notices of a refused message go to administrators too: the answer for their address then decides.
ASK_OTHERS_AFTER = timedelta(minutes=30)
ACCEPTED_LATELY = timedelta(hours=2)  # twice the longest time between two tries of a message
ACCEPTED_JUST_NOW = timedelta(minutes=1)

_OTHERS = """
WITH mine AS (SELECT * FROM alerts_delivery WHERE id = %(id)s),
accepted AS MATERIALIZED (
    SELECT max(other.ended_at) AS at FROM alerts_delivery other, mine
    WHERE other.state = 'sent' AND other.channel = mine.channel AND other.id <> mine.id
      AND other.recipient_id IS DISTINCT FROM coalesce(mine.recipient_id, 0)
      AND other.ended_at > clock_timestamp() - interval '2 days'
), others AS MATERIALIZED (
    SELECT other.* FROM alerts_delivery other, mine
    WHERE other.state IN ('waiting', 'parked') AND other.channel = mine.channel AND other.id <> mine.id
      AND other.recipient_id IS DISTINCT FROM coalesce(mine.recipient_id, 0)
)
SELECT
    mine.words LIKE %(unclear)s OR mine.words LIKE %(refused)s,
    coalesce(accepted.at > mine.due_at, false),
    mine.words LIKE %(delayed)s,
    coalesce(accepted.at > clock_timestamp() - %(just_now)s::interval, false),
    coalesce(accepted.at > clock_timestamp() - %(lately)s::interval, false),
    EXISTS (SELECT FROM others WHERE state = 'waiting' AND words LIKE %(unclear)s
            AND due_at > coalesce(accepted.at, '-infinity')),
    EXISTS (SELECT FROM others WHERE state = 'waiting' AND words NOT LIKE %(unclear)s
            AND due_at <= clock_timestamp()),
    (SELECT count(DISTINCT coalesce(recipient_id, 0)) FROM others WHERE state = 'parked' AND words LIKE %(refused)s
     AND ended_at > greatest(accepted.at, clock_timestamp() - interval '1 hour')),
    (SELECT clock_timestamp() - began_at FROM alerts_trouble
     WHERE channel = mine.channel AND ended_at IS NULL)
FROM mine, accepted
"""


class FailureHandling(Enum):
    """The ways to handle a failure: those about one message, then those about every message of its channel."""

    RETRY = auto()  # later
    RETRY_AND_NOTIFY = auto()  # its notices go to administrators meanwhile, as it may never arrive
    OTHERS_FIRST = auto()  # at the end of the queue: the answers for others show what the refusal is about
    FAIL = auto()  # it stays until an administrator retries it
    AWAIT_SERVER = auto()  # retried without end: no other person could be reached by mail either
    PAUSE_UNREACHABLE = auto()
    PAUSE_REFUSED = auto()
    PAUSE_UNCLEAR = auto()
    PAUSE_UNCLEAR_AND_NOTIFY = auto()
    DELAY_CHANNEL = auto()

    @property
    def stops_channel(self) -> bool:
        """Whether the next message by this channel would fail as well."""
        return self.value >= FailureHandling.AWAIT_SERVER.value


@dataclass(frozen=True, slots=True)
class OtherMessages:
    """What the server did with the messages of the same channel to other recipients.

    `refused_before` and `delayed_before` are about the message itself, `accepted_since` about the time since then.
    `refused_too` means that another is refused for a reason as unclear, and none has been accepted since;
    `in_trouble` for how long the channel has been in trouble.
    """

    refused_before: bool
    accepted_since: bool
    delayed_before: bool
    accepted_just_now: bool
    accepted_lately: bool
    refused_too: bool
    untried: bool
    refused_in_a_row: int
    in_trouble: timedelta | None


def other_messages(claim: Claim) -> OtherMessages:
    """Look at the other messages of a claimed message's channel; one statement."""
    values = {
        "id": claim.delivery_id,
        "unclear": f"%{UNCLEAR_NOTE}",
        "refused": f"{REPLY_WORDS} 5%",
        "delayed": f"{REPLY_WORDS} 4%",
        "just_now": ACCEPTED_JUST_NOW,
        "lately": ACCEPTED_LATELY,
    }
    [row] = fetch_rows(_OTHERS, values)
    return OtherMessages(*row)


def decide_handling(failure: DeliveryFailure, claim: Claim) -> FailureHandling:
    """How to handle a failure; looks at the other messages of the channel only where they decide."""
    match failure:
        case ChannelUnreachable():
            is_mail = claim.destination_id is None
            return FailureHandling.AWAIT_SERVER if is_mail else FailureHandling.PAUSE_UNREACHABLE
        case ServerBusy():
            others = other_messages(claim)
            only_this = others.delayed_before and others.accepted_just_now
            return _retry_or_fail(claim) if only_this else FailureHandling.DELAY_CHANNEL
        case TemporaryFailure():
            return _retry_or_fail(claim)
        case ChannelMisconfigured():
            others = other_messages(claim)
            if not (others.refused_before and others.accepted_since):
                return FailureHandling.PAUSE_REFUSED
            return FailureHandling.FAIL if claim.retries_exhausted else FailureHandling.RETRY
        case UnclearRefusal():
            return _unclear(other_messages(claim))
        case MessageRefused():
            others = other_messages(claim)
            return _unclear(others) if others.refused_in_a_row >= REFUSED_IN_A_ROW else FailureHandling.FAIL
        case CompositionFailed() if claim.attempts < MAX_ATTEMPTS:
            return FailureHandling.RETRY
    return FailureHandling.FAIL


def _retry_or_fail(claim: Claim) -> FailureHandling:
    """Retry a delayed message. It is given up only where the server accepts others meanwhile."""
    if not claim.retries_exhausted:
        return FailureHandling.RETRY
    accepted = other_messages(claim).accepted_lately
    return FailureHandling.FAIL if accepted else FailureHandling.RETRY_AND_NOTIFY


def _unclear(others: OtherMessages) -> FailureHandling:
    """Fail the message where others are accepted, pause the channel where none is, and else try others first."""
    if others.refused_before and others.accepted_since:
        return FailureHandling.FAIL
    if others.untried and not others.refused_too:
        return FailureHandling.OTHERS_FIRST
    # Whether nobody is left whose answer could show whom the refusal is about, and that for long.
    asks = not others.untried and (others.in_trouble or timedelta(0)) >= ASK_OTHERS_AFTER
    return FailureHandling.PAUSE_UNCLEAR_AND_NOTIFY if asks else FailureHandling.PAUSE_UNCLEAR
