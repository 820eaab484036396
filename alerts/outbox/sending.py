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
from alerts.channels.email.transport import mail_server, reach, send
from alerts.channels.errors import Misconfigured, Permanent, Temporary, Unreachable
from alerts.channels.post_transport import send_post
from alerts.channels.posts import destination_of
from alerts.channels.state import MAIL
from alerts.mail.cases import Tellable
from alerts.mail.compose import compose
from alerts.mail.lookups import About
from alerts.models import REACHING, SET_ASIDE, Delivery, DeliveryLine, Notice
from alerts.models.delivery import NOT_VISIBLE
from alerts.outbox import queue as outbox
from alerts.outbox.delivery_troubles import tell_troubles
from alerts.outbox.queue import LEASE, MOST_TRIES, POSTS_APART, Claim
from alerts.outbox.relevance import still_to_tell, why_not
from alerts.outbox.restore_guard import hold_if_restored
from alerts.outbox.send_context import Truth
from alerts.routing.router import address
from closing.judging.notices import NoticeKind

WAITS_FOR_A_READING = "waits for a reading: we have just come back, and the last one is stale"
NO_ADDRESS = "its recipient has no mail address"
ENDS_ITS_SENDER = f"{MOST_TRIES} senders in a row ended while they worked on it"

RUN = timedelta(
    seconds=25
)  # of one `send_due`: over before the next sweep, so that workers have time for syncs
LOOK_AGAIN = 0.2  # seconds, for a destination that is busy
_PATIENCE = (0.2, 0.5, 1, 2, 4, 8)  # seconds between two tries to mark what has been sent

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What became of one message."""

    SENT = auto()
    NOT_SENT = auto()
    NO_SERVER = auto()  # nor would the next one by this channel be


Way = Callable[[Delivery, Sequence[Tellable], datetime, About | None], None]
# How messages leave by one channel: composes and hands over; returns once the server has taken the message, or raises
# Temporary, Unreachable, Permanent or Misconfigured.


def by_mail(server: BaseEmailBackend) -> Way:
    """Messages to people, over one connection."""

    def way(delivery: Delivery, items: Sequence[Tellable], as_of: datetime, known: About | None) -> None:
        if "@" not in delivery.person.email:
            raise Permanent(NO_ADDRESS)
        send(compose(delivery, items, as_of, known), server)

    return way


def by_post(delivery: Delivery, items: Sequence[Tellable], as_of: datetime, known: About | None) -> None:
    """Messages to destinations, each over a connection of its own."""
    send_post(destination_of(delivery), posts.compose(delivery, items, as_of, known))


def send_due(as_of: datetime, *, run: timedelta = RUN, lease: timedelta = LEASE) -> int:
    """Send the mails that are due for a while, one after the other over one connection.

    `as_of` is now; time goes on from there while messages are sent. Returns how many the server took.
    """
    tell_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    truth, sent, troubled = Truth(as_of), 0, True
    with mail_server() as server:
        way = by_mail(server)
        while truth.now() - as_of < run:
            held = outbox.claim(lease)
            if held is None:
                if not _server_is_back(server):
                    break
                continue
            match send_one(held, way, truth):
                case Outcome.SENT:
                    sent += 1
                    if troubled:
                        channel_state.works_again()
                        troubled = False
                case Outcome.NOT_SENT:
                    troubled = True
                case Outcome.NO_SERVER:
                    break
    return sent


def post_due(
    as_of: datetime, *, run: timedelta = RUN, lease: timedelta = LEASE, apart: timedelta = POSTS_APART
) -> int:
    """Post what is due to destinations for a while; one that is away stops no other. Returns how many were taken."""
    tell_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    truth, sent = Truth(as_of), 0
    without: set[str] = set()
    while truth.now() - as_of < run:
        held = outbox.claim_post(lease, without, apart)
        if held is None:
            if not outbox.posts_are_due(without):
                break
            time.sleep(LOOK_AGAIN)
            continue
        match send_one(held, by_post, truth):
            case Outcome.SENT:
                sent += 1
                channel_state.works_again(held.channel)
            case Outcome.NO_SERVER:
                without.add(held.channel)
    return sent


def send_one(held: Claim, way: Way, truth: Truth) -> Outcome:
    """Send the claimed message and mark what became of it. Raises for the database and for time limits only."""
    delivery = truth.message(held)
    try:
        if held.abandoned >= MOST_TRIES:
            raise Permanent(ENDS_ITS_SENDER)
        items, left_out, as_of = still_to_tell(delivery, truth)
        over = "; ".join(sorted(set(left_out.values()))) if delivery.trouble is None else why_not(delivery)
        if over and not items:
            _for_certain(lambda: _cancel(held, over, left_out, truth))
            return Outcome.NOT_SENT
        if _waits_for_a_reading(items, truth):
            outbox.postpone(held, WAITS_FOR_A_READING)
            return Outcome.NOT_SENT
        way(delivery, items, as_of, truth.about)
    except (Temporary, Permanent, Misconfigured) as wrong:
        return _not_taken(held, delivery, wrong, truth)
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # no fault of the message, and its lease ends by itself
    except Exception as wrong:
        log.exception("message cannot be made", message_id=delivery.message_id)
        words = f"The message cannot be made: {type(wrong).__name__}"
        words += f": {wrong}" if held.channel == MAIL else ""  # what an address may be part of is not kept
        _try_again(held, delivery, words, truth, last=held.attempts >= MOST_TRIES)
        return Outcome.NOT_SENT
    if not _for_certain(lambda: _mark_sent(held, left_out, truth)):
        log.warning("sent after the lease was over", message_id=delivery.message_id)
    return Outcome.SENT


def _not_taken(
    held: Claim, delivery: Delivery, wrong: Temporary | Permanent | Misconfigured, truth: Truth
) -> Outcome:
    """Mark what the server's answer, or its silence, means for the message and for its channel."""
    words = str(wrong)
    match wrong:
        case Unreachable() if held.channel == MAIL:
            channel_state.away(words)
            outbox.retry_later(held, words)  # for ever: nobody else could be told either
            return Outcome.NO_SERVER
        case Unreachable():
            outbox.give_back(held, words, refused=False)
            return Outcome.NO_SERVER
        case Misconfigured():
            log.error("server refuses us", channel=held.channel, why=words)
            outbox.give_back(held, words)
            return Outcome.NO_SERVER
        case Temporary():
            if held.channel != MAIL:  # whose faults are of one address; a destination has only one
                channel_state.away(words, held.channel, held.destination_id)
                if wrong.wait:
                    channel_state.pause(held.channel, words, wrong.wait)
            _try_again(held, delivery, words, truth, last=held.spent, wait=wrong.wait)
        case Permanent():
            _park(held, delivery, words, truth)
    return Outcome.NOT_SENT


