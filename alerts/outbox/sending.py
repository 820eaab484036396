"""Sending: takes what is due from the outbox, looks whether it is still true, and hands it to its channel."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.core.mail.backends.base import BaseEmailBackend
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database

from alerts.channels import posts
from alerts.channels import state as channel_state
from alerts.channels.delivery_errors import (
    ChannelMisconfigured,
    ChannelUnreachable,
    PermanentFailure,
    TemporaryFailure,
)
from alerts.channels.email.transport import mail_connection, open_connection, send_mail
from alerts.channels.post_transport import send_post
from alerts.channels.posts import destination_of
from alerts.mail.cases import DeliverableNotice
from alerts.mail.compose import compose_mail
from alerts.mail.message_lookups import MessageLookups
from alerts.models import EMAIL, LEFT_OUT_BY_SILENCE, REACHES_RECIPIENT, Delivery, DeliveryLine, Notice
from alerts.models.delivery import NOT_VISIBLE
from alerts.outbox import queue as outbox
from alerts.outbox.delivery_troubles import notify_troubles
from alerts.outbox.queue import LEASE, MOST_TRIES, POSTS_APART, Claim
from alerts.outbox.relevance import relevant_items, trouble_cancel_reason
from alerts.outbox.restore_guard import hold_if_restored
from alerts.outbox.send_context import SendContext
from alerts.routing.router import route_notices
from closing.judging.notice_rules import NoticeKind

WAITS_FOR_A_READING = "waits for a reading: we have just come back, and the last one is stale"
NO_ADDRESS = "its recipient has no mail address"
ENDS_ITS_SENDER = f"{MOST_TRIES} senders in a row ended while they worked on it"

# Of one `send_due_mails`: over before the next sweep, so that workers have time for syncs.
RUN = timedelta(seconds=25)
LOOK_AGAIN = 0.2  # seconds, for a destination that is busy
_PATIENCE = (0.2, 0.5, 1, 2, 4, 8)  # seconds between two tries to mark what has been sent

log = structlog.get_logger(__name__)


class SendOutcome(Enum):
    """What became of one message."""

    SENT = auto()
    NOT_SENT = auto()
    NO_SERVER = auto()  # nor would the next one by this channel be


SendMethod = Callable[[Delivery, Sequence[DeliverableNotice], datetime, MessageLookups | None], None]
# How messages leave by one channel: composes and hands over; returns once the server has taken the message, or raises
# TemporaryFailure, ChannelUnreachable, PermanentFailure or ChannelMisconfigured.


def mail_method(server: BaseEmailBackend) -> SendMethod:
    """Messages to people, over one connection."""

    def way(
        delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime, known: MessageLookups | None
    ) -> None:
        if "@" not in delivery.person.email:
            raise PermanentFailure(NO_ADDRESS)
        send_mail(compose_mail(delivery, items, as_of, known), server)

    return way


def post_method(
    delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime, known: MessageLookups | None
) -> None:
    """Messages to destinations, each over a connection of its own."""
    send_post(destination_of(delivery), posts.compose_post(delivery, items, as_of, known))


def send_due_mails(as_of: datetime, *, run: timedelta = RUN, lease: timedelta = LEASE) -> int:
    """Send the mails that are due for a while, one after the other over one connection.

    `as_of` is now; time goes on from there while messages are sent. Returns how many the server took.
    """
    notify_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    truth, sent, troubled = SendContext(as_of), 0, True
    with mail_connection() as server:
        way = mail_method(server)
        while truth.now() - as_of < run:
            held = outbox.claim_mail(lease)
            if held is None:
                if not _server_is_back(server):
                    break
                continue
            match send_one(held, way, truth):
                case SendOutcome.SENT:
                    sent += 1
                    if troubled:
                        channel_state.mark_recovered()
                        troubled = False
                case SendOutcome.NOT_SENT:
                    troubled = True
                case SendOutcome.NO_SERVER:
                    break
    return sent


def send_due_posts(
    as_of: datetime, *, run: timedelta = RUN, lease: timedelta = LEASE, apart: timedelta = POSTS_APART
) -> int:
    """Post what is due to destinations for a while; one that is away stops no other. Returns how many were taken."""
    notify_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    truth, sent = SendContext(as_of), 0
    without: set[str] = set()
    while truth.now() - as_of < run:
        held = outbox.claim_post(lease, without, apart)
        if held is None:
            if not outbox.has_due_posts(without):
                break
            time.sleep(LOOK_AGAIN)
            continue
        match send_one(held, post_method, truth):
            case SendOutcome.SENT:
                sent += 1
                channel_state.mark_recovered(held.channel)
            case SendOutcome.NO_SERVER:
                without.add(held.channel)
    return sent


def send_one(held: Claim, way: SendMethod, truth: SendContext) -> SendOutcome:
    """Send the claimed message and mark what became of it. Raises for the database and for time limits only."""
    delivery = truth.message(held)
    try:
        if held.abandoned >= MOST_TRIES:
            raise PermanentFailure(ENDS_ITS_SENDER)
        items, left_out, as_of = relevant_items(delivery, truth)
        over = (
            "; ".join(sorted(set(left_out.values())))
            if delivery.trouble is None
            else trouble_cancel_reason(delivery)
        )
        if over and not items:
            _for_certain(lambda: _cancel(held, over, left_out, truth))
            return SendOutcome.NOT_SENT
        if _waits_for_a_reading(items, truth):
            outbox.postpone(held, WAITS_FOR_A_READING)
            return SendOutcome.NOT_SENT
        way(delivery, items, as_of, truth.lookups)
    except (TemporaryFailure, PermanentFailure, ChannelMisconfigured) as wrong:
        return _not_taken(held, delivery, wrong, truth)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # no fault of the message, and its lease ends by itself
    except Exception as wrong:
        log.exception("message cannot be made", message_id=delivery.message_id)
        words = f"The message cannot be made: {type(wrong).__name__}"
        words += f": {wrong}" if held.channel == EMAIL else ""  # what an address may be part of is not kept
        _try_again(held, delivery, words, truth, last=held.attempts >= MOST_TRIES)
        return SendOutcome.NOT_SENT
    if not _for_certain(lambda: _mark_sent(held, left_out, truth)):
        log.warning("sent after the lease was over", message_id=delivery.message_id)
    return SendOutcome.SENT


def _not_taken(
    held: Claim,
    delivery: Delivery,
    wrong: TemporaryFailure | PermanentFailure | ChannelMisconfigured,
    truth: SendContext,
) -> SendOutcome:
    """Mark what the server's answer, or its silence, means for the message and for its channel."""
    words = str(wrong)
    match wrong:
        case ChannelUnreachable() if held.channel == EMAIL:
            channel_state.mark_unreachable(words)
            outbox.retry_later(held, words)  # for ever: nobody else could be told either
            return SendOutcome.NO_SERVER
        case ChannelUnreachable():
            outbox.pause_and_requeue(held, words, refused=False)
            return SendOutcome.NO_SERVER
        case ChannelMisconfigured():
            log.error("server refuses us", channel=held.channel, why=words)
            outbox.pause_and_requeue(held, words)
            return SendOutcome.NO_SERVER
        case TemporaryFailure():
            if held.channel != EMAIL:  # whose faults are of one address; a destination has only one
                channel_state.mark_unreachable(words, held.channel, held.destination_id)
                if wrong.wait:
                    channel_state.pause(held.channel, words, wrong.wait)
            _try_again(held, delivery, words, truth, last=held.retries_exhausted, wait=wrong.wait)
        case PermanentFailure():
            _park(held, delivery, words, truth)
    return SendOutcome.NOT_SENT


