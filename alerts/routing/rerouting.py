"""Reroutes the waiting lines when people change their preferences or groups their alert policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from functools import cache

from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.models import Delivery, DeliveryLine, LineReason, MessageReason
from alerts.notices.notice_specs import spec_of
from alerts.routing.batching import MessageKey, new_delivery, open_messages
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_by_notice, entities_of
from alerts.routing.preferences import chosen_cadences
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