def _waits_for_a_reading(items: Collection[Tellable], truth: Truth) -> bool:
    """Whether a message speaks of what was read before we were away: it may have closed since (05-reliability 2I)."""
    doubtful = any(
        item.notice.fresh
        and item.notice.kind != NoticeKind.CLEARED.value
        and not all(row.fresh for row in item.rows)
        for item in items
    )
    return doubtful and truth.just_back()


def _server_is_back(server: BaseEmailBackend) -> bool:
    """Look for a server when messages wait for one: they may be an hour from their next try (05-reliability D1)."""
    if not channel_state.waits_for_the_server():
        return False
    try:
        reach(server)
    except (Unreachable, Misconfigured):
        return False
    return channel_state.works_again()


def _mark_sent(held: Claim, left_out: dict[int, str], truth: Truth) -> bool:
    if not left_out:
        return outbox.mark_sent(held)
    with transaction.atomic():
        done = outbox.mark_sent(held)
        _leave_out(left_out, truth, mine=done)
    return done


def _cancel(held: Claim, over: str, left_out: dict[int, str], truth: Truth) -> bool:
    with transaction.atomic():
        done = outbox.mark_cancelled(held, over)
        _leave_out(left_out, truth, mine=done)
    return done


def _leave_out(left_out: dict[int, str], truth: Truth, *, mine: bool) -> None:
    """Mark why lines were not told; whoever has lost their claim (not `mine`) sets nothing aside for later."""
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        if mine or reason != SET_ASIDE:
            by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)
    if unseen := by_reason[NOT_VISIBLE]:
        _pass_on(DeliveryLine.objects.filter(pk__in=unseen).values_list("notice", flat=True), truth.now())


def _try_again(
    held: Claim,
    delivery: Delivery,
    words: str,
    truth: Truth,
    *,
    last: bool,
    wait: timedelta = timedelta(0),
) -> None:
    if last:
        _park(held, delivery, words, truth)
    else:
        outbox.retry_later(held, words, wait)


def _park(held: Claim, delivery: Delivery, words: str, truth: Truth) -> None:
    with transaction.atomic():
        if not outbox.mark_parked(held, words):
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
    told = DeliveryLine.objects.filter(REACHING, notice__in=locked, recipient__isnull=False)
    address(
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
