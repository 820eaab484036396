"""The lines of silenced entities: they are set aside, and are sent after the silence if they are still true.

A line that is set aside stays in its message, which is sent without it, and names the silence. The first evaluation
after the silence, however it ended, moves the line into the next message to its recipient; whether it is still true
is checked when that message is sent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from alerts.models import DeliveryLine, LineReason, Notice
from alerts.notices.notice_specs import spec_of
from alerts.routing.batching import MessageKey, open_messages
from alerts.routing.evaluation_context import EvaluationContext
from alerts.routing.notice_scope import entities_by_notice
from alerts.routing.recipients import can_see, load_audiences
from alerts.routing.rerouting import current_cadences
from closing.judging.notification_schedule import Cadence


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
