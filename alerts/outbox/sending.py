"""Claims due messages from the outbox, checks that their notices are still true, and sends them by their channels."""

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
    MessageRefused,
    PermanentFailure,
    ServerBusy,
    TemporaryFailure,
    UnclearRefusal,
)
from alerts.channels.email.transport import mail_connection, open_connection, send_mail
from alerts.channels.post_transport import send_post
from alerts.channels.posts import destination_of
from alerts.mail.cases import DeliverableNotice
from alerts.mail.compose import compose_mail
from alerts.mail.message_lookups import MessageLookups
from alerts.models import EMAIL, LEFT_OUT_BY_SILENCE, REACHES_RECIPIENT, Delivery, DeliveryLine, Notice
from alerts.models.delivery import AWAITS_READING, NOT_VISIBLE
from alerts.outbox import queue as outbox
from alerts.outbox.delivery_troubles import notify_troubles
from alerts.outbox.left_out_lines import requeue_left_out
from alerts.outbox.queue import LEASE, MAX_ATTEMPTS, MIN_POST_SPACING, Claim
from alerts.outbox.refusals import (
    REFUSED_IN_A_ROW,
    UNCLEAR_NOTE,
    OtherMessages,
    Verdict,
    other_messages,
)
from alerts.outbox.relevance import relevant_items, trouble_cancel_reason
from alerts.outbox.restore_guard import hold_if_restored
from alerts.outbox.send_context import SendContext
from alerts.routing.router import route_notices
from closing.judging.notice_rules import NoticeKind

NO_ADDRESS = "its recipient has no mail address"
SENDERS_DIED = f"{MAX_ATTEMPTS} senders in a row ended while they worked on it"

# The longest run of one `send_due_mails`: it ends before the next sweep, so that workers have time for syncs.
MAX_RUN = timedelta(seconds=25)
BUSY_RETRY_SECONDS = 0.2  # seconds until a busy destination is tried again
_MARK_RETRY_PAUSES = (0.2, 0.5, 1, 2, 4, 8)  # seconds between two tries to mark a sent message

log = structlog.get_logger(__name__)


class SendOutcome(Enum):
    """The outcome of one attempt to send a message."""

    SENT = auto()
    NOT_SENT = auto()
    NO_SERVER = auto()  # the next message by this channel would fail as well


SendMethod = Callable[[Delivery, Sequence[DeliverableNotice], datetime, MessageLookups | None], None]
# Composes a message and sends it by one channel; returns once the server has accepted it, or raises one of
# `_Failure`.
_Failure = TemporaryFailure | PermanentFailure | UnclearRefusal | ChannelMisconfigured


def mail_method(server: BaseEmailBackend) -> SendMethod:
    """Return a method that sends messages to people, all over one connection."""

    def method(
        delivery: Delivery,
        items: Sequence[DeliverableNotice],
        as_of: datetime,
        lookups: MessageLookups | None,
    ) -> None:
        if "@" not in delivery.person.email:
            raise PermanentFailure(NO_ADDRESS)
        send_mail(compose_mail(delivery, items, as_of, lookups), server)

    return method


def post_method(
    delivery: Delivery, items: Sequence[DeliverableNotice], as_of: datetime, lookups: MessageLookups | None
) -> None:
    """Send a message to its destination, over a connection of its own."""
    send_post(destination_of(delivery), posts.compose_post(delivery, items, as_of, lookups))


def send_due_mails(as_of: datetime, *, run: timedelta = MAX_RUN, lease: timedelta = LEASE) -> int:
    """Send the mails that are due, one after the other over one connection, for at most `run`.

    `as_of` is now; time goes on from there while messages are sent. Returns how many the server accepted.
    """
    notify_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    context, sent, troubled = SendContext(as_of), 0, True
    requeue_left_out(context)
    with mail_connection() as server:
        method = mail_method(server)
        while context.now() - as_of < run:
            claim = outbox.claim_mail(lease)
            if claim is None:
                if not _server_is_back(server):
                    break
                continue
            match send_one(claim, method, context):
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
    as_of: datetime,
    *,
    run: timedelta = MAX_RUN,
    lease: timedelta = LEASE,
    apart: timedelta = MIN_POST_SPACING,
) -> int:
    """Post the due messages for at most `run`; an unreachable destination stops no other. Returns the number sent."""
    notify_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    context, sent = SendContext(as_of), 0
    requeue_left_out(context)
    unreachable: set[str] = set()
    while context.now() - as_of < run:
        claim = outbox.claim_post(lease, unreachable, apart)
        if claim is None:
            if not outbox.has_due_posts(unreachable):
                break
            time.sleep(BUSY_RETRY_SECONDS)
            continue
        match send_one(claim, post_method, context):
            case SendOutcome.SENT:
                sent += 1
                channel_state.mark_recovered(claim.channel)
            case SendOutcome.NO_SERVER:
                unreachable.add(claim.channel)
    return sent


