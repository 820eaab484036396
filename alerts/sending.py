"""Sending: takes what is due from the outbox, looks whether it is still true, and hands it to the mail server."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import Enum, auto

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.core.mail.backends.base import BaseEmailBackend
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database

from alerts import outbox
from alerts.addressing import address
from alerts.mail_cases import Tellable
from alerts.mails import compose
from alerts.models import Delivery, DeliveryLine, Notice
from alerts.outbox import LEASE, MOST_TRIES, Claim
from alerts.still_true import NOT_VISIBLE, still_to_tell
from alerts.transports import Misconfigured, Permanent, Temporary, Unreachable, mail_server, reach, send
from alerts.truth import Truth
from closing.notices import Kind

WAITS_FOR_A_READING = "waits for a reading: we have just come back, and the last one is stale"
NO_ADDRESS = "its recipient has no mail address"
ENDS_ITS_SENDER = f"{MOST_TRIES} senders in a row ended while they worked on it"

RUN = timedelta(
    seconds=25
)  # of one `send_due`: over before the next sweep, so that workers have time for syncs
_PATIENCE = (0.2, 0.5, 1, 2, 4, 8)  # seconds between two tries to mark what has been sent

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What became of one message."""

    SENT = auto()
    NOT_SENT = auto()
    NO_SERVER = auto()  # nor would the next one be


def send_due(as_of: datetime, *, run: timedelta = RUN, lease: timedelta = LEASE) -> int:
    """Send what is due for a while, one message after the other over one connection.

    `as_of` is now; time goes on from there while messages are sent. Returns how many the server took.
    """
    truth, sent, troubled = Truth(as_of), 0, True
    with mail_server() as server:
        while truth.now() - as_of < run:
            held = outbox.claim(lease)
            if held is None:
                if not _server_is_back(server):
                    break
                continue
            match send_one(held, server, truth):
                case Outcome.SENT:
                    sent += 1
                    if troubled:
                        outbox.works_again()
                        troubled = False
                case Outcome.NOT_SENT:
                    troubled = True
                case Outcome.NO_SERVER:
                    break
    return sent


def send_one(held: Claim, server: BaseEmailBackend, truth: Truth) -> Outcome:
    """Send the claimed message and mark what became of it. Raises for the database and for time limits only."""
    delivery = truth.message(held)
    try:
        if held.abandoned >= MOST_TRIES:
            raise Permanent(ENDS_ITS_SENDER)
        if "@" not in delivery.person.email:
            raise Permanent(NO_ADDRESS)
        items, left_out, as_of = still_to_tell(delivery, truth)
        if not items:
            _for_certain(lambda: _cancel(held, left_out, truth))
            return Outcome.NOT_SENT
        if _waits_for_a_reading(items, truth):
            outbox.postpone(held, WAITS_FOR_A_READING)
            return Outcome.NOT_SENT
        send(compose(delivery, items, as_of, truth.about), server)
    except Unreachable as wrong:
        outbox.away(str(wrong))
        outbox.retry_later(held, str(wrong))  # for ever: nobody else could be told either
        return Outcome.NO_SERVER
    except Misconfigured as wrong:
        log.error("mail server refuses us", why=str(wrong))
        outbox.give_back(held, str(wrong))
        return Outcome.NO_SERVER
    except Temporary as wrong:
        _try_again(held, delivery, str(wrong), truth, last=held.spent)
        return Outcome.NOT_SENT
    except Permanent as wrong:
        _park(held, delivery, str(wrong), truth)
        return Outcome.NOT_SENT
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # no fault of the message, and its lease ends by itself
    except Exception as wrong:
        log.exception("message cannot be made", message_id=delivery.message_id)
        words = f"The message cannot be made: {type(wrong).__name__}: {wrong}"
        _try_again(held, delivery, words, truth, last=held.attempts >= MOST_TRIES)
        return Outcome.NOT_SENT
    if not _for_certain(lambda: _mark_sent(held, left_out, truth)):
        log.warning("sent after the lease was over", message_id=delivery.message_id)
    return Outcome.SENT


def _waits_for_a_reading(items: Collection[Tellable], truth: Truth) -> bool:
    """Whether a message speaks of what was read before we were away: it may have closed since (05-reliability 2I)."""
    doubtful = any(
        item.notice.fresh
        and item.notice.kind != Kind.CLEARED.value
        and not all(row.fresh for row in item.rows)
        for item in items
    )
    return doubtful and truth.just_back()


def _server_is_back(server: BaseEmailBackend) -> bool:
    """Look for a server when messages wait for one: they may be an hour from their next try (05-reliability D1)."""
    if not outbox.waits_for_the_server():
        return False
    try:
        reach(server)
    except (Unreachable, Misconfigured):
        return False
    return outbox.works_again()


def _mark_sent(held: Claim, left_out: dict[int, str], truth: Truth) -> bool:
    if not left_out:
        return outbox.mark_sent(held)
    with transaction.atomic():
        done = outbox.mark_sent(held)
        _leave_out(left_out, truth)
    return done


def _cancel(held: Claim, left_out: dict[int, str], truth: Truth) -> bool:
    with transaction.atomic():
        done = outbox.mark_cancelled(held, "; ".join(sorted(set(left_out.values()))))
        _leave_out(left_out, truth)
    return done


def _leave_out(left_out: dict[int, str], truth: Truth) -> None:
    by_reason: dict[str, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)
    if unseen := by_reason[NOT_VISIBLE]:
        _pass_on(DeliveryLine.objects.filter(pk__in=unseen).values_list("notice", flat=True), truth.now())


def _try_again(held: Claim, delivery: Delivery, words: str, truth: Truth, *, last: bool) -> None:
    if last:
        _park(held, delivery, words, truth)
    else:
        outbox.retry_later(held, words)


def _park(held: Claim, delivery: Delivery, words: str, truth: Truth) -> None:
    with transaction.atomic():
        if not outbox.mark_parked(held, words):
            return
        log.error("message parked", message_id=delivery.message_id, why=words)
        _pass_on(delivery.notices.values_list("pk", flat=True), truth.now())


def _pass_on(notice_ids: Collection[int], as_of: datetime) -> None:
    """Nobody may be left without a word: notices that reach nobody else go to administrators (A11)."""
    # Locked, so that of two senders that lose the last two recipients at once the later one sees it.
    found = Notice.objects.select_for_update().filter(pk__in=notice_ids).exclude(kind=Kind.CLEARED.value)
    locked = [notice.pk for notice in found.order_by("pk")]
    told = DeliveryLine.objects.filter(notice__in=locked, left_out="", delivery__state__in=Delivery.REACHES)
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
