"""The gates that a claimed message passes before it is delivered; the first that stops it decides how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from alerts.channels.delivery_errors import DeliveryFailure, PermanentFailure
from alerts.models import Delivery, LineReason, MessageReason
from alerts.notices.notice_specs import spec_of
from alerts.outbox.queue import MAX_ATTEMPTS, Claim
from alerts.outbox.relevance import RelevantLines, not_visible_reason, relevant_items
from alerts.outbox.send_context import SendContext
from alerts.routing.recipients import destination_administrators


@dataclass(slots=True)
class OutgoingMessage:
    """A claimed message; its lines are checked once, when the first gate looks at them."""

    claim: Claim
    delivery: Delivery
    _lines: RelevantLines | None = field(default=None, init=False)

    def lines(self, context: SendContext) -> RelevantLines:
        """The lines to deliver, and those to leave out."""
        if self._lines is None:
            self._lines = relevant_items(self.delivery, context)
        return self._lines


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nothing of the message is needed any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """The message waits a minute; this attempt does not count."""

    reason: str


Stop = Cancel | Postpone | DeliveryFailure  # `alerts.outbox.refusals` decides what a failure means
Gate = Callable[[OutgoingMessage, SendContext], Stop | None]  # None: the message goes on


def not_poison(message: OutgoingMessage, _: SendContext) -> Stop | None:
    """A message that ended so many senders fails before anything else is done with it."""
    poison = message.claim.abandoned >= MAX_ATTEMPTS
    return PermanentFailure(MessageReason.SENDERS_DIED) if poison else None


def trouble_lasts(message: OutgoingMessage, _: SendContext) -> Stop | None:
    """A message about a channel's trouble is sent while the trouble lasts, to those who may still hear of it."""
    trouble, destination = message.delivery.trouble, message.delivery.destination
    if trouble is None:
        return None
    if trouble.ended_at is not None:
        return Cancel(MessageReason.TROUBLE_OVER)
    if destination is not None:
        return None if destination.enabled else Cancel(not_visible_reason(destination))
    if trouble.destination is None or not trouble.destination.enabled:
        return Cancel(LineReason.DESTINATION_DISABLED)
    may_see = message.delivery.person in destination_administrators(trouble.destination)
    return None if may_see else Cancel(LineReason.NOT_VISIBLE)


def something_left(message: OutgoingMessage, context: SendContext) -> Stop | None:
    """A message about notices is cancelled, with the reasons of all its lines, where every line is left out."""
    if message.delivery.trouble is not None or message.lines(context).items:
        return None
    reasons = set(message.lines(context).left_out.values())
    return Cancel("; ".join(sorted(reasons)) or MessageReason.LINES_MOVED)


def read_since_restart(message: OutgoingMessage, context: SendContext) -> Stop | None:
    """A notice that rests on a reading from before a restart waits, as its entity may have closed (2I)."""
    outdated = any(
        item.notice.fresh and not spec_of(item.notice.kind).ends and not all(row.fresh for row in item.rows)
        for item in message.lines(context).items
    )
    return Postpone(MessageReason.AWAITS_READING) if outdated and context.recently_restarted() else None


def has_address(message: OutgoingMessage, _: SendContext) -> Stop | None:
    """A person without a mail address fails the message, so that its notices go to administrators."""
    person = message.delivery.recipient
    missing = person is not None and "@" not in person.email
    return PermanentFailure(MessageReason.NO_ADDRESS) if missing else None


GATES: tuple[Gate, ...] = (not_poison, trouble_lasts, something_left, read_since_restart, has_address)