def send_one(claim: Claim, method: SendMethod, context: SendContext) -> SendOutcome:
    """Send the claimed message and record the outcome. Raises only for the database and for time limits."""
    delivery = context.message(claim)
    try:
        if claim.abandoned >= MAX_ATTEMPTS:
            raise PermanentFailure(SENDERS_DIED)
        items, left_out, as_of = relevant_items(delivery, context)
        cancel_reason = (
            "; ".join(sorted(set(left_out.values())))
            if delivery.trouble is None
            else trouble_cancel_reason(delivery)
        )
        if cancel_reason and not items:
            _mark_reliably(lambda: _cancel(claim, cancel_reason, left_out, context))
            return SendOutcome.NOT_SENT
        if _waits_for_reading(items, context):
            outbox.postpone(claim, AWAITS_READING)
            return SendOutcome.NOT_SENT
        method(delivery, items, as_of, context.lookups)
    except (TemporaryFailure, PermanentFailure, UnclearRefusal, ChannelMisconfigured) as failure:
        return _record_failure(claim, delivery, failure, context)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # not caused by the message, whose lease ends by itself
    except Exception as failure:
        log.exception("message cannot be made", message_id=delivery.message_id)
        error = f"The message cannot be made: {type(failure).__name__}"
        # The error of a post may contain the address, which is secret.
        error += f": {failure}" if claim.channel == EMAIL else ""
        _retry_or_fail(claim, delivery, error, context, last=claim.attempts >= MAX_ATTEMPTS)
        return SendOutcome.NOT_SENT
    if not _mark_reliably(lambda: _mark_sent(claim, left_out, context)):
        log.warning("sent after the lease was over", message_id=delivery.message_id)
    return SendOutcome.SENT


def _record_failure(claim: Claim, delivery: Delivery, failure: _Failure, context: SendContext) -> SendOutcome:
    """Record what the failure means for the message and for its channel."""
    error = str(failure)
    match failure:
        case ChannelUnreachable() if claim.channel == EMAIL:
            channel_state.mark_unreachable(error)
            outbox.retry_later(claim, error)  # without end: no other person could be reached by mail either
            return SendOutcome.NO_SERVER
        case ChannelUnreachable():
            outbox.pause_and_requeue(claim, error, refused=False)
            return SendOutcome.NO_SERVER
        case ServerBusy():
            return _record_busy(claim, delivery, failure, context)
        case ChannelMisconfigured():
            return _record_misconfigured(claim, delivery, error, context)
        case UnclearRefusal():
            return _record_unclear(claim, delivery, error, other_messages(claim), context)
        case TemporaryFailure():
            if claim.channel != EMAIL:  # a mail's failure concerns one address; a destination has just one
                channel_state.mark_unreachable(error, claim.channel, claim.destination_id)
                if failure.wait:
                    channel_state.pause(claim.channel, error, failure.wait)
            _record_delay(claim, delivery, failure, context)
        case MessageRefused():
            others = other_messages(claim)
            if others.refused_in_a_row >= REFUSED_IN_A_ROW:
                return _record_unclear(claim, delivery, error, others, context)
            _mark_failed(claim, delivery, error, context)
        case PermanentFailure():
            _mark_failed(claim, delivery, error, context)
    return SendOutcome.NOT_SENT


def _record_busy(claim: Claim, delivery: Delivery, failure: ServerBusy, context: SendContext) -> SendOutcome:
    """Delay the channel, unless it accepts others and delays only this message again: that one is tried later."""
    others = other_messages(claim)
    if others.delayed_before and others.accepted_just_now:
        _record_delay(claim, delivery, failure, context)
        return SendOutcome.NOT_SENT
    outbox.delay_channel(claim, str(failure))
    return SendOutcome.NO_SERVER


def _record_misconfigured(claim: Claim, delivery: Delivery, error: str, context: SendContext) -> SendOutcome:
    """Pause the channel, unless it accepts others and refuses only this message again: that one is tried later."""
    others = other_messages(claim)
    if others.refused_before and others.accepted_since:
        _retry_or_fail(claim, delivery, error, context, last=claim.retries_exhausted)
        return SendOutcome.NOT_SENT
    log.error("server refuses mails", channel=claim.channel, why=error)
    outbox.pause_and_requeue(claim, error)
    return SendOutcome.NO_SERVER