def _waits_for_a_reading(items: Collection[DeliverableNotice], truth: SendContext) -> bool:
    """Whether a message speaks of what was read before we were away: it may have closed since (05-reliability 2I)."""
    doubtful = any(
        item.notice.fresh
        and item.notice.kind != NoticeKind.CLEARED.value
        and not all(row.fresh for row in item.rows)
        for item in items
    )
    return doubtful and truth.recently_restarted()


def _server_is_back(server: BaseEmailBackend) -> bool:
    """Look for a server when messages wait for one: they may be an hour from their next try (05-reliability D1)."""
    if not channel_state.has_mails_to_retry():
        return False
    try:
        open_connection(server)
    except (ChannelUnreachable, ChannelMisconfigured):
        return False
    return channel_state.mark_recovered()


def _mark_sent(held: Claim, left_out: dict[int, str], truth: SendContext) -> bool:
    if not left_out:
        return outbox.mark_sent(held)
    with transaction.atomic():
        done = outbox.mark_sent(held)
        _leave_out(left_out, truth, mine=done)
    return done


def _cancel(held: Claim, over: str, left_out: dict[int, str], truth: SendContext) -> bool:
    with transaction.atomic():
        done = outbox.mark_cancelled(held, over)
        _leave_out(left_out, truth, mine=done)
    return done


def _leave_out(left_out: dict[int, str], truth: SendContext, *, mine: bool) -> None:
    """Mark why lines were not told; whoever has lost their claim (not `mine`) sets nothing aside for later."""
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        if mine or reason != LEFT_OUT_BY_SILENCE:
            by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)
    if unseen := by_reason[NOT_VISIBLE]:
        _pass_on(DeliveryLine.objects.filter(pk__in=unseen).values_list("notice", flat=True), truth.now())


def _try_again(
    held: Claim,
    delivery: Delivery,
    words: str,
    truth: SendContext,
    *,
    last: bool,
    wait: timedelta = timedelta(0),
) -> None:
    if last:
        _park(held, delivery, words, truth)
    else:
        outbox.retry_later(held, words, wait)


def _park(held: Claim, delivery: Delivery, words: str, truth: SendContext) -> None:
    with transaction.atomic():
        if not outbox.mark_failed(held, words):
            return
        log.error("message parked", message_id=delivery.message_id, why=words)
        _pass_on(delivery.notices.values_list("pk", flat=True), truth.now())


def _pass_on(notice_ids: Collection[int], as_of: datetime) -> None:
    """Nobody may be left without a word: notices that reach no other person go to administrators (A11)."""
    # Locked, so that of two senders that lose the last two recipients at once the later one sees it.
    found = (
        Notice.objects.select_for_update().filter(pk__in=notice_ids).exclude(kind=NoticeKind.CLEARED.value)
    )
    locked = [notice.pk for notice in found.order_by("pk")]
    told = DeliveryLine.objects.filter(REACHES_RECIPIENT, notice__in=locked, recipient__isnull=False)
    route_notices(
        list(Notice.objects.filter(pk__in=locked).exclude(pk__in=told.values("notice"))),
        as_of,
        fall_back=True,
    )


def _for_certain(mark: Callable[[], bool]) -> bool:
    """Mark, through a restart of the database: the server has the message, and a lost mark is one more copy."""
    for pause in _PATIENCE:
        try:
            return mark()
        except (OperationalError, InterfaceError):
            if database.in_atomic_block:
                raise
            database.close()
            time.sleep(pause)
    return mark()
