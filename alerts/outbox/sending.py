"""Sends what is due: claims a message, passes it through the gates, delivers it, and records how that ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from alerts.channels import state as channel_state
from alerts.channels.delivery_errors import CompositionFailed, DeliveryFailure
from alerts.channels.kinds import ChannelConnection, Draft, SendMethod, channel_kinds, destination_kind
from alerts.models import EMAIL, Delivery, Destination, Trouble
from alerts.outbox import queue as outbox
from alerts.outbox.endings import record_end, record_failure
from alerts.outbox.left_out_lines import requeue_left_out
from alerts.outbox.queue import LEASE, MIN_POST_SPACING, Claim
from alerts.outbox.refusals import FailureHandling
from alerts.outbox.relevance import GATES, Cancel, OutgoingMessage, Postpone, Stop
from alerts.outbox.restore_guard import hold_if_restored
from alerts.outbox.send_context import SendContext
from alerts.routing.batching import new_delivery
from alerts.routing.recipients import destination_administrators

# The longest run of one `send_due_mails`: it ends before the next sweep, so that workers have time for syncs.
MAX_RUN = timedelta(seconds=25)
BUSY_RETRY_SECONDS = 0.2  # seconds until a busy destination is tried again

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has accepted the message."""


def send_due_mails(as_of: datetime, *, run: timedelta = MAX_RUN, lease: timedelta = LEASE) -> int:
    """Send the mails that are due, one after the other over one connection, for at most `run`.

    `as_of` is now; time goes on from there while messages are sent. Returns how many the server accepted.
    """
    with channel_kinds()[EMAIL].connect() as connection:
        return _send_due(
            as_of,
            run,
            connection.send,
            lambda stopped: outbox.claim_mail(lease) if not stopped else None,
            lambda stopped: not stopped and _server_is_back(connection),
        )


def send_due_posts(
    as_of: datetime,
    *,
    run: timedelta = MAX_RUN,
    lease: timedelta = LEASE,
    apart: timedelta = MIN_POST_SPACING,
) -> int:
    """Post the due messages for at most `run`; an unreachable destination stops no other. Returns the number sent."""

    def wait(stopped: Collection[str]) -> bool:
        due = outbox.has_due_posts(stopped)
        if due:
            time.sleep(BUSY_RETRY_SECONDS)
        return due

    return _send_due(as_of, run, _post, lambda stopped: outbox.claim_post(lease, stopped, apart), wait)


def _post(draft: Draft) -> None:
    with destination_kind(draft.delivery.place).connect() as connection:
        connection.send(draft)


def _send_due(
    as_of: datetime,
    run: timedelta,
    method: SendMethod,
    claim_next: Callable[[Collection[str]], Claim | None],
    more_to_come: Callable[[Collection[str]], bool],
) -> int:
    """Send what `claim_next` claims beside the channels that were stopped, while there is `more_to_come`."""
    notify_troubles(as_of)
    if hold_if_restored(as_of):
        return 0
    context, sent = SendContext(as_of), 0
    requeue_left_out(context)
    stopped, recovered = set[str](), set[str]()
    while context.now() - as_of < run:
        claim = claim_next(stopped)
        if claim is None:
            if not more_to_come(stopped):
                break
            continue
        match send_one(claim, method, context):
            case Sent():
                sent += 1
                if claim.channel not in recovered:
                    channel_state.mark_recovered(claim.channel)
                    recovered.add(claim.channel)
            case FailureHandling() as handling if handling.stops_channel:
                stopped.add(claim.channel)
            case _:
                recovered.discard(claim.channel)
    return sent


def send_one(
    claim: Claim, method: SendMethod, context: SendContext
) -> Sent | Cancel | Postpone | FailureHandling:
    """Send the claimed message and record the outcome. Raises only for the database and for time limits."""
    message = OutgoingMessage(claim, context.message(claim), context)
    outcome = _pass_gates_and_deliver(message, method)
    match outcome:
        case Cancel(reason):
            record_end(message, Delivery.State.CANCELLED, reason)
        case Postpone(reason):
            outbox.requeue(claim, reason, timedelta(minutes=1))
        case DeliveryFailure():
            return record_failure(message, outcome)
        case Sent():
            if not record_end(message, Delivery.State.SENT):
                log.warning("sent after the lease was over", message_id=message.delivery.message_id)
    return outcome


def _pass_gates_and_deliver(message: OutgoingMessage, method: SendMethod) -> Stop | Sent:
    """The result of the first gate that stops the message, else of its delivery."""
    try:
        for gate in GATES:
            if (stop := gate(message)) is not None:
                return stop
        lines = message.lines
        method(Draft(message.delivery, lines.items, lines.as_of, message.context.lookups, message.tasks))
        return Sent()
    except DeliveryFailure as failure:
        return failure
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded):
        raise  # not caused by the message, whose lease ends by itself
    except Exception as error:
        log.exception("message cannot be made", message_id=message.delivery.message_id)
        text = f"The message cannot be made: {type(error).__name__}"
        # The error of a post may contain the address, which is secret.
        text += f": {error}" if message.delivery.destination is None else ""
        return CompositionFailed(text)


def _server_is_back(connection: ChannelConnection) -> bool:
    """Try to reach the server while mails wait for a retry, which may be an hour away (05-reliability D1)."""
    if not channel_state.has_mails_to_retry():
        return False
    try:
        connection.reach()
    except DeliveryFailure:
        return False
    return channel_state.mark_recovered()


# --- troubles of channels -------------------------------------------------------------------------------------------

# For a server that does not answer, since most recover; a refusal is reported at once.
NOTIFY_AFTER = timedelta(minutes=30)


def notify_troubles(as_of: datetime) -> int:
    """Create the messages about each trouble that is due, once: of mail to all destinations, of these by mail."""
    due = Q(refused=True) | Q(began_at__lte=as_of - NOTIFY_AFTER)
    with transaction.atomic():
        troubles = Trouble.objects.select_for_update(of=("self",), skip_locked=True).select_related(
            "destination__group"
        )
        messages: list[Delivery] = []
        for trouble in troubles.filter(due, ended_at=None, told_at=None).order_by("pk"):
            messages += _trouble_messages(trouble, as_of)
            trouble.told_at = as_of
            trouble.save(update_fields=["told_at"])
        return len(Delivery.objects.bulk_create(messages))


def _trouble_messages(trouble: Trouble, as_of: datetime) -> Sequence[Delivery]:
    if trouble.destination is None:
        destinations = Destination.objects.filter(enabled=True).order_by("pk").values_list("pk", flat=True)
        return [new_delivery(as_of, as_of, destination=pk, trouble=trouble) for pk in destinations]
    if not trouble.destination.enabled:
        return []
    people = destination_administrators(trouble.destination)
    return [new_delivery(as_of, as_of, recipient=person, trouble=trouble) for person in people]