def _record_unclear(
    claim: Claim, delivery: Delivery, error: str, others: OtherMessages, context: SendContext
) -> SendOutcome:
    """Give the message up where others are accepted, pause the channel where none is, and else try others first."""
    noted = f"{error} {UNCLEAR_NOTE}"
    match others.verdict:
        case Verdict.THIS_MESSAGE:
            _mark_failed(claim, delivery, error, context)
            return SendOutcome.NOT_SENT
        case Verdict.NOT_KNOWN_YET:
            outbox.requeue_last(claim, noted)
            return SendOutcome.NOT_SENT
    log.error("server may refuse mails", channel=claim.channel, why=error)
    outbox.pause_and_requeue(claim, noted)
    if others.should_ask_others:
        _notify_others(delivery, context)
    return SendOutcome.NO_SERVER


def _record_delay(claim: Claim, delivery: Delivery, failure: TemporaryFailure, context: SendContext) -> None:
    """Try the message again later. It is given up only where the server accepts others meanwhile."""
    last = claim.retries_exhausted
    if last and not other_messages(claim).accepted_lately:
        _notify_others(delivery, context)
        last = False
    _retry_or_fail(claim, delivery, str(failure), context, last=last, wait=failure.wait)


def _waits_for_reading(items: Collection[DeliverableNotice], context: SendContext) -> bool:
    """Whether a notice rests on a reading from before a restart: its entity may have closed (05-reliability 2I)."""
    outdated = any(
        item.notice.fresh
        and item.notice.kind != NoticeKind.CLEARED.value
        and not all(row.fresh for row in item.rows)
        for item in items
    )
    return outdated and context.recently_restarted()


def _server_is_back(server: BaseEmailBackend) -> bool:
    """Try to reach the server while mails wait for a retry, which may be an hour away (05-reliability D1)."""
    if not channel_state.has_mails_to_retry():
        return False
    try:
        open_connection(server)
    except (ChannelUnreachable, ChannelMisconfigured):
        return False
    return channel_state.mark_recovered()


def _mark_sent(claim: Claim, left_out: dict[int, str], context: SendContext) -> bool:
    if not left_out:
        return outbox.mark_sent(claim)
    with transaction.atomic():
        done = outbox.mark_sent(claim)
        _leave_out(left_out, context, mine=done)
    return done


def _cancel(claim: Claim, reason: str, left_out: dict[int, str], context: SendContext) -> bool:
    with transaction.atomic():
        done = outbox.mark_cancelled(claim, reason)
        _leave_out(left_out, context, mine=done)
    return done


def _leave_out(left_out: dict[int, str], context: SendContext, *, mine: bool) -> None:
    """Record why lines were left out; a sender that lost its claim (not `mine`) sets nothing aside for later."""
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        if mine or reason != LEFT_OUT_BY_SILENCE:
            by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)
    if unseen := by_reason[NOT_VISIBLE]:
        _fall_back(DeliveryLine.objects.filter(pk__in=unseen).values_list("notice", flat=True), context.now())


def _retry_or_fail(
    claim: Claim,
    delivery: Delivery,
    error: str,
    context: SendContext,
    *,
    last: bool,
    wait: timedelta = timedelta(0),
) -> None:
    if last:
        _mark_failed(claim, delivery, error, context)
    else:
        outbox.retry_later(claim, error, wait)


def _mark_failed(claim: Claim, delivery: Delivery, error: str, context: SendContext) -> None:
    with transaction.atomic():
        if not outbox.mark_failed(claim, error):
            return
        log.error("message parked", message_id=delivery.message_id, why=error)
        _fall_back(delivery.notices.values_list("pk", flat=True), context.now())


def _notify_others(delivery: Delivery, context: SendContext) -> None:
    """Route the notices of a message that may never arrive to administrators; it goes on waiting."""
    with transaction.atomic():
        _fall_back(delivery.notices.values_list("pk", flat=True), context.now(), but=delivery)


def _fall_back(notice_ids: Collection[int], as_of: datetime, but: Delivery | None = None) -> None:
    """Route notices that reach no person by another message to administrators: each must reach somebody (A11)."""
    # Locked: when two senders lose the last two recipients at once, the later one then sees it.
    notices = (
        Notice.objects.select_for_update().filter(pk__in=notice_ids).exclude(kind=NoticeKind.CLEARED.value)
    )
    locked = [notice.pk for notice in notices.order_by("pk")]
    reaching = DeliveryLine.objects.filter(REACHES_RECIPIENT, notice__in=locked, recipient__isnull=False)
    reaching = reaching.exclude(delivery=but) if but is not None else reaching
    route_notices(
        list(Notice.objects.filter(pk__in=locked).exclude(pk__in=reaching.values("notice"))),
        as_of,
        fall_back=True,
    )


def _mark_reliably(mark: Callable[[], bool]) -> bool:
    """Retry the mark through a restart of the database: without it, the accepted message would be sent again."""
    for pause in _MARK_RETRY_PAUSES:
        try:
            return mark()
        except (OperationalError, InterfaceError):
            if database.in_atomic_block:
                raise
            database.close()
            time.sleep(pause)
    return mark()
