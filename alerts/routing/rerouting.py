"""Moves lines to other messages: when preferences or alert policies change, and when a silence is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import Delivery, DeliveryLine, LineReason, MessageReason, Notice
from alerts.notices.notice_specs import spec_of
from alerts.routing.batching import MessageKey, new_delivery, open_messages
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_by_notice, entities_of
from alerts.routing.preferences import chosen_cadences
from alerts.routing.recipients import can_see, load_audiences
from alerts.routing.router import route_unreached
from closing.judging.notification_schedule import Cadence, effective_cadence


def reroute_waiting(candidates: QuerySet[DeliveryLine], as_of: datetime) -> None:
    """Move each of these lines to the message of its current cadence, and leave out lines that are switched off.

    Only lines to people count, in messages that were not tried yet. Runs in the transaction of the change.
    """
    waiting = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        state=Delivery.State.WAITING, attempts=0, pk__in=candidates.exclude(recipient=None).values("delivery")
    )
    before = {delivery.pk: Cadence(delivery.rhythm) for delivery in waiting}
    lines = list(candidates.filter(delivery__in=before).select_related("notice__group").order_by("pk"))
    if not lines:
        return
    context = EvaluationContext(as_of, entities_of([line.notice for line in lines]))
    cadences = current_cadences(lines, context)
    moved: dict[MessageKey, list[int]] = defaultdict(list)
    switched_off: dict[int, list[DeliveryLine]] = defaultdict(list)
    for line in lines:
        person, cadence = line.recipient_id or 0, cadences[line.pk]
        if cadence is Cadence.NEVER:
            switched_off[person].append(line)
        elif cadence is not before[line.delivery_id]:
            moved[person, None, cadence].append(line.pk)
    for key, message in open_messages(moved, context).items():
        DeliveryLine.objects.filter(pk__in=moved[key]).update(delivery=message)
    for person, left_out in switched_off.items():
        _leave_out(person, left_out, as_of)
    empty = Delivery.objects.filter(pk__in=before).exclude(
        Exists(DeliveryLine.objects.filter(delivery=OuterRef("pk")))
    )
    empty.update(state=Delivery.State.CANCELLED, ended_at=as_of, words=MessageReason.LINES_MOVED)
    # Good news that nobody wants reaches nobody; a destination that receives a call to act is enough.
    calls = {
        line.notice_id: line.notice
        for left_out in switched_off.values()
        for line in left_out
        if not spec_of(line.notice.kind).informational
    }
    route_unreached(calls.values(), Q(), context)


def current_cadences(lines: Collection[DeliveryLine], context: EvaluationContext) -> dict[int, Cadence]:
    """The cadence of each line, by its id, under the preferences and alert rules of now."""
    notices = {line.notice_id: line.notice for line in lines}
    entity_ids = entities_by_notice(list(notices.values()), context)
    rules = cache(context.alert_policies.rules_of)
    chosen = chosen_cadences({line.recipient_id for line in lines if line.recipient_id is not None})
    cadences = {}
    for line in lines:
        kind, ids = line.notice.kind, entity_ids[line.notice_id]
        in_digest = bool(ids) and all(rules(context.entities[pk].path).alerts_in_digest for pk in ids)
        cadences[line.pk] = effective_cadence(
            spec_of(kind).cadence, chosen.get((line.recipient_id or 0, kind)), in_digest=in_digest
        )
    return cadences


def _leave_out(person: int, lines: Collection[DeliveryLine], as_of: datetime) -> None:
    """Move the lines to a new message that is cancelled, so that the history shows why they were not sent."""
    reason = LineReason.RECIPIENT_UNSUBSCRIBED
    cancelled = new_delivery(as_of, as_of, recipient_id=person, ended_at=as_of, words=reason)
    cancelled.state = Delivery.State.CANCELLED
    cancelled.save()
    DeliveryLine.objects.filter(pk__in=[line.pk for line in lines]).update(
        delivery=cancelled, left_out=reason
    )


# --- the lines of silenced entities ---------------------------------------------------------------------------------
# A line that is set aside stays in its message, which is sent without it, and names the silence. The first evaluation
# after the silence, however it ended, moves the line into the next message to its recipient; whether it is still true
# is checked when that message is sent.


def is_silenced(notice: Notice, entities: Collection[int], silenced: Collection[int]) -> bool:
    """Whether a notice about these entities is held back wholly while the entities `silenced` are."""
    if not entities or not spec_of(notice.kind).silenceable:
        return False
    return all(entity in silenced for entity in entities)


def requeue_after_silence(context: EvaluationContext) -> int:
    """Move each line whose silence is over into a message; returns the number of messages it wrote to.

    Runs in the transaction of an evaluation.
    """
    aside = DeliveryLine.objects.filter(left_out=LineReason.SILENCED)
    lines = list(aside.select_related("recipient", "destination__group", "notice").order_by("pk"))
    if not lines:
        return 0
    entity_ids = entities_by_notice([line.notice for line in lines], context)
    audiences = load_audiences({pk for ids in entity_ids.values() for pk in ids}, context.role_holders)
    due = []
    for line in lines:
        reader = line.destination or line.recipient
        # By the same rule as when it was set aside: a notice of a connection reports the entities its reader sees.
        visible = {pk for pk in entity_ids[line.notice_id] if reader and can_see(reader, audiences[pk])}
        if not is_silenced(line.notice, visible, context.silences):
            due.append(line)
    return requeue_lines(due, context)


def requeue_lines(lines: Sequence[DeliveryLine], context: EvaluationContext) -> int:
    """Move lines that were left out into the next message to each reader; returns the number of these messages.

    The notice of each line must be loaded.
    """
    to_people = [line for line in lines if line.recipient_id is not None]
    cadences = current_cadences(to_people, context) if to_people else {}
    switched_off = [pk for pk, cadence in cadences.items() if cadence is Cadence.NEVER]
    DeliveryLine.objects.filter(pk__in=switched_off).update(left_out=LineReason.RECIPIENT_UNSUBSCRIBED)
    moved: dict[MessageKey, list[DeliveryLine]] = defaultdict(list)
    for line in lines:
        cadence = cadences.get(line.pk, Cadence.IMMEDIATE)
        if cadence is not Cadence.NEVER:
            moved[line.recipient_id, line.destination_id, cadence].append(line)
    for key, message in open_messages(moved, context).items():
        for line in moved[key]:
            line.delivery, line.left_out = message, ""
    DeliveryLine.objects.bulk_update(
        [line for own in moved.values() for line in own], ["delivery", "left_out"]
    )
    return len(moved)
