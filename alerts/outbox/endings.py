"""Records how a message ended, with its lines left out, and routes what reached nobody to administrators."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection
from contextlib import nullcontext
from datetime import timedelta

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database
from django.db.models import Q

from alerts.channels import state as channel_state
from alerts.channels.delivery_errors import DeliveryFailure, TemporaryFailure
from alerts.models import Delivery, DeliveryLine, LineReason
from alerts.notices.notice_specs import spec_of
from alerts.outbox import queue as outbox
from alerts.outbox.queue import Claim
from alerts.outbox.refusals import UNCLEAR_NOTE, FailureHandling, decide_handling
from alerts.outbox.relevance import OutgoingMessage
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_of
from alerts.routing.router import route_unreached

_RETRY_PAUSES = (0.2, 0.5, 1, 2, 4, 8)  # seconds between two tries to record the end of a message

log = structlog.get_logger(__name__)


def record_end(message: OutgoingMessage, state: Delivery.State, reason: str = "") -> bool:
    """Record that the message was sent or cancelled, and why lines were left out; False when its lease had expired.

    Retries through a restart of the database: without its mark, an accepted message would be sent again.
    """
    left_out = message.lines.left_out

    def mark_with_lines() -> bool:
        with transaction.atomic() if left_out else nullcontext():
            done = outbox.end(message.claim, state, reason)
            _leave_out(left_out, message, mine=done)
        return done

    for pause in _RETRY_PAUSES:
        try:
            return mark_with_lines()
        except (OperationalError, InterfaceError):
            if database.in_atomic_block:
                raise
            database.close()
            time.sleep(pause)
    return mark_with_lines()


def record_failure(message: OutgoingMessage, failure: DeliveryFailure) -> FailureHandling:
    """Record a failure in the outbox and in the state of the channel; returns how it is handled."""
    claim, error, handling = message.claim, str(failure), decide_handling(failure, message.claim)
    match handling:
        case FailureHandling.RETRY | FailureHandling.RETRY_AND_NOTIFY:
            wait = _record_delay(claim, failure) if isinstance(failure, TemporaryFailure) else timedelta(0)
            outbox.retry_later(claim, error, wait)
        case FailureHandling.OTHERS_FIRST:
            outbox.requeue(claim, f"{error} {UNCLEAR_NOTE}")
        case FailureHandling.FAIL:
            with transaction.atomic():
                if outbox.end(claim, Delivery.State.PARKED, error):
                    log.error("message parked", message_id=message.delivery.message_id, why=error)
                    _fall_back(message)
        case FailureHandling.AWAIT_SERVER:
            channel_state.mark_unreachable(error)
            outbox.retry_later(claim, error)
        case FailureHandling.PAUSE_UNREACHABLE:
            outbox.pause_and_requeue(claim, error, refused=False)
        case FailureHandling.PAUSE_REFUSED:
            log.error("server refuses mails", channel=claim.channel, why=error)
            outbox.pause_and_requeue(claim, error)
        case FailureHandling.PAUSE_UNCLEAR | FailureHandling.PAUSE_UNCLEAR_AND_NOTIFY:
            log.error("server may refuse mails", channel=claim.channel, why=error)
            outbox.pause_and_requeue(claim, f"{error} {UNCLEAR_NOTE}")
        case FailureHandling.DELAY_CHANNEL:
            outbox.delay_channel(claim, error)
    if handling in (FailureHandling.RETRY_AND_NOTIFY, FailureHandling.PAUSE_UNCLEAR_AND_NOTIFY):
        with transaction.atomic():
            _fall_back(message)
    return handling


def _record_delay(claim: Claim, failure: TemporaryFailure) -> timedelta:
    """Record a destination's trouble; a mail's delay concerns one address only. Returns how long to wait."""
    if claim.destination_id is not None:
        channel_state.mark_unreachable(str(failure), claim.channel, claim.destination_id)
        if failure.wait:
            channel_state.pause(claim.channel, str(failure), failure.wait)
    return failure.wait


def _leave_out(left_out: dict[int, LineReason], message: OutgoingMessage, *, mine: bool) -> None:
    """Record why lines were left out; a sender that lost its claim (not `mine`) sets nothing aside for later."""
    by_reason: dict[LineReason, list[int]] = defaultdict(list)
    for line, reason in left_out.items():
        if mine or reason is not LineReason.SILENCED:
            by_reason[reason].append(line)
    for reason, lines in by_reason.items():
        DeliveryLine.objects.filter(pk__in=lines).update(left_out=reason)
    if unseen := by_reason[LineReason.NOT_VISIBLE]:
        _fall_back(message, unseen)


def _fall_back(message: OutgoingMessage, lines: Collection[int] | None = None) -> None:
    """Route the notices of the message, or of these `lines`, that reach no other person to administrators (A11)."""
    notices = [
        line.notice
        for line in message.delivery.lines.all()
        if (lines is None or line.pk in lines) and not spec_of(line.notice.kind).audience.informed
    ]
    by_another_message = Q(recipient__isnull=False) & ~Q(delivery=message.delivery)
    context = EvaluationContext(message.context.now(), entities_of(notices))
    route_unreached(notices, by_another_message, context)
